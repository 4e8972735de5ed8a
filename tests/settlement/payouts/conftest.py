"""What tests of payouts may ask for."""

from tests.settlement.payouts.purse import new_payee, purse  # noqa: F401
