"""What tests of payouts may ask for."""

from tests.settlement.payouts.bank import new_bank_payee, office  # noqa: F401
from tests.settlement.payouts.purse import new_payee, purse  # noqa: F401
