"""`clipledger media …`: streams and clips from the command line, by hand or by a script."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from clipledger.cli import main
from clipledger.database import DatabaseUrls, conninfo
from tests.media.showing import cut, film

Command = Callable[..., Result]


@pytest.fixture
def command(fresh_urls: DatabaseUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`clipledger`, on a database of the test's own in which there is the book linas-shop."""
    monkeypatch.setenv("DATABASE_URL", fresh_urls.app)
    monkeypatch.setenv("CLIPLEDGER_VAR", str(tmp_path / "var"))

    def run(*words: str | Path) -> Result:
        return CliRunner().invoke(main, [str(word) for word in words])

    assert run("ledger", "open-book", "linas-shop", "Lina's shop").exit_code == 0
    return run


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "launch.mp4", seconds=30, seed=1)


def read(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_stream_is_fingerprinted_once(command: Command, stream: Path) -> None:
    [done] = read(command("media", "fingerprint", stream, "--book", "linas-shop", "--json"))
    assert (done["title"], done["state"], done["progress"]) == ("launch", "ready", 1)
    assert done["created_by"].startswith("cli:")
    [again] = read(command("media", "fingerprint", stream, "--book", "linas-shop", "--json"))
    assert again == done


def test_a_clip_is_found_in_its_stream(command: Command, stream: Path, tmp_path: Path) -> None:
    [source] = read(command("media", "fingerprint", stream, "--book", "linas-shop", "--json"))
    clip = cut(tmp_path / "clip.mp4", stream, start=8, seconds=10)
    sheet = tmp_path / "sheet.jpg"
    [found] = read(command("media", "identify", clip, "--book", "linas-shop", "--json", "--sheet", sheet))
    [match] = found["identification"]["matches"]
    assert (found["clip"]["state"], match["source_id"]) == ("identified", source["source_id"])
    assert match["source_t0"] - match["clip_t0"] == pytest.approx(8, abs=0.5)
    assert sheet.read_bytes().startswith(b"\xff\xd8\xff")


def test_people_read_tables(command: Command, stream: Path, tmp_path: Path) -> None:
    told = command("media", "fingerprint", stream, "--book", "linas-shop").stdout
    assert told.splitlines()[0].split() == ["source", "title", "duration", "state"]
    assert "0:00:30" in told
    stranger = film(tmp_path / "stranger.mp4", seconds=6, seed=9)
    told = command("media", "identify", stranger, "--book", "linas-shop").stdout
    assert told.splitlines()[1].split() == ["stranger", "nothing", "found"]


def test_a_video_is_traced_to_the_host_whose_stream_it_shows(command: Command, stream: Path, tmp_path: Path) -> None:
    command("ledger", "open-book", "omars-shop", "Omar's shop")
    [mine] = read(command("media", "fingerprint", stream, "--book", "linas-shop", "--json"))
    another = film(tmp_path / "evening.mp4", seconds=20, seed=2)
    [theirs] = read(command("media", "fingerprint", another, "--book", "omars-shop", "--json"))
    clip = cut(tmp_path / "clip.mp4", another, start=5, seconds=8)
    stranger = film(tmp_path / "stranger.mp4", seconds=6, seed=9)

    shown, strange = read(command("media", "trace", clip, stranger, "--json"))

    [sighting] = shown["sightings"]
    assert (sighting["book"], sighting["source_id"], sighting["title"]) == (
        "omars-shop",
        theirs["source_id"],
        "evening",
    )
    assert sighting["source_t0"] - sighting["clip_t0"] == pytest.approx(5, abs=0.5)
    assert (shown["sources"], shown["failure"]) == (2, None)
    assert (strange["sources"], strange["sightings"]) == (2, [])
    people = command("media", "trace", stream, clip).stdout.splitlines()
    assert people[1].split()[2:5] == ["linas-shop", str(mine["source_id"]), "launch"]
    assert people[2].split()[2:5] == ["omars-shop", str(theirs["source_id"]), "evening"]


def test_a_source_that_was_removed_is_traced_no_more_and_nothing_is_kept(
    command: Command, stream: Path, fresh_urls: DatabaseUrls
) -> None:
    [source] = read(command("media", "fingerprint", stream, "--book", "linas-shop", "--json"))
    [before] = read(command("media", "trace", stream, "--json"))
    with psycopg.connect(conninfo(fresh_urls.owner)) as connection:
        assert connection.execute("SELECT count(*) FROM media.clips").fetchone() == (0,)
        connection.execute("UPDATE media.sources SET removed_at = now()")
        connection.execute("DELETE FROM media.parts")
    [after] = read(command("media", "trace", stream, "--json"))
    assert [each["source_id"] for each in before["sightings"]] == [source["source_id"]]
    assert (after["sources"], after["sightings"]) == (0, [])


def test_a_file_that_can_not_be_traced_keeps_no_other_from_it(command: Command, stream: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear Lina")
    result = command("media", "trace", letter, stream, "--json")
    assert result.exit_code == 1
    refused, strange = json.loads(result.stdout)
    assert "must be a video" in refused["failure"]
    assert strange["failure"] is None
    assert "must be a video" in command("media", "trace", letter).stdout


def test_what_is_no_video_is_told_and_exits_with_1(command: Command, stream: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear Lina")
    for verb in ("fingerprint", "identify"):
        result = command("media", verb, letter, "--book", "linas-shop")
        assert result.exit_code == 1
        assert "must be a video" in result.stdout


def test_the_index_can_be_looked_at_and_made_anew(command: Command, stream: Path) -> None:
    command("media", "fingerprint", stream, "--book", "linas-shop")
    for arguments in ((), ("--rebuild",)):
        found = read(command("media", "index", "--book", "linas-shop", "--json", *arguments))
        assert (found["sources"], found["parts"]) == (1, 1)
    assert "sources 1, parts 1, " in command("media", "index", "--book", "linas-shop").stdout


def test_a_mistake_is_one_clear_line(command: Command, stream: Path, tmp_path: Path) -> None:
    assert "no such book" in command("media", "fingerprint", stream, "--book", "nobodys-shop").output
    assert "does not exist" in command("media", "identify", tmp_path / "none.mp4", "--book", "linas-shop").output
    two = command("media", "identify", stream, stream, "--book", "linas-shop", "--sheet", tmp_path / "x.jpg")
    assert "--sheet is for one clip" in two.output
