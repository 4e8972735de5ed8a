"""What can go wrong with the embedded PostgreSQL.

PostgresError
├── NoBinariesError    the wheel isn't installed, or brings no server for this machine
├── WrongOwnerError    the folder belongs to another OS user, or is out of the server's reach
├── WrongVersionError  the data was written by another major version
└── StartError         initdb or the server failed, or never answered; with the end of its log
"""

ELSEWHERE = "Or set CLIPLEDGER_VAR to a folder elsewhere, or DATABASE_URL to use a server of your own."


class PostgresError(Exception):
    """The embedded server can't be used; the message says what to do."""


class NoBinariesError(PostgresError): ...


class WrongOwnerError(PostgresError): ...


class WrongVersionError(PostgresError): ...


class StartError(PostgresError): ...
