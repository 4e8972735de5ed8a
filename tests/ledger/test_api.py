"""The ledger over HTTP, as a host's engineer meets it."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from clipledger.access.audit import list_events
from ledger.books import find_book
from ledger.exports import export_book
from ledger.seals import InclusionProof, proof_holds
from tests.clipledger.front_door import posting, problem
from tests.ledger.desk import ACCOUNTS, BANK, HELD, SALES, Desk, sale

# Books ---------------------------------------------------------------------------------------------------------


async def test_an_operator_opens_a_book_and_finds_it_where_the_answer_says(desk: Desk) -> None:
    body = {"slug": f"book-{uuid4().hex}", "name": "丽娜的店", "time_zone": "Asia/Shanghai"}
    operator = desk.people["operator"]
    opened = await desk.client.post("/v1/books", json=body, headers=posting(operator))
    found = await desk.client.get(opened.headers["location"], headers=operator.bearer)

    assert opened.status_code == 201
    assert found.json() == opened.json()
    assert {name: found.json()[name] for name in body} == body


async def test_everyone_lists_the_books_they_may_read_and_no_other(desk: Desk) -> None:
    body = {"slug": f"book-{uuid4().hex}", "name": "Not finance's"}
    await desk.client.post("/v1/books", json=body, headers=posting(desk.people["operator"]))

    async def listed(role: str) -> list[str]:
        slugs: list[str] = []
        query: dict[str, Any] = {"limit": 3}
        while query.get("cursor", "more"):
            answer = await desk.client.get("/v1/books", params=query, headers=desk.people[role].bearer)
            slugs += [book["slug"] for book in answer.json()["data"]]
            query["cursor"] = answer.json()["next_cursor"]
        return slugs

    every, some = await listed("operator"), await listed("finance")
    assert every == sorted(set(every))
    assert desk.book in some
    assert set(every) - set(some) >= {body["slug"]}
    assert set(some) <= set(every)


# Accounts ------------------------------------------------------------------------------------------------------


async def test_an_account_is_addressed_by_code_and_currency(desk: Desk) -> None:
    opened = await desk.post("accounts", {"code": "assets:stripe", "currency": "KWD", "stripes": 16})
    found = await desk.follow(opened)

    assert opened.status_code == 201
    assert opened.headers["location"] == f"{desk.path}/accounts/assets:stripe/KWD"
    assert found == opened.json()
    assert (found["kind"], found["stripes"]) == ("asset", 16)
    assert (await desk.get("accounts/assets%3Astripe/KWD")).json() == opened.json()


async def test_opening_many_accounts_opens_those_that_are_missing(desk: Desk) -> None:
    wanted = {"accounts": [{"code": BANK, "currency": currency} for currency in ("CNY", "USD", "EUR")]}

    assert (await desk.post("accounts/batch", wanted)).json() == {"opened": 2}
    assert (await desk.post("accounts/batch", wanted)).json() == {"opened": 0}


async def test_accounts_are_listed_by_prefix_page_by_page(desk: Desk) -> None:
    rows = await desk.all_pages("accounts", limit=1)
    banks = await desk.all_pages("accounts", limit=1, prefix="assets:")

    assert [(row["code"], row["currency"]) for row in rows] == sorted(ACCOUNTS)
    assert [row["currency"] for row in banks] == ["CNY", "JPY"]


async def test_a_balance_is_asked_as_of_known_on_and_through(desk: Desk) -> None:
    await desk.posted(sale(12345))
    await desk.posted(sale(-45, day="2026-09-30", period="2026-10"))

    async def balance(**moment: str) -> tuple[int, str]:
        told = await desk.read(f"accounts/{HELD}/CNY/balance", **moment)
        assert (told["code"], told["currency"]) == (HELD, "CNY")
        return told["balance"], told["balance_text"]

    assert await balance() == (-12300, "-123.00")
    assert await balance(as_of="2026-09-30") == (45, "0.45")
    assert await balance(through="2026-09") == (0, "0.00")
    assert await balance(through="2026-10") == (-12300, "-123.00")
    assert await balance(known_on="2026-01-01") == (0, "0.00")


async def test_a_statement_runs_page_by_page_with_the_balance_after_each_posting(desk: Desk) -> None:
    for amount, day in ((500, "2026-10-02"), (-200, "2026-10-03"), (1000, "2026-10-01"), (7, "2026-10-02")):
        await desk.posted(sale(amount, day))
    rows = await desk.all_pages(f"accounts/{BANK}/CNY/statement", limit=1)
    some = await desk.all_pages(f"accounts/{BANK}/CNY/statement", since="2026-10-02", until="2026-10-02", limit=1)

    assert [(row["effective_on"], row["amount"], row["balance"], row["balance_text"]) for row in rows] == [
        ("2026-10-01", 1000, 1000, "10.00"),
        ("2026-10-02", 500, 1500, "15.00"),
        ("2026-10-02", 7, 1507, "15.07"),
        ("2026-10-03", -200, 1307, "13.07"),
    ]
    assert some == rows[1:3]


# Entries -------------------------------------------------------------------------------------------------------


async def test_a_posted_entry_is_found_by_its_number_and_by_its_key(desk: Desk) -> None:
    body = sale(metadata={"order": "78231"}, period="2026-11", idempotency_key="sale/78231 丽娜")
    answer = await desk.post("entries", body)
    entry = await desk.follow(answer)

    assert answer.status_code == 201
    assert entry == await desk.read("entries/by-key", idempotency_key="sale/78231 丽娜")
    assert {name: entry[name] for name in body} == body
    assert entry["entry_id"] == answer.json()["entry_id"]
    assert (entry["reverses"], entry["reversed_by"], len(entry["digest"])) == (None, None, 64)


async def test_an_entry_without_a_key_of_its_own_has_that_of_the_request(desk: Desk) -> None:
    key = uuid4().hex
    entry_id = await desk.posted(sale(), key=key)

    assert (await desk.read(f"entries/{entry_id}"))["idempotency_key"] == key


async def test_the_same_entry_under_another_request_is_found_not_posted_again(desk: Desk) -> None:
    """The service forgets a request's key after a day, the book an entry's never."""
    first = await desk.post("entries", sale(idempotency_key="sale-1"))
    again = await desk.post("entries", sale(idempotency_key="sale-1"))
    other = await desk.post("entries", sale(1, idempotency_key="sale-1"))

    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (again.status_code, again.json()) == (200, {**first.json(), "created": False})
    assert again.headers["location"] == first.headers["location"]
    assert (other.status_code, problem(other)["type"]) == (409, "/problems/idempotency-conflict")


async def test_a_batch_is_posted_whole_in_its_order(desk: Desk) -> None:
    entries = [sale(number, idempotency_key=f"sale-{number}") for number in range(1, 301)]
    answer = await desk.post("entries/batch", {"entries": entries})
    keys = [entry["idempotency_key"] for entry in await desk.all_pages("entries", limit=100)]
    posted = answer.json()["posted"]

    assert answer.status_code == 200
    assert [each["created"] for each in posted] == [True] * 300
    assert keys == [f"sale-{number}" for number in range(300, 0, -1)]
    assert (await desk.read(f"entries/{posted[6]['entry_id']}"))["description"] == "Sale of 7"


async def test_ten_thousand_entries_fit_in_one_batch_and_one_more_does_not(desk: Desk) -> None:
    entries = [sale(number, idempotency_key=f"sale-{number}") for number in range(1, 10_002)]
    refused = await desk.post("entries/batch", {"entries": entries})
    taken = await desk.post("entries/batch", {"entries": entries[:-1]})

    assert (refused.status_code, problem(refused)["field"]) == (400, "entries")
    assert (taken.status_code, len(taken.json()["posted"])) == (200, 10_000)


async def test_a_reversal_undoes_an_entry_and_both_say_so(desk: Desk) -> None:
    entry_id = await desk.posted(sale())
    answer = await desk.post(f"entries/{entry_id}/reverse", {"effective_on": "2026-11-02", "description": "Typo"})
    reversal = await desk.read(f"entries/{answer.json()['entry_id']}")

    assert answer.status_code == 201
    assert answer.headers["location"] == f"{desk.path}/entries/{reversal['entry_id']}"
    assert (reversal["reverses"], reversal["effective_on"], reversal["description"]) == (entry_id, "2026-11-02", "Typo")
    assert [line["amount"] for line in reversal["lines"]] == [-13020, 13020]
    assert (await desk.read(f"entries/{entry_id}"))["reversed_by"] == reversal["entry_id"]
    assert (await desk.read(f"accounts/{BANK}/CNY/balance"))["balance"] == 0


# Trial balance, periods, seals ---------------------------------------------------------------------------------


async def test_a_trial_balance_balances_in_each_currency(desk: Desk) -> None:
    await desk.posted(sale(123450))
    yen = [{"account": account, "currency": "JPY", "amount": amount} for account, amount in ((BANK, 7), (SALES, -7))]
    await desk.posted({"effective_on": "2026-10-06", "description": "Yen", "lines": yen})

    told = await desk.read("trial-balance", depth=2)

    assert [(row["code"], row["currency"], row["kind"], row["balance"]) for row in told["rows"]] == [
        ("assets:bank", "CNY", "asset", 123450),
        ("assets:bank", "JPY", "asset", 7),
        ("income:sales", "JPY", "income", -7),
        ("liabilities:held", "CNY", "liability", -123450),
    ]
    assert [row["balance_text"] for row in told["rows"]] == ["1,234.50", "7", "-7", "-1,234.50"]
    assert [tuple(total.values()) for total in told["totals"]] == [
        ("CNY", 123450, 123450, "1,234.50", "1,234.50"),
        ("JPY", 7, 7, "7", "7"),
    ]


async def test_a_trial_balance_comes_as_csv_too(desk: Desk) -> None:
    await desk.posted(sale(100, day="2026-10-05"))
    answer = await desk.get("trial-balance", format="csv", as_of="2026-10-05")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.splitlines()[1:] == [
        "assets:bank,asset,CNY,1.00,",
        f"{HELD},liability,CNY,,1.00",
        "total,,CNY,1.00,1.00",
    ]


async def test_a_period_is_locked_and_says_by_whom(desk: Desk) -> None:
    before = await desk.read("periods")
    locked = await desk.post("periods/2026-08/lock", by="approver")
    late = await desk.post("entries", sale(day="2026-08-31"))
    kept = await desk.post("entries", sale(day="2026-08-31", period="2026-09"))

    assert before == {"locked_through": None, "locks": [], "reopenings": []}
    assert (locked.status_code, locked.json()["period"]) == (201, "2026-08")
    assert locked.json()["locked_by"].startswith("key:")
    assert await desk.read("periods") == {"locked_through": "2026-08", "locks": [locked.json()], "reopenings": []}
    assert (late.status_code, problem(late)["type"], problem(late)["value"]) == (
        409,
        "/problems/period-locked",
        "2026-08",
    )
    assert kept.status_code == 201


async def test_what_is_sealed_is_proved_by_the_answer_alone(desk: Desk) -> None:
    entry_id = await desk.posted(sale())
    waiting = await desk.get(f"entries/{entry_id}/proof")
    first = await sealed(desk)
    await desk.posted(sale(7))
    second = await sealed(desk)
    told = await desk.read(f"entries/{entry_id}/proof")
    proof = msgspec.convert(told["proof"], InclusionProof)

    assert (waiting.status_code, problem(waiting)["type"]) == (404, "/problems/entry-not-sealed")
    assert await desk.all_pages("seals", limit=1) == [*second, *first]
    assert await desk.read("seals/1") == first[0]
    assert (await desk.post("seals")).json() == {"seals": []}
    assert proof_holds(proof)
    assert json.loads(told["content"])[4] == "Sale of 13020"


async def sealed(desk: Desk) -> list[Any]:
    """New seals. Entries wait while any earlier transaction of the server is under way, of other tests too."""
    while True:
        if made := (await desk.post("seals")).json()["seals"]:
            return list(made)
        await asyncio.sleep(0.05)


# The book as a file --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "media_type", "suffix"),
    [
        ("beancount", "text/plain; charset=utf-8", "beancount"),
        ("csv", "text/csv; charset=utf-8", "csv"),
        ("json", "application/x-ndjson", "jsonl"),
    ],
)
async def test_a_book_is_downloaded_as_a_file(
    desk: Desk, app_engine: AsyncEngine, form: Any, media_type: str, suffix: str
) -> None:
    await desk.posted(sale(description="丽娜"))
    answer = await desk.get("export", format=form)
    async with app_engine.connect() as connection:
        book = await find_book(connection, desk.book)
        expected = "".join([block async for block in export_book(connection, book, form)])

    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'attachment; filename="{desk.book}.{suffix}"'
    assert answer.content.decode() == expected
    assert "丽娜" in expected


async def test_a_line_of_the_json_export_is_the_entry_as_the_api_shows_it(desk: Desk) -> None:
    entry_id = await desk.posted(sale(metadata={"order": "1"}))
    exported = json.loads((await desk.get("export", format="json")).text)
    shown = await desk.read(f"entries/{entry_id}")
    del shown["reversed_by"]

    assert exported == shown


# Who did it ----------------------------------------------------------------------------------------------------


async def test_what_is_done_is_in_the_audit_trail(desk: Desk, app_engine: AsyncEngine) -> None:
    entry_id = await desk.posted(sale(), key="the-key")
    await desk.post("periods/2026-01/lock", by="approver")
    async with app_engine.connect() as connection:
        book_id = (await find_book(connection, desk.book)).book_id
        events = await list_events(connection, books=[book_id])
    posted = next(event for event in events if event.action == "entry.post")

    assert [event.action for event in events] == ["period.lock", "entry.post", "account.open-many"]
    assert posted.subject == f"{desk.path}/entries/{entry_id}"
    assert posted.detail["idempotency_key"] == "the-key"
