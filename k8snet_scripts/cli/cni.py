"""Commands about CNI plugins: `cni install` and `cni uninstall`."""

from __future__ import annotations

from pathlib import Path

import click

from k8snet_scripts.cli.commands import Commands
from k8snet_scripts.cli.messages import Failure, shell

_directory = click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.group(cls=Commands, short_help="Be the CNI plugins of a node.")
def cni() -> None:
    """Be the CNI plugins of a node.

    \b
      k8snet cni install /opt/cni/bin
      k8snet cni install /opt/cni/bin --replace
      k8snet cni uninstall /opt/cni/bin
    """


@cni.command(short_help="Put k8snet into a directory of plugins.")
@_directory
@click.option(
    "--replace",
    is_flag=True,
    help="Stand in for the reference plugins, too; originals are kept aside.",
)
def install(directory: Path, replace: bool) -> None:
    """Put k8snet into DIRECTORY, where a container runtime looks for CNI plugins, /opt/cni/bin as a rule.

    The plugin of the type `k8snet` takes the keys of `bridge` and `host-local`. It needs this installation of k8snet,
    at the place where it is now, and nothing of the environment that it is called in.
    """
    from k8snet_scripts.plugin.installation import Occupied
    from k8snet_scripts.plugin.installation import install as put

    try:
        for line in put(directory, replace=replace):
            click.echo(line)
    except Occupied as occupied:
        raise Failure(
            f"{occupied} is there and not one of ours", f"{shell(['mv', str(occupied), f'{occupied}.other'])}"
        ) from occupied


@cni.command(short_help="Take k8snet out of a directory of plugins.")
@_directory
def uninstall(directory: Path) -> None:
    """Take k8snet out of DIRECTORY, and put the plugins that were there before back to their places."""
    from k8snet_scripts.plugin.installation import uninstall as take_out

    lines = list(take_out(directory))
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo(f"{directory} has none of our plugins")
