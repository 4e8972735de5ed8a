"""How an attacker writes to the ledger's tables: plain SQL, in which {names} stand for numbers of the scene."""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from clipledger import database
from clipledger.database import DatabaseUrls
from ledger.accounts import NewAccount
from tests.ledger.bookkeeper import Bookkeeper, nothing_changes, sale

DENIED = "42501"  # insufficient_privilege
APPEND_ONLY = "LG002"
NOT_NULL = "23502"
NO_PARENT = "23503"
DUPLICATE = "23505"
CHECK = "23514"
UNBALANCED = NOT_WHOLE = FORGED = "LG001"
NO_ACCOUNT = "LG003"
LOCKED = "LG005"
NOT_ENDED = "LG006"
NO_MIRROR = "LG007"
NOT_LOCKED = "LG010"
ISOLATION = "LG009"
STILL_WAITING = "55P03"  # lock_not_available, after lock_timeout


@dataclass(frozen=True)
class Scene:
    """Two books, the first locked through January 2025, and what an attacker needs to know of them."""

    keeper: Bookkeeper
    other: Bookkeeper
    urls: DatabaseUrls
    names: Mapping[str, int]

    @classmethod
    async def of_two_books(cls, keeper: Bookkeeper, other: Bookkeeper, urls: DatabaseUrls) -> "Scene":
        await keeper.post(sale("2025-01-15", 500, key="first"))
        entry = await keeper.post(sale("2025-03-15", 500, key="victim"))
        wash = await keeper.post(sale("2025-03-15", 7, key="reversed"))
        undone = await keeper.reverse(wash.entry_id, "2025-03-15")
        elsewhere = await other.post(sale("2025-03-15", 500, key="elsewhere"))
        await keeper.seal_all()
        await keeper.lock("2025-01")
        await other.open(NewAccount("assets:vault", "CNY"))
        numbers = {
            "book": keeper.book_id,
            "other": other.book_id,
            "entry": entry.entry_id,
            "reversed": wash.entry_id,
            "reversal": undone.entry_id,
            "elsewhere": elsewhere.entry_id,
            "new": elsewhere.entry_id + 1_000_000,
            "newer": elsewhere.entry_id + 1_000_001,
            "bank": (await keeper.account("assets:bank")).account_id,
            "sales": (await keeper.account("income:sales")).account_id,
            "cash": (await keeper.account("assets:cash")).account_id,
            "yen": (await keeper.account("assets:bank", "JPY")).account_id,
            "yen_sales": (await keeper.account("income:sales", "JPY")).account_id,
            "vault": (await other.account("assets:vault")).account_id,
        }
        return cls(keeper, other, urls, numbers)

    def attack(self, url: str, script: str) -> str | None:
        """The code of the refusal, or None where the attack was let through."""
        with psycopg.connect(database.conninfo(url)) as connection:
            try:
                for statement in script.format(**self.names).split(";\n"):
                    connection.execute(statement.encode())
                connection.commit()
            except psycopg.Error as refusal:
                return refusal.sqlstate
        return None

    async def must_refuse(self, url: str, script: str, code: str) -> None:
        async with nothing_changes(self.keeper, self.other):
            assert self.attack(url, script) == code


# How an attacker writes to the tables --------------------------------------------------------------------------


def entry(
    number: str = "{new}",
    *,
    book: str = "{book}",
    key: str = "attack",
    on: str = "2025-03-15",
    period: str = "2025-03-01",
    count: int = 2,
    reverses: str = "NULL",
    more: Mapping[str, str] = {},
) -> str:
    columns = "".join(f", {column}" for column in more)
    values = "".join(f", {value}" for value in more.values())
    return f"""
        INSERT INTO ledger.entries (book_id, entry_id, idempotency_key, effective_on, period, description, reverses,
                                    line_count, digest{columns})
        VALUES ({book}, {number}, '{key}', '{on}', '{period}', 'attack', {reverses}, {count},
                decode(repeat('00', 32), 'hex'){values})"""


def lines(
    said: str,
    number: str = "{new}",
    *,
    book: str = "{book}",
    on: str = "2025-03-15",
    period: str = "2025-03-01",
    first: int = 1,
) -> str:
    """`bank 500, sales -500`, an amount in yen with JPY behind it; the numbers of the lines begin with `first`."""
    rows = []
    for line, words in enumerate(said.split(", "), first):
        account, amount, currency = (*words.split(), "CNY")[:3]
        account = account if account.isdigit() else f"{{{account}}}"
        rows.append(f"({book}, {number}, {account}, {amount}, {line}, '{on}', '{period}', '{currency}')")
    return f"""
        INSERT INTO ledger.postings (book_id, entry_id, account_id, amount, line, effective_on, period, currency)
        VALUES {", ".join(rows)}"""


def together(*statements: str) -> str:
    """Statements of one statement."""
    *parts, last = statements
    return "WITH " + ", ".join(f"part_{number} AS ({part})" for number, part in enumerate(parts)) + last


def posted(
    said: str = "bank 500, sales -500",
    number: str = "{new}",
    *,
    book: str = "{book}",
    key: str = "attack",
    on: str = "2025-03-15",
    period: str = "2025-03-01",
    reverses: str = "NULL",
    more: Mapping[str, str] = {},
) -> str:
    """An entry and its lines in one statement, as the ledger would post them."""
    count = len(said.split(", "))
    return together(
        entry(number, book=book, key=key, on=on, period=period, count=count, reverses=reverses, more=more),
        lines(said, number, book=book, on=on, period=period),
    )


def reopened(
    period: str = "2025-01-01", *, book: str = "{book}", locked_at: str = "l.locked_at", locked_by: str = "l.locked_by"
) -> str:
    """The last lock of a book taken back, told as that of a period and of whoever had set it."""
    return f"""
        INSERT INTO ledger.period_reopenings (book_id, period, locked_at, locked_by, reopened_by, reason)
        SELECT {book}, '{period}', {locked_at}, {locked_by}, 'attack', 'attack'
        FROM ledger.period_locks AS l WHERE l.book_id = {{book}} ORDER BY l.period DESC LIMIT 1"""


SEARCHED_FIRST = """
    CREATE TEMP TABLE arrived (LIKE ledger.postings);
    CREATE TEMP TABLE entries (LIKE ledger.entries);
    CREATE TEMP TABLE postings (LIKE ledger.postings);
    CREATE TEMP TABLE accounts (LIKE ledger.accounts);
    CREATE TEMP TABLE books (LIKE ledger.books);
    CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT timestamptz '2035-01-01' $$;
    CREATE FUNCTION pg_temp.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'read committed' $$;
    CREATE FUNCTION pg_temp.different(bigint, bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
    CREATE FUNCTION pg_temp.different(numeric, numeric) RETURNS boolean LANGUAGE sql AS $$ SELECT false $$;
    CREATE OPERATOR pg_temp.<> (FUNCTION = pg_temp.different, LEFTARG = bigint, RIGHTARG = bigint);
    CREATE OPERATOR pg_temp.<> (FUNCTION = pg_temp.different, LEFTARG = numeric, RIGHTARG = numeric);
    CREATE AGGREGATE pg_temp.sum(bigint) (SFUNC = int8mul, STYPE = bigint, INITCOND = '0');
    SET search_path = pg_temp, pg_catalog, ledger;
"""
"""Other meanings of the names that the rules use, to be found before the database's own."""

IN_A_SCHEMA = "CREATE SCHEMA attack;\n" + SEARCHED_FIRST.replace("TEMP TABLE ", "TABLE attack.").replace(
    "pg_temp", "attack"
)
"""The same in a schema, which the search path lets come first for functions and operators as well."""
