"""How many random examples a live test tries: few in CI, and always the same; as many as asked for by `K8SNET_EXAMPLES`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

_ASKED = os.environ.get("K8SNET_EXAMPLES")


def examples(number: int) -> settings:
    """Settings for that many examples, unless another number is asked for: then they are others every time."""
    return settings(
        max_examples=int(_ASKED or number),
        derandomize=_ASKED is None,
        database=None,
        deadline=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink) if _ASKED else (Phase.generate,),  # to shrink one takes minutes
        suppress_health_check=list(HealthCheck),
    )
