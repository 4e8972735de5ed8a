"""Work outside a request: a queue in PostgreSQL (procrastinate), in its own schema `jobs`.

A job is a thin shell: it opens a transaction, calls one function of a room and commits. Each job here does
all that is due; so none is retried by itself, and a run that is missed, doubled or broken off leaves nothing
that the next one does not put right.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, UniqueViolation
from procrastinate.jobs import Status
from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access.sessions import forget_expired_sessions
from clipledger.database import conninfo, create_engine
from clipledger.web.idempotency import forget_old_records
from ledger.books import Book, list_books
from ledger.seals import seal

SCHEMA = "jobs"
CONCURRENCY = 4
"""Jobs that one worker runs at a time; they wait for the database more than they compute."""
GRACE = 5.0
"""Seconds in which a running job may end after the worker was told to stop; then it is broken off."""
KEPT_HOURS = 72
"""How long jobs that are done stay to be looked at."""

Job = Callable[[JobContext], Awaitable[None]]


async def seal_books(context: JobContext) -> None:
    """Each book in a transaction of its own; one that can't be sealed keeps no other from it.

    Raises:
        ExceptionGroup: what went wrong, book by book.
    """
    engine, faults = _engine(context), []
    async for book in _books(engine):
        try:
            async with engine.begin() as connection:
                await seal(connection, book.book_id)
        except Exception as fault:
            fault.add_note(f"book {book.slug}")
            faults.append(fault)
    if faults:
        raise ExceptionGroup("books were not sealed", faults)


async def _books(engine: AsyncEngine) -> AsyncIterator[Book]:
    after = ""
    while True:
        async with engine.connect() as connection:
            page = await list_books(connection, after=after)
        for book in page:
            yield book
        if not page:
            return
        after = page[-1].slug


async def forget_expired(context: JobContext) -> None:
    """Sessions that no cookie can revive go, and answers kept for requests that nobody will repeat."""
    async with _engine(context).begin() as connection:
        await forget_expired_sessions(connection)
        await forget_old_records(connection)


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


JOBS: tuple[Job, ...] = (seal_books, forget_expired, rescue_stalled_jobs, forget_old_jobs)


def create_queue(url: str, *, application_name: str = "clipledger") -> App:
    """The queue as the service's role sees it, not yet open: use it in `async with queue.open_async()`."""
    connector = PsycopgConnector(
        conninfo=conninfo(url),
        kwargs={"application_name": application_name},
        configure=_use_schema,
        min_size=1,
        max_size=CONCURRENCY,
    )
    queue = App(connector=connector)
    for job in JOBS:
        queue.task(name=job.__name__, pass_context=True)(job)
    return queue


async def _use_schema(connection: AsyncConnection) -> None:
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


async def work(url: str) -> None:
    """Run jobs until cancelled. Returns only when the queue's connection broke."""
    engine = create_engine(url, pool_size=CONCURRENCY, application_name="clipledger worker")
    try:
        async with create_queue(url, application_name="clipledger worker").open_async() as queue:
            await queue.run_worker_async(
                concurrency=CONCURRENCY,
                shutdown_graceful_timeout=GRACE,
                install_signal_handlers=False,
                additional_context={"engine": engine},
            )
    finally:
        await engine.dispose()
