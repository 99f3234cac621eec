"""Adds up what live tests did on each kernel, and fails unless every one of them passed on at least one.

Use: python .ci/ledger.py FILE, where FILE was written by test runs with K8SNET_LIVE_LEDGER=FILE.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(file: str) -> int:
    entries = [json.loads(line) for line in Path(file).read_text().splitlines()]
    kernels = list(dict.fromkeys(entry["kernel"] for entry in entries))
    collected = dict.fromkeys(entry["test"] for entry in entries)
    passed = {(entry["kernel"], entry["test"]) for entry in entries if entry["outcome"] == "passed"}
    for kernel in kernels:
        missed = [test for test in collected if (kernel, test) not in passed]
        print(f"kernel {kernel}: {len(collected) - len(missed)} of {len(collected)} live tests passed")
        for test in missed:
            print(f"  not here: {test}")
    nowhere = [test for test in collected if not any((kernel, test) in passed for kernel in kernels)]
    for test in nowhere:
        print(f"on no kernel: {test}")
    if len(kernels) < 2:
        print(f"live tests ran on {len(kernels)} kernel(s), and not on two")
    return 1 if nowhere or len(kernels) < 2 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
