"""`clipledger user` and `clipledger key`, as an operator types them."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy.engine import make_url

from clipledger.access import keys, users
from clipledger.access.audit import list_events
from clipledger.access.errors import WrongPassword
from clipledger.cli import main
from clipledger.database import DatabaseUrls, create_engine, downgrade
from ledger.books import open_book
from tests.clipledger.front_door import PASSWORD

Run = Callable[..., Result]


def on(urls: DatabaseUrls) -> dict[str, str]:
    """The environment that names this database."""
    plain = {name: make_url(url).set(drivername="postgresql") for name, url in vars(urls).items()}
    return {
        "DATABASE_URL": plain["app"].render_as_string(hide_password=False),
        "DATABASE_OWNER_URL": plain["owner"].render_as_string(hide_password=False),
    }


@pytest.fixture(scope="module")
def run(urls: DatabaseUrls) -> Run:
    """The command line on the worker's database."""
    env = on(urls)

    def invoke(*arguments: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, arguments, env=env, input=typed)

    return invoke


def on_database(urls: DatabaseUrls, work: Callable[[Any], Any]) -> Any:
    """Run `work(connection)` in a loop of its own, as the commands do."""

    async def do() -> Any:
        engine = create_engine(urls.app)
        async with engine.begin() as connection:
            done = await work(connection)
        await engine.dispose()
        return done

    return asyncio.run(do())


@pytest.fixture(scope="module")
def book(urls: DatabaseUrls) -> str:
    slug = f"book-{uuid4().hex}"
    on_database(urls, lambda connection: open_book(connection, slug, "A book"))
    return slug


@pytest.fixture(scope="module")
def email(run: Run, book: str) -> str:
    email = f"{uuid4().hex}@example.com"
    added = run("user", "add", email, "--role", f"finance:{book}", "--password-stdin", typed=f"{PASSWORD}\n")
    assert added.exit_code == 0, added.output
    return email


def listed(run: Run, email: str) -> dict[str, Any]:
    found = [user for user in json.loads(run("user", "list", "--json").stdout) if user["email"] == email]
    assert len(found) == 1
    return dict(found[0])


def test_an_added_user_has_the_roles_and_the_password_given(
    run: Run, urls: DatabaseUrls, email: str, book: str
) -> None:
    user = on_database(urls, lambda connection: users.check_password(connection, email, PASSWORD))

    assert listed(run, email)["user_id"] == user.user_id
    assert listed(run, email)["roles"] == [f"finance:{book}"]


def test_the_password_is_asked_for_twice_and_not_shown(run: Run) -> None:
    email = f"{uuid4().hex}@example.com"
    added = run("user", "add", email, "--role", "operator", typed=f"{PASSWORD}\n{PASSWORD}\n")

    assert added.exit_code == 0
    assert PASSWORD not in added.output
    assert listed(run, email)["roles"] == ["operator"]


def test_a_user_that_cannot_be_added_changes_nothing(run: Run) -> None:
    email = f"{uuid4().hex}@example.com"
    added = run("user", "add", email, "--role", "finance:no-such-book", "--password-stdin", typed=f"{PASSWORD}\n")

    assert added.exit_code == 1
    assert "no-such-book" in added.output
    assert email not in run("user", "list", "--json").output


def test_a_short_password_is_refused_by_its_rule(run: Run) -> None:
    added = run("user", "add", "short@example.com", "--password-stdin", typed="short\n")

    assert added.exit_code == 1
    assert "12 to 1024 characters" in added.output


def test_a_role_is_granted_and_withdrawn(run: Run, email: str, book: str) -> None:
    run("user", "role", email, "approver", "--book", book)
    with_role = listed(run, email)["roles"]
    run("user", "role", email, "approver", "--book", book, "--withdraw")

    assert with_role == [f"approver:{book}", f"finance:{book}"]
    assert listed(run, email)["roles"] == [f"finance:{book}"]


def test_a_disabled_user_can_be_enabled_again(run: Run, email: str) -> None:
    assert run("user", "disable", email).exit_code == 0
    disabled = listed(run, email)["disabled_at"]
    assert run("user", "enable", email).exit_code == 0

    assert disabled
    assert listed(run, email)["disabled_at"] is None


def test_a_new_password_replaces_the_old(run: Run, urls: DatabaseUrls) -> None:
    email = f"{uuid4().hex}@example.com"
    run("user", "add", email, "--password-stdin", typed=f"{PASSWORD}\n")
    changed = run("user", "password", email, "--password-stdin", typed="another good password\n")

    assert changed.exit_code == 0
    on_database(urls, lambda connection: users.check_password(connection, email, "another good password"))
    with pytest.raises(WrongPassword):
        on_database(urls, lambda connection: users.check_password(connection, email, PASSWORD))


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(
    run: Run, urls: DatabaseUrls, email: str, book: str
) -> None:
    made = json.loads(
        run("key", "create", email, "--name", "export", "--scope", "ledger:read", "--book", book, "--json").stdout
    )
    principal = on_database(urls, lambda connection: keys.authenticate_key(connection, made["token"]))
    (shown,) = json.loads(run("key", "list", "--user", email, "--json").stdout)
    revoked = run("key", "revoke", str(made["key_id"]))
    (after,) = json.loads(run("key", "list", "--user", email, "--json").stdout)

    assert list(principal.grants.values()) == [frozenset({"ledger:read"})]
    assert shown["prefix"] in made["token"]
    assert "token" not in shown
    assert revoked.exit_code == 0
    assert after["revoked_at"]


def test_without_json_the_token_stands_alone_on_its_line(run: Run, email: str) -> None:
    made = run("key", "create", email, "--name", "pipe", "--scope", "ledger:read", "--days", "30")

    assert made.stdout.startswith("clk_")
    assert len(made.stdout.splitlines()) == 1


def test_lists_are_tables_for_people(run: Run, email: str) -> None:
    assert run("user", "list").exit_code == 0
    assert run("key", "list", "--user", email).exit_code == 0


def test_what_is_done_here_is_in_the_audit_trail(run: Run, urls: DatabaseUrls, email: str) -> None:
    events = on_database(urls, lambda connection: list_events(connection, limit=1000))
    mine = [event for event in events if event.subject == email and event.action == "user.add"]

    assert len(mine) == 1
    assert mine[0].actor.startswith("cli:")
    assert PASSWORD not in str(events)


def test_an_unknown_user_is_told_clearly(run: Run) -> None:
    answer = run("user", "disable", "nobody@example.com")

    assert answer.exit_code == 1
    assert "no such user" in answer.output


def test_the_schema_that_is_missing_is_told_without_a_traceback(run: Run, urls: DatabaseUrls) -> None:
    empty = make_url(urls.app).set(drivername="postgresql", database="postgres")
    env = {"DATABASE_URL": empty.render_as_string(hide_password=False)}
    answer = CliRunner().invoke(main, ["user", "list"], env=env)

    assert answer.exit_code == 1
    assert "Error" in answer.output
    assert "Traceback" not in answer.output


def test_a_database_without_tables_says_what_to_run(fresh_urls: DatabaseUrls) -> None:
    downgrade(fresh_urls.owner, "base")
    done = CliRunner().invoke(main, ["user", "list"], env=on(fresh_urls))

    assert done.exit_code == 1
    assert done.output == ("Error: The database does not have this version's tables yet. Run: clipledger db migrate\n")
