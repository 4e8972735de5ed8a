"""A host: the business at a glance, an offer made with its terms, licences."""

from tests.browser.sitting import Sitting


async def test_a_host_makes_an_offer_and_opens_it(sitting: Sitting) -> None:
    lili = await sitting.is_now("Lili")
    await sitting.look("host-overview")
    await sitting.go(f"{lili}/offers")
    await sitting.look("host-offers")
    await sitting.go(f"{lili}/offers/new")
    await sitting.look("host-offer-new")
    await sitting.fill("offer", title="Winter sale", summary="Coats and tea", category="fashion")
    await sitting.send("offer")
    assert sitting.path.endswith("/terms")
    await sitting.look("host-terms")


async def test_a_host_looks_at_everything_there_is(sitting: Sitting) -> None:
    lili = await sitting.is_now("Lili")
    for page in await sitting.menu(lili):
        await sitting.go(page)
        await sitting.look(f"host{page.removeprefix(lili).replace('/', '-')}")
    await sitting.go(f"{lili}/grants")
    await sitting.follow(f"{lili}/grants/")
    await sitting.look("host-grant")
    await sitting.go(f"{lili}/streams")
    await sitting.follow(f"{lili}/streams/")
    await sitting.look("host-stream")
