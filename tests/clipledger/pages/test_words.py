"""Every word of the rooms' vocabularies that pages show is told as people say it."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Literal, get_args, get_origin

import pytest

from clipledger.access.roles import PARTY_ROLES, ROLES
from clipledger.pages.words import WORDS
from clipledger.timetable import Outcome
from licensing.claim_rules import GROUNDS
from licensing.states import MACHINES
from licensing.vocabulary import PLATFORMS
from settlement.report import Import

SHOWN = {"State", "Kind", "Matter", "Role", "Side", "Stage", "TheirKind", "RailName", "Disclosed", "Standing"}
"""Names of vocabularies whose words pages show."""


def vocabularies() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Those of the rooms, by where they are first found."""
    found: dict[tuple[str, ...], str] = {}
    for room in ("ledger", "licensing", "media", "settlement"):
        for module in pkgutil.walk_packages(import_module(room).__path__, f"{room}."):
            for name, value in vars(import_module(module.name)).items():
                if name in SHOWN and get_origin(value) is Literal:
                    found.setdefault(get_args(value), f"{module.name}.{name}")
    for words, place in found.items():
        yield place, words
    for machine in MACHINES:
        yield f"the {machine.noun}'s states", machine.states
    yield "outcomes of jobs", get_args(Outcome)
    yield "states of imports", get_args(Import.__annotations__["state"])
    yield "grounds of claims", tuple(GROUNDS)
    yield "platforms", PLATFORMS
    yield "roles", (*ROLES, *PARTY_ROLES)


@pytest.mark.parametrize(("place", "words"), list(vocabularies()))
def test_every_word_of_a_vocabulary_is_told(place: str, words: tuple[str, ...]) -> None:
    assert not {word for word in words if word not in WORDS}, f"{place} has words that clipledger.pages.words lacks"


def test_each_word_is_of_a_tone_there_is() -> None:
    assert {tone for _, tone in WORDS.values()} == {"good", "bad", "wait", "quiet"}
