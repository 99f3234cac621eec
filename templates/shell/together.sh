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
# ip's answers elsewhere. What it does not know (bridges and their ports, routes of several hops) it leaves to ip.
#
# It reads a namespace a line, with the paths of the settings to read there, and prints, with tabs in between,
#   link NAMESPACE NAME INDEX JSON, or fact KEY JSON, or setting NAMESPACE PATH VALUE, or left NAMESPACE
# shellcheck disable=SC2016 # what looks like an expansion is perl
readonly reader='
my ($AF_INET, $AF_INET6, $AF_NETLINK, $SOCK_RAW, $NLM_F_DUMP) = (2, 10, 16, 3, 0x301);
my ($RTM_GETLINK, $RTM_GETADDR, $RTM_GETROUTE) = (18, 22, 26);
my %family = ($AF_INET => "inet", $AF_INET6 => "inet6");
my %scope = (0 => "global", 200 => "site", 253 => "link", 254 => "host");
my %operstate = (2 => "DOWN", 3 => "LOWERLAYERDOWN", 6 => "UP");
my %kind = (1 => "unicast", 6 => "blackhole", 7 => "unreachable", 8 => "prohibit");
my %flag = (0x01 => "secondary", 0x02 => "nodad", 0x08 => "dadfailed", 0x40 => "tentative", 0x200 => "noprefixroute");
my %raised = (0x1 => "UP", 0x100 => "PROMISC", 0x200 => "ALLMULTI");
my %mode = (1 => "private", 2 => "vepa", 4 => "bridge", 8 => "passthru", 16 => "source");
my %learnt = map { $_ => 1 } 1, 2, 9, 189;    # by protocol: redirect, kernel, ra, rip

while (my $line = <STDIN>) {
    my ($name, @paths) = split " ", $line;
    enter($name);
    my @said = eval { (links($name), routes($name), map { setting($name, $_) } @paths) };
    die $@ if $@ && $@ ne "unknown\n";
    print $@ ? "left\t$name\n" : @said;
}

sub unknown { die "unknown\n" }

# The messages of one dump, each as its fixed part and a reference to its attributes, by number.
sub ask {
    my ($type, $layout, $size) = @_;
    socket my $kernel, $AF_NETLINK, $SOCK_RAW, 0 or die "netlink: $!\n";
    send $kernel, pack("L S S L L C x15", 32, $type, $NLM_F_DUMP, 1, 0, 0), 0 or die "netlink: $!\n";
    my @messages;
    while (1) {
        defined recv $kernel, my $data, 1 << 16, 0 or die "netlink: $!\n";
        for (my $at = 0; $at + 16 <= length $data;) {
            my ($length, $kind, $flags) = unpack "L S S", substr $data, $at, 8;
            unknown() if $kind == 2 || $flags & 0x10 || $length < 16;    # an error, or a dump that was disturbed
            return @messages if $kind == 3;
            my $body = substr $data, $at + 16, $length - 16;
            push @messages, [unpack($layout, $body), attributes(substr $body, $size)];
            $at += $length + 3 & ~3;
        }
    }
}

sub attributes {
    my ($data) = @_;
    my %found;
    for (my $at = 0; $at + 4 <= length $data;) {
        my ($length, $type) = unpack "S S", substr $data, $at, 4;
        last if $length < 4;
        $found{$type & 0x3fff} = substr $data, $at + 4, $length - 4;
        $at += $length + 3 & ~3;
    }
    return \%found;
}

sub number { unpack "L", $_[0] }
sub string { unpack "Z*", $_[0] }

# An address as the C library spells it: the longest run of zeros, the first of the longest, is left out.
sub spell {
    my ($address) = @_;
    return join ".", unpack "C4", $address if length $address == 4;
    my $text = join ":", map { sprintf "%x", $_ } unpack "n8", $address;
    for my $more (reverse 1 .. 7) { last if $text =~ s/(?:^|:)0(?::0){$more}(?::|$)/::/ }
    return $text if $text !~ /^::(ffff:)?[^:]+:[^:]+$/;
    return "::" . ($1 // "") . join ".", unpack "x12 C4", $address;    # one of IPv4 in an IPv6 dress
}

my %device;    # of the namespace at hand: names of interfaces by index

sub links {
    my ($name) = @_;
    my @messages = ask($RTM_GETLINK, "x2 S l L", 16);
    %device = map { $_->[1] => string($_->[3]{3}) } @messages;
    return map({ link_of($name, @$_) } @messages), map { address_of($name, @$_) } ask($RTM_GETADDR, "C4 L", 8);
}

sub link_of {
    my ($name, $type, $index, $flags, $has) = @_;
    my $info = attributes($has->{18} // "");
    my $kind = string($info->{1} // "");
    unknown() if $has->{10} || $info->{4} || $kind eq "bridge" || $device{$index} =~ /[^\w.+-]/;
    my @flags = map { $flags & $_ ? qq("$raised{$_}") : () } sort keys %raised;
    my $json = q("flags":[) . join(",", @flags) . q(],"mtu":) . number($has->{4}) . q(,"group":") . number($has->{27}) . q(");
    $json .= q(,"operstate":") . ($operstate{unpack "C", $has->{16}} // "UNKNOWN") . q(");
    $json .= q(,"txqlen":) . number($has->{13}) if $has->{13} && number($has->{13});
    $json .= q(,"address":") . join(":", unpack "(H2)*", $has->{1}) . q(") if $has->{1};
    $json .= q(,"link_index":) . number($has->{5}) . q(,"link_netnsid":) . number($has->{37}) if $has->{5} && $has->{37};
    $json .= qq(,"link":"$device{number($has->{5})}") if $has->{5} && !$has->{37} && $device{number($has->{5})};
    $json .= qq(,"info_kind":"$kind");
    $json .= qq(,"mode":") . $mode{number(attributes($info->{2})->{1})} . q(") if $kind eq "macvlan";
    my $said = "link\t$name\t$device{$index}\t$index\t$json,\n";
    $said .= "fact\t$name $device{$index}: up\t1\n" if $flags & 1;
    $said .= "fact\t$name $device{$index}: group " . number($has->{27}) . "\t1\n" if number($has->{27});
    return $said;
}

sub address_of {
    my ($name, $family, $prefix, $flags, $scope, $index, $has) = @_;
    return () if !$family{$family};
    my ($local, $peer) = ($has->{2} // $has->{1}, $has->{1});
    my $address = spell($local);
    return () if "$address/$prefix" eq "127.0.0.1/8" || "$address/$prefix" eq "::1/128";
    $address .= " peer " . spell($peer) if $peer ne $local;
    $flags = number($has->{8}) if $has->{8};
    my $json = q("scope":") . ($scope{$scope} // $scope) . q(");
    $json .= q(,"metric":) . number($has->{9}) if $has->{9};
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
    return map { route_of($name, @$_) } ask($RTM_GETROUTE, "C8 L", 12);
}

sub route_of {
    my ($name, $family, $bits, $from, $tos, $table, $protocol, $scope, $type, $flags, $has) = @_;
    return () if !$family{$family} || !$kind{$type} || $learnt{$protocol};
    unknown() if $from || grep { $has->{$_} } 9, 18, 22, 30;    # several hops, another family, a tunnel, a next hop object
    my $device = $kind{$type} eq "unicast" && $has->{4} ? $device{number($has->{4})} : "";
    my $words = "$family{$family} route" . ($kind{$type} eq "unicast" ? "" : " $kind{$type}");
    $words .= $bits ? " " . spell($has->{1}) . ($bits == 8 * length $has->{1} ? "" : "/$bits") : " default";
    $words .= " via " . spell($has->{5}) if $has->{5};
    $words .= " dev $device" if $device;
    $words .= " src " . spell($has->{7}) if $has->{7};
    $words .= " metric " . number($has->{6}) if $has->{6};
    $table = number($has->{15}) if $has->{15};
    $words .= " table $table" if $table != 254;
    $words .= " onlink" if $flags & 4;
    $words .= " scope host" if $scope == 254;
    return "fact\t$name: $words\t$device\n";
}

sub setting {
    my ($name, $path) = @_;
    open my $file, "<", $path or return ();
    my $value = <$file> // "";
    chomp $value;
    return "setting\t$name\t$path\t$value\n";
}
'
