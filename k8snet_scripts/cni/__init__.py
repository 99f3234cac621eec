"""The Container Network Interface: what its network configurations say, and what they ask of a node."""
