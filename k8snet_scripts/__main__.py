"""`python -m k8snet_scripts` is the command `k8snet`."""

from k8snet_scripts.cli import main

if __name__ == "__main__":
    main(prog_name="k8snet")
