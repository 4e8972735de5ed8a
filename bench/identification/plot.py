"""Recall by transformation, ours beside the baselines, as one SVG."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.identification.comparison import Comparison
from bench.identification.scoring import COMBINED, Tally

mpl.rcParams["svg.hashsalt"] = "clipledger"  # the same figures give the same file

INKS = ("#1f6feb", "#d29922", "#bf8700", "#8c959f", "#57606a")
MARKS = ("o", "s", "D", "^", "v")


def draw(path: Path, comparison: Comparison) -> None:
    """One line of marks for each transformation, those that ours finds least of last."""
    ours = next(iter(comparison.methods.values()))
    groups = sorted(
        comparison.groups,
        key=lambda group: (group.startswith(COMBINED), -(ours.by_group.get(group, Tally()).recall or 0), group),
    )
    figure = Figure(figsize=(8, 1.2 + 0.22 * len(groups)), layout="constrained")
    axes = figure.subplots()
    places = range(len(groups))
    for number, (name, scores) in reversed(list(enumerate(comparison.methods.items()))):
        recalls = [scores.by_group.get(group, Tally()).recall or 0.0 for group in groups]
        ink, mark = INKS[number % len(INKS)], MARKS[number % len(MARKS)]
        axes.plot(recalls, places, mark, color=ink, label=name, markersize=7 - number, alpha=0.9)
    axes.set_yticks(places, [group.removeprefix(COMBINED) + " *" * group.startswith(COMBINED) for group in groups])
    axes.invert_yaxis()
    axes.set(xlabel="recall (* combined edits)", xlim=(-0.02, 1.02), title="right source, IoU ≥ 0.5")
    axes.grid(alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], frameon=False, loc="outside lower center", ncols=3)
    figure.savefig(path, metadata={"Date": None})
