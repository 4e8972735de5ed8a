"""The chance that a stretch was found rightly: a logistic regression over what was measured of it."""

import numpy as np
from numpy.typing import NDArray

from media.verification import Found

_WEIGHTS = np.array([1.3, 1.8, 0.65, 4.0, 5.1, 9.4, 4.8, -8.3, -0.4])
"""Of `features`, in their order; fitted on edited clips and strangers (docs/identification.md)."""
_BIAS = -18.8


def features(found: Found) -> NDArray[np.float64]:
    """What the score is made of."""
    segment = found.segment
    moving = min(1.0, segment.moving / 10)
    still = -np.log(1.02 - segment.still)
    return np.array(
        [
            still * (1 - moving),
            still * moving,
            -np.log(1.02 - max(0.0, segment.motion)) * moving,
            moving,
            segment.covered,
            1 - np.exp(-(segment.clip_t1 - segment.clip_t0) / 4),
            found.heard,
            min(abs(np.log(found.stretched)), 0.3),
            abs(np.log(found.alignment.speed)),
        ]
    )


def log_odds(found: Found) -> float:
    """The same chance, without an upper end: of two that are nearly certain, which is the more so."""
    return float(features(found) @ _WEIGHTS + _BIAS)


def score(found: Found) -> float:
    """The chance that a stretch was found rightly."""
    return float(1 / (1 + np.exp(-log_odds(found))))
