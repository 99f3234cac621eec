#!/usr/bin/env bash
# The playbook of a cluster on a machine that systemd has booted: play.sh DIRECTORY, where its files are.  README.md in this
# directory says how to start it, and what it printed.
set -euo pipefail
cd "$1"
export HOME=/tmp LC_ALL=C.UTF-8 ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3
ip link add ens3 up type dummy
ip address add 172.18.0.2/16 dev ens3
ansible-playbook -i inventory.yaml playbook.yaml -e ansible_connection=local
systemctl is-enabled k8snet-lab.service
systemctl is-active k8snet-lab.service
