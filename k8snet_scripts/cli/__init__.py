"""The command `k8snet`: one module a noun, `compiling`, `running`, `looking`, `exporting`, `cni` and `starting`.

Only click is imported here and in those, so that `k8snet --help` is quick; everything else is imported by the command
that uses it.
"""

from __future__ import annotations

import click

from k8snet_scripts import __version__
from k8snet_scripts.cli.cni import cni
from k8snet_scripts.cli.commands import Commands
from k8snet_scripts.cli.compiling import compile_, setup, teardown, verify
from k8snet_scripts.cli.exporting import export
from k8snet_scripts.cli.looking import check, diagram, digests, expand
from k8snet_scripts.cli.running import down, try_, up
from k8snet_scripts.cli.starting import completion, init


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="k8snet %(version)s")
def main() -> None:
    """Turn a description of network namespaces, veth pairs and bridges into shell scripts to be trusted with root.

    A topology is a TOML or JSON file; `-` reads standard input. `k8snet init` writes one to start from.

    \b
    See a network at work, without root and without touching the machine:
      k8snet init docker > docker.toml
      k8snet diagram docker.toml
      k8snet try docker.toml

    \b
    Review its scripts, then run them:
      k8snet compile docker.toml
      sudo bash setup.sh

    \b
    Or in one go, either way:
      k8snet setup docker.toml | sudo bash
      k8snet up docker.toml --sudo

    Exit status: 0 all is well; 1 a finding (a broken rule, drift, a failed check, a script that failed); 2 wrong usage;
    128 + N stopped by signal N, as with Ctrl-C (130).
    """


for command in (
    init,
    check,
    diagram,
    expand,
    try_,
    compile_,
    setup,
    teardown,
    verify,
    up,
    down,
    digests,
    export,
    cni,
    completion,
):
    main.add_command(command)
