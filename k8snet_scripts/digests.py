"""SHA-2 by Python's own code: `hashlib` would load a library that takes longer to load than it ever has to do here."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha256, sha512
else:
    try:
        from _sha2 import sha256  # since Python 3.12
    except ImportError:
        from _sha256 import sha256

    def sha512(text):
        """That of `hashlib`."""
        try:
            from _sha2 import sha512
        except ImportError:
            from _sha512 import sha512
        return sha512(text)


SEAM = "\n####"
"""What begins the line of a script that has the digest of all that follows; no line above begins so."""


def digest(text: str) -> bytes:
    """The SHA-256 of a text in UTF-8."""
    return sha256(text.encode()).digest()


def long_digest(text: str) -> bytes:
    """The SHA-512 of a text in UTF-8."""
    return sha512(text.encode()).digest()
