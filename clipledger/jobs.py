"""Work outside a request: a queue in PostgreSQL (procrastinate), in its own schema `jobs`.

A job is a thin shell: it opens a transaction, calls one function of a room and commits. Each job here does
all that is due; so none is retried by itself, and a run that is missed, doubled or broken off leaves nothing
that the next one does not put right.

Each worker takes from several queues at once, so that a stream that is fingerprinted for an hour keeps neither a
clip waiting nor the books from being sealed. What decodes and compares is imported by the jobs that do: every command
imports this module, and numpy and scipy take seconds.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import LiteralString

from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, UniqueViolation
from procrastinate.jobs import Status
from psycopg import AsyncConnection as Connection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from clipledger.access.sessions import forget_expired_sessions
from clipledger.database import conninfo, create_engine
from clipledger.rails import acting_of, rails_of, stripe_payees_of
from clipledger.settings import Settings
from clipledger.web.idempotency import forget_old_records
from ledger.books import list_books
from ledger.seals import seal
from licensing.applications import expire_applications
from licensing.cases import LOOKED_FOR, advance_cases
from licensing.claims import apply_deadlines
from licensing.granting import expire_grants
from licensing.renewal import apply_renewals
from licensing.reviewing import MOVED, advance, approve_due
from licensing.webhooks.sending import send_due
from media.sources import forget_removed
from media.storage import Storage
from media.uploads import forget_uploads
from settlement.payouts.rail_events import process_due

SCHEMA = "jobs"
QUEUES: Mapping[str, int] = {"default": 4, "sources": 1, "clips": 1, "traces": 1, "reports": 1, "payouts": 1}
"""Jobs that one worker runs at a time from each queue: most wait for the database, media's use whole processors."""
GRACE = 5.0
"""Seconds in which a running job may end after the worker was told to stop; then it is broken off."""
KEPT_HOURS = 72
"""How long jobs that are done stay to be looked at."""

Job = Callable[[JobContext], Awaitable[None]]
OfBook = Callable[[AsyncConnection, int], Awaitable[object]]
"""What a room does in one book, whose number it is given."""
InBook = Callable[[int], Awaitable[object]]
"""The same where it opens its own transactions."""


async def seal_books(context: JobContext) -> None:
    """Every book, and the statements of its months. Raises ExceptionGroup."""
    from settlement.closing import seal_issued

    await _book_by_book(_engine(context), _books(_engine(context)), seal, seal_issued)


async def _book_by_book(engine: AsyncEngine, books: AsyncIterator[int], *things: OfBook) -> None:
    """Do these things in these books, each in a transaction of its own. Raises ExceptionGroup."""

    def in_transaction(do: OfBook) -> InBook:
        async def done(book_id: int) -> None:
            async with engine.begin() as connection:
                await do(connection, book_id)

        return done

    await _one_by_one(books, {getattr(do, "__name__", str(do)): in_transaction(do) for do in things})


async def _one_by_one(books: AsyncIterator[int], things: Mapping[str, InBook]) -> None:
    """Do these things, by their names, in these books; one that fails keeps no other from it.

    Raises:
        ExceptionGroup: what went wrong, book by book.
    """
    faults = []
    async for book_id in books:
        for name, do in things.items():
            try:
                await do(book_id)
            except Exception as fault:
                fault.add_note(f"book {book_id}, {name}")
                faults.append(fault)
    if faults:
        raise ExceptionGroup("not all that is due was done", faults)


async def _books(engine: AsyncEngine) -> AsyncIterator[int]:
    after = ""
    while True:
        async with engine.connect() as connection:
            page = await list_books(connection, after=after)
        for book in page:
            yield book.book_id
        if not page:
            return
        after = page[-1].slug


async def _books_with(engine: AsyncEngine, rows: LiteralString) -> AsyncIterator[int]:
    """Those of which there are such rows, which is a FROM clause."""
    async with engine.connect() as connection:
        chosen = text(f"SELECT DISTINCT book_id FROM {rows} ORDER BY book_id")  # noqa: S608 - of constants
        found = (await connection.scalars(chosen)).all()
    for book_id in found:
        yield book_id


async def forget_expired(context: JobContext) -> None:
    """Sessions that no cookie can revive go, and answers kept for requests that nobody will repeat."""
    async with _engine(context).begin() as connection:
        await forget_expired_sessions(connection)
        await forget_old_records(connection)


async def fingerprint_sources(context: JobContext) -> None:
    """Recordings of sources; any number of workers share them, and take up what one that died has left."""
    from media.fingerprinting import fingerprint_due

    await fingerprint_due(_engine(context), _storage(context))


async def identify_clips(context: JobContext) -> None:
    """Clips that wait to be identified; shared like recordings."""
    from media.identifying import identify_due

    await identify_due(_engine(context), _storage(context), _settings(context).media_index)


async def forget_media(context: JobContext) -> None:
    """Bytes that nobody needs: abandoned uploads, pieces that were joined, recordings of removed sources."""
    await forget_uploads(_engine(context), _storage(context))
    await forget_removed(_engine(context), _storage(context))


async def apply_dates(context: JobContext) -> None:
    """What ends, begins or is decided because its time has come, in every book: applications, grants, new terms,
    claims, clips that nobody has reviewed in time. Raises ExceptionGroup.
    """
    engine = _engine(context)
    due = (expire_applications, expire_grants, apply_renewals, apply_deadlines, approve_due)
    await _book_by_book(engine, _books(engine), *due)


async def review_clips(context: JobContext) -> None:
    """What was identified reaches its submission. Raises ExceptionGroup."""
    engine = _engine(context)
    await _book_by_book(engine, _books_with(engine, MOVED), advance)


async def conclude_cases(context: JobContext) -> None:
    """What was looked for reaches its case. Raises ExceptionGroup."""
    engine = _engine(context)
    await _book_by_book(engine, _books_with(engine, LOOKED_FOR), advance_cases)


async def trace_clips(context: JobContext) -> None:
    """Submitted clips are looked for in the streams of every other host."""
    from licensing.tracing import trace_due

    await trace_due(_engine(context), _storage(context), _settings(context).media_index)


async def import_reports(context: JobContext) -> None:
    """Marketplaces' reports that were sent; one that was broken off goes on. Raises ExceptionGroup."""
    from settlement.importing import import_due

    await import_due(_engine(context), _storage(context))


async def settle_books(context: JobContext) -> None:
    """Sales that a person, a claim or the calendar moves, in every book, and what is kept of them. Raises
    ExceptionGroup.
    """
    from settlement.facts import refresh_facts
    from settlement.kept_reports import refresh_reports
    from settlement.rolled import refresh_rolled
    from settlement.settling import settle_due
    from settlement.sold import refresh_sold

    engine = _engine(context)
    things = {do.__name__: partial(do, engine) for do in (settle_due, refresh_sold, refresh_rolled, refresh_reports)}
    await _one_by_one(_books(engine), things)
    await _book_by_book(engine, _books(engine), refresh_facts)


async def draft_payouts(context: JobContext) -> None:
    """The runs of days of payment that have come. Raises ExceptionGroup."""
    from settlement.payouts.paying import draft_scheduled
    from settlement.payouts.schedules import SCHEDULED

    engine = _engine(context)
    things = {draft_scheduled.__name__: partial(draft_scheduled, engine)}
    await _one_by_one(_books_with(engine, SCHEDULED), things)


async def send_payouts(context: JobContext) -> None:
    """Payouts that were approved are sent; those of which nothing is known are looked up. Raises ExceptionGroup."""
    from settlement.payouts.pace import Pace
    from settlement.payouts.paying import CALLS_PER_SECOND, DUE, pay_due

    engine, rails = _engine(context), rails_of(_settings(context))
    pay = partial(pay_due, engine, rails, pace=Pace(CALLS_PER_SECOND))
    await _one_by_one(_books_with(engine, DUE), {pay_due.__name__: pay})


async def hear_stripe(context: JobContext) -> None:
    """What Stripe has told is looked at, and acted upon."""
    settings, engine = _settings(context), _engine(context)
    if (acting := acting_of(settings, engine)) is not None:
        await process_due(engine, "stripe", acting)


async def sweep_rails(context: JobContext) -> None:
    """What rails would have told, and nobody heard; what banks' statements show. Raises ExceptionGroup."""
    from settlement.payouts.statement_lines import IN_FILES, look_through_statements
    from settlement.payouts.sweeping import sweep

    rails, engine = rails_of(_settings(context)), _engine(context)
    if _settings(context).stripe is not None:
        await sweep(engine, rails.shared("stripe"), "stripe")
    look = partial(look_through_statements, engine, rails)
    await _one_by_one(_books_with(engine, IN_FILES), {look_through_statements.__name__: look})


async def refresh_payees(context: JobContext) -> None:
    """Payees' accounts at Stripe of which a webhook may have been lost. Raises ExceptionGroup."""
    from settlement.payouts.refreshing import refresh_stale

    settings, engine = _settings(context), _engine(context)
    if settings.stripe is not None:
        await refresh_stale(engine, stripe_payees_of(settings.stripe, engine).observe)


async def import_rail_lines(context: JobContext) -> None:
    """What moved at rails becomes lines of the books that it is of."""
    from settlement.reconciliation.rail_lines import import_movements

    settings = _settings(context)
    if settings.stripe is not None:
        await import_movements(_engine(context), rails_of(settings).shared("stripe"))


async def reconcile_accounts(context: JobContext) -> None:
    """Reconciliations that somebody has asked for and that are long. Raises ExceptionGroup."""
    from settlement.reconciliation.reconciliations import ASKED
    from settlement.reconciliation.running import run_asked

    engine = _engine(context)
    await _one_by_one(_books_with(engine, ASKED), {run_asked.__name__: partial(run_asked, engine)})


async def send_webhooks(context: JobContext) -> None:
    """Events that an endpoint waits for."""
    await send_due(_engine(context), allow_private=_settings(context).webhooks_private)


async def rescue_stalled_jobs(context: JobContext) -> None:
    """Jobs whose worker died go back into the queue, unless the same job waits there again already."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs():
        try:
            await manager.retry_job(job)
        except UniqueViolation:
            await manager.finish_job(job, Status.FAILED, delete_job=False)


async def forget_old_jobs(context: JobContext) -> None:
    """Every job that ended more than KEPT_HOURS ago leaves the queue's tables."""
    await context.app.job_manager.delete_old_jobs(
        KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )


def _engine(context: JobContext) -> AsyncEngine:
    engine = context.additional_context["engine"]
    assert isinstance(engine, AsyncEngine)
    return engine


def _settings(context: JobContext) -> Settings:
    settings = context.additional_context["settings"]
    assert isinstance(settings, Settings)
    return settings


def _storage(context: JobContext) -> Storage:
    return Storage(_settings(context).media_storage)


JOBS: tuple[Job, ...] = (
    seal_books,
    forget_expired,
    rescue_stalled_jobs,
    forget_old_jobs,
    forget_media,
    fingerprint_sources,
    identify_clips,
    apply_dates,
    review_clips,
    conclude_cases,
    trace_clips,
    import_reports,
    settle_books,
    draft_payouts,
    send_payouts,
    hear_stripe,
    sweep_rails,
    refresh_payees,
    import_rail_lines,
    reconcile_accounts,
    send_webhooks,
)
_QUEUE_OF: Mapping[Job, str] = {
    fingerprint_sources: "sources",
    identify_clips: "clips",
    trace_clips: "traces",
    import_reports: "reports",
    send_payouts: "payouts",
}


def create_queue(url: str, *, application_name: str = "clipledger") -> App:
    """The queue as the service's role sees it, not yet open: use it in `async with queue.open_async()`."""
    connector = PsycopgConnector(
        conninfo=conninfo(url),
        kwargs={"application_name": application_name},
        configure=_use_schema,
        min_size=1,
        max_size=sum(QUEUES.values()),
    )
    queue = App(connector=connector)
    for job in JOBS:
        queue.task(name=job.__name__, queue=_QUEUE_OF.get(job, "default"), pass_context=True)(job)
    return queue


async def _use_schema(connection: Connection) -> None:
    await connection.execute(f"SET search_path TO {SCHEMA}")
    await connection.commit()


async def enqueue(queue: App, job: Job) -> bool:
    """Ask for a job. False when it waits in the queue already: that run will do all that is due."""
    name = job.__name__
    try:
        await queue.configure_task(name, allow_unknown=False, queueing_lock=name).defer_async()
    except AlreadyEnqueued:
        return False
    return True


async def work(url: str, settings: Settings) -> None:
    """Run jobs until cancelled. Returns only when the queue's connection broke."""
    size = sum(QUEUES.values()) + len(_QUEUE_OF)  # these hold another connection while they work
    engine = create_engine(url, pool_size=size, application_name="clipledger worker")
    try:
        async with create_queue(url, application_name="clipledger worker").open_async() as queue:
            await _first_to_end([_take_from(queue, name, engine, settings) for name in QUEUES])
    finally:
        await engine.dispose()


async def _take_from(queue: App, name: str, engine: AsyncEngine, settings: Settings) -> None:
    await queue.run_worker_async(
        queues=[name],
        name=name,
        concurrency=QUEUES[name],
        shutdown_graceful_timeout=GRACE,
        install_signal_handlers=False,
        additional_context={"engine": engine, "settings": settings},
    )


async def _first_to_end(parts: Sequence[Coroutine[None, None, None]]) -> None:
    """Run them together until one ends, or until cancelled; then the others end, too."""
    running = [asyncio.ensure_future(part) for part in parts]
    try:
        ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    for each in ended:
        each.result()
