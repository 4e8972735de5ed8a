"""Throughput against batch size and against book size, as one SVG."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

mpl.rcParams["svg.hashsalt"] = "clipledger"  # the same figures give the same file


def draw(path: Path, by_batch: dict[int, float], by_size: dict[int, float], copy: float) -> None:
    """`by_batch`: entries in a batch → postings/s; `by_size`: postings in the book → postings/s in batches of 10,000
    entries; `copy`: what COPY did in the same run.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(list(by_batch), list(by_batch.values()), marker="o", color="#1f6feb")
    left.set(xscale="log", xlabel="entries in a batch", title="by batch size, one client")
    right.plot([size / 1e6 for size in by_size], list(by_size.values()), marker=".", color="#1f6feb")
    right.set(xlabel="million postings in the book", title="by book size, batches of 10,000 entries")
    for axes in (left, right):
        axes.axhline(copy, linestyle="--", color="#8c959f", label="COPY into a bare table")
        axes.set(ylabel="postings a second", ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})
