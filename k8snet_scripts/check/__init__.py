"""What is wrong with a model as a whole."""
