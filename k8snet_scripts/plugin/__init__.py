"""k8snet as a plugin of the Container Network Interface, in place of `bridge`, `host-local`, `loopback` and `static`."""
