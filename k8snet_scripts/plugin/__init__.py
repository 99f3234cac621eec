"""k8snet as a plugin of the Container Network Interface, in place of those of the reference."""
