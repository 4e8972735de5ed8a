"""A clipper on a phone, and at a desk: what was earned and why, offers and licences, and a clip handed in."""

from pathlib import Path

from playwright.async_api import expect

from tests.browser.sitting import Sitting


async def test_a_clipper_learns_what_was_earned_and_why(sitting: Sitting) -> None:
    ana = await sitting.is_now("Ana")
    earned = await sitting.look("clipper-earnings")
    assert "¥45.38" in earned  # what the demo has paid her

    await sitting.go(f"{ana}/statements")
    await sitting.look("clipper-statements")
    await sitting.follow(f"{ana}/statements/")
    assert "45.38" in await sitting.look("clipper-statement")
    await sitting.follow(f"{sitting.path}/lines/")
    await sitting.look("clipper-statement-line")
    await sitting.follow(f"{ana}/sales/")
    why = await sitting.look("clipper-why-this-amount")
    for amount in ("39.80", "1.99", "37.81", "22.69"):  # the commission, the platform's 5 %, the rest, and 6 of its 10
        assert amount in why


async def test_a_clipper_finds_an_offer_and_reads_its_licence(sitting: Sitting) -> None:
    ana = await sitting.is_now("Ana")
    await sitting.go(f"{ana}/offers")
    await sitting.look("clipper-offers")
    await sitting.go(f"{ana}/licences")
    await sitting.look("clipper-licences")
    await sitting.follow(f"{ana}/licences/")
    assert "Lili Live Ltd" in await sitting.look("clipper-licence")
    for page in ("payouts", "disputes", "settings", "clips"):
        await sitting.go(f"{ana}/{page}")
        await sitting.look(f"clipper-{page}")


async def test_a_clip_is_handed_in_with_its_progress_seen_and_approved_by_the_host(
    sitting: Sitting, another_clip: Path
) -> None:
    ana = await sitting.is_now("Ana")
    await sitting.go(f"{ana}/submit")
    await sitting.look("clipper-submit")
    await sitting.fill("clip", {"_body": str(another_clip), "title": "Green tea", "caption": "Tea for you #ad"})
    await sitting.page.locator("form#clip button[type=submit]").click()
    await sitting.page.wait_for_url(f"**{ana}/clips/*")
    submission = sitting.path.rsplit("/", 1)[1]
    await expect(sitting.page.locator("[data-live]")).to_have_count(0, timeout=90_000)
    await sitting.look("clipper-clip")

    lili = await sitting.is_now("Lili")
    await sitting.go(f"{lili}/review")
    await sitting.look("host-review")
    await sitting.go(f"{lili}/review/{submission}")
    assert "Green tea" in await sitting.look("host-clip")
    await sitting.send("approve")
    assert "Green tea" in await sitting.page.locator(".told").inner_text()
