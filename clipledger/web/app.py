"""The HTTP application, composed."""

import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager

from litestar import Litestar
from litestar.di import Provide
from litestar.plugins.prometheus import PrometheusConfig
from litestar.types import ControllerRouterHandler
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access import api as access_api
from clipledger.access.users import Users
from clipledger.database import create_engine, database_urls
from clipledger.pages import page_routes
from clipledger.pages.problems import Answers
from clipledger.pages.tellings import told
from clipledger.rails import payees_of, rails_of, stripe_secrets_of
from clipledger.settings import Settings
from clipledger.web import health, schedule
from clipledger.web.bodies import DEFAULT_LIMIT, StrictRequest
from clipledger.web.dependencies import request_dependencies
from clipledger.web.docs_page import assets_router
from clipledger.web.gate import Gate
from clipledger.web.logs import configure_logs
from clipledger.web.openapi import openapi_config, openapi_json
from clipledger.web.problems import ProblemBoundary
from clipledger.web.rate_limits import DEFAULT_LIMITS, Limits, LoginAttempts
from clipledger.web.request_log import RequestLog
from clipledger.web.requirements import DenyByDefault
from clipledger.web.session_cookie import SessionCookie
from clipledger.web.unit_of_work import TransactionPerRequest
from ledger import api as ledger_api
from licensing import api as licensing_api
from media import api as media_api
from media.storage import Storage
from settlement import api as settlement_api
from settlement.what_ifs import Replays


def create_app(
    settings: Settings,
    engine: AsyncEngine,
    *,
    routes: Sequence[ControllerRouterHandler] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Litestar:
    """The application on this database, which it closes at the end; `routes` come on top of the rooms' own.

    Raises ImproperlyConfiguredException where a route does not say who may use it.
    """
    session_cookie = SessionCookie(settings.public_url)
    attempts = LoginAttempts(limits)
    storage = Storage(settings.media_storage)
    rails, payees = rails_of(settings), payees_of(settings, engine)
    stripe_secrets = stripe_secrets_of(settings)
    answers = Answers(session_cookie)
    app = Litestar(
        [
            access_api.router,
            ledger_api.router,
            media_api.router,
            *licensing_api.routers,
            *settlement_api.routers,
            *_operation_routes(),
            *page_routes(),
            *routes,
        ],
        dependencies={
            **request_dependencies(),
            "engine": Provide(lambda: engine, sync_to_thread=False),
            "attempts": Provide(lambda: attempts, sync_to_thread=False),
            "session_cookie": Provide(lambda: session_cookie, sync_to_thread=False),
            "storage": Provide(lambda: storage, sync_to_thread=False),
            "folders": Provide(lambda: settings.media_folders, sync_to_thread=False),
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "webhooks_private": Provide(lambda: settings.webhooks_private, sync_to_thread=False),
            "public_url": Provide(lambda: settings.public_url, sync_to_thread=False),
            "tell": Provide(lambda: told, sync_to_thread=False),
            "people": Provide(Users, sync_to_thread=False),
            "rails": Provide(lambda: rails, sync_to_thread=False),
            "payees": Provide(lambda: payees, sync_to_thread=False),
            "stripe_secrets": Provide(lambda: stripe_secrets, sync_to_thread=False),
            "accruals": Provide(Replays, sync_to_thread=False),
        },
        middleware=[
            PrometheusConfig(app_name="clipledger", prefix="clipledger", group_path=True).middleware,
            ProblemBoundary(answers),
            Gate(engine, limits, session_cookie.name),
            TransactionPerRequest(engine),
        ],
        plugins=[DenyByDefault()],
        exception_handlers={Exception: answers},
        request_class=StrictRequest,
        request_max_body_size=DEFAULT_LIMIT,
        openapi_config=openapi_config(session_cookie.name),
        lifespan=[_closing(engine)],
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = RequestLog(app.asgi_handler, https=session_cookie.secure)
    return app


def _operation_routes() -> list[ControllerRouterHandler]:
    return [health.health, health.ready, health.Metrics, schedule.show, openapi_json, assets_router()]


def _closing(engine: AsyncEngine) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def closing(_: Litestar) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    return closing


def app_from_environment() -> Litestar:
    """For a server that imports its application: `granian --interface asgi --factory clipledger.web.app:…`.

    The embedded database, if it is that, is held until this process ends.
    """
    configure_logs()
    settings = Settings.from_environment()
    held = ExitStack()
    urls = held.enter_context(database_urls(settings))
    app = create_app(settings, create_engine(urls.app, application_name="clipledger web"))
    app.on_shutdown.append(held.close)
    keep_for_good()
    return app


def keep_for_good() -> None:
    """For a process that serves one application to its end: what there is now stays, so the garbage collector need not
    walk it again and again, while somebody waits a quarter of a second for a page.
    """
    gc.collect()
    gc.freeze()
