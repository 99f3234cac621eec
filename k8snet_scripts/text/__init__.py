"""The text of a topology file: what it says, where each part of it stands, and what is wrong with its notation."""
