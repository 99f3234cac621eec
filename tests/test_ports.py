"""What may be written for a published port."""

from __future__ import annotations

import pytest

from k8snet_scripts.filtering import Publication
from k8snet_scripts.rules.ports import read_publication
from k8snet_scripts.rules.refusal import Refused


@pytest.mark.parametrize(
    ("text", "publication"),
    [
        ("8080:80", Publication(8080, 80)),
        ("1:65535/udp", Publication(1, 65535, "udp")),
        ("127.0.0.1:53:5353/sctp", Publication(53, 5353, "sctp", "127.0.0.1")),
        ("[2001:DB8::0:1]:80:80", Publication(80, 80, "tcp", "2001:db8::1")),
        ("0.0.0.0:80:80", Publication(80, 80, "tcp", "0.0.0.0")),
        ("[::]:80:80", Publication(80, 80, "tcp", "::")),
    ],
)
def test_a_port_is_written_as_for_docker(text: str, publication: Publication) -> None:
    assert read_publication(text) == publication
    assert read_publication(text, ("publish", 0)).path == ("publish", 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80",
        "80:",
        ":80",
        "80:80:80",
        "a:80",
        "80:80/",
        "80:80/icmp",
        "80:80/TCP",
        "0:80",
        "80:65536",
        "-1:80",
        "80:80 ",
    ]
    + [
        "::1:80:80",
        "[10.0.0.1]:80:80",
        "10.0.0.256:80:80",
        "224.0.0.1:80:80",
        "[ff02::1]:80:80",
        "80-81:80-81",
        "٨٠:٨٠",
    ],
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_publication(text)
    assert (refused.value.slug, bool(refused.value.help)) == ("bad-port", True)
