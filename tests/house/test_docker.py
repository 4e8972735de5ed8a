"""The container files fit the house; no container is started here."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from clipledger.cli import main

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COMPOSE = (ROOT / "docker" / "compose.yaml").read_text()


def compose() -> list[str] | None:
    """The plugin of docker, or the program of its own that came before it."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True).returncode == 0:
            return command
    return None


@pytest.mark.skipif(compose() is None, reason="docker compose is not installed")
def test_docker_accepts_the_composition() -> None:
    command = [*(compose() or []), "--file", str(ROOT / "docker" / "compose.yaml"), "config", "--services"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"database", "migrate", "web", "worker", "scheduler"}


def test_every_service_runs_a_command_that_there_is() -> None:
    commands = [tuple(words.split(", ")) for words in re.findall(r"^    command: \[(.+)\]$", COMPOSE, re.MULTILINE)]
    assert commands == [("db", "migrate"), ("web",), ("worker",), ("scheduler",)]
    for name, *rest in commands:
        command = main.commands[name]
        assert not rest or rest[0] in getattr(command, "commands", {})


def test_no_password_has_a_default_or_stands_in_a_url() -> None:
    passwords = re.findall(r"^ +\w*PASSWORD: (.*)$", COMPOSE, re.MULTILINE)
    assert len(passwords) == 5
    assert all(re.fullmatch(r"\$\{[A-Z_]+PASSWORD\}", password) for password in passwords)
    assert "PASSWORD}@" not in COMPOSE


def test_only_the_migration_knows_the_owner_s_login() -> None:
    services = dict(re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", COMPOSE, re.MULTILINE))
    knowing = {name for name, text in services.items() if "OWNER" in text}
    assert knowing == {"database", "migrate"}


def test_the_image_holds_every_room_and_runs_as_nobody_special() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    assert copied == {"ledger", "licensing", "media", "settlement", "clipledger", "migrations"}
    assert re.findall(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE) == ["clipledger"]


def test_the_image_holds_the_locked_packages_of_the_service_only() -> None:
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert "requirements-dev" not in DOCKERFILE
