"""Errors: what a plugin answers when it cannot do what it was asked for."""

from __future__ import annotations

INCOMPATIBLE_VERSION = 1
UNSUPPORTED_FIELD = 2
UNKNOWN_CONTAINER = 3
BAD_ENVIRONMENT = 4
IO_FAILURE = 5
UNDECODABLE = 6
BAD_CONFIGURATION = 7
BAD_NETNS = 8
UNAVAILABLE = 50
LIMITED = 51
OTHER = 999  # what the reference says of everything else


class CniError(Exception):
    """An answer with a code of the specification, a message for people and perhaps details, each a line or a few.

    `version` is that of the answer, where it is known by then.
    """

    version = ""

    def __init__(self, code: int, message: str, details: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


def join_errors(errors: list[CniError]) -> CniError:
    """One error that says all of some errors, with the code of the first."""
    first = errors[0]
    details = "\n".join(error.details for error in errors if error.details)
    return CniError(first.code, "; ".join(error.message for error in errors), details)


def explain(error: Exception) -> CniError:
    """What the system refused, or what nobody foresaw, as an answer; of the second kind with the place in our code."""
    if isinstance(error, OSError):
        return CniError(IO_FAILURE, error.strerror or str(error), str(error.filename or ""))
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
    return CniError(OTHER, f"internal error: {type(error).__name__}: {error}", where)
