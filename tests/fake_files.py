"""The part of the fake kernel that is a file system: directories, and the small files that are on record in them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from fake_namespace import Refusal, UnknownCommand

_WRITE = re.compile(r'(set -o noclobber; )?printf "([^"]*)" >(\S+)')


class Files:
    """Directories and files by path; those that every system has are there from the beginning."""

    def __init__(self) -> None:
        self.directories = {"/", "/run", "/var", "/var/lib"}
        self._given = frozenset(self.directories)
        self.contents: dict[str, str] = {}

    def run(self, argv: Sequence[str]) -> bool:
        """Carry out a command, if it is one about files.  Raises `Refusal` or `UnknownCommand`."""
        match list(argv):
            case ["mkdir", path]:
                self._need_directory(path)
                if path in self.directories:
                    raise Refusal(f"mkdir: cannot create directory '{path}': File exists")
                self.directories.add(path)
            case ["rmdir", "--ignore-fail-on-non-empty", path]:
                if not any(posixpath.dirname(other) == path for other in (*self.contents, *self.directories)):
                    self.directories.discard(path)
            case ["rm", "-f", path]:
                self.contents.pop(path, None)
            case ["install", _, "/dev/null", path]:
                self._need_directory(path)
                self.contents[path] = ""
            case ["bash", "-c", line] if "/proc/" not in line:
                self._write(line)
            case _:
                return False
        return True

    def tell(self) -> Iterator[str]:
        """What is true of them: a file is there, and if it says something, it says that."""
        for path in sorted(self.directories - self._given):
            yield f"directory {path}"
        for path, content in self.contents.items():
            yield f"file {path}"
            if content:
                yield " ".join(("file", path, *content.split("\\r\\n")))

    def _write(self, line: str) -> None:
        match = _WRITE.fullmatch(line)
        if not match:
            raise UnknownCommand(line)
        careful, content, path = match.groups()
        self._need_directory(path)
        if careful and path in self.contents:
            raise Refusal(f"bash: line 1: {path}: cannot overwrite existing file")
        self.contents[path] = content

    def _need_directory(self, path: str) -> None:
        if posixpath.dirname(path) not in self.directories:
            raise Refusal(f"{path}: No such file or directory")
