from collections.abc import Sequence
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.errors import (
    EmptyFile,
    FileRefused,
    FileTooLarge,
    MissingColumn,
    UnknownColumn,
    UnknownFormat,
    UnreadableFile,
)
from settlement.rails import messages
from settlement.rails.bank_answers import read_answer
from settlement.rails.bank_lines import BankLine, read_lines
from settlement.rails.bank_statements import read_statements
from tests.settlement.rails.bank_stand import answer, statement

ENTRIES = [
    (1_000_000, "TikTok Shop", None, False),
    (-6640, "Ana Müller", "intent-7", False),
    (6640, "Ana Müller", "intent-7", True),
]


def lines_of(content: bytes) -> Sequence[BankLine]:
    (one,) = read_statements(content)
    return one.lines


# camt.053 ----------------------------------------------------------------------------------------------------------


def test_a_statement_tells_what_was_booked_and_adds_up() -> None:
    (told,) = read_statements(statement(ENTRIES))
    assert (told.account, told.currency) == ("DE89370400440532013000", "EUR")
    assert (told.opening, told.closing, told.closing_on) == (0, 1_000_000, date(2026, 11, 23))
    receipt, sent, returned = told.lines
    assert (receipt.kind, receipt.amount, receipt.counterparty) == ("receipt", 1_000_000, "TikTok Shop")
    assert (sent.kind, sent.amount, sent.end_to_end_id) == ("transfer", -6640, "intent-7")
    assert (sent.booked_on, sent.value_on) == (date(2026, 11, 23), date(2026, 11, 24))
    assert (sent.code, sent.text) == ("PMNT-ICDT-ESCT", "Clips in October 2026")
    assert (returned.kind, returned.amount, returned.return_reason) == ("return", 6640, "AC04")


def test_a_statement_that_does_not_add_up_is_refused_with_what_is_missing() -> None:
    with pytest.raises(UnreadableFile, match="by 5"):
        read_statements(statement(ENTRIES, closing=1_000_005))


def test_the_same_line_has_the_same_id_and_twins_are_two() -> None:
    twins = [*ENTRIES, ENTRIES[1]]
    first, second = lines_of(statement(ENTRIES)), lines_of(statement(twins))
    assert [one.id for one in second[:3]] == [one.id for one in first]
    assert len({one.id for one in second}) == 4


def test_what_is_not_booked_is_left_out() -> None:
    pending = statement(ENTRIES).replace(b"<Sts><Cd>BOOK</Cd></Sts>", b"<Sts><Cd>PDNG</Cd></Sts>", 1)
    pending = pending.replace(b'<Amt Ccy="EUR">10000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>', b"", 1)
    with pytest.raises(UnreadableFile):
        read_statements(pending)
    assert len(lines_of(without_balances(pending))) == 2


def test_older_versions_are_read_alike() -> None:
    old = statement(ENTRIES).replace(b"camt.053.001.08", b"camt.053.001.02")
    old = old.replace(b"<Sts><Cd>BOOK</Cd></Sts>", b"<Sts>BOOK</Sts>").replace(b"<Pty>", b"").replace(b"</Pty>", b"")
    assert lines_of(old) == lines_of(statement(ENTRIES))


def without_balances(content: bytes) -> bytes:
    start, end = content.index(b"<Bal>"), content.rindex(b"</Bal>") + len(b"</Bal>")
    return content[:start] + content[end:]


def detail(key: str, amount: str) -> bytes:
    return (
        f'<TxDtls><Refs><EndToEndId>{key}</EndToEndId></Refs><Amt Ccy="EUR">{amount}</Amt>'
        "<CdtDbtInd>DBIT</CdtDbtInd></TxDtls>"
    ).encode()


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (detail("a", "60.00") + detail("b", "6.40"), [("a", -6000), ("b", -640)]),
        (detail("a", "60.00") + detail("b", "6.00"), [("a", -6000), ("b", -600), (None, -40)]),
        (detail("a", "66.00"), [("a", -6600), (None, -40)]),
        (detail("a", "60.00") + detail("b", "6.40").replace(b"EUR", b"USD"), [(None, -6640)]),
        (detail("NOTPROVIDED", "66.40"), [(None, -6640)]),
        (b"", [(None, -6640)]),
    ],
)
def test_payments_booked_together_are_told_apart_and_still_add_up(
    details: bytes, expected: list[tuple[str | None, int]]
) -> None:
    content = statement([(-6640, "Ana", "x", False)])
    start, end = content.index(b"<TxDtls>"), content.index(b"</TxDtls>") + len(b"</TxDtls>")
    content = content[:start] + details + content[end:]
    assert [(one.end_to_end_id, one.amount) for one in lines_of(content)] == expected


def test_a_charge_of_the_bank_is_a_fee() -> None:
    content = statement([(-250, "Bank", "x", False)]).replace(b"ESCT", b"CHRG")
    assert [one.kind for one in lines_of(content)] == ["fee"]


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'<Amt Ccy="EUR">66.40</Amt>', b'<Amt Ccy="EUR">66.401</Amt>'),
        (b'<Amt Ccy="EUR">66.40</Amt>', b'<Amt Ccy="EUR">-66.40</Amt>'),
        (b'<Amt Ccy="EUR">66.40</Amt>', b'<Amt Ccy="EUR">6,640</Amt>'),
        (b'<Amt Ccy="EUR">66.40</Amt>', b'<Amt Ccy="EUR">1e3</Amt>'),
        (b'<Amt Ccy="EUR">66.40</Amt>', '<Amt Ccy="EUR">٦٦</Amt>'.encode()),
        (b'<Amt Ccy="EUR">66.40</Amt>', b'<Amt Ccy="EUR">99999999999999999999</Amt>'),
        (b'<Amt Ccy="EUR">66.40</Amt>', b'<Amt Ccy="XXX">66.40</Amt>'),
        (b'<Amt Ccy="EUR">66.40</Amt>', b'<Amt Ccy="USD">66.40</Amt>'),
        (b'<Amt Ccy="EUR">66.40</Amt>', b"<Amt>66.40</Amt>"),
        (b'<Amt Ccy="EUR">66.40</Amt>', b""),
        (b"<CdtDbtInd>DBIT</CdtDbtInd>", b"<CdtDbtInd>OUT</CdtDbtInd>"),
        (b"<CdtDbtInd>DBIT</CdtDbtInd>", b""),
        (b"<Sts><Cd>BOOK</Cd></Sts>", b""),
        (b"<BookgDt><Dt>2026-11-23</Dt></BookgDt>", b"<BookgDt><Dt>23.11.2026</Dt></BookgDt>"),
        (b"<BookgDt><Dt>2026-11-23</Dt></BookgDt>", b""),
        (b"<IBAN>DE89370400440532013000</IBAN>", b""),
    ],
)
def test_what_cannot_be_read_exactly_is_refused(was: bytes, becomes: bytes) -> None:
    content = statement(ENTRIES)
    assert was in content
    with pytest.raises(FileRefused):
        read_statements(content.replace(was, becomes, 1))


# Files that mean harm ----------------------------------------------------------------------------------------------

BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("declared", [BOMB, OUTSIDE, b"<!DOCTYPE Document>"])
def test_a_document_type_is_refused(declared: bytes) -> None:
    for content in (statement(ENTRIES), answer("CL00").partition(b"?>")[2]):
        with pytest.raises(UnreadableFile, match="document type"):
            read_statements(declared + content.replace(b"Ana", b"&b;"))


def test_a_message_too_large_too_deep_or_broken_is_refused() -> None:
    with pytest.raises(FileTooLarge):
        read_statements(b"<a>" + b" " * (33 << 20))
    with pytest.raises(UnreadableFile, match="deeper"):
        read_statements(b"<a>" * 100_000)
    with pytest.raises(UnreadableFile, match="well-formed"):
        read_statements(statement(ENTRIES)[:-9])
    with pytest.raises(EmptyFile):
        read_statements(b"  \n")


def test_a_message_of_too_many_elements_or_too_long_a_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_MOST_ELEMENTS", 1000)
    with pytest.raises(UnreadableFile, match="more elements"):
        read_statements(b"<a>" + b"<b/>" * 1001 + b"</a>")
    with pytest.raises(UnreadableFile, match="text longer"):
        read_statements(b"<a>" + b"x" * (15 << 20) + b"</a>")


def test_a_chinese_banks_encoding_is_read_and_an_unknown_one_refused() -> None:
    content = statement([(-6640, "李娜", "intent-8", False)]).decode()
    chinese = f'<?xml version="1.0" encoding="GBK"?>{content}'.encode("gb18030")
    assert [one.counterparty for one in lines_of(chinese)] == ["李娜"]
    for encoding in ("big5", "x-none", "utf-7"):
        with pytest.raises(UnreadableFile):
            read_statements(f'<?xml version="1.0" encoding="{encoding}"?>{content}'.encode())
    with pytest.raises(UnreadableFile):
        read_statements(b'<?xml version="1.0" encoding="GBK"?><a>\xff\xff</a>')


def test_an_entry_that_has_charges_in_it_is_told_apart_from_its_payment() -> None:
    content = statement([(-6690, "Ana", "intent-7", False)])
    payment = b'<Amt Ccy="EUR">66.40</Amt><CdtDbtInd>DBIT</CdtDbtInd><RltdPties>'
    content = content.replace(b"<RltdPties>", payment)
    content = content.replace(b"<NtryDtls>", b"<Chrgs><TtlChrgsAndTaxAmt>0.50</TtlChrgsAndTaxAmt></Chrgs><NtryDtls>")
    assert [(one.kind, one.amount, one.end_to_end_id) for one in lines_of(content)] == [
        ("transfer", -6640, "intent-7"), ("fee", -50, None),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"<a/>", b'<Document xmlns="urn:x"/>', b"<Document><BkToCstmrStmt/></Document>"])
def test_another_document_is_refused(content: bytes) -> None:
    with pytest.raises(UnknownFormat):
        read_statements(content)


@given(st.data())
def test_a_damaged_message_is_refused_or_read_but_never_breaks(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([statement(ENTRIES), answer("CL00", [("a", "RJCT", "AC01")])])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 12))] = data.draw(st.binary(max_size=3))
    for read in (read_statements, read_answer):
        with suppress(FileRefused):
            read(bytes(content))


# CSV ---------------------------------------------------------------------------------------------------------------

CSV = (
    "booked_on,value_on,amount,currency,kind,counterparty,text,end_to_end_id,reference\n"
    "2026-11-23,,10000.00,CNY,,抖音,结算款,,B1\n"
    '2026-11-23,2026-11-24,-66.40,CNY,transfer,"李, 娜",十月分成,intent-8,B2\n'
    "\n"
    "2026-11-25,,66.4,CNY,return,李娜,退汇,intent-8,\n"
    "2026-11-25,,-2.50,CNY,fee,,手续费,,\n"
)


def test_bank_lines_come_in_csv_too() -> None:
    lines = read_lines(("\ufeff" + CSV).encode(), "1202022719900012345")
    assert [(one.kind, one.amount) for one in lines] == [
        ("receipt", 1_000_000), ("transfer", -6640), ("return", 6640), ("fee", -250),
    ]  # fmt: skip
    assert lines[1].counterparty == "李, 娜"
    assert (lines[1].booked_on, lines[1].value_on) == (date(2026, 11, 23), date(2026, 11, 24))
    assert lines[0].value_on == date(2026, 11, 23)
    assert lines == read_lines(CSV.replace("\n", "\r\n").encode(), "1202022719900012345")
    assert len({one.id for one in lines}) == 4


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", EmptyFile),
        ("booked_on,amount,currency\n", EmptyFile),
        ("booked_on,amount\n2026-11-23,1\n", MissingColumn),
        ("booked_on,amount,currency,colour\n2026-11-23,1,EUR,red\n", UnknownColumn),
        ("booked_on,amount,currency,amount\n2026-11-23,1,EUR,1\n", UnreadableFile),
        ("booked_on,amount,currency\n2026-11-23,1\n", UnreadableFile),
        ("booked_on,amount,currency\n2026-11-23,1,EUR,2\n", UnreadableFile),
        ("booked_on,amount,currency\n23/11/2026,1,EUR\n", UnreadableFile),
        ("booked_on,amount,currency\n2026-11-23,1.001,EUR\n", UnreadableFile),
        ('booked_on,amount,currency\n2026-11-23,"1,5",EUR\n', UnreadableFile),
        ("booked_on,amount,currency\n2026-11-23,=1+1,EUR\n", UnreadableFile),
        ("booked_on,amount,currency\n2026-11-23,1,XXX\n", UnreadableFile),
        ("booked_on,amount,currency,kind\n2026-11-23,1,EUR,gift\n", UnreadableFile),
        ("booked_on,amount,currency,text\n2026-11-23,1,EUR,a\0b\n", UnreadableFile),
        ('booked_on,amount,currency,text\n2026-11-23,1,EUR,"open\n', UnreadableFile),
        ("booked_on,amount,currency,text\n2026-11-23,1,EUR," + "x" * 3000 + "\n", UnreadableFile),
        ("booked_on,amount,currency,text\n2026-11-23,1,EUR," + "x" * 200_000 + "\n", UnreadableFile),
    ],
)
def test_a_csv_that_is_not_as_documented_is_refused(text: str, refusal: type[FileRefused]) -> None:
    with pytest.raises(refusal):
        read_lines(text.encode(), "1")


def test_a_csv_that_is_not_utf8_or_too_large_is_refused() -> None:
    with pytest.raises(UnreadableFile):
        read_lines(CSV.encode("gb18030"), "1")
    with pytest.raises(FileTooLarge):
        read_lines(b" " * (33 << 20), "1")
