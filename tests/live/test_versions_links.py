"""What a later version of a network does not say of a link any more: its address, the MTU of a device, VLANs of a port."""

from __future__ import annotations

import json
import re
from operator import itemgetter

import pytest

from live.network import Network, compiled, differences
from live.sandbox import Sandbox
from live.second_kernel import second_kernel

LLADDRS = """
name = "lab"
[bridges.br0]
lladdr = "02:00:00:00:00:01"
[namespaces.a.veths.eth0]
peer = { name = "va", lladdr = "02:00:00:00:00:03", bridge = "br0" }
lladdr = "02:00:00:00:00:02"
addresses = ["10.0.0.2/24"]
"""
NO_LLADDRS = re.sub(r',? ?\blladdr = "02:00:00:00:00:0[123]"', "", LLADDRS)


def test_a_link_layer_address_that_a_later_version_does_not_have_is_a_new_one(sandbox: Sandbox) -> None:
    old, new = Network(sandbox, compiled(LLADDRS)), Network(sandbox, compiled(NO_LLADDRS))
    assert old.set_up() != []
    asked = "cat /sys/class/net/{br0,va}/address; ip -n a -o link show dev eth0 | grep -o 'ether [^ ]*'"
    foreseen = new.foreseen()
    given = re.findall(r"dev (\w+) address (\S+)", "\n".join(foreseen))
    assert sorted(name for name, _ in given) == ["br0", "eth0", "va"]
    assert len({address for _, address in given}) == 3
    assert all(re.fullmatch("02(:[0-9a-f]{2}){5}", address) for _, address in given)
    assert new.set_up() == foreseen
    assert {address for _, address in given} == set(re.findall("..(?::..){5}", sandbox.bash(asked, check=True).stdout))
    assert (new.set_up(), new.drift(), new.failures()) == ([], [], [])
    old.set_up()
    assert (old.drift(), old.failures()) == ([], [])


DEVICES = """
name = "lab"
[interfaces.low]
external = true
[namespaces.a.macvlans.eth0]
parent = { namespace = "host", name = "low" }
mtu = 1300
[vxlans.vx4]
id = 4
dev = "low"
remote = "10.0.0.9"
lladdr = "02:00:00:00:00:04"
neighbours = [{ address = "10.1.0.9", lladdr = "02:00:00:00:00:09" }]
mtu = 1300
[vxlans.vx6]
id = 6
dev = "low"
remote = "fd00::9"
mtu = 1300
"""


@pytest.mark.needs("macvlan", "vxlan")
def test_the_mtu_of_a_device_goes_back_to_what_is_left_below_it(sandbox: Sandbox) -> None:
    sandbox.bash("ip link add name low mtu 1400 type veth peer name far; ip address add fd00::1/64 dev low", check=True)
    later = re.sub('mtu = 1300|lladdr = "02:00:00:00:00:04"', "", DEVICES)
    old, new = Network(sandbox, compiled(DEVICES)), Network(sandbox, compiled(later))
    old.set_up()
    foreseen = new.foreseen()
    assert sorted(re.sub("address 02:(?!.*dev).*", "address new", line) for line in foreseen) == [
        "ip -n a link set dev eth0 mtu 1400",
        "ip link set dev vx4 address new",
        "ip link set dev vx4 mtu 1350",
        "ip link set dev vx6 mtu 1330",
        "ip neigh replace 10.1.0.9 lladdr 02:00:00:00:00:09 dev vx4 nud permanent",
    ]
    assert new.set_up() == foreseen
    kept = new.state()
    assert (new.set_up(), new.drift()) == ([], [])
    new.tear_down()
    new.set_up()
    assert differences(kept, new.state(), ("tso_max_size", "/run/k8snet: lab/owned", "fe80::", "vx4: address")) == []


FILTERING = """
name = "lab"
[bridges.br0]
vlan_filtering = true
untagged = 10
[namespaces.a.veths.eth0]
peer = { name = "va", bridge = "br0", tagged = [1, 20], untagged = 10 }
"""
SIMPLE = """
name = "lab"
[bridges.br0]
[namespaces.a.veths.eth0]
peer = { name = "va", bridge = "br0" }
"""


@second_kernel
@pytest.mark.needs("vlan_filtering")
def test_vlans_that_a_later_version_does_not_have_go(sandbox: Sandbox) -> None:
    old, new = Network(sandbox, compiled(FILTERING)), Network(sandbox, compiled(SIMPLE))
    old.set_up()
    before = sandbox.bash("bridge vlan show", check=True).stdout
    broken = Network(
        sandbox, compiled(f'{SIMPLE}[namespaces.a]\ncommands = [{{ run = ["false"], check = ["false"] }}]\n')
    )
    assert broken.run("setup").returncode == 1
    assert sandbox.bash("bridge vlan show", check=True).stdout == before
    foreseen = new.foreseen()
    assert new.set_up() == foreseen
    left = json.loads(sandbox.bash("bridge -json vlan show", check=True).stdout)
    own = [{"vlan": 1, "flags": ["PVID", "Egress Untagged"]}]  # as the kernel gives them to every bridge and port
    assert sorted(left, key=itemgetter("ifname")) == [{"ifname": name, "vlans": own} for name in ("br0", "va")]
    assert new.set_up() == []


@second_kernel
@pytest.mark.needs("vlan_filtering")
def test_a_port_that_is_given_back_has_the_vlans_that_it_had(sandbox: Sandbox) -> None:
    sandbox.bash(
        """
        ip link add name lan up type bridge vlan_filtering 1
        for i in 0 1; do ip link add name ext$i up type veth peer name far$i; ip link set dev ext$i master lan; done
        bridge vlan delete dev ext0 vid 1
        bridge vlan add dev ext0 vid 7 pvid untagged
        bridge vlan add dev ext0 vid 8
        """,
        check=True,
    )
    taking = Network(
        sandbox,
        compiled('name = "lab"\n[bridges.br0]\n[interfaces.ext0]\nexternal = true\nbridge = "br0"\nhairpin = true\n'),
    )
    show = "bridge vlan show dev ext0; bridge vlan show dev ext1"
    before = sandbox.bash(show, check=True).stdout
    given = Network(sandbox, compiled('name = "lab"\n[bridges.br0]\n'))
    taking.set_up()
    assert sandbox.bash("bridge vlan show dev ext0", check=True).stdout.split()[-5:] == [
        "ext0",
        "1",
        "PVID",
        "Egress",
        "Untagged",
    ]
    foreseen = given.foreseen()
    assert given.set_up() == foreseen
    assert sandbox.bash(show, check=True).stdout == before
    taking.set_up()
    taking.tear_down()
    assert sandbox.bash(show, check=True).stdout == before
