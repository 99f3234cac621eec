"""A topology's scripts, and the parts they are taken apart into."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from hypothesis import settings

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.digests import SEAM
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.plan import Plan
from k8snet_scripts.render import Kind, Origin, Text, environment, lay_out
from k8snet_scripts.scripts import compile_topology
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Namespace, Port, Route, Topology, Veth, Vlans

few = settings(max_examples=20, deadline=None)


ORIGIN = Origin((("lab.toml", "0" * 64),), ("lab.toml",))

NETWORK = "# ---- the network ----\n"

HOSTILE = [
    "END",
    "\nEND\n}\ntouch /tmp/owned\n",
    "\n\nEND",
    "x\ny",
    "\r\nEND\r\n",
    "\x00\x1b]0;title\x07\x1b[2J",
    "\u2028END\u2029}\u0085END",
    "\u202ereversed",
    "$(reboot) `reboot` ${IFS} $HOME \\",
    "'; reboot; '",
    '"; reboot; "',
    "{{ 7 * 7 }} {% raw %} {# gone #}",
    "### 9. A wave",
    "#### The rest",
    "ip link delete group 0   #+ host: gone",
    "   #- host: gone",
    "a: b",
    "- --help -n",
    "  two  spaces  ",
    "*",
    "",
]

EVERYTHING = Topology(
    "lab",
    Namespace(
        HOST,
        addresses=(parse_cidr("10.9.0.1/32"),),
        routes=(Route(4, None, "10.0.0.2", dev="br0", src="10.0.0.1"),),
        bridges=(
            Bridge(
                "br0",
                addresses=(parse_cidr("10.0.0.1/24"),),
                lladdr="02:00:00:00:00:01",
                description="a bridge",
                options=(("stp_state", "1"),),
                vlan_filtering=True,
                vlans=Vlans(1, (2,)),
            ),
        ),
        interfaces=(Interface("eth1", port=Port("br0", (("hairpin", "on"),)), external=True, description="a card"),),
        sysctls=(("net.ipv4.conf.all.rp_filter", "0"),),
        forwarding=True,
        masquerade=(Masquerade(parse_cidr("10.0.0.0/24")),),
        description="the host",
    ),
    (Namespace("n1", description="a namespace"),),
    (
        Veth(
            End("eth0", (parse_cidr("10.0.0.2/24"),), description="inside", namespace="n1"),
            End("veth1", lladdr="02:00:00:00:00:02", port=Port("br0"), description="outside"),
        ),
    ),
    "a network",
)
"""Something in every field that there is."""


class Parts(NamedTuple):
    """A script, taken apart."""

    header: str
    names: str
    network: str
    seam: str
    rest: str


def take_apart(text: str) -> Parts:
    own, seam, rest = text.partition(SEAM)
    header, names = own.split("readonly SELF=", 1)
    names, network = names.split(NETWORK, 1)
    line, _, rest = rest.partition("\n")
    return Parts(header, names, f"{network}\n", f"{seam[1:]}{line}", rest)


def script(topology: Topology, kind: Kind = "setup", origin: Origin = ORIGIN) -> str:
    return compile_topology(topology, origin).text(kind)


def bash(text: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", *options], input=text.encode(), capture_output=True, check=False)


def split_row(line: str) -> tuple[str, str, str]:
    """Command, sign and fact, the way the scripts split a row."""
    command, gap, rest = line.partition("  ")
    rest = rest.lstrip(" ")
    assert gap and rest[0] == "#" and rest[2] == " "
    return command, rest[1], rest[3:]


def here_documents(network: str) -> Iterator[list[str]]:
    """The lines of each table of a script."""
    for document in network.split("; } <<'END'\n")[1:]:
        yield f"\n{document}".split("\nEND\n")[0].split("\n")[1:]


def table(plan: Plan) -> str:
    """The table of a plan, as setup.sh and verify.sh have it."""
    return environment().get_template("table.j2").render(table=map(Text, lay_out(plan)))


def rows(table: str) -> list[str]:
    return [line for line in table.split("\n") if line and not line.startswith("#")]
