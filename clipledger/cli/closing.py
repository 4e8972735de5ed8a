"""`clipledger settlement close`: how far the close of a month is, and its steps.

The two-person rule holds here, too: whoever does a step is named, is a user, and holds a role in the book that may. The
trails name the login beside the user.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import click
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from clipledger.access import users
from clipledger.cli.connections import SNAPSHOT, connected, run
from clipledger.cli.options import as_json, month, of_book
from clipledger.cli.people import acting, on_record
from clipledger.cli.tables import aligned, json_of, plain, table
from ledger.books import Book, find_book

if TYPE_CHECKING:
    from settlement.checklists import Checklist


class _Step(NamedTuple):
    """What a step asks of who does it. `reason`: it must have one, may have one (None), or has none."""

    scope: str
    reason: bool | None = False


_STEPS: Mapping[str, _Step] = {
    "draft": _Step("settlement:import"),
    "submit": _Step("settlement:import", None),
    "approve": _Step("settlement:approve"),
    "return": _Step("settlement:approve", True),
    "ask-reopening": _Step("settlement:import", True),
    "reopen": _Step("settlement:approve"),
    "refuse-reopening": _Step("settlement:approve", True),
}
_NEXT = {
    "open": "draft",
    "draft": "submit, or draft it again",
    "submitted": "approve or return, by another person",
    "issued": "nothing; ask-reopening, if something is missing",
}


@click.command()
@click.argument("step", required=False, type=click.Choice([*_STEPS]))
@of_book
@month("Such as 2026-10.")
@click.option("--by", "email", metavar="EMAIL", help="Who does it: a user with a role in the book.")
@click.option("--reason", help="Why; submit needs one where there are exceptions.")
@as_json
def close(step: str | None, slug: str, month: date, email: str | None, reason: str | None, as_json: bool) -> None:
    """Close a month: draft, submit, approve, or return.

    Without a step, says how far it is. Who submits does not approve. An issued month is reopened by two people again:
    ask-reopening, then reopen or refuse-reopening.
    """
    _check_options(step, email, reason)

    async def work() -> _Found:
        async with connected(**({} if step else SNAPSHOT)) as connection, connection.begin():
            book = await find_book(connection, slug)
            if step is not None and email is not None:
                await _take(connection, book, month, step, email, reason)
            return await _found(connection, book, month)

    found = run(work())
    click.echo(_json(found) if as_json else _told(found))


def _check_options(step: str | None, email: str | None, reason: str | None) -> None:
    if step is None:
        if email or reason:
            raise click.UsageError("--by and --reason belong to a step: name one.")
        return
    if not email:
        raise click.UsageError(f"Say who does it: {step} --by EMAIL.")
    wanted = _STEPS[step].reason
    if wanted and reason is None:
        raise click.UsageError(f"Say why: {step} --reason TEXT.")
    if wanted is False and reason is not None:
        raise click.UsageError(f"{step} takes no --reason.")


# Steps ----------------------------------------------------------------------------------------------------------


async def _take(
    connection: AsyncConnection, book: Book, month: date, step: str, email: str, reason: str | None
) -> None:
    by = await acting(connection, book, email, _STEPS[step].scope, f"{step} months of {book.slug}")
    await _does(step, reason)(connection, book.book_id, month, by)
    await on_record(connection, f"month.{step}", f"{month:%Y-%m}", book, by, email)


def _does(step: str, reason: str | None) -> Callable[..., Awaitable[object]]:
    from settlement import closing

    said: dict[str, Any] = {} if reason is None else {"reason": reason}
    does: Mapping[str, Callable[..., Awaitable[object]]] = {
        "draft": closing.draft,
        "submit": closing.submit,
        "approve": closing.approve,
        "return": closing.give_back,
        "ask-reopening": closing.ask_reopening,
        "reopen": closing.reopen,
        "refuse-reopening": closing.refuse_reopening,
    }
    return partial(does[step], **said)


# The checklist --------------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    book: Book
    checklist: "Checklist"
    people: Mapping[int, str]
    """Addresses of those who took a step."""


async def _found(connection: AsyncConnection, book: Book, month: date) -> _Found:
    from settlement.checklists import checklist

    found = await checklist(connection, book.book_id, month)
    numbers = {step.user_id for step in found.steps}
    people = {number: (await users.get_user(connection, number)).email for number in sorted(numbers)}
    return _Found(book, found, people)


def _json(found: _Found) -> str:
    """The checklist, and who the users of its steps are."""
    people = {str(number): email for number, email in found.people.items()}
    told = {"book": found.book.slug, **msgspec.to_builtins(found.checklist), "people": people}
    return json_of(told)


def _told(found: _Found) -> str:
    its = found.checklist
    matters = [
        (each.matter, f"{each.count:,}", each.currency or "", _amount(each.amount, each.currency), each.link)
        for each in its.exceptions
    ]
    statements = [
        (
            each.currency,
            f"{each.statements:,}",
            *(aligned(sum_, each.currency) for sum_ in (each.opening, each.closing)),
        )
        for each in its.statements
    ]
    zone = ZoneInfo(found.book.time_zone)
    steps = [
        (f"{step.at.astimezone(zone):%Y-%m-%d %H:%M}", step.action, f"{step.revision}", found.people[step.user_id],
         step.actor, plain(step.reason or ""))
        for step in its.steps
    ]  # fmt: skip
    tables = [
        table([("exceptions", "count", "", "amount", "see"), *matters], {1, 3}),
        table([("statements in", "count", "opening", "closing"), *statements], {1, 2, 3}),
        table([("when", "what", "revision", "who", "as", "why"), *steps], {2}),
    ]
    return "\n\n".join(["\n".join(_facts(found)), *filter(None, tables)])


def _facts(found: _Found) -> list[str]:
    book, its, people = found
    cut_off = its.cut_off.astimezone(ZoneInfo(book.time_zone))
    said = [
        f"{its.month} of {book.slug}: {its.state}, revision {its.revision}",
        f"Cut-off: {cut_off:%Y-%m-%d %H:%M} {book.time_zone}, {'which has passed' if its.ended else 'still to come'}.",
        f"The ledger has {'locked it' if its.locked else 'not locked it'}. True-ups posted: {its.true_ups:,}.",
    ]
    if its.seal_no is not None:
        said.append(f"All of its entries are sealed, through seal {its.seal_no}.")
    if its.outdated:
        said.append(f"{its.outdated:,} statements are not what the ledger says now: draft them again.")
    if its.reopening is not None:
        asker = people[its.reopening.user_id]
        said.append(f"{asker} asks that it be reopened: {plain(its.reopening.reason or '')}")
        return [*said, "Next: reopen or refuse-reopening, by another person."]
    return [*said, f"Next: {_NEXT[its.state]}." if its.ended else "Next: wait until it has ended."]


def _amount(amount: int | None, currency: str | None) -> str:
    return "" if amount is None or currency is None else aligned(amount, currency)
