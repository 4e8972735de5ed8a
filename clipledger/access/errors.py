"""What access refuses.

AccessError
├── invalid: the request cannot be obeyed
│   ├── InvalidEmail
│   ├── InvalidName
│   ├── WeakPassword
│   ├── UnknownRole         not a role of `roles.ROLES`
│   ├── MisplacedRole       operator is held for every book, every other role for one
│   ├── UnknownScope        not a scope of `roles.SCOPES`
│   └── InvalidExpiry       a key that would be born expired
├── conflict
│   └── EmailTaken
├── not_found
│   ├── UserNotFound
│   └── KeyNotFound
├── forbidden
│   └── ScopeNotHeld        a key can't do what its owner may not
└── unauthenticated
    ├── WrongPassword       unknown e-mail, wrong password and disabled user look alike
    ├── InvalidKey          malformed, unknown, revoked, expired, or its owner is disabled
    └── InvalidSession      unknown, ended or expired

`kind` decides the HTTP status (unauthenticated is 401); `code` is stable and may be matched by clients.
"""

# ruff: noqa: N818 - named for what is wrong, as the ledger's are

from typing import ClassVar, Literal

Kind = Literal["invalid", "conflict", "not_found", "forbidden", "unauthenticated"]


class AccessError(Exception):
    """A refusal that has changed nothing. `value` never holds a password, a token or a key."""

    kind: ClassVar[Kind]
    code: ClassVar[str]
    usual_rule: ClassVar[str | None] = None

    def __init__(self, field: str | None = None, value: str | None = None, rule: str | None = None) -> None:
        super().__init__(field, value, rule)
        self.field = field
        self.value = value
        self.rule = rule or self.usual_rule

    def __str__(self) -> str:
        said = ": ".join(part for part in (self.field, self.rule) if part) or self.code
        return said if self.value is None else f"{said} (got {self.value})"


class InvalidEmail(AccessError):
    kind = "invalid"
    code = "invalid-email"
    usual_rule = "must be an ASCII address of at most 254 characters, such as ada@example.com"


class InvalidName(AccessError):
    kind = "invalid"
    code = "invalid-name"
    usual_rule = "must have at most 200 characters"


class WeakPassword(AccessError):
    kind = "invalid"
    code = "weak-password"
    usual_rule = "must have 12 to 1024 characters"


class UnknownRole(AccessError):
    kind = "invalid"
    code = "unknown-role"


class MisplacedRole(AccessError):
    kind = "invalid"
    code = "misplaced-role"
    usual_rule = "operator is held for every book, any other role for one"


class UnknownScope(AccessError):
    kind = "invalid"
    code = "unknown-scope"


class InvalidExpiry(AccessError):
    kind = "invalid"
    code = "invalid-expiry"
    usual_rule = "must lie in the future"


class EmailTaken(AccessError):
    kind = "conflict"
    code = "email-taken"
    usual_rule = "an e-mail address belongs to one user, whatever its case"


class UserNotFound(AccessError):
    kind = "not_found"
    code = "user-not-found"
    usual_rule = "no such user"


class KeyNotFound(AccessError):
    kind = "not_found"
    code = "key-not-found"
    usual_rule = "no such key"


class ScopeNotHeld(AccessError):
    kind = "forbidden"
    code = "scope-not-held"
    usual_rule = "a key's scopes are a subset of what its owner's roles allow"


class WrongPassword(AccessError):
    kind = "unauthenticated"
    code = "wrong-password"
    usual_rule = "unknown e-mail address or wrong password"


class InvalidKey(AccessError):
    kind = "unauthenticated"
    code = "invalid-key"
    usual_rule = "must be a live API key"


class InvalidSession(AccessError):
    kind = "unauthenticated"
    code = "invalid-session"
    usual_rule = "the session has ended; log in again"
