# ---- one process for many namespaces ----
#
# nsenter and ip take one namespace a process each. Where there is a perl, it goes from one namespace to the next instead.
# Without one, or on a machine whose system calls these programs do not know, all works as well, but takes its time.

# The programs are in single quotes and have none inside. They load no module, not even `strict`, which would take longer
# than all they do.

# shellcheck disable=SC2016 # what looks like an expansion is perl
readonly hopper='
my $CLONE_NEWNET = 0x40000000;
my $setns = {x86_64 => 308, aarch64 => 268, riscv64 => 268}->{shift @ARGV};
exit 127 if !$setns || length pack("p", "") != 8;

sub enter {
    my ($name) = @_;
    open my $file, "<", "/run/netns/$name" or die "/run/netns/$name: $!\n";
    syscall($setns, fileno $file, $CLONE_NEWNET) == 0 or die "setns $name: $!\n";
    (stat "/proc/self/ns/net")[1] == (stat $file)[1] or die "setns $name: led elsewhere\n";
}
'

# Reads namespaces: asks the kernel what ip asks it (rtnetlink: all links, addresses and routes), and prints what is made of
# ip's answers elsewhere. What it does not know (tunnels, routes of several hops) it leaves to ip.
#
# It reads a namespace a line, with the paths of the settings to read there, or with "-" where nothing but the number is
# asked for, and prints, with tabs in between,
#   FACT, or fact FACT JSON, or link NAMESPACE NAME INDEX JSON, or port NAMESPACE NAME MASTER JSON,
#   or setting NAMESPACE PATH VALUE, or nsid NUMBER NAMESPACE, by which the host knows it, or left NAMESPACE,
#   or end NAMESPACE NAME NUMBER INDEX, of a veth whose peer has that index in the namespace of that number
# and, when all is done, "@read".
# The host comes first, if at all, as there is no way back to it.
# shellcheck disable=SC2016 # what looks like an expansion is perl
readonly reader='
my ($AF_INET, $AF_INET6, $AF_NETLINK, $SOCK_RAW, $NLM_F_REQUEST, $NLM_F_DUMP) = (2, 10, 16, 3, 1, 0x300);
my ($RTM_GETLINK, $RTM_GETADDR, $RTM_GETROUTE, $RTM_GETNSID, $NETNSA_FD) = (18, 22, 26, 90, 3);
my ($IFLA_EXT_MASK, $RTEXT_FILTER_SKIP_STATS) = (29, 8);
my %family = ($AF_INET => "inet", $AF_INET6 => "inet6");
my %scope = (0 => "global", 200 => "site", 253 => "link", 254 => "host");
my %operstate = (2 => "DOWN", 3 => "LOWERLAYERDOWN", 6 => "UP");
my %kind = (1 => "unicast", 6 => "blackhole", 7 => "unreachable", 8 => "prohibit");
my %flag = (0x01 => "secondary", 0x02 => "nodad", 0x08 => "dadfailed", 0x40 => "tentative", 0x200 => "noprefixroute");
my %raised = (0x1 => "UP", 0x100 => "PROMISC", 0x200 => "ALLMULTI");
my %mode = (1 => "private", 2 => "vepa", 4 => "bridge", 8 => "passthru", 16 => "source");
my %learnt = map { $_ => 1 } 1, 2, 9, 189;    # by protocol: redirect, kernel, ra, rip
my @of_bridges = ([1, "forward_delay"], [2, "hello_time"], [3, "max_age"], [4, "ageing_time"], [5, "stp_state"], [6, "priority"],
    [7, "vlan_filtering"], [14, "topology_change"], [23, "mcast_snooping"], [39, "vlan_default_pvid"]);
my @of_ports = ([4, "hairpin"], [5, "guard"], [6, "root_block"], [7, "fastleave"], [8, "learning"], [9, "flood"],
    [10, "proxy_arp"], [27, "mcast_flood"], [30, "bcast_flood"], [32, "neigh_suppress"], [33, "isolated"]);
my %layout = (1 => "C", 2 => "S", 4 => "L");    # of a number, by its length
my @state = qw(disabled listening learning forwarding blocking);

socket my $host, $AF_NETLINK, $SOCK_RAW, 0 or die "netlink: $!\n";
my ($kernel, %device) = $host;    # the socket, and the names of interfaces by index, of the namespace at hand
my @answer;

while (my $line = <STDIN>) {
    my ($name, @paths) = split " ", $line;
    if ($name ne "host") {
        find_number($name);
        next if "@paths" eq "-";
        enter($name);
        socket $kernel = undef, $AF_NETLINK, $SOCK_RAW, 0 or die "netlink: $!\n";
    }
    my @said = eval { (links($name), routes($name), map { setting($name, $_) } @paths) };
    die $@ if $@ && $@ ne "unknown\n";
    push @answer, $@ ? "left\t$name\n" : @said;
}
print @answer, "\@read";    # at the end, so that none of several processes waits for its reader

sub unknown { die "unknown\n" }

# The messages of one dump.
sub ask {
    my ($type) = @_;
    my @mask = $type == $RTM_GETLINK ? (8, $IFLA_EXT_MASK, $RTEXT_FILTER_SKIP_STATS) : (0, 0, 0);
    send $kernel, pack("L S S L L x16 S S L", 40, $type, $NLM_F_REQUEST | $NLM_F_DUMP, 1, 0, @mask), 0 or die "netlink: $!\n";
    my @messages;
    while (1) {
        defined recv $kernel, my $data, 1 << 16, 0 or die "netlink: $!\n";
        for (my $at = 0; $at + 16 <= length $data;) {
            my ($length, $kind, $flags) = unpack "L S S", substr $data, $at, 8;
            unknown() if $kind == 2 || $flags & 0x10 || $length < 16;    # an error, or a dump that was disturbed
            return @messages if $kind == 3;
            push @messages, substr $data, $at + 16, $length - 16;
            $at += $length + 3 & ~3;
        }
    }
}

# Finds out and prints the number by which the host knows a namespace.
sub find_number {
    my ($name) = @_;
    open my $file, "<", "/run/netns/$name" or die "/run/netns/$name: $!\n";
    send $host, pack("L S S L L x4 S S L", 28, $RTM_GETNSID, $NLM_F_REQUEST, 1, 0, 8, $NETNSA_FD, fileno $file), 0 or die "netlink: $!\n";
    defined recv $host, my $data, 1 << 16, 0 or die "netlink: $!\n";
    my ($kind, $number) = unpack "x4 S x18 l", $data;
    push @answer, "nsid\t$number\t$name\n" if $kind != 2 && $number >= 0;
}

sub attributes {
    my ($data) = @_;
    my (%found, $length, $type);
    my $last = length($data) - 4;
    for (my $at = 0; $at <= $last; $at += $length + 3 & ~3) {
        ($length, $type) = unpack "S S", substr $data, $at, 4;
        last if $length < 4;
        $found{$type & 0x3fff} = substr $data, $at + 4, $length - 4;
    }
    return \%found;
}

sub value { unpack $layout{length $_[0]}, $_[0] }
sub string { unpack "Z*", $_[0] }

# An address as the C library spells it: the longest run of zeros, the first of the longest, is left out.
sub spell {
    my ($address) = @_;
    return join ".", unpack "C4", $address if length $address == 4;
    my $text = sprintf "%x:%x:%x:%x:%x:%x:%x:%x", unpack "n8", $address;
    my ($zeros) = sort { length $b <=> length $a } $text =~ /\b0(?::0)+\b/g;
    $text =~ s/(?:^|:)$zeros(?::|$)/::/ if $zeros;
    return $text if $text !~ /^::(ffff:)?[^:]+:[^:]+$/;
    return "::" . ($1 // "") . join ".", unpack "x12 C4", $address;    # one of IPv4 in an IPv6 dress
}

sub links {
    my ($name) = @_;
    my @messages = map { [unpack("x4 l L", $_), attributes(substr $_, 16)] } ask($RTM_GETLINK);
    %device = map { $_->[0] => string($_->[2]{3}) } @messages;
    return map({ link_of($name, @$_) } @messages), map { address_of($name, $_) } ask($RTM_GETADDR);
}

sub link_of {
    my ($name, $index, $flags, $has) = @_;
    my $me = $device{$index};
    my $info = attributes($has->{18} // "");
    my $kind = string($info->{1} // "");
    my $master = $has->{10} ? $device{value($has->{10})} : "";
    unknown() if $me =~ /[^\w.+-]/ || $kind eq "vxlan" || $master && string($info->{4} // "") ne "bridge";
    my ($group, $link, $number) = (value($has->{27}), map { $_ && value($_) } $has->{5}, $has->{37});
    my @flags = map { $flags & $_ ? qq("$raised{$_}") : () } sort keys %raised;
    my $json = q("flags":[) . join(",", @flags) . q(],"mtu":) . value($has->{4}) . ",";
    $json .= qq("master":"$master",) if $master;
    $json .= q("operstate":") . ($operstate{value($has->{16})} // "UNKNOWN") . qq(","group":"$group",);
    $json .= q("txqlen":) . value($has->{13}) . "," if $has->{13} && value($has->{13});
    $json .= q("address":") . join(":", unpack "(H2)*", $has->{1}) . q(",) if $has->{1};
    $json .= qq("link_index":$link,"link_netnsid":$number,) if $link && defined $number;
    $json .= qq("link":"$device{$link}",) if $link && !defined $number && $device{$link};
    $json .= qq("info_kind":"$kind",);
    my $data = attributes($info->{2} // "");
    $json .= qq("mode":") . $mode{value($data->{1})} . q(",) if $kind eq "macvlan";
    my @said = ("$name $me: up\n") x ($flags & 1);
    push @said, "end\t$name\t$me\t$number\t$link\n" if $kind eq "veth" && $name eq "host" && defined $number;
    push @said, "$name $me: master $master\n", "port\t$name\t$me\t$master\t" . port(attributes($info->{5})) . "\n" if $master;
    $json .= options($data, @of_bridges) . sprintf q("group_fwd_mask":"%#x",), value($data->{9}) if $kind eq "bridge";
    return "link\t$name\t$me\t$index\t$json\n", @said;
}

sub options {
    my ($has, @options) = @_;
    return join "", map { $has->{$_->[0]} ? qq("$_->[1]":) . value($has->{$_->[0]}) . "," : () } @options;
}

sub port {
    my ($has) = @_;
    my @switches = map { $has->{$_->[0]} ? qq("$_->[1]":) . (value($has->{$_->[0]}) ? "true," : "false,") : () } @of_ports;
    return join "", q("state":"), $state[value($has->{1})], q(",), options($has, [2, "priority"], [3, "cost"]), @switches;
}

sub address_of {
    my ($name, $message) = @_;
    my ($family, $prefix, $flags, $scope, $index) = unpack "C4 L", $message;
    return () if !$family{$family};
    my $has = attributes(substr $message, 8);
    my ($local, $peer) = ($has->{2} // $has->{1}, $has->{1});
    my $address = spell($local);
    return () if "$address/$prefix" eq "127.0.0.1/8" || "$address/$prefix" eq "::1/128";
    $address .= " peer " . spell($peer) if $peer ne $local;
    $flags = value($has->{8}) if $has->{8};
    my $json = q("scope":") . ($scope{$scope} // $scope) . q(");
    $json .= q(,"metric":) . value($has->{9}) if $has->{9};
    $json .= q(,"broadcast":") . spell($has->{4}) . q(") if $has->{4};
    my $label = string($has->{3} // "");
    unknown() if $label =~ /[^\w.+:-]/;
    $json .= qq(,"label":"$label") if $label;
    $json .= q(,"dynamic":true) if !($flags & 0x80);
    $json .= qq(,"$flag{$_}":true) for grep { $flags & $_ } sort keys %flag;
    return "fact\t$name $device{$index}: $family{$family} $address/$prefix\t$json,\n";
}

sub routes {
    my ($name) = @_;
    return map { route_of($name, $_) } ask($RTM_GETROUTE);
}

sub route_of {
    my ($name, $message) = @_;
    my ($family, $bits, $from, $tos, $table, $protocol, $scope, $type, $flags) = unpack "C8 L", $message;
    return () if !$family{$family} || !$kind{$type} || $learnt{$protocol};
    my $has = attributes(substr $message, 12);
    unknown() if $from || grep { $has->{$_} } 9, 18, 22, 30;    # several hops, another family, a tunnel, a next hop object
    my $dev = $kind{$type} eq "unicast" && $has->{4} ? $device{value($has->{4})} : "";
    my $words = "$family{$family} route" . ($kind{$type} eq "unicast" ? "" : " $kind{$type}");
    $words .= $bits ? " " . spell($has->{1}) . ($bits == 8 * length $has->{1} ? "" : "/$bits") : " default";
    $words .= " via " . spell($has->{5}) if $has->{5};
    $words .= " dev $dev" if $dev;
    $words .= " src " . spell($has->{7}) if $has->{7};
    $words .= " metric " . value($has->{6}) if $has->{6};
    $table = value($has->{15}) if $has->{15};
    $words .= " table $table" if $table != 254;
    $words .= " onlink" if $flags & 4;
    $words .= " scope host" if $scope == 254;
    return "fact\t$name: $words\t$dev\n";
}

sub setting {
    my ($name, $path) = @_;
    open my $file, "<", $path or return ();
    my $value = <$file> // "";
    chomp $value;
    return "setting\t$name\t$path\t$value\n";
}
'
