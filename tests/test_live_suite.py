"""How many tests the suite on second kernels says have passed."""

from __future__ import annotations

import json

from live.uml.suite import outcomes


def test_a_test_that_was_run_twice_counts_once() -> None:
    rows = [("a", "collected"), ("b", "collected"), ("a", "passed"), ("a", "collected"), ("b", "collected")]
    ledger = "".join(json.dumps({"kernel": "6.1", "test": test, "outcome": outcome}) + "\n" for test, outcome in rows)
    assert (outcomes(ledger, "collected"), outcomes(ledger, "passed")) == (2, 1)
    assert outcomes("", "passed") == 0
