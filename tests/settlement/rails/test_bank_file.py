from datetime import timedelta, timezone
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from settlement.errors import InvalidOrder, UnknownFormat, UnreadableFile
from settlement.rails.bank_accounts import BankAccount
from settlement.rails.bank_file import BankFileRail
from settlement.rails.bank_messages import fits_end_to_end, latin, validate
from settlement.rails.protocol import Conflicting, Filed, Order, RailContradicts, Refused, Sent
from tests.settlement.rails.bank_stand import HOUSE, NOW, TODAY, BankStand, Records, answer
from tests.settlement.rails.contract import RailContract


@pytest.fixture
def stand() -> BankStand:
    return BankStand()


class TestContract(RailContract):
    pass


def orders(stand: BankStand) -> list[Order]:
    return [
        stand.order("b-2", amount=5),
        stand.order("b-1"),
        stand.order("b-3", destination="clipper-8", currency="CNY", amount=123_456, description="十月剪辑分成"),
    ]


def said(content: bytes, path: str) -> list[str | None]:
    names = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
    found = Xml.fromstring(content).findall(".//" + "/".join(f"p:{step}" for step in path.split("/")), names)
    return [one.text for one in found]


# The file ----------------------------------------------------------------------------------------------------------


def test_a_file_names_each_payment_once_and_its_sums_agree(stand: BankStand) -> None:
    made = stand.rail.make_file(orders(stand), created=NOW, execute_on=TODAY)
    assert (made.count, made.totals) == (3, {"EUR": 6645, "CNY": 123_456})
    assert said(made.content, "GrpHdr/NbOfTxs") == ["3"]
    assert said(made.content, "GrpHdr/CtrlSum") == ["1301.01"]
    assert said(made.content, "GrpHdr/CreDtTm") == ["2026-11-23T09:30:00Z"]
    assert said(made.content, "PmtInf/CtrlSum") == ["1234.56", "66.45"]
    assert said(made.content, "PmtInf/ChrgBr") == ["DEBT", "SLEV"]
    assert said(made.content, "PmtId/EndToEndId") == ["b-3", "b-1", "b-2"]
    assert said(made.content, "Amt/InstdAmt") == ["1234.56", "66.40", "0.05"]
    assert said(made.content, "ReqdExctnDt/Dt") == ["2026-11-23"] * 2


def test_names_and_texts_are_in_the_signs_that_their_way_carries(stand: BankStand) -> None:
    made = stand.rail.make_file(orders(stand), created=NOW, execute_on=TODAY)
    assert said(made.content, "Cdtr/Nm") == ["李娜", "Ana Muller", "Ana Muller"]
    assert said(made.content, "RmtInf/Ustrd") == ["十月剪辑分成", "Clips in October 2026", "Clips in October 2026"]
    assert said(made.content, "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId") == ["102100099996"]
    assert said(made.content, "CdtrAcct/Id/IBAN") == ["NL91ABNA0417164300"] * 2


def test_the_same_orders_make_the_same_bytes_in_whatever_order(stand: BankStand) -> None:
    first = stand.rail.make_file(orders(stand), created=NOW, execute_on=TODAY)
    there = NOW.astimezone(timezone(timedelta(hours=8)))
    second = stand.rail.make_file(reversed(orders(stand)), created=there, execute_on=TODAY)
    assert first == second
    later = stand.rail.make_file(orders(stand), created=NOW + timedelta(days=3), execute_on=TODAY + timedelta(days=3))
    assert later.message_id == first.message_id, "a bank that has the first refuses it by its id"
    other = stand.rail.make_file(orders(stand)[:2], created=NOW, execute_on=TODAY)
    assert other.message_id != first.message_id


def test_every_file_is_valid_whatever_the_texts_hold(stand: BankStand) -> None:
    texts = ["", "a" * 500, "<&>\"'", "\0\x1b[31m\ud800", " \n\t ", "😀 emoji", "//", "Ł–’ß"]
    odd = [stand.order(f"t-{number}", description=text) for number, text in enumerate(texts)]
    odd += [
        stand.order(f"c-{number}", description=text, destination="clipper-8", currency="CNY")
        for number, text in enumerate(texts)
    ]
    made = stand.rail.make_file(odd, created=NOW, execute_on=TODAY)
    assert made.count == 16
    assert "&lt;&amp;&gt;" in made.content.decode()


def test_a_document_that_is_not_what_its_schema_says_is_not_handed_out(stand: BankStand) -> None:
    made = stand.rail.make_file(orders(stand), created=NOW, execute_on=TODAY)
    validate(made.content)
    with pytest.raises(InvalidOrder, match=r"pain\.001"):
        validate(made.content.replace(b"<ChrgBr>DEBT</ChrgBr>", b"<ChrgBr>THEM</ChrgBr>"))
    with pytest.raises(InvalidOrder):
        validate(made.content.replace(b"TRF", b""))


@pytest.mark.parametrize("twice", [True, False])
def test_a_file_of_nothing_or_of_one_order_twice_is_refused(stand: BankStand, twice: bool) -> None:
    with pytest.raises(InvalidOrder):
        stand.rail.make_file([stand.order(), stand.order()] if twice else [], created=NOW, execute_on=TODAY)


def test_one_refused_order_keeps_the_file_from_being_made(stand: BankStand) -> None:
    with pytest.raises(InvalidOrder, match="no bank account"):
        stand.rail.make_file([stand.order(), stand.order("x", destination="nobody")], created=NOW, execute_on=TODAY)


@pytest.mark.parametrize(
    ("key", "fits"),
    [
        ("a", True),
        ("run-3/7", True),
        ("k" * 35, True),
        ("k" * 36, False),
        ("", False),
        ("/a", False),
        ("a/", False),
        ("a//b", False),
        ("a_b", False),
        ("é", False),
        ("a b", False),
        ("a\n", False),
    ],
)
def test_a_key_travels_as_an_end_to_end_id_or_is_refused(key: str, fits: bool) -> None:
    assert fits_end_to_end(key) is fits


def test_a_name_that_sepa_cannot_carry_is_asked_for_in_latin_letters(stand: BankStand) -> None:
    greek = BankAccount(holder="Γιώργος", country="GR", iban="GR1601101250000000012300695")
    rail = BankFileRail({"EUR": HOUSE}, {"clipper-7": greek}, Records(stand.bank))
    refused = rail.refusal(stand.order())
    assert refused is not None
    assert (refused.code, refused.fixed_by, refused.retriable) == ("holder", "payee", True)
    assert latin("Ærøskøbing & Łódź") == "AEroskobing + Lodz"


def test_an_account_that_takes_another_currency_is_refused(stand: BankStand) -> None:
    refused = stand.rail.refusal(stand.order(currency="CNY"))
    assert refused is not None
    assert (refused.code, refused.fixed_by) == ("currency", "payee")


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("iban", "DE89370400440532013001"),
        ("iban", "DE8937"),
        ("iban", "de89370400440532013000"),
        ("bic", "COBADE"),
        ("country", "de"),
        ("holder", " "),
        ("holder", "x" * 141),
        ("clearing", "SWIFT:123"),
        ("clearing", "CNAPS:1021"),
    ],
)
def test_an_account_no_bank_could_find_is_none(field: str, given: str) -> None:
    fine: dict[str, Any] = {"holder": "Ana", "country": "DE", "iban": "DE89370400440532013000"}
    BankAccount(**fine)
    with pytest.raises(InvalidOrder) as refused:
        BankAccount(**(fine | {field: given}))
    assert refused.value.field == field


def test_a_number_needs_its_bank_and_goes_with_no_iban() -> None:
    with pytest.raises(InvalidOrder):
        BankAccount(holder="Li", country="CN", number="6222020200112233445")
    with pytest.raises(InvalidOrder):
        BankAccount(holder="Li", country="CN", number="6222 * 1", bic="ICBKCNBJ")
    with pytest.raises(InvalidOrder):
        BankAccount(holder="Li", country="CN")
    with pytest.raises(InvalidOrder):
        BankAccount(holder="Li", country="DE", number="1", bic="ICBKCNBJ", iban="DE89370400440532013000")


# The bank's answer -------------------------------------------------------------------------------------------------


def answered(stand: BankStand, **given: Any) -> dict[str, object]:
    """The outcomes of three orders after an answer made of what is given."""
    batch = stand.rail.make_file(orders(stand), created=NOW, execute_on=TODAY)
    told = given.pop("told", ())
    if "batch_status" in given:
        given["batch"] = (f"{batch.message_id}-2", given.pop("batch_status"))
    return dict(stand.rail.outcomes(answer(batch.message_id, told, **given), orders(stand)))


def test_settled_is_sent_rejected_is_refused_and_the_rest_waits(stand: BankStand) -> None:
    outcomes = answered(stand, told=[("b-1", "ACSC", None), ("b-2", "RJCT", "AC04"), ("b-3", "ACSP", None)])
    sent = outcomes["b-1"]
    assert isinstance(sent, Sent)
    assert (sent.reference, sent.at.isoformat()) == ("b-1", "2026-11-23T12:00:00+01:00")
    assert outcomes["b-2"] == Refused("AC04", "the account is closed: Konto", "payee", retriable=True)
    assert outcomes["b-3"] == Filed("b-3", "accepted, settlement under way")


@pytest.mark.parametrize("status", ["ACCP", "ACTC", "ACSP", "ACWC", "PDNG", "RCVD", "XXXX"])
def test_what_is_not_final_is_not_sent(stand: BankStand, status: str) -> None:
    assert isinstance(answered(stand, told=[("b-1", status, None)])["b-1"], Filed)


@pytest.mark.parametrize("reason", ["DUPL", "AM05"])
def test_a_duplicate_may_have_been_paid_and_is_no_refusal(stand: BankStand, reason: str) -> None:
    assert isinstance(answered(stand, told=[("b-1", "RJCT", reason)])["b-1"], Conflicting)
    assert isinstance(answered(stand, told=[("b-1", "RJCT", "ZZ99")])["b-1"], Refused)


def test_the_file_rejected_whole_is_every_order_refused(stand: BankStand) -> None:
    outcomes = answered(stand, group="RJCT")
    assert len(outcomes) == 3
    assert all(isinstance(one, Refused) for one in outcomes.values())


def test_a_batch_speaks_for_its_own_transfers_and_a_transfer_for_itself(stand: BankStand) -> None:
    outcomes = answered(stand, group="PART", batch_status="RJCT", told=[("b-1", "ACSC", None)])
    assert {key: type(one) for key, one in outcomes.items()} == {"b-1": Sent, "b-2": Refused}


def test_accepted_in_part_says_nothing_of_any_one(stand: BankStand) -> None:
    assert answered(stand, group="PART") == {}


def test_another_amount_than_ordered_is_a_conflict(stand: BankStand) -> None:
    other = '<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">66.41</InstdAmt></Amt></OrgnlTxRef>'
    assert isinstance(answered(stand, told=[("b-1", "ACSC", None)], extra=other)["b-1"], Conflicting)
    same = other.replace("66.41", "66.40")
    assert isinstance(answered(stand, told=[("b-1", "ACSC", None)], extra=same)["b-1"], Sent)


def test_an_answer_to_another_file_or_about_another_transfer_is_refused(stand: BankStand) -> None:
    with pytest.raises(UnreadableFile, match="another file"):
        stand.rail.outcomes(answer("CL00"), orders(stand))
    with pytest.raises(UnreadableFile, match="was not in the file"):
        answered(stand, told=[("b-9", "ACSC", None)])


@pytest.mark.parametrize("version", ["pain.002.001.03", "pain.002.001.12"])
def test_any_version_of_the_answer_is_read(stand: BankStand, version: str) -> None:
    assert isinstance(answered(stand, told=[("b-1", "ACSC", None)], version=version)["b-1"], Sent)


def test_another_message_is_no_answer(stand: BankStand) -> None:
    with pytest.raises(UnknownFormat):
        answered(stand, version="camt.053.001.08")


# The statement's last word -----------------------------------------------------------------------------------------


async def test_a_payment_booked_twice_or_otherwise_is_told(stand: BankStand) -> None:
    order = stand.order()
    await stand.pay(order)
    stand.bank.entries.append((-6640, "Ana", order.key, False))
    with pytest.raises(RailContradicts, match="more than once"):
        await stand.rail.look_up(order)
    stand.bank.entries.pop()
    with pytest.raises(RailContradicts, match="booked"):
        await stand.rail.look_up(stand.order(amount=1))


def test_the_hash_tells_accounts_apart(stand: BankStand) -> None:
    other = BankFileRail({"EUR": HOUSE}, {"clipper-7": HOUSE}, Records(stand.bank))
    assert other.request_hash(stand.order()) != stand.rail.request_hash(stand.order())
