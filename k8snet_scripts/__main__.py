"""The command `k8snet`, as an executable and as `python -m k8snet_scripts`."""

import signal


def main() -> None:
    """Run the command line.

    Until it is imported nothing has been done: so long, Ctrl-C ends the process without another word.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from k8snet_scripts.cli import main as run

    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, handler)
    run(prog_name="k8snet")


if __name__ == "__main__":
    main()
