"""Random documents as TOML, in all its ways to say the same, with the place of every key and value."""

from __future__ import annotations

import datetime
import random
import re
import string

BARE = string.ascii_letters + string.digits + "-_"


class TomlPrinter:
    """Writes a document in one of the many ways that TOML has, chosen at random."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one_of(self, *choices: str) -> str:
        return self.random.choice(choices)

    def maybe(self) -> bool:
        return self.random.random() < 0.5

    def document(self, table: dict[str, object]) -> str:
        return "".join(self.table((), table, header=""))

    def table(self, path: tuple[str, ...], table: dict[str, object], header: str) -> list[str]:
        """The lines of a table and of the tables below it, which may stand before it."""
        body: list[str] = []
        sections: list[list[str]] = []
        for key, value in table.items():
            below = (*path, self.key(key))
            name = self.dotted(below)
            if isinstance(value, dict) and self.maybe():
                sections.append(self.table(below, value, f"[{self.space()}{name}{self.space()}]"))
            elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value) and self.maybe():
                sections.append(
                    [
                        line
                        for item in value
                        for line in self.table(below, item, f"[[{self.space()}{name}{self.space()}]]")
                    ]
                )
            else:
                body += self.pairs((below[-1],), value)
        lines = [line for section in self.random.sample(sections, len(sections)) for line in section]
        if header and (body or not sections or header.startswith("[[") or self.maybe()):
            own = [self.line(header), *body]
            return lines + own if header[1] != "[" and self.maybe() else own + lines
        return body + lines

    def pairs(self, names: tuple[str, ...], value: object) -> list[str]:
        """`key = value`, or a table as `key.name = value` lines."""
        if isinstance(value, dict) and value and self.maybe():
            return [line for key, item in value.items() for line in self.pairs((*names, self.key(key)), item)]
        return [self.line(f"{self.dotted(names)}{self.space()}={self.space()}{self.value(value)}")]

    def line(self, text: str) -> str:
        before = self.one_of("", "", "\n", " \t\n", "# [x]\n", "\n# '''\n")
        after = self.one_of("", "", ' # ] } """ = #', "\t")
        return f"{before}{self.space()}{text}{after}\n"

    def space(self) -> str:
        return self.one_of("", " ", "\t ")

    def dotted(self, names: tuple[str, ...]) -> str:
        return f"{self.space()}.{self.space()}".join(names)

    def key(self, key: str) -> str:
        forms = [self.basic(key)]
        if key and set(key) <= set(BARE):
            forms += [key, key]
        if self.fits_literal(key) and "'" not in key:
            forms.append(f"'{key}'")
        return self.one_of(*forms)

    def fits_literal(self, text: str) -> bool:
        return not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text)

    def basic(self, text: str, keep: str = "") -> str:
        return '"' + "".join(character if character in keep else self.character(character) for character in text) + '"'

    def character(self, character: str) -> str:
        code = ord(character)
        forms = [f"\\U{code:08x}"]
        if code < 0x10000:
            forms.append(f"\\u{code:04X}")
        if character in '"\\':
            forms += [f"\\{character}"] * 4
        elif character in "\n\t\r":
            forms.append({"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character])
        elif code >= 0x20 and code != 0x7F:
            forms += [character] * 6
        return self.one_of(*forms)

    def string(self, text: str) -> str:
        forms = [self.basic(text)]
        content = self.basic(text, keep='\n\t"')[1:-1].replace('"""', '""\\"')
        forms.append(f'"""\n{content}"""')
        if not text[:1].isspace():
            forms.append(f'"""\\ \n\n  {content}"""')
        if not text.startswith("\n"):
            forms.append(f'"""{content}"""')
        if self.fits_literal(text) and "'" not in text:
            forms.append(f"'{text}'")
        if self.fits_literal(text.replace("\n", "")) and "'''" not in text:
            forms.append(f"'''\n{text}'''")
        return self.one_of(*forms)

    def value(self, value: object) -> str:
        match value:
            case bool():
                return str(value).lower()
            case int():
                forms = [str(value), f"{value:_}"] + (
                    [f"+{value}", f"0x{value:x}", f"0o{value:o}"] if value >= 0 else []
                )
                return self.one_of(*forms)
            case float():
                return repr(value)
            case str():
                return self.string(value)
            case datetime.datetime():
                return value.isoformat(self.one_of("T", " ", "t")).replace("+00:00", self.one_of("Z", "+00:00", "z"))
            case datetime.date() | datetime.time():
                return value.isoformat()
            case list():
                items = [self.gap() + self.value(item) + self.gap() for item in value]
                return "[" + ",".join(items) + ("," if items and self.maybe() else "") + self.gap() + "]"
            case dict():
                pairs = [
                    f"{self.key(key)}{self.space()}={self.space()}{self.value(item)}" for key, item in value.items()
                ]
                return "{" + self.space() + f"{self.space()},{self.space()}".join(pairs) + self.space() + "}"
        raise TypeError(value)

    def gap(self) -> str:
        return self.one_of("", " ", "\n", "\t# ], }\n ")
