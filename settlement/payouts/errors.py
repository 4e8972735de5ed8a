"""What payouts refuse.

SettlementError
├── invalid
│   ├── InvalidSchedule         days that no calendar has
│   ├── InvalidRun              a day, a reason, a rail that a run can't have
│   ├── InvalidPayoutAccount    a country, a currency, a bank account that can't be
│   └── ForgedEvent             a webhook that its rail has not signed, or long ago
├── conflict
│   ├── WrongRunStep            the run is not that far, or further
│   ├── WrongPayoutStep         the payout is not in a state from which that is done
│   ├── NothingToPay            nobody is owed as much as is paid at least
│   ├── RunOutdated             balances have moved below what the run would pay: plan it again
│   ├── RunOpen                 an earlier run of the book is not at its end
│   ├── AccountExists           the party has an account of this rail already
│   ├── NothingFiled            no payout of the run waits for a file
│   ├── PayoutFileClosed        the bank refused some of it: given to the bank again it might pay what is paid anew
│   ├── RailNotSetUp            this installation has no key, or the book no bank account, for it
│   ├── RailNotHalted           there is nothing to end
│   └── RailEventNotGivenUp     it waits for its turn, or was acted upon
└── not_found
    ├── ScheduleNotFound, RunNotFound, PayoutNotFound, PayoutFileNotFound
    └── PayoutAccountNotFound, RailEventNotFound
"""

from settlement.errors import Conflict, Invalid, NotFound


class InvalidSchedule(Invalid): ...


class InvalidRun(Invalid): ...


class InvalidPayoutAccount(Invalid): ...


class ForgedEvent(Invalid): ...


class WrongRunStep(Conflict): ...


class WrongPayoutStep(Conflict): ...


class NothingToPay(Conflict):
    usual_rule = "nobody is owed as much as is paid at least"


class RunOutdated(Conflict):
    usual_rule = "balances have moved below what it would pay: plan it again"


class RunOpen(Conflict):
    usual_rule = "is not at its end; one run of a book is under way at a time"


class AccountExists(Conflict):
    usual_rule = "the party is paid by this rail already; close that account first"


class NothingFiled(Conflict):
    usual_rule = "no payout of it waits for a file"


class PayoutFileClosed(Conflict):
    usual_rule = "something of it was refused and may be paid anew: it is not to be given to the bank again"


class RailNotSetUp(Conflict):
    usual_rule = "there is no key, or no bank account, to pay by it with"


class RailNotHalted(Conflict):
    usual_rule = "is not halted"


class RailEventNotGivenUp(Conflict):
    usual_rule = "it waits for its turn, or was acted upon"


class ScheduleNotFound(NotFound): ...


class RunNotFound(NotFound): ...


class PayoutNotFound(NotFound): ...


class PayoutFileNotFound(NotFound): ...


class PayoutAccountNotFound(NotFound): ...


class RailEventNotFound(NotFound): ...
