"""`--sources A B C`: an option that takes several folders, given at once or one by one."""

from collections.abc import Iterable
from pathlib import Path

import click

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class Folders(click.Command):
    """A command whose repeatable options take all words up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        repeatable = {name for each in self.params if getattr(each, "multiple", False) for name in each.opts}
        return super().parse_args(ctx, list(_repeated(args, repeatable)))


def _repeated(words: Iterable[str], options: set[str]) -> Iterable[str]:
    option, taken = "", True
    for word in words:
        if word.startswith("--"):
            name = word.split("=", 1)[0]
            option, taken = (name if name in options else ""), "=" in word
        elif option and taken:
            yield option
        else:
            taken = True
        yield word
