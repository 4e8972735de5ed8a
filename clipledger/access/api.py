"""HTTP for sessions, keys, users and the audit trail, under /v1."""

from litestar import Router

from clipledger.access import audit_routes, key_routes, session_routes, user_routes


def _tagged(tag: str, *handlers: object) -> Router:
    return Router("", route_handlers=list(handlers), tags=[tag])  # type: ignore[arg-type]


router = Router(
    "/v1",
    route_handlers=[
        _tagged(
            "session",
            session_routes.log_in,
            session_routes.who_am_i,
            session_routes.log_out,
            session_routes.change_password,
        ),
        _tagged("keys", key_routes.create, key_routes.list_own, key_routes.show, key_routes.revoke),
        _tagged(
            "users",
            user_routes.add,
            user_routes.list_all,
            user_routes.show,
            user_routes.disable,
            user_routes.enable,
            user_routes.grant,
            user_routes.withdraw,
        ),
        _tagged("audit", audit_routes.list_all),
    ],
)
