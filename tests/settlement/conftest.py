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
    web_settings,
)
from tests.settlement.agencies import new_agency  # noqa: F401
from tests.settlement.desk import desk, storage_url, twin  # noqa: F401
