"""The topology file: from a parsed document to the model."""
