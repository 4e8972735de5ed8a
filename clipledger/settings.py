"""Settings come from the environment, once, checked; everything else gets them as a value."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

T = TypeVar("T")

DATABASE_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
MEDIA_SCHEMES = ("file", "s3", "gs", "az")


class SettingsError(ValueError):
    """An environment variable whose value can't be used. A value that may hold a password is not repeated."""

    def __init__(self, variable: str, value: str, rule: str) -> None:
        super().__init__(f"{variable}={value!r}: {rule}")
        self.variable, self.value, self.rule = variable, value, rule


@dataclass(frozen=True)
class StripeSettings:
    """The platform's account at Stripe. `api` leads to a sandbox instead of Stripe. Without a secret, no webhook of
    that kind is taken; `country` is the platform's own.
    """

    key: str = field(repr=False)
    country: str
    api: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    connect_webhook_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """What one installation may choose.

    Without `database_url` the house runs its own PostgreSQL under `var`. `database_owner_url` is the login of
    the migrations when the service's own login shall not own the tables. `var` is absolute; `public_url` is
    how browsers and mails reach the service, without a slash at its end. `media_url` is the folder or bucket of
    uploaded videos, None for a folder under `var`; videos under `media_folders` may be registered by their path.
    `webhooks_private` lets webhooks go to addresses that are not public, and by http. Without `stripe` nothing is
    paid through it.
    """

    database_url: str | None = field(repr=False)
    database_owner_url: str | None = field(repr=False)
    var: Path
    host: str
    port: int
    public_url: str
    media_url: str | None = None
    media_folders: tuple[Path, ...] = ()
    webhooks_private: bool = False
    stripe: StripeSettings | None = None

    @property
    def media_storage(self) -> str:
        """The URL of the object store for uploaded videos."""
        return self.media_url or (self.var / "media").as_uri()

    @property
    def media_index(self) -> Path:
        """Where this machine keeps what it searches in; it can be deleted at any time."""
        return self.var / "media-index"

    @classmethod
    def from_environment(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check the environment. A variable set to nothing counts as absent.

        Raises:
            SettingsError: naming variable, value and rule.
        """
        database_url = _read(env, "DATABASE_URL", _database_url, None)
        owner_url = _read(env, "DATABASE_OWNER_URL", _database_url, None)
        if owner_url and not database_url:
            raise SettingsError("DATABASE_URL", "", "must be set when DATABASE_OWNER_URL is set")
        host = _read(env, "CLIPLEDGER_HOST", _host, "127.0.0.1")
        port = _read(env, "CLIPLEDGER_PORT", _port, 8000)
        return cls(
            database_url=database_url,
            database_owner_url=owner_url,
            var=_read(env, "CLIPLEDGER_VAR", _folder, Path("var").absolute()),
            host=host,
            port=port,
            public_url=_read(env, "CLIPLEDGER_PUBLIC_URL", _public_url, _local_url(host, port)),
            media_url=_read(env, "CLIPLEDGER_MEDIA_URL", _media_url, None),
            media_folders=_read(env, "CLIPLEDGER_MEDIA_FOLDERS", _folders, ()),
            webhooks_private=_read(env, "CLIPLEDGER_WEBHOOKS_PRIVATE", _switch, False),
            stripe=_stripe(env),
        )


def _stripe(env: Mapping[str, str]) -> StripeSettings | None:
    key = _read(env, "CLIPLEDGER_STRIPE_KEY", _secret, None)
    if key is None:
        return None
    return StripeSettings(
        key=key,
        country=_read(env, "CLIPLEDGER_STRIPE_COUNTRY", _country, "US"),
        api=_read(env, "CLIPLEDGER_STRIPE_API", _public_url, None),
        webhook_secret=_read(env, "CLIPLEDGER_STRIPE_WEBHOOK_SECRET", _secret, None),
        connect_webhook_secret=_read(env, "CLIPLEDGER_STRIPE_CONNECT_WEBHOOK_SECRET", _secret, None),
    )


D = TypeVar("D")


def _read(env: Mapping[str, str], variable: str, parse: Callable[[str], T], default: D) -> T | D:
    value = env.get(variable, "").strip()
    if not value:
        return default
    try:
        return parse(value)
    except ValueError as error:
        shown = _SHOWN.get(parse, str)(value)
        raise SettingsError(variable, shown, str(error)) from None


def _database_url(value: str) -> str:
    rule = "must be postgresql://user:password@host:port/database"
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(f"{rule}; escape special characters of the password as %XX") from None
    if url.drivername not in DATABASE_SCHEMES:
        raise ValueError(f"{rule}; only PostgreSQL is supported")
    return value


def _without_password(value: str) -> str:
    """However the URL is broken: what stands before an '@' or in the query may be a password."""
    scheme, found, rest = value.rpartition("://")
    _, at, place = rest.rpartition("@")
    return f"{scheme}{found}{'***' if at else ''}{at}{place.partition('?')[0]}"


def _secret(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be printable ASCII without blanks")
    return value


def _hidden(_: str) -> str:
    return "***"


_SHOWN: Mapping[Callable[..., object], Callable[[str], str]] = {_database_url: _without_password, _secret: _hidden}
"""How a value that may hold a secret is repeated."""


def _country(value: str) -> str:
    if not (len(value) == 2 and value.isascii() and value.isupper()):
        raise ValueError("must be a country as ISO 3166-1 writes it, such as US")
    return value


def _folder(value: str) -> Path:
    path = Path(value).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise ValueError("must be a folder")
    return path


def _folders(value: str) -> tuple[Path, ...]:
    folders = tuple(Path(folder).expanduser() for folder in value.split(os.pathsep))
    for folder in folders:
        if not folder.is_absolute() or not folder.is_dir():
            raise ValueError(f"must be absolute folders that exist, separated by {os.pathsep}")
    return folders


def _switch(value: str) -> bool:
    if value not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return value == "1"


def _media_url(value: str) -> str:
    parts = urlsplit(value)
    named = parts.path if parts.scheme == "file" else parts.hostname
    if parts.scheme not in MEDIA_SCHEMES or not named or parts.query or parts.fragment or parts.username:
        raise ValueError(
            f"must be file:///folder or bucket://name/prefix, where bucket is one of {', '.join(MEDIA_SCHEMES[1:])}"
        )
    return value.rstrip("/")


def _host(value: str) -> str:
    if "/" in value or " " in value or (":" in value and not _is_ip(value)):
        raise ValueError("must be a host name or an IP address, without a port")
    return value


def _is_ip(value: str) -> bool:
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 65535):
        raise ValueError("must be a whole number from 1 to 65535")
    return int(value)


def _public_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be http(s)://host[:port][/path], without a query")
    return value.rstrip("/")


def _local_url(host: str, port: int) -> str:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
