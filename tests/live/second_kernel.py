"""The sample of live tests that CI runs on a second kernel, where starting a program takes ten to twenty times as long.

`pytest -m second_kernel` selects it: all tests that run on no other kernel (those of VLANs), and the quickest telling one
of each module that is about what a kernel says and does: links, addresses and routes, tunnels, macvlans, rules of iptables,
events, and how all that is read and mended.  `.ci/run` gives it no more than some three minutes.

`tests/live/uml/suite.py` runs every live test there, which takes hours.  To it is left

- what is about bash, processes and files, where kernels do not differ: test_at_once, test_commands, test_contract,
  test_cut_off, test_export, test_external_namespaces, test_failure, test_faults, test_foreign_arrival, test_half_made,
  test_host_local_reference, test_hostile, test_kill, test_life, test_machines, test_ownership, test_random, test_readme,
  test_records, test_signals, test_surroundings, test_turns, test_up_down, test_without_ipv6;
- what asks the kernel things that a test of the sample asks it too, or costs too much for what it asks: test_borrowed,
  test_defaults, test_docker, test_drift_rates, test_drift_routes, test_drift_settings, test_versions, and those of the plugin
  (test_cni_*, test_plugin*), which test_cni_vlans calls;
- what leaves nothing to run there, since it needs nftables with NAT (test_chained_reference), or boots such a kernel itself
  (test_boot).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

second_kernel = pytest.mark.second_kernel


def sampled(cases: Iterable[Any], *places: int) -> list[Any]:
    """The cases for `parametrize`, those at these places as a part of the sample."""
    return [pytest.param(case, marks=second_kernel) if place in places else case for place, case in enumerate(cases)]
