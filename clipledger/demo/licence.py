"""The story of the licence: a host offers, a clipper applies and is granted, and both have it in writing.

What happens under it, to a clip and to sales, is told by `clipledger.demo.licensed`.
"""

import asyncio
import secrets
from datetime import UTC, datetime

import msgspec

from clipledger.access.users import add_user
from clipledger.demo import licensed
from clipledger.demo.checks import must
from clipledger.demo.licensed import ANA, DOUYIN, HANDLE, LILI, TIKTOK, Licence
from clipledger.demo.paper import from_here
from clipledger.demo.stage import Stage
from clipledger.demo.stream import LILI_LIVE, render
from ledger.splits import Share, SplitRule, Take, Tier
from licensing import granting, handles, marketplace, publishing
from licensing.applications import find_application
from licensing.applying import apply_for_offer
from licensing.approval import Approval
from licensing.certificates.document import document_of
from licensing.certificates.facts import Certificate, certificate_of
from licensing.certificates.numbers import printed
from licensing.certificates.pdf import pdf_of
from licensing.certificates.verification import verify
from licensing.marketplace import OfferToAccept
from licensing.offers import OfferAbout
from licensing.parties import Profile, register_party
from licensing.states import By
from licensing.terms import EditRules, Terms
from media.fingerprinting import fingerprint_one
from media.places import Place
from media.sources import create_source, find_source
from media.storage import Storage

OPERATOR = By("operator", "user:operator")


async def tell(stage: Stage) -> None:
    """Leave the certificate in the stage's folder. Raises DemoError where a result is not what it must be."""
    signing = _Signing(stage)
    await signing.register_the_stream()
    await signing.offer()
    await signing.register_ana()
    await signing.find_the_offer()
    await signing.apply()
    await signing.add_an_account()
    await signing.certify()
    await licensed.tell(stage, Licence(signing.clipper_id, signing.grant_id, signing.source_id))


class _Signing:
    source_id: int
    offer_id: int
    clipper_id: int
    grant_id: int
    found: OfferToAccept

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.engine = stage.engine
        self.paper = stage.paper
        self.book_id = stage.book.book_id
        self.folder = stage.settings.var

    async def register_the_stream(self) -> None:
        self.paper.chapter("Lili's stream is registered")
        path = self.folder / "stream.mp4"
        if not path.exists():
            with self.paper.working(f"Drawing {LILI_LIVE.seconds} seconds of it …"):
                await asyncio.to_thread(render, LILI_LIVE, path)
        async with self.engine.begin() as connection:
            place = Place("file", str(path.resolve()))
            made = await create_source(connection, self.book_id, "Autumn sale", place, created_by=LILI.actor)
        self.source_id = made.source_id
        storage = Storage(self.stage.settings.media_storage)
        with self.paper.working("Fingerprinting it …"):
            await fingerprint_one(self.engine, storage, self.book_id, self.source_id)
        async with self.engine.connect() as connection:
            ready = await find_source(connection, self.book_id, self.source_id)
        must(ready.state == "ready", "the stream can be searched")
        self.paper.say(f"“{ready.title}”, {ready.duration_s:.0f} s: from now on it is found in clips.")

    async def offer(self) -> None:
        self.paper.chapter("Lili makes an offer")
        about = OfferAbout(
            title="Autumn sale",
            summary="Tea, bags and more",
            category="fashion",
            languages=("zh",),
            quota=100,
            approval=Approval(platforms=("douyin",), languages=("zh",)),
        )
        async with self.engine.begin() as connection:
            args = (connection, self.book_id, about, LILI)
            self.offer_id = await publishing.make_offer(*args, terms=self._terms(), opened=True)
        self.paper.say(
            "What the platform's 5 % leave is hers and the clipper's as 4 : 6, from 100,000 CNY a month as 3 : 7."
        )
        self.paper.say("Sales pay until 30 days after the licence ends. Clips are not sped up by more than half.")

    def _terms(self) -> Terms:
        split = SplitRule(
            currency="CNY",
            takes=(Take("platform", "5%"),),
            shares=(Share("host", 4), Share("clipper", 6)),
            tiers=(Tier(10_000_000, (3, 7)),),
        )
        return Terms(
            licensor="Lili Live Ltd",
            split=split,
            platforms=("douyin", "tiktok"),
            streams=(self.source_id,),
            edits=EditRules(fastest_ppm=1_500_000),
            starts_at=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0),
            tail_days=30,
        )

    async def register_ana(self) -> None:
        self.paper.chapter("Ana registers, and proves her account")
        profile = Profile(name="Ana", country="CN", languages=("zh",), categories=("fashion",), capacity=40)
        async with self.engine.begin() as connection:
            user = await add_user(connection, "ana@example.com", secrets.token_urlsafe(24), "Ana")
            ana = await register_party(connection, "clipper", profile, user.user_id, ANA.actor)
            claimed = await handles.claim_handle(connection, ana.party_id, "douyin", HANDLE, ANA.actor)
            await handles.confirm_for_operator(connection, claimed.handle_id, OPERATOR)
        self.clipper_id = ana.party_id
        self.paper.say(f"{claimed.code} goes into the profile of {DOUYIN}; the operator sees it there and confirms it.")

    async def find_the_offer(self) -> None:
        self.paper.chapter("She finds the offer")
        async with self.engine.connect() as connection:
            ranked, _ = await marketplace.search_offers(connection, self.clipper_id, marketplace.Search())
            self.found = await marketplace.offer_for_clipper(connection, self.clipper_id, ranked[0].offer_id)
        must(self.found.offer_id == self.offer_id, "the offer that fits her best is Lili's")
        fit = self.found.fit
        self.paper.say(f"“{self.found.title}” by {self.found.licensor} fits her to {fit.score:.2f}, because of:")
        shown = [(each.feature, f"{each.contribution:.2f}", each.reason) for each in fit.reasons]
        self.paper.table(("", "of the score", "why"), shown)

    async def apply(self) -> None:
        self.paper.chapter("She applies")
        async with self.engine.begin() as connection:
            args = (connection, self.clipper_id, self.offer_id, ANA)
            made = await apply_for_offer(*args, message="Forty clips a month", accept_sha256=self.found.sha256)
            became = await find_application(connection, self.book_id, made.application_id)
        self.paper.say(f"She accepts the terms by their hash, {self.found.sha256[:16]}…")
        for finding in became.findings:
            asked, had = (msgspec.json.encode(said).decode() for said in (finding.asked, finding.value))
            self.paper.say(f"Lili's rule “{finding.rule}” asks for {asked}; Ana has {had}.")
        must(became.state == "approved", "who keeps the rules is approved at once")
        must(became.grant_id is not None, "what is approved is granted")
        assert became.grant_id is not None
        self.grant_id = became.grant_id
        self.paper.say("Approved by the rules: the licence is granted.")

    async def add_an_account(self) -> None:
        async with self.engine.begin() as connection:
            claimed = await handles.claim_handle(connection, self.clipper_id, "tiktok", HANDLE, ANA.actor)
            await handles.confirm_for_host(connection, self.book_id, claimed.handle_id, LILI)
            grant = await granting.change_handles(connection, self.book_id, LILI, self.grant_id, [TIKTOK], [])
        must(grant.handles == (DOUYIN, TIKTOK), "both accounts are licensed")
        self.paper.say(f"Her other account, {TIKTOK}, is confirmed by Lili herself, and added.")

    async def certify(self) -> None:
        self.paper.chapter("The certificate")
        async with self.engine.connect() as connection:
            made = await certificate_of(connection, self.grant_id, book_id=self.book_id)
        address = f"{self.stage.settings.public_url}/certificates/{made.facts.number}"
        path = self.folder / "certificate.pdf"
        with self.paper.working("Setting it …"):
            path.write_bytes(await asyncio.to_thread(pdf_of, document_of(made, "en", address)))
        self.paper.say(f"{from_here(path)}, no. {printed(made.facts.number)}")
        await self._ask_as_anybody(made, address)

    async def _ask_as_anybody(self, made: Certificate, address: str) -> None:
        async with self.engine.connect() as connection:
            true = await verify(connection, printed(made.facts.number), made.sha256)
            forged = await verify(connection, made.facts.number, made.facts.terms_sha256)
            unheard = await verify(connection, "0" * 32)
        must((true.status, true.matches) == ("valid", True), "the certificate is valid, and what it says is so")
        must(forged.matches is False, "a paper that says something else doesn't match")
        must(unheard.status == "unknown", "a number that nobody was given is unknown")
        self.paper.say(f"Anybody who asks at {address}")
        self.paper.say("is told: valid. With the hash of a paper that was changed: valid, but not this paper.")
