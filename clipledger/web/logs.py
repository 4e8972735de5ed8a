"""Logs: one event a line, JSON unless somebody is watching."""

import logging
import sys
from typing import Any

import structlog


def configure_logs() -> None:
    """Send structlog's and the standard library's events to stderr, in one form. Call once per process."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    watched = sys.stderr.isatty()
    last = _console() if watched else structlog.processors.JSONRenderer()
    traceback = [] if watched else [structlog.processors.format_exc_info]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[remove, *traceback, last])
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


def _console() -> structlog.dev.ConsoleRenderer:
    """With plain tracebacks: the default's show local variables, passwords among them."""
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
