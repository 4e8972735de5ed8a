"""What the tests of several pages may ask for."""

from tests.clipledger.pages.counting_house import office  # noqa: F401 - a fixture
