"""The pages in Chinese: whole, with the same places in both languages, and nothing left over."""

import re
from collections import defaultdict
from collections.abc import Mapping

import pytest
from babel.messages.catalog import Message

from clipledger.pages import catalogues, refusal_messages
from clipledger.pages.languages import CATALOGUES, Language, translations_of
from clipledger.pages.refusals import PLAIN, TITLES, headline, rule
from clipledger.web.problems import Problem
from licensing.certificates.labels import LABELS as CERTIFICATE
from settlement.statements.labels import LABELS as STATEMENT

PLACE = re.compile(r"%\(\w+\)[sd]|\{\d+\}|%%")
NAMES = sorted(catalogues.messages())


def ids(message: Message) -> tuple[str, ...]:
    return tuple(message.id) if isinstance(message.id, tuple | list) else (str(message.id),)


def told(message: Message) -> tuple[str, ...]:
    return tuple(message.string) if isinstance(message.string, tuple | list) else (str(message.string or ""),)


@pytest.fixture(scope="module")
def wanted() -> dict[str, set[str | tuple[str, ...]]]:
    return catalogues.messages()


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_said_in_chinese(name: str, wanted: dict[str, set[str | tuple[str, ...]]]) -> None:
    untold = [
        message.id
        for message in catalogues.renewed("zh", name, wanted[name])
        if message.id and not all(text.strip() for text in told(message))
    ]
    assert not untold


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_over_that_no_page_says(name: str, wanted: dict[str, set[str | tuple[str, ...]]]) -> None:
    kept = {ids(message) for message in catalogues.catalogue("zh", name) if message.id}
    assert kept <= {each if isinstance(each, tuple) else (each,) for each in wanted[name]}


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_in_the_places_is_the_same_in_both(name: str) -> None:
    for message in catalogues.catalogue("zh", name):
        if message.id:
            for text in told(message):
                assert set(PLACE.findall(text)) == set(PLACE.findall(ids(message)[-1])), text


@pytest.mark.parametrize("name", NAMES)
def test_chinese_has_one_form_for_any_number(name: str) -> None:
    for message in catalogues.catalogue("zh", name):
        if message.id and message.pluralizable:
            assert len(told(message)) == 1, message.id
    say = translations_of("zh").ungettext
    assert say("%(num)s is running", "%(num)s are running", 1) == say("%(num)s is running", "%(num)s are running", 2)


def test_what_two_spaces_say_they_say_alike() -> None:
    """They are one catalogue to the reader: the last would win."""
    said = defaultdict(set)
    for name in NAMES:
        for message in catalogues.catalogue("zh", name):
            if message.id and all(told(message)):
                said[ids(message)[0]].add(told(message))  # by this, plurals are looked up too
    assert not {message: texts for message, texts in said.items() if len(texts) > 1}


@pytest.mark.parametrize("labels", [STATEMENT, CERTIFICATE], ids=["statements", "certificates"])
def test_papers_call_things_as_pages_do(labels: Mapping[Language, Mapping[str, str]]) -> None:
    """What parts the items of a list on paper is another mark."""
    say = translations_of("zh").ugettext
    pages = {name: str(say(english)) for name, english in labels["en"].items() if say(english) != english}
    assert len(pages) > 15
    assert not {name: said for name, said in pages.items() if name != "comma" and said != labels["zh"][name]}


def test_there_is_no_catalogue_beside_them() -> None:
    assert {path.stem for path in (CATALOGUES / "zh").iterdir()} == set(NAMES)


def test_renewing_a_catalogue_keeps_what_was_written_in_it() -> None:
    before = {ids(message): told(message) for message in catalogues.catalogue("zh", "shell")}
    after = catalogues.renewed("zh", "shell", {"Log in", "Never said before"})
    assert {ids(message): told(message) for message in after if message.id} == {
        ("Log in",): before["Log in",],
        ("Never said before",): ("",),
    }


# Refusals ---------------------------------------------------------------------------------------------------


def test_every_kind_of_problem_is_found_in_the_code() -> None:
    codes = refusal_messages.codes()
    assert {"invalid-terms", "wrong-run-step", "weak-password", "unbalanced-entry", "not-a-video", "busy"} <= codes
    assert set(TITLES) <= codes


def test_rules_are_found_with_their_figures_as_places() -> None:
    rules = refusal_messages.rules()
    assert {
        "must have 12 to 1024 characters",
        "at most {1} characters",
        "there is none, or none that you may see",
    } <= rules
    assert not {text for text in rules if "SELECT" in text}


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("must have 12 to 1024 characters", "须为 12 到 1024 个字符"),
        ("1 to 200 characters, none of them NUL", "1 到 200 个字符，不含 NUL"),
        ("at most 50 characters", "最多 50 个字符"),
        ("a grant that is revoked can't be resumed by the host; allowed: x", None),
        ("what nobody has said before: 100% %(x)s {1}", "what nobody has said before: 100% %(x)s {1}"),
    ],
)
def test_a_rule_is_told_in_the_language(english: str, chinese: str | None) -> None:
    assert rule(english, "en") == english
    assert rule(english, "zh") == chinese or (chinese is None and "已撤销" in rule(english, "zh"))


@pytest.mark.parametrize(
    ("decoder", "english", "chinese"),
    [
        ("Expected `int`, got `str`", "must be a whole number", "必须是整数"),
        ("Expected `int | null`, got `str`", "must be a whole number", "必须是整数"),
        ("Expected `int` >= 5", "must be at least 5", "不能小于 5"),
        ("Expected `str` of length >= 1", "must not be empty", "不能为空"),
        ("Expected `str | null`, got `null`", "is required", "必填"),
        ("Expected `Terms`, got `array`", "is not what belongs here", "填写的内容不符合要求"),
    ],
)
def test_types_of_the_code_are_told_as_people_say_it(decoder: str, english: str, chinese: str) -> None:
    assert (rule(decoder, "en"), rule(decoder, "zh")) == (english, chinese)


def test_a_long_rule_is_no_work_for_patterns() -> None:
    assert rule("a " + "x that is " * 5000, "zh").startswith("a x that")


def test_titles_are_told_for_people() -> None:
    its = Problem(409, "wrong-run-step").details("1")
    assert (headline(its, "en"), headline(its, "zh")) == ("This is not the time for that", "现在还不能这样操作")
    its = Problem(404, "grant-not-found").details("1")
    assert (headline(its, "en"), headline(its, "zh")) == ("Licence not found", "找不到授权")
    assert all(text for text in PLAIN.values())
