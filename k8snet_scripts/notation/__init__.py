"""The topology file the other way round: from a model to the text that says it."""
