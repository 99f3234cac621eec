"""The two ways in which a script reads a namespace, by ip and by one process for all of them, find the same.

What only the tools can read (`asks_more` in state.sh: VLANs, packet filters, tunnels, rates) is read in one way, and there
is nothing to compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from topologies import topologies

from k8snet_scripts.render import template_directory
from k8snet_scripts.topology import Topology
from live.features import Kernel
from live.network import Network, modelled
from live.sandbox import Sandbox
from live.second_kernel import sampled
from live.test_random import MORE, machine, possible

READ = """
declare -r SELF=read NAME=reading TABLE=k8snet-reading MARK=1
for part in prelude ownership state together shaping table; do source "$1/shell/$part.sh"; done
if [[ $2 == ip ]]; then HOSTTYPE=unknown; fi # whose system calls the reader does not know
owner=({0..100}) # so many that the host is read together with the namespaces
for namespace in "${@:3}"; do sysctls[$namespace]=' /proc/sys/net/ipv4/ip_forward /proc/sys/net/none'; done
read_state "${@:3}"
if [[ $2 == together ]]; then printf '%s\\n' host "${@:3}" | perl -e "$hopper$reader" "$HOSTTYPE" | sed -n 's/^left.*/&\\t/p'; fi
for key in "${!fact[@]}"; do printf 'fact\\t%s\\t%s\\n' "$key" "${fact[$key]}"; done
for key in "${!live[@]}"; do printf 'link\\t%s\\t%s\\n' "$key" "${live[$key]}"; done
for key in "${!device[@]}"; do printf 'device\\t%s\\t%s\\n' "$key" "${device[$key]}"; done
for key in "${!nsid[@]}"; do printf 'nsid\\t%s\\t%s\\n' "$key" "${nsid[$key]}"; done
for key in "${!live[@]}"; do
    find_peer "$key"
    if [[ $peer ]]; then printf 'fact\\t%s\\t1\\n' "$key: veth, peer $peer"; fi
done
"""

Reading = dict[tuple[str, str], str]

LINKS = {
    "a pair": "ip link add name {name} mtu 1400 address 02:00:00:00:00:01 group 77 type veth peer name other",
    "a macvlan": "ip link add name low type veth peer name p; ip link add link low name {name} type macvlan mode bridge",
    "a bridge": "ip link add name {name} type bridge stp_state 1 priority 5 group_fwd_mask 8 ageing_time 700",
    "a port": "ip link add name b type bridge; ip link add name {name} master b type veth peer name p;"
    " ip link set dev {name} type bridge_slave hairpin on learning off cost 9; ip link set dev b up",
    "a tap": "ip tuntap add dev {name} mode tap",
}
SETTINGS = {
    "addresses": "ip address add 10.0.0.1/24 brd + dev {name}; ip address add 10.0.0.2/24 label {name}:1 dev {name}",
    "a peer": "ip address add 10.0.0.1 peer 10.0.0.9/32 dev {name}; ip address add 10.0.1.1/32 dev {name}",
    "IPv6": "ip address add fd00::1/64 nodad dev {name}; ip address add fd00:1::1 peer fd00:1::2/128 dev {name}",
    "what expires": "ip address add 10.0.0.1/24 valid_lft 900 preferred_lft 90 noprefixroute dev {name}",
    "scopes": "ip address add 10.0.0.1/24 scope link dev {name}; ip address add 10.0.1.1/24 metric 7 dev {name}",
    "routes": "ip address add 10.0.0.1/24 dev {name}; ip route add default via 10.0.0.7 metric 5 proto static;"
    " ip route add 10.9.0.0/16 via 10.0.0.8 src 10.0.0.1 mtu 1300; ip route add 10.8.0.1 dev {name} scope link",
    "dead ends": "ip route add blackhole 10.1.0.0/16; ip route add unreachable 10.2.0.1; ip route add prohibit default"
    " metric 99; ip route add unreachable fd02::/16; ip route add blackhole fd03::1 table 9",
    "IPv6 routes": "ip address add fd00::1/64 nodad dev {name}; ip route add default via fd00::9 metric 3;"
    " ip route add fd05::/64 via fd00::9 src fd00::1; ip route add fd06::/64 dev {name} table 300",
    "tables": "ip address add 10.0.0.1/24 dev {name}; ip route add 10.3.0.0/16 via 10.0.0.4 table 77; ip route add"
    " 10.4.0.0/16 dev {name} table 100000; ip route add 10.5.0.0/16 via 192.0.2.1 dev {name} onlink",
}
LEFT = {
    "a tunnel": "ip link add name {name} up type vxlan id 7 dstport 4789 local 127.0.0.1",
    "several hops": "ip link add name {name} type veth peer name p; ip link set p up; ip link set {name} up; ip address add 10.0.0.1/24 dev {name};"
    " ip route add default nexthop via 10.0.0.2 nexthop via 10.0.0.3",
    "another family": "ip link add name {name} type veth peer name p; ip link set {name} up;"
    " ip route add 10.9.0.0/16 via inet6 fe80::1 dev {name}",
    "a hostile name": "ip link add name 'a$(id)' type veth peer name {name}",
    "a hostile label": "ip link add name {name} type veth peer name p; ip address add 10.0.0.1/24 label $'{name}:\\n\"' dev {name}",
}


def read(sandbox: Sandbox, way: str, names: Sequence[str]) -> Reading:
    done = sandbox.bash(READ, str(template_directory()), way, *names, check=True)
    assert done.stderr == ""
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {
        (kind, key): value for kind, key, value in rows if kind != "nsid" or value in names
    }  # ip numbers all there are


def parts(text: str) -> Iterator[str]:
    """The keys and values of a link that the scripts look at; numbers of groups may have names."""
    for part in text.rstrip(",").split(',"'):
        key, value = part.lstrip('"').split('":', 1)
        if key == "flags":
            yield f"up {'UP' in value}"
        elif key != "group" and value != '""':
            yield f'"{key}":{value}'


def compare(sandbox: Sandbox, names: Sequence[str]) -> list[str]:
    """Reads namespaces both ways and compares; the names of those that were left to ip."""
    by_ip, together = read(sandbox, "ip", names), read(sandbox, "together", names)
    left = [name for kind, name in together if kind == "left"]
    keys = {key for key in together if key[0] != "left"}
    assert keys == set(by_ip)
    for kind, key in sorted(keys):
        expected, found = by_ip[kind, key], together[kind, key]
        if kind == "link" and key.split()[0] in ("host", *names) and key.split()[0] not in left:
            state = "up True" if '"UP"' in expected else "up False"
            assert [part for part in parts(found) if part != state and part not in expected] == [], key
        elif found.startswith('"'):
            assert marks(expected) == marks(found), key
        else:
            assert expected == found, key
    return left


def marks(address: str) -> set[str]:
    """What a script looks at of an address, beside the address itself; the kernel's own may settle between two looks."""
    words = ("scope", "dynamic", "secondary", "tentative", "dadfailed", "broadcast", "metric", "label", "nodad")
    found = (part for part in address.replace('"', "").split(","))
    marked = {part for part in found if part.split(":")[0] in (*words, "noprefixroute")}
    return marked - {"tentative:true"} if "scope:link" in marked else marked


@pytest.mark.parametrize("link", LINKS)
def test_both_ways_find_the_same(link: str, sandbox: Sandbox) -> None:
    for number, setting in enumerate(SETTINGS.values()):
        make(sandbox, f"n{number}", LINKS[link], "ip link set {name} up", setting)
    make(sandbox, "last", "ip link set lo up")
    assert compare(sandbox, [*(f"n{number}" for number in range(len(SETTINGS))), "last"]) == []


@pytest.mark.parametrize("thing", sampled(LEFT, 1))
def test_what_is_unknown_is_left_to_ip(thing: str, sandbox: Sandbox) -> None:
    make(sandbox, "one", "ip link set lo up")
    make(sandbox, "two", LEFT[thing])
    assert compare(sandbox, ["one", "two"]) == ["two"]


def make(sandbox: Sandbox, namespace: str, *lines: str) -> None:
    script = "; ".join(("set -e", "ip link set lo up", *(line.format(name="eth0") for line in lines)))
    sandbox.bash('ip netns add "$1"; exec nsenter --net="/run/netns/$1" bash -c "$2"', namespace, script, check=True)


@MORE
@given(topology=topologies(max_namespaces=4, adorned=False))
def test_both_ways_find_the_same_in_random_networks(kernel: Kernel, topology: Topology) -> None:
    topology = possible(topology, kernel)
    with Sandbox() as sandbox:
        network = Network(sandbox, modelled(topology))
        network.do(*machine(topology))
        network.set_up()
        network.state()
        compare(sandbox, [namespace.name for namespace in topology.namespaces])
