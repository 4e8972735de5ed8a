"""How well the ranking foretells, as one SVG."""

import statistics
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.licensing.matching import METHODS, Answers

mpl.rcParams["svg.hashsalt"] = "clipledger"  # the same figures give the same file

INKS = {"score": "#1f6feb", "hindsight fit": "#57606a", "most popular": "#d29922", "random": "#8c959f"}


def draw(path: Path, sides: dict[str, Answers]) -> None:
    """For each side, a bar for each method over all questions and over the cold ones; a dot for each market."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, (title, answers) in zip(figure.subplots(1, len(sides), sharey=True), sides.items(), strict=True):
        for group, figures in enumerate((answers.all, answers.cold)):
            for number, name in enumerate(METHODS):
                place = group * (len(METHODS) + 1) + number
                axes.bar(place, statistics.mean(figures[name]), color=INKS[name], alpha=0.6, label=name)
                axes.plot([place] * len(figures[name]), figures[name], ".", color=INKS[name], markersize=4)
        middle = (len(METHODS) - 1) / 2
        axes.set_xticks([middle, middle + len(METHODS) + 1], ["all", "clippers who have\nsold nothing yet"])
        axes.set(title=title, ylim=(0, 1))
        axes.grid(alpha=0.3, axis="y")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.axes[0].set_ylabel("NDCG@10; 1 is the truth itself")
    count = len(METHODS)
    figure.legend(handles[:count], labels[:count], frameon=False, loc="outside lower center", ncols=count)
    figure.savefig(path, metadata={"Date": None})
