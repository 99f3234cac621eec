"""The network as a text drawing."""
