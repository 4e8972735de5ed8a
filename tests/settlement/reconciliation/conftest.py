"""What tests of reconciliation may ask for."""

from tests.settlement.reconciliation.office import office  # noqa: F401
