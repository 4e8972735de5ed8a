"""Bars for whoever is watching: on stderr, gone when they are full, and none where stderr is no terminal."""

import sys

from rich.console import Console
from rich.progress import Progress, ProgressColumn


def bars(*columns: str | ProgressColumn) -> Progress:
    """To be entered for as long as the work lasts."""
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
