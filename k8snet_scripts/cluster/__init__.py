"""A cluster of Kubernetes: nodes with pods on a fabric, from what a file asks for to an ordinary topology."""
