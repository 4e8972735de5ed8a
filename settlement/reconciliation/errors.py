"""What reconciliation refuses.

SettlementError
├── invalid
│   ├── InvalidReconciliation   a month, an account, a currency that can't be reconciled, or no reason
│   ├── InvalidMatch            of no lines, of another account's, or of lines that do not make one sum
│   └── InvalidBankFile         a name or an account that can't be
├── conflict
│   ├── WrongReconciliationStep it is not that far, or further
│   ├── NeverRun                nothing was matched yet
│   ├── Unexplained             residuals for which nobody has given a reason
│   ├── DoesNotAddUp            what was found does not make up the difference: lines came in since; run it again
│   ├── AlreadyMatched          a line is in another match
│   ├── AlreadyUndone           the match was undone before
│   ├── AlreadyPosted           the residual was put right before
│   ├── OriginNotSigned         it is carried from a month in which it can still be put right
│   └── NothingProposed         no entry is proposed for it: name the lines
└── not_found
    ├── ReconciliationNotFound, MatchNotFound, ResidualNotFound
    └── BankFileNotFound, PlatformLineNotFound
"""

from settlement.errors import Conflict, Invalid, NotFound


class InvalidReconciliation(Invalid): ...


class InvalidMatch(Invalid): ...


class InvalidBankFile(Invalid): ...


class WrongReconciliationStep(Conflict): ...


class NeverRun(Conflict):
    usual_rule = "run it before you submit it"


class Unexplained(Conflict):
    usual_rule = "each residual needs a reason before it is submitted"


class DoesNotAddUp(Conflict):
    usual_rule = "the books or the lines have moved since it was run: run it again"


class AlreadyMatched(Conflict):
    usual_rule = "is in another match; undo that one first"


class AlreadyUndone(Conflict):
    usual_rule = "was undone before"


class AlreadyPosted(Conflict):
    usual_rule = "was put right by an entry before"


class OriginNotSigned(Conflict): ...


class NothingProposed(Conflict):
    usual_rule = "no entry is proposed for it: say its lines"


class ReconciliationNotFound(NotFound): ...


class MatchNotFound(NotFound): ...


class ResidualNotFound(NotFound): ...


class BankFileNotFound(NotFound): ...


class PlatformLineNotFound(NotFound): ...
