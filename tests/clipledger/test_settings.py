"""The environment is read once, and a value that can't be used is named."""

from pathlib import Path

import pytest

from clipledger.settings import Settings, SettingsError


def read(**env: str) -> Settings:
    return Settings.from_environment(env)


def test_nothing_has_to_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert read() == Settings(
        database_url=None,
        database_owner_url=None,
        var=tmp_path / "var",
        host="127.0.0.1",
        port=8000,
        public_url="http://127.0.0.1:8000",
    )


def test_a_variable_set_to_nothing_counts_as_absent() -> None:
    assert read(DATABASE_URL="", CLIPLEDGER_PORT=" ") == read()


def test_every_variable_is_taken_over() -> None:
    settings = read(
        DATABASE_URL="postgres://app:secret@db.example/clipledger",
        DATABASE_OWNER_URL="postgresql://owner:secret@db.example/clipledger?sslmode=verify-full",
        CLIPLEDGER_VAR="/srv/clipledger",
        CLIPLEDGER_HOST="::",
        CLIPLEDGER_PORT="80",
        CLIPLEDGER_PUBLIC_URL="https://clips.example/ledger/",
        CLIPLEDGER_MEDIA_URL="s3://videos/clipledger/",
        CLIPLEDGER_MEDIA_FOLDERS="/tmp:/usr",
    )

    assert settings == Settings(
        database_url="postgres://app:secret@db.example/clipledger",
        database_owner_url="postgresql://owner:secret@db.example/clipledger?sslmode=verify-full",
        var=Path("/srv/clipledger"),
        host="::",
        port=80,
        public_url="https://clips.example/ledger",
        media_url="s3://videos/clipledger",
        media_folders=(Path("/tmp"), Path("/usr")),
    )


def test_uploaded_videos_lie_in_a_folder_beside_the_database_unless_told(tmp_path: Path) -> None:
    assert read(CLIPLEDGER_VAR=str(tmp_path / "a b")).media_storage == (tmp_path / "a b" / "media").as_uri()
    assert read(CLIPLEDGER_MEDIA_URL="gs://videos").media_storage == "gs://videos"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("ledger.example", "http://ledger.example:8000"),
    ],
)
def test_the_public_address_is_where_the_service_listens_unless_told(host: str, expected: str) -> None:
    assert read(CLIPLEDGER_HOST=host).public_url == expected


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("DATABASE_URL", "mysql://db.example/clipledger", "only PostgreSQL"),
        ("DATABASE_URL", "db.example", "must be postgresql://"),
        ("CLIPLEDGER_HOST", "localhost:8000", "without a port"),
        ("CLIPLEDGER_PORT", "0", "from 1 to 65535"),
        ("CLIPLEDGER_PORT", "65536", "from 1 to 65535"),
        ("CLIPLEDGER_PORT", "８０", "from 1 to 65535"),
        ("CLIPLEDGER_PORT", "http", "from 1 to 65535"),
        ("CLIPLEDGER_PUBLIC_URL", "clips.example", "must be http"),
        ("CLIPLEDGER_PUBLIC_URL", "https://clips.example/?a=1", "without a query"),
        ("CLIPLEDGER_VAR", __file__, "must be a folder"),
        ("CLIPLEDGER_MEDIA_URL", "/srv/media", "must be file:///folder"),
        ("CLIPLEDGER_MEDIA_URL", "https://videos.example/", "one of s3, gs, az"),
        ("CLIPLEDGER_MEDIA_URL", "s3://key:secret@videos", "one of s3, gs, az"),
        ("CLIPLEDGER_MEDIA_FOLDERS", "/tmp:videos", "absolute folders that exist"),
        ("CLIPLEDGER_MEDIA_FOLDERS", "/tmp:/no/such/folder", "absolute folders that exist"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_its_rule(variable: str, value: str, rule: str) -> None:
    with pytest.raises(SettingsError, match=rule) as caught:
        read(**{variable: value})

    assert caught.value.variable == variable
    assert variable in str(caught.value)


def test_an_owner_needs_a_database() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        read(DATABASE_OWNER_URL="postgresql://owner@db.example/clipledger")


@pytest.mark.parametrize(
    "value",
    [
        "mysql://me:s3cret@db/x",
        "postgresql://me:s3cret@db:port/x",
        "mysql://me:a@s3cret?@db/x",
        "mysql://db/x?password=s3cret",
        "me:s3cret@db",
    ],
)
def test_a_password_is_never_shown(value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(DATABASE_URL=value)

    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(read(DATABASE_URL="postgresql://me:s3cret@db/x"))
