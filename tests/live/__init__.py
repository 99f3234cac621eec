"""Tests on a real kernel: scripts run in private namespaces, and the kernel's whole state is compared."""
