"""What the bank answers to a file: ISO 20022 pain.002, of any version, by transfer, by batch or of the file at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from settlement.errors import UnreadableFile
from settlement.rails.bank_reasons import REJECTED, SETTLED, STATUSES, refusal_for
from settlement.rails.messages import Element, amount_of, moment_in, read_message
from settlement.rails.protocol import Conflicting, Filed, Outcome, Sent

_DUPLICATES: Final = frozenset({"AM05", "DUPL"})


@dataclass(frozen=True)
class Word:
    """A status, of the set PaymentTransactionStatus, with the reason for a rejection."""

    status: str
    reason: str | None
    told: str | None
    at: datetime
    amount: tuple[int, str] | None = None

    def outcome(self, key: str) -> Outcome:
        """A transfer refused as a duplicate may well have been paid by the file before, so that is no refusal."""
        if self.status in SETTLED:
            return Sent(key, self.at)
        if self.status in REJECTED:
            if self.reason in _DUPLICATES:
                return Conflicting(f"the bank has {key} already, from another file")
            return refusal_for(self.reason, self.told)
        return Filed(key, STATUSES.get(self.status, f"status {self.status}"))


@dataclass(frozen=True)
class Answer:
    """`message_id` is that of the file answered."""

    message_id: str
    of_file: Word | None
    by_batch: Mapping[str, Word]
    by_key: Mapping[str, Word]

    def of_all(self, batch_id: str, key: str) -> Outcome | None:
        """What holds for a transfer that is not named itself. "Accepted in part" says nothing of any one."""
        word = self.by_batch.get(batch_id) or self.of_file
        return None if word is None or word.status == "PART" else word.outcome(key)


@dataclass(frozen=True)
class FileLine:
    """What a file holds of one transfer; `amount` is minor units."""

    key: str
    batch_id: str
    amount: int
    currency: str


def outcomes_in(answer: Answer, message_id: str, lines: Iterable[FileLine]) -> dict[str, Outcome]:
    """What the answer says of the lines of a file, by key; one that it passes over is left out.

    Raises UnreadableFile if it is the answer to another file, or tells of what was not in this one.
    """
    if answer.message_id != message_id:
        raise UnreadableFile("OrgnlMsgId", answer.message_id, f"is the answer to another file than {message_id}")
    filed = {line.key: line for line in lines}
    strange = answer.by_key.keys() - filed.keys()
    if strange:
        raise UnreadableFile("OrgnlEndToEndId", min(strange), "was not in the file")
    told = ((key, _outcome(answer, line)) for key, line in filed.items())
    return {key: outcome for key, outcome in told if outcome is not None}


def _outcome(answer: Answer, line: FileLine) -> Outcome | None:
    """The nearest word: of the transfer, else of its batch, else of the file; of those two only if it is of all."""
    told = answer.by_key.get(line.key)
    if told and told.amount not in (None, (line.amount, line.currency)):
        return Conflicting(f"the bank has {told.amount} for {line.key}, which is not what was ordered")
    return told.outcome(line.key) if told else answer.of_all(line.batch_id, line.key)


def read_answer(content: bytes) -> Answer:
    """Raises FileRefused. A transfer that is told of twice stands as told last."""
    report = read_message(content, "pain.002")
    made = moment_in(report, "GrpHdr/CreDtTm")
    group = report.first("OrgnlGrpInfAndSts")
    message_id = group.say("OrgnlMsgId") if group else None
    if made is None or group is None or message_id is None:
        raise UnreadableFile("OrgnlMsgId", None, "the answer does not say to which file")
    batches: dict[str, Word] = {}
    transfers: dict[str, Word] = {}
    for batch in report.all("OrgnlPmtInfAndSts"):
        batch_id, status = batch.say("OrgnlPmtInfId"), batch.say("PmtInfSts")
        if batch_id and status:
            batches[batch_id] = _word(batch, status, made)
        for transfer in batch.all("TxInfAndSts"):
            key, word = _transfer(transfer, made)
            transfers[key] = word
    status = group.say("GrpSts")
    return Answer(message_id, _word(group, status, made) if status else None, batches, transfers)


def _transfer(told: Element, made: datetime) -> tuple[str, Word]:
    key, status = told.say("OrgnlEndToEndId"), told.say("TxSts")
    if key is None or status is None:
        raise UnreadableFile("OrgnlEndToEndId", key, "a transfer is told of without its end-to-end id or status")
    amount = told.first("OrgnlTxRef/Amt/InstdAmt")
    word = _word(told, status, moment_in(told, "AccptncDtTm") or made)
    if amount is None:
        return key, word
    return key, Word(word.status, word.reason, word.told, word.at, amount_of(amount, "InstdAmt"))


def _word(told: Element, status: str, at: datetime) -> Word:
    words = " ".join(said.text.strip() for said in told.all("StsRsnInf/AddtlInf"))
    reason = told.say("StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")
    return Word(status, reason, words or None, at if at.tzinfo else at.replace(tzinfo=UTC))
