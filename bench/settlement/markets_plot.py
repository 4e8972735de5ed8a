"""What the advice is worth, and one answer, as one SVG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from settlement.optimising.advising import Found

mpl.rcParams["svg.hashsalt"] = "clipledger"  # the same figures give the same file

INKS = {"regret": "#1f6feb", "regret_never": "#8c959f", "regret_naive": "#d29922"}
SAID = {
    "regret": "the advice, or no change without one",
    "regret_never": "never a change",
    "regret_naive": "plain line",
}
_SHADE = 0.2


def draw(path: Path, rows: Sequence[Mapping[str, Any]], found: Found) -> None:
    """The regrets by design, over all elasticities; and the curve of one answer."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    _regrets(left, rows)
    _curve(right, found)
    figure.savefig(path, metadata={"Date": None})


def _regrets(axes: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    designs = list(dict.fromkeys(row["design"] for row in rows))
    for number, name in enumerate(INKS):
        means = [_mean([row[name] for row in rows if row["design"] == design]) * 100 for design in designs]
        places = [place + (number - 1) * 0.27 for place in range(len(designs))]
        axes.barh(places, means, 0.25, color=INKS[name], label=SAID[name])
    axes.set_yticks(range(len(designs)), designs)
    axes.invert_yaxis()
    axes.set(xlabel="% of the best possible net that the host does without", title="How the host had moved shares")
    axes.grid(alpha=0.3, axis="x")
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=len(INKS))


def _curve(axes: Axes, found: Found) -> None:
    shares = [100 * each.share for each in found.curve]
    likely = [each.net.likely for each in found.curve]
    scale = 100 / (found.net_today.likely if found.net_today else likely[0])
    low, high = ([getattr(each.net, end) * scale for each in found.curve] for end in ("low", "high"))
    axes.fill_between(shares, low, high, color=INKS["regret"], alpha=_SHADE, label="9 times out of 10")
    axes.plot(shares, [each * scale for each in likely], color=INKS["regret"], label="estimate")
    axes.axhline(100, color=INKS["regret_never"], linewidth=1, label="shares as they are")
    if found.advised is not None:
        axes.axvline(100 * found.advised, color=INKS["regret_naive"], linewidth=1, label="advised")
    axes.set(xlabel="the clipper's share, %", ylabel="the host's net; 100 is today's", title="One answer")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
