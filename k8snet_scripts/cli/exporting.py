"""The command `export`: the scripts, with what it takes for others to run them."""

from __future__ import annotations

from pathlib import Path

import click

from k8snet_scripts.cli.arguments import (
    blaming,
    compiled,
    compiled_nodes,
    load_machines,
    node_option,
    templates_option,
    topology_argument,
)
from k8snet_scripts.cli.commands import Commands
from k8snet_scripts.cli.placing import drafting, place

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.group(cls=Commands, short_help="Write files for systemd or Ansible.")
def export() -> None:
    """Write the scripts of a topology, with what it takes for systemd or Ansible to run them."""


@export.command(short_help="Write the scripts with a unit that runs them at boot.")
@topology_argument
@node_option
@click.option("-o", "--output", required=True, type=_DIRECTORY, metavar="DIRECTORY", help="Write into this directory.")
@templates_option
def systemd(topology: str, node: str | None, output: Path, templates: Path | None) -> None:
    """Write the scripts of TOPOLOGY, and a systemd unit that sets the network up at boot and tears it down at shutdown.

    The unit runs them in /etc/k8snet/NAME; it says in its first lines how to install it.

    \b
      k8snet export systemd docker.toml -o docker
    """
    from k8snet_scripts.export import unit_name, write_unit
    from k8snet_scripts.scripts import base_name

    scripts = compiled(topology, templates, node=node)
    with drafting() as drafts, blaming(templates):
        scripts.draft(output, drafts)
        unit = write_unit(scripts.name, base_name(topology), templates)
        drafts.write(output / unit_name(scripts.name), unit, is_script=False)
        place(drafts)


@export.command(short_help="Write an inventory and a playbook for the nodes of a cluster.")
@topology_argument
@click.option("-o", "--output", required=True, type=_DIRECTORY, metavar="DIRECTORY", help="Write into this directory.")
@templates_option
def ansible(topology: str, output: Path, templates: Path | None) -> None:
    """Write an Ansible inventory and playbook for the cluster in TOPOLOGY, and the scripts for each of its nodes.

    The playbook copies the scripts to the nodes, runs setup.sh on all of them and then verify.sh, and installs a
    systemd unit where there is a systemd. It says in its first lines how to tear it all down.

    \b
      k8snet export ansible cluster.toml -o cluster
      cd cluster && ansible-playbook -i inventory.yaml playbook.yaml
    """
    from k8snet_scripts.export import INVENTORY, NODES, PLAYBOOK, unit_name, write_inventory, write_playbook, write_unit
    from k8snet_scripts.scripts import base_name

    source = base_name(topology)
    machines = load_machines(topology)
    name = machines.cluster.name
    with drafting() as drafts, blaming(templates):
        drafts.write(output / INVENTORY, write_inventory(machines.cluster, source, templates), is_script=False)
        drafts.write(output / PLAYBOOK, write_playbook(machines.cluster, source, templates), is_script=False)
        for node, scripts in compiled_nodes(machines, templates, ()):
            home = output / NODES / node
            scripts.draft(home, drafts)
            drafts.write(home / unit_name(name), write_unit(name, source, templates), is_script=False)
        place(drafts)
