"""A small bank: takes pain.001 files, books what it takes, answers with pain.002 and states its account in camt.053."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from xml.etree import ElementTree as Xml

from ledger.money import format_amount, parse_amount
from settlement.rails.bank_accounts import BankAccount
from settlement.rails.bank_file import BankFileRail
from settlement.rails.bank_lines import BankLine
from settlement.rails.bank_statements import BankStatement, read_statements
from settlement.rails.protocol import Filed, Order, Outcome, RailBalance, Sent
from tests.settlement.rails.contract import Stand

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

HOUSE = BankAccount(holder="Clip House GmbH", country="DE", iban="DE89370400440532013000", bic="COBADEFFXXX")
ANA = BankAccount(holder="Ana Müller", country="NL", iban="NL91ABNA0417164300", currency="EUR")
LI = BankAccount(
    holder="李娜", country="CN", number="6222020200112233445", clearing="CNAPS:102100099996", bank_name="中国工商银行"
)
HOUSE_CN = BankAccount(
    holder="杭州剪辑有限公司", country="CN", number="1202022719900012345", clearing="CNAPS:102331002277"
)

_PAIN_1 = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.09}"


class Bank:
    """One account in euros, funded with 10,000.00."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, str, str | None, bool]] = [(1_000_000, "funding", None, False)]
        self.answers: dict[str, bytes] = {}

    def upload(self, content: bytes) -> bytes:
        """The answer; the same file again moves nothing and gets the same."""
        root = Xml.fromstring(content)
        message_id = _said(root, "MsgId")
        if message_id not in self.answers:
            told = []
            for transfer in root.iter(f"{_PAIN_1}CdtTrfTxInf"):
                key, amount = _said(transfer, "EndToEndId"), parse_amount(_said(transfer, "InstdAmt"), "EUR")
                self.entries.append((-amount, _said(transfer, "Nm"), key, False))
                told.append((key, "ACSC", None))
            self.answers[message_id] = answer(message_id, told)
        return self.answers[message_id]

    def give_back(self, key: str, amount: int) -> None:
        self.entries.append((amount, "Ana", key, True))

    def statement(self) -> bytes:
        return statement(self.entries)


class Records:
    """What has been imported of the bank's statements."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank

    def statements(self) -> list[BankStatement]:
        return read_statements(self.bank.statement())

    async def lines_of(self, end_to_end_id: str) -> Sequence[BankLine]:
        return [line for one in self.statements() for line in one.lines if line.end_to_end_id == end_to_end_id]

    async def lines(self, since: date, until: date) -> AsyncIterator[BankLine]:
        for one in self.statements():
            for line in one.lines:
                if since <= line.booked_on < until:
                    yield line

    async def balances(self) -> Sequence[RailBalance]:
        return [RailBalance(one.currency, one.closing or 0, 0) for one in self.statements()]


class BankStand(Stand):
    currency = "EUR"
    other_currency = "USD"
    payee = "clipper-7"

    def __init__(self) -> None:
        self.bank = Bank()
        self.rail: BankFileRail = BankFileRail(
            {"EUR": HOUSE, "CNY": HOUSE_CN}, {"clipper-7": ANA, "clipper-8": LI}, Records(self.bank)
        )

    @property
    def left(self) -> int:
        return len(self.bank.answers)

    async def pay(self, order: Order) -> Outcome:
        filed = await self.rail.send(order)
        if not isinstance(filed, Filed):
            return filed
        made = self.rail.make_file([order], created=NOW, execute_on=TODAY)
        return self.rail.outcomes(self.bank.upload(made.content), [order])[order.key]

    async def pay_unheard(self, order: Order) -> Outcome:
        filed = await self.rail.send(order)
        assert isinstance(await self.pay(order), Sent)
        return filed

    async def give_back(self, order: Order, amount: int) -> None:
        self.bank.give_back(order.key, amount)

    def now(self) -> datetime:
        return NOW


def answer(
    message_id: str,
    transfers: Sequence[tuple[str, str, str | None]] = (),
    *,
    group: str | None = None,
    batch: tuple[str, str] | None = None,
    extra: str = "",
    version: str = "pain.002.001.10",
) -> bytes:
    """A pain.002 that tells of transfers by key, status and reason."""
    told = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{key}</OrgnlEndToEndId><TxSts>{status}</TxSts>"
        + (f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn><AddtlInf>Konto</AddtlInf></StsRsnInf>" if reason else "")
        + f"{extra}</TxInfAndSts>"
        for key, status, reason in transfers
    )
    batch_id, batch_status = batch or (f"{message_id}-1", None)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:{version}">'
        "<CstmrPmtStsRpt><GrpHdr><MsgId>A1</MsgId><CreDtTm>2026-11-23T12:00:00+01:00</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{message_id}</OrgnlMsgId><OrgnlMsgNmId>pain.001</OrgnlMsgNmId>"
        + (f"<GrpSts>{group}</GrpSts>" if group else "")
        + f"</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>{batch_id}</OrgnlPmtInfId>"
        + (f"<PmtInfSts>{batch_status}</PmtInfSts>" if batch_status else "")
        + f"{told}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


def statement(entries: Sequence[tuple[int, str, str | None, bool]], *, closing: int | None = None) -> bytes:
    """A camt.053 of entries by amount, name, key and whether they are returns; it opens with nothing."""
    booked = "".join(_entry(*entry) for entry in entries)
    end = sum(entry[0] for entry in entries) if closing is None else closing
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>S1</MsgId>'
        "<CreDtTm>2026-11-24T06:00:00Z</CreDtTm></GrpHdr><Stmt><Id>2026-11-23</Id>"
        "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        f"{_balance('OPBD', 0)}{_balance('CLBD', end)}{booked}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def _entry(amount: int, name: str, key: str | None, returned: bool) -> str:
    family = (
        "ICDT</Cd><SubFmlyCd>RRTN" if returned else "ICDT</Cd><SubFmlyCd>ESCT" if key else "RCDT</Cd><SubFmlyCd>ESCT"
    )
    side = "Cdtr" if amount < 0 else "Dbtr"
    return (
        f'<Ntry><Amt Ccy="EUR">{_decimal(abs(amount))}</Amt><CdtDbtInd>{_sign(amount)}</CdtDbtInd>'
        "<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-23</Dt></BookgDt><ValDt><Dt>2026-11-24</Dt></ValDt>"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls>"
        + (f"<Refs><EndToEndId>{key}</EndToEndId></Refs>" if key else "")
        + f"<RltdPties><{side}><Pty><Nm>{name}</Nm></Pty></{side}></RltdPties>"
        "<RmtInf><Ustrd>Clips in</Ustrd><Ustrd>October 2026</Ustrd></RmtInf>"
        + ("<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>" if returned else "")
        + "</TxDtls></NtryDtls></Ntry>"
    )


def _balance(code: str, amount: int) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{_decimal(abs(amount))}</Amt>'
        f"<CdtDbtInd>{_sign(amount)}</CdtDbtInd><Dt><Dt>2026-11-23</Dt></Dt></Bal>"
    )


def _sign(amount: int) -> str:
    return "DBIT" if amount < 0 else "CRDT"


def _decimal(amount: int) -> str:
    return format_amount(amount, "EUR").replace(",", "")


def _said(element: Xml.Element, name: str) -> str:
    found = next(element.iter(f"{_PAIN_1}{name}"))
    assert found.text is not None
    return found.text
