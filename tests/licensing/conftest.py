"""What every test of the room may ask for."""

from tests.licensing.house import (  # noqa: F401 - fixtures
    client,
    clipper,
    host,
    new_clipper,
    new_grant,
    new_host,
    new_offer,
    new_user,
    operator,
    own_bounds,
    web_settings,
)
