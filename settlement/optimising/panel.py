"""Clippers by weeks: what each brought in and which part of that it had. One row a clipper, one column a week."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEAST_STEP = 0.005
"""Of the logarithm of a share: what is less is no change."""


@dataclass(frozen=True)
class Panel:
    """`output` is what came in, in minor units; `share` the clipper's part of it, from 0 to 1, and `rest` what of it
    host and clipper share between them. Both are NaN for a week in which a clipper had no grant, or not the same share
    all week.
    """

    output: Numbers
    share: Numbers
    rest: Numbers

    @property
    def seen(self) -> Flags:
        return ~np.isnan(self.share)

    def selling(self) -> "Panel":
        """Of it the clippers and weeks that say anything: with sales, and clippers with two weeks at least."""
        seen = self.seen
        sold = np.where(seen, self.output, 0.0)
        clippers = (sold.sum(axis=1) > 0) & (seen.sum(axis=1) > 1)
        weeks = sold[clippers].sum(axis=0) > 0
        return Panel(*(each[clippers][:, weeks] for each in (self.output, self.share, self.rest)))

    def steps(self) -> Numbers:
        """How the logarithm of each clipper's share moved since the week before in which it is known; 0 in its first,
        and where it is not known.
        """
        logs, steps = np.log(self.share), np.zeros_like(self.share)
        last = np.full(len(logs), np.nan)
        for week in range(logs.shape[1]):
            change = logs[:, week] - last
            steps[:, week] = np.where(np.abs(np.nan_to_num(change)) >= LEAST_STEP, change, 0.0)
            last = np.where(np.isnan(logs[:, week]), last, logs[:, week])
        return steps
