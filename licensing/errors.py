"""What this room refuses.

LicensingError
├── invalid: the request cannot be obeyed whatever there is
│   ├── InvalidParty            name, country, language, category or capacity
│   ├── InvalidHandle           no platform that is known, or no handle
│   ├── InvalidOffer            title, summary, category, quota, dates
│   ├── InvalidTerms            a term that breaks a rule of `licensing.terms`
│   ├── InvalidApproval         a rule of automatic approval
│   ├── InvalidApplication      its message, or why it is rejected
│   ├── InvalidPolicy           bounds that no split could keep
│   ├── InvalidGrant            a window, a handle, a reference of a grant
│   ├── InvalidBulk             rows of a bulk request as a whole
│   ├── InvalidSale             facts of a sale that can't be judged
│   ├── InvalidSubmission       a clip's title, caption or products
│   ├── InvalidPublication      where a clip was posted
│   ├── InvalidClaim            a ground, a statement, evidence
│   ├── InvalidCase             a report of unlicensed use
│   ├── InvalidEndpoint         where webhooks go
│   └── InvalidQuery            a filter or a period
├── conflict: the state of things does not allow it
│   ├── WrongTransition         this state does not allow that action, or not by that side
│   ├── StaleEdition            somebody else has changed it since it was read
│   ├── HandleTaken             another clipper has proved control of the handle
│   ├── AlreadyClaimed          the same clipper, handle and platform
│   ├── AlreadyMember
│   ├── LastOwner               a party keeps one
│   ├── AlreadyRepresented      a clipper has one agency at a time
│   ├── AlreadyApplied          one open application for an offer
│   ├── AlreadyGranted          one living grant of an offer
│   ├── QuotaReached            an offer's last place is taken
│   ├── NothingPublished        an offer without terms
│   ├── SameTerms               a version that would change nothing
│   ├── ExclusiveElsewhere      another grant of the clipper, or this one, is exclusive
│   ├── NotAccepted             the hash that was accepted is not that of the terms offered
│   ├── ContentTaken            this content id belongs to another clip
│   ├── ClipTaken               this clip was submitted before
│   ├── NotDisclosed            the disclosure that the terms ask for is missing
│   ├── AlreadyDisputed         one running claim over the same
│   └── DeadlinePassed
└── not_found: the address names nothing
    ├── PartyNotFound, MemberNotFound, HandleNotFound, RepresentationNotFound
    ├── OfferNotFound, TermsNotFound, ApplicationNotFound
    ├── GrantNotFound, SubmissionNotFound, PublicationNotFound
    ├── ClaimNotFound, CaseNotFound
    └── EndpointNotFound, DeliveryNotFound, EventNotFound

`kind` decides the HTTP status (invalid 422, conflict 409, not_found 404); `code` is stable and may be matched by
clients. It is made of the class's name: `QuotaReached` is `quota-reached`.
"""

# ruff: noqa: N818 - named for what is wrong, as in `ledger.errors`

from licensing.refusal import Refusal


class LicensingError(Refusal):
    """What everything here is."""


class Invalid(LicensingError):
    kind = "invalid"


class Conflict(LicensingError):
    kind = "conflict"


class NotFound(LicensingError):
    kind = "not_found"
    usual_rule = "there is none, or none that you may see"


class InvalidParty(Invalid): ...


class InvalidHandle(Invalid): ...


class InvalidOffer(Invalid): ...


class InvalidTerms(Invalid): ...


class InvalidApproval(Invalid): ...


class InvalidApplication(Invalid): ...


class InvalidPolicy(Invalid): ...


class InvalidGrant(Invalid): ...


class InvalidBulk(Invalid): ...


class InvalidSale(Invalid): ...


class InvalidSubmission(Invalid): ...


class InvalidPublication(Invalid): ...


class InvalidClaim(Invalid): ...


class InvalidCase(Invalid): ...


class InvalidEndpoint(Invalid): ...


class InvalidQuery(Invalid): ...


class WrongTransition(Conflict): ...


class StaleEdition(Conflict):
    usual_rule = "was changed since you read it; read it again"


class HandleTaken(Conflict):
    usual_rule = "another clipper has proved control of it"


class AlreadyClaimed(Conflict):
    usual_rule = "is claimed already"


class AlreadyMember(Conflict):
    usual_rule = "is a member already"


class LastOwner(Conflict):
    usual_rule = "a party keeps at least one owner"


class AlreadyRepresented(Conflict):
    usual_rule = "a clipper has one agency at a time"


class AlreadyApplied(Conflict):
    usual_rule = "has an open application for this offer"


class AlreadyGranted(Conflict):
    usual_rule = "has a grant of this offer that has not ended"


class QuotaReached(Conflict):
    usual_rule = "the offer's last place is taken"


class NothingPublished(Conflict):
    usual_rule = "publish terms first"


class SameTerms(Conflict):
    usual_rule = "are the terms in force already"


class ExclusiveElsewhere(Conflict): ...


class NotAccepted(Conflict):
    usual_rule = "must be the hash of the terms that were offered"


class ContentTaken(Conflict):
    usual_rule = "belongs to another clip"


class ClipTaken(Conflict):
    usual_rule = "was submitted before"


class NotDisclosed(Conflict): ...


class AlreadyDisputed(Conflict):
    usual_rule = "a claim over the same is running"


class DeadlinePassed(Conflict): ...


class PartyNotFound(NotFound): ...


class MemberNotFound(NotFound): ...


class HandleNotFound(NotFound): ...


class RepresentationNotFound(NotFound): ...


class OfferNotFound(NotFound): ...


class TermsNotFound(NotFound): ...


class ApplicationNotFound(NotFound): ...


class GrantNotFound(NotFound): ...


class SubmissionNotFound(NotFound): ...


class PublicationNotFound(NotFound): ...


class ClaimNotFound(NotFound): ...


class CaseNotFound(NotFound): ...


class EndpointNotFound(NotFound): ...


class DeliveryNotFound(NotFound): ...


class EventNotFound(NotFound): ...
