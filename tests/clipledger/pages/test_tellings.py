"""What the books tell in English is told in Chinese, with what people typed as they typed it."""

import pytest

from clipledger.pages.patterns import LONGEST, catalogue
from clipledger.pages.tellings import _BROKEN, _NAMING, _TYPED, told
from clipledger.pages.told_messages import told as messages
from settlement.rails.bank_reasons import refusal_for

REFUSED = refusal_for("AC04", "Konto erloschen").reason


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Holds ended", "待结算期满"),
        ("Payout 7: approved", "打款 7：已批准"),
        ("Payout 7 refused: the account is closed", "打款 7 被拒绝：该账户已注销"),
        (f"Payout 7 refused: {REFUSED}", "打款 7 被拒绝：该账户已注销：Konto erloschen"),
        ("less than 50.00 CNY, the least that its terms pay out", "低于条款规定的最低打款额 50.00 CNY"),
        ("nothing is withheld: no rule is this party's", "不代扣税款：该方不适用任何税务规则"),
        ("paid in the year before 10.00 CNY, with this 12.00 CNY", "当年此前已付 10.00 CNY，连同本次 12.00 CNY"),
        ("10% of 12.00 CNY less 1.00 CNY = 0.20 CNY", "12.00 CNY 的 10% 减 1.00 CNY = 0.20 CNY"),
        ("Taken back: B1: booked the wrong way round", "冲回：B1：借贷记反"),
        ("fee: moved, and is not booked", "手续费：外部已变动，尚未入账"),
        ("settled", "已结算"),
        ("may.csv row 7, due: at most 50 characters", "may.csv 第 7 行，due：最多 50 个字符"),
        ("may.csv row 7, whole row: at most 50 characters", "may.csv 第 7 行，整行：最多 50 个字符"),
    ],
)
def test_a_sentence_of_the_books_is_told_with_what_stands_in_it(english: str, chinese: str) -> None:
    assert told(english, "zh") == chinese
    assert told(english, "en") == english


@pytest.mark.parametrize(
    "typed", ["held", "Holds ended", "the account is closed", "duplicate", "Report 7", "Payout 7: approved"]
)
def test_what_people_type_stays_as_it_is(typed: str) -> None:
    assert told(f"Adjustment 7: {typed}", "zh") == f"调整 7：{typed}"
    assert told(f"Payout 7 cancelled: {typed}", "zh") == f"打款 7 已取消：{typed}"
    assert told(f"Reconciliation of assets:bank: {typed}", "zh") == f"assets:bank 的对账：{typed}"


def test_a_marketplace_is_called_as_it_calls_itself() -> None:
    assert told("Paid by douyin: douyin R-1", "en") == "Paid by Douyin: douyin R-1"
    assert told("Paid by douyin: douyin R-1", "zh") == "抖音 回款：douyin R-1"
    assert told("Paid by my-shop: R-1", "en") == "Paid by my-shop: R-1"


def test_what_the_books_never_said_stays_as_it_is() -> None:
    for text in ("Order 5762 was miscounted.", "100% %(x)s {1} {2}", "", "a" * (LONGEST + 1)):
        assert told(text, "zh") == text


def test_what_the_books_tell_is_found_in_their_code() -> None:
    found = messages()
    assert {"True-ups released", "Adjustment {1}: {2}", "Payout {1} sent: {2}", "is not what was sealed"} <= found
    assert {"{1}: {2} days apart", "the account is closed", "received", "paid: {1}"} <= found
    assert found >= _TYPED | _BROKEN | _NAMING
    assert not {text for text in found if "SELECT" in text}


def test_no_hostile_text_takes_long() -> None:
    assert told("Payout 1 refused: " * 55, "zh").startswith("打款 1 被拒绝：")
    assert catalogue("en", "told") == {}
