"""A month reconciled as an accountant would do it, with figures one can check by hand.

Lili Live Ltd, bank account in yuan, October 2026. Its books, and what its bank says:

    day   books                                              bank
    1     opening                          10,000.00         10,000.00   (as a line of its own)
    6     TikTok remits, B17                1,302.00          1,302.00   7 October, by its reference
    12    TikTok remits, B18, B19    300.00, 450.00             750.00   13 October, "TIKTOK", one line for two
    20    payout of Ana, clp-1-1-1           −640.00           −640.00   21 October, by its end-to-end id
    21    payout of Ben, clp-1-2-1           −500.00           −500.00   and +500.00 back: the account is closed
    28    TikTok remits, B20                2,000.00          1,980.00   28 October: a bank kept 20.00 on the way
    31    payout of Cy, clp-1-3-1            −100.00           −100.00   2 November
    29    –                                                       −3.50   the bank's own fee
    30    –                                                      820.00   TikTok, B21, that nobody has recorded
    ---
          12,812.00 in the books                             14,208.50 at the bank on 31 October
"""

from datetime import date

import pytest

from settlement.errors import SamePerson
from settlement.reconciliation.errors import Unexplained, WrongReconciliationStep
from settlement.reconciliation.putting_right import post_entry
from settlement.remittances import NewRemittance, record_remittances
from tests.settlement.reconciliation.office import ANA, BEN, NOVEMBER, Office, moved
from tests.settlement.till import Till, facts


async def _october(office: Office) -> None:
    await Till(office.engine, office.host).sell(facts(due=487_200, state="settled"))
    await office.book(1_000_000, "2026-10-01")
    for reference, amount, day in (("B17", 130_200, 6), ("B18", 30_000, 12), ("B19", 45_000, 12), ("B20", 200_000, 28)):
        await _remit(office, reference, amount, day)
    for payout, amount, day in ((1, 64_000, 20), (2, 50_000, 21), (3, 10_000, 31)):
        await office.book(-amount, f"2026-10-{day}", f"clp-1-{payout}-1", payout=str(payout), run="1")
    await office.hear(
        moved(1_000_000, "2026-10-01", text="Balance carried forward"),
        moved(130_200, "2026-10-07", "B17", kind="receipt"),
        moved(75_000, "2026-10-13", kind="receipt", counterparty="TIKTOK PTE"),
        moved(-64_000, "2026-10-21", "clp-1-1-1", kind="transfer"),
        moved(-50_000, "2026-10-22", "clp-1-2-1", kind="transfer"),
        moved(50_000, "2026-10-24", "clp-1-2-1", kind="return", text="AC04 closed account"),
        moved(198_000, "2026-10-28", "B20", kind="receipt"),
        moved(-350, "2026-10-29", kind="fee", text="Account fee October"),
        moved(82_000, "2026-10-30", kind="receipt", counterparty="TIKTOK PTE", reference="B21"),
        moved(-10_000, "2026-11-02", "clp-1-3-1", kind="transfer"),
    )


async def _remit(office: Office, reference: str, amount: int, day: int) -> None:
    its = NewRemittance(
        marketplace="tiktok",
        currency="CNY",
        amount=amount,
        received_on=date(2026, 10, day),
        account="assets:bank",
        reference=reference,
    )
    async with office.engine.begin() as connection:
        await record_remittances(connection, office.book_id, "user:1", [its])


async def _post(office: Office, number: int, residual_id: int, reason: str) -> int:
    async with office.engine.begin() as connection:
        return await post_entry(connection, office.book_id, number, residual_id, ANA, reason=reason)


async def test_october_at_the_bank(office: Office) -> None:
    await _october(office)
    desk = await office.run()

    # Books 12,812.00 less bank 14,208.50 is −1,396.50. Of that, −100.00 is time: Cy's payout left on 2 November.
    # The other −1,296.50 are four things that the books do not say, or say otherwise.
    assert (desk.sums.ledger, desk.sums.outside) == (1_281_200, 1_420_850)
    assert (desk.sums.timing, desk.sums.residuals) == (-10_000, -129_650)
    assert await desk.kinds() == [
        ("returned-payment-not-booked", -50_000),
        ("fee-not-booked", 2_000),
        ("fee-not-booked", 350),
        ("remittance-not-recorded", -82_000),
    ]
    assert await desk.rules() == [
        "amount-and-date",  # the balance carried forward
        "group-of-day",  # B18 and B19
        "reference",  # B17, Ana, Ben, Cy
        "reference",
        "reference",
        "reference",
        "reference-less-fee",  # B20
    ]

    # The payee's bank has sent Ben's money back: nobody posts that here, the payout is looked up and books it itself.
    returned, kept, fee, unknown = await desk.residuals()
    assert (returned.owner, returned.proposal) == ("payee", None)
    assert [its.owner for its in (kept, fee, unknown)] == ["finance", "finance", "finance"]

    # Ana posts the two fees and records the remittance, as is proposed.
    assert kept.proposal is not None
    assert [(line.account, line.amount) for line in kept.proposal.lines] == [
        ("assets:bank", -2_000),
        ("expenses:payout-fees", 2_000),
    ]
    for residual in (kept, fee, unknown):
        await _post(office, desk.number, residual.residual_id, "As the bank says")
    balances = await office.balances()
    assert balances["expenses:payout-fees"] == 2_350
    assert "assets:marketplace:tiktok" not in balances  # 4,872.00 is what it owed
    assert balances["assets:bank"] == 1_281_200 - 2_350 + 82_000 == 1_360_850

    # What was found is out of date; run again, only Ben's money is left, and a reason is asked for it.
    with pytest.raises(Unexplained):
        await desk.submit()
    desk = await office.run()
    assert (desk.sums.ledger, desk.sums.outside) == (1_360_850, 1_420_850)
    assert await desk.kinds() == [("returned-payment-not-booked", -50_000)]
    with pytest.raises(Unexplained):
        await desk.submit()
    await desk.explain_all("Ben has given another account; the payout is being looked up")
    await desk.submit(ANA)

    # Another person signs, and then nothing of it changes any more.
    with pytest.raises(SamePerson):
        await desk.sign(ANA)
    await desk.sign(BEN)
    assert ((await desk.find()).state, (await desk.find()).unexplained) == ("signed", 0)
    with pytest.raises(WrongReconciliationStep):
        await office.run()

    # In November the bank has nothing new: Ben's money is carried over, with its age.
    november = await office.run(month=NOVEMBER)
    assert await november.kinds() == [("returned-payment-not-booked", -50_000)]
    assert november.sums.timing == 0
