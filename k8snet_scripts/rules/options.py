"""Options: what may be set on interfaces, bridges and ports, in which bounds, and iproute2's words for it.

The order of the tables here is the order of the options in the model.
"""

from __future__ import annotations

LOWEST_MTU, HIGHEST_MTU = 68, 65535
HIGHEST_TXQUEUELEN = 2**32 - 1

MOST_PORTS = 1023
"""The kernel numbers the ports of a bridge from 1, with ten bits."""

PORT_SWITCHES = (
    "hairpin", "isolated", "guard", "root_block", "fastleave", "learning",
    "flood", "mcast_flood", "bcast_flood", "neigh_suppress", "proxy_arp",
)  # fmt: skip
PORT_NUMBERS = {"cost": (1, 65535), "priority": (0, 63)}
VLAN_KEYS = ("untagged", "tagged", "leaving")
PORT_KEYS = (*PORT_SWITCHES, *PORT_NUMBERS, *VLAN_KEYS)
"""What may stand beside the key that names the bridge of a port."""
GUARD_KEY = "only_from"
"""The same for a port that is the end of a veth."""

BRIDGE_SWITCHES = {"stp": "stp_state", "mcast_snooping": "mcast_snooping"}
BRIDGE_SECONDS = {"forward_delay": (2, 30), "hello_time": (1, 10), "max_age": (6, 40), "ageing_time": (0, 1_000_000)}
BRIDGE_NUMBERS = {"priority": (0, 65535), "group_fwd_mask": (0, 65535)}
BRIDGE_KEYS = (*BRIDGE_SWITCHES, *BRIDGE_SECONDS, *BRIDGE_NUMBERS, "vlan_filtering", *VLAN_KEYS)

VXLAN_NUMBERS = {"id": (1, 2**24 - 1), "dstport": (1, 65535)}

PROTOCOLS = ("tcp", "udp", "sctp")
PORTS = range(1, 65536)
"""The ports that can be published, and of what."""

PROBED_PORT = 9
"""The TCP port that a connection is made to, in order to see whether it comes to that."""
