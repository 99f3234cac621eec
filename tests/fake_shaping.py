"""What `tc` does in a namespace of the fake kernel: rates at the root of interfaces, and a filter for what comes in."""

from __future__ import annotations

from fake_namespace import Refusal, Space, UnknownCommand

_ALL = [
    "ingress",
    "pref",
    "1",
    "protocol",
    "all",
    "u32",
    "match",
    "u32",
    "0",
    "0",
    "action",
    "mirred",
    "egress",
    "redirect",
    "dev",
]


def change_shaping(space: Space, what: tuple[str, str], name: str, words: list[str]) -> None:
    """Carry out `tc NOUN VERB dev NAME WORDS`."""
    link = space.link(name)
    match (*what, *words):
        case ("qdisc", "replace", "root", "tbf", *_):
            link.rate = " ".join(words[1:])
        case ("qdisc", "delete", "root"):
            if not link.rate:
                raise Refusal("Error: Cannot delete qdisc with handle of zero.")
            link.rate = ""
        case ("qdisc", "add", "ingress"):
            if link.filtered:
                raise Refusal("Error: Exclusivity flag on, cannot modify.")
            link.filtered = True
        case ("qdisc", "delete", "ingress"):
            if not link.filtered:
                raise Refusal("Error: Cannot find specified qdisc on specified device.")
            link.filtered, link.filters, link.redirect = False, 0, ""
        case ("filter", "add", *_) if words[:-1] == _ALL:
            if not link.filtered:
                raise Refusal("Error: Parent Qdisc doesn't exists.")
            link.redirect = link.redirect if link.filters else space.link(words[-1]).name
            link.filters += 1
        case ("filter", "delete", "ingress", "pref", "1"):
            if not link.filters:
                raise Refusal("Error: Cannot find specified filter chain.")
            link.filters, link.redirect = 0, ""
        case _:
            raise UnknownCommand(" ".join(("tc", *what, *words)))
