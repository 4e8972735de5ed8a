"""The one way this house talks to Stripe: pinned version, our own keys, no retries of its own, one call each."""

import logging
import re
import ssl
from typing import Final

import httpx
import stripe

API_VERSION: Final = "2026-10-28.endive"
"""The version whose shapes are read here; an upgrade of the SDK alone changes nothing on the wire."""

_SECRET = re.compile(r"\b(?:[sr]k|whsec|pk|ak)_[A-Za-z0-9_*]{4,}")


class _Http(stripe.HTTPXClient):
    """The SDK's httpx client with a transport of our choice, so that tests need no network."""

    def __init__(self, timeout: float, transport: httpx.AsyncBaseTransport | None) -> None:
        super().__init__(timeout=timeout)
        self._client_async = httpx.AsyncClient(
            transport=transport,
            verify=ssl.create_default_context(cafile=stripe.ca_bundle_path),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=100),
        )


def stripe_client(
    api_key: str,
    *,
    api_base: str | None = None,
    timeout: float = 30.0,
    transport: httpx.AsyncBaseTransport | None = None,
) -> stripe.StripeClient:
    """`timeout` is seconds, of connecting and of each wait for bytes. `api_base` leads to a sandbox."""
    logging.getLogger("stripe").setLevel(logging.WARNING)  # below that the SDK logs whole requests and answers
    stripe.enable_telemetry = False  # it would keep a file in the home directory and tell Stripe of this machine
    return stripe.StripeClient(
        api_key,
        stripe_version=API_VERSION,
        max_network_retries=0,
        base_addresses={"api": api_base.rstrip("/")} if api_base else {},
        http_client=_Http(timeout, transport),
    )


def without_secrets(text: str, most: int = 500) -> str:
    """A text of Stripe's, fit to be kept and shown: no key, not even a masked one, and not endless."""
    return _SECRET.sub("(key)", text)[:most]
