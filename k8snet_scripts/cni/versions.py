"""Versions of the CNI specification."""

SPEC_VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
"""All of them, oldest first.  A configuration that names none speaks the first."""
