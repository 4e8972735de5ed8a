"""How the demo looks on a terminal."""

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from clipledger.demo.clips import Cut
from clipledger.demo.findings import FARTHEST_OFF, Identified
from ledger.balances import TrialBalance
from ledger.money import format_amount
from ledger.statements import StatementLine
from ledger.verification import Verification
from media.identification import Match


class Paper:
    """What the story is written on."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def chapter(self, title: str) -> None:
        self.console.print(f"\n[bold]{escape(title)}[/bold]")

    def say(self, text: str) -> None:
        self.console.print(f"  {escape(text)}")

    def working(self, what: str) -> AbstractContextManager[object]:
        """For as long as something takes; on a terminal, one sees that it does."""
        return self.console.status(escape(what))

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> None:
        """Words in columns, and numbers in those that are `right`."""
        table = Table(box=None, padding=(0, 2))
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="right" if number in right else "left")
        for row in rows:
            table.add_row(*map(escape, row))
        self.console.print(table)

    def findings(self, identified: Sequence[Identified]) -> None:
        """Each segment as it was cut, and below it as it was found."""
        table = Table(box=None, padding=(0, 1))
        for heading in ("clip", "", "of the clip", "of the stream", "speed", "mirror", "score", "off by"):
            table.add_column(heading, justify="right" if heading in ("score", "off by") else "left", no_wrap=True)
        for each in identified:
            name = each.clip.name
            if not each.findings:
                table.add_row(name, "cut", "nothing")
                table.add_row("", "found", "nothing")
            for n, finding in enumerate(each.findings):
                table.add_row(name if n == 0 else "", "cut", *_segment(finding.cut))
                score = f"{finding.match.score:.2f}" if finding.match else ""
                table.add_row("", "found", *_segment(finding.match), score, _colour(finding.off))
        self.console.print(table)

    def trial_balance(self, trial: TrialBalance) -> None:
        """Debits and credits side by side, as an accountant lays them out."""
        table = Table(box=None, padding=(0, 2), show_footer=True)
        table.add_column("account", footer="sum")
        for currency, debit in trial.debits.items():
            table.add_column(f"debit {currency}", justify="right", footer=format_amount(debit, currency))
            table.add_column(
                f"credit {currency}", justify="right", footer=format_amount(trial.credits[currency], currency)
            )
        for row in trial.rows:
            amount = format_amount(abs(row.balance), row.currency)
            table.add_row(row.code, amount if row.balance > 0 else "", amount if row.balance < 0 else "")
        self.console.print(table)

    def statement(self, lines: Sequence[StatementLine], currency: str) -> None:
        """An account of what is owed: credits are what was added."""
        table = Table(box=None, padding=(0, 2))
        for heading in ("date", "what happened", "change", "owed"):
            table.add_column(heading, justify="right" if heading in ("change", "owed") else "left")
        for line in lines:
            change, owed = (format_amount(-amount, currency) for amount in (line.amount, line.balance))
            table.add_row(f"{line.effective_on}", line.description, change, owed)
        self.console.print(table)

    def verification(self, result: Verification) -> None:
        verdict = "[green]sound[/green]" if result.sound else "[red]NOT sound[/red]"
        counted = f"{result.entries} entries, {result.postings} postings, {result.seals} seals"
        self.console.print(f"  The books are {verdict}: {counted} looked at.")
        for finding in result.findings:
            self.console.print(f"  [red]✗[/red] {escape(f'{finding.rule}: {finding.subject} {finding.detail}')}")


def _segment(segment: Cut | Match | None) -> tuple[str, str, str, str]:
    if segment is None:
        return "nothing", "", "", ""
    clip, stream = (
        f"{clock(start)}–{clock(end)}"
        for start, end in ((segment.clip_t0, segment.clip_t1), (segment.source_t0, segment.source_t1))
    )
    return clip, stream, f"×{segment.speed:.2f}", "yes" if segment.mirrored else "no"


def from_here(path: Path) -> str:
    """The path as one types it where the demo was started."""
    return os.path.relpath(path)


def _colour(off: float | None) -> str:
    if off is None:
        return ""
    return f"[{'green' if off <= FARTHEST_OFF else 'red'}]{off:.2f} s[/]"


def clock(seconds: float) -> str:
    """Minutes, seconds and tenths."""
    minutes, rest = divmod(round(seconds * 10), 600)
    return f"{minutes}:{rest / 10:04.1f}"
