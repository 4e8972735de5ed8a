"""Terms as the clipper reads them: what it may do, what it gets and when, and what can end it, in sentences."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from clipledger.pages.formats import Formats
from clipledger.pages.host.terms_lines import Line
from clipledger.pages.words import N_, WORDS
from ledger.money import parse_rate
from ledger.splits import Take
from licensing.terms import AGENCY, CLIPPER, HOST, PLATFORM, Terms

_SHOWN = 12
"""Of a long list, so many are named."""
_PPM = 1_000_000
_MINUTE = 60
WHO: Mapping[str, str] = {
    PLATFORM: N_("this service"),
    AGENCY: N_("the agency"),
    HOST: N_("the host"),
    CLIPPER: N_("you"),
}
_EXCLUSIVITY: Mapping[str, str] = {
    "none": N_("You may hold licences of other hosts beside it."),
    "category": N_("While it runs you may hold no licence of another host in the same category."),
    "all": N_("While it runs you may hold no licence of any other host."),
}


class PlainTerms:
    """In one language; `streams` are the titles of the host's streams by their numbers."""

    def __init__(self, say: Callable[[str], str], formats: Formats, streams: Mapping[int, str]) -> None:
        self._say = say
        self._formats = formats
        self._streams = streams

    def lines(self, terms: Terms) -> list[Line]:
        """Everything that was agreed on: what one may do first, then the money, then time and end."""
        return [*self._scope(terms), *self._clips(terms), *self._share(terms), *self._money(terms), *self._time(terms)]

    def _scope(self, terms: Terms) -> Iterator[Line]:
        streams = None if terms.streams is None else tuple(self._stream(each) for each in terms.streams)
        yield self._list("streams", N_("What you may clip"), streams, N_("All streams of the host."))
        platforms = tuple(self._word(each) for each in terms.platforms)
        yield self._list("platforms", N_("Where you may post"), platforms, "")
        products = N_("Everything the host sells there.")
        yield self._list("products", N_("Products that pay"), terms.products, products)
        if terms.excluded_products:
            yield self._list("excluded_products", N_("Products that do not pay"), terms.excluded_products, "")
        markets = None if terms.marketplaces is None else tuple(self._word(each) for each in terms.marketplaces)
        yield self._list("marketplaces", N_("Marketplaces whose sales pay"), markets, N_("All of them."))
        countries = None if terms.territories is None else tuple(map(self._formats.country, terms.territories))
        yield self._list("territories", N_("Countries"), countries, N_("Everywhere."))

    def _clips(self, terms: Terms) -> Iterator[Line]:
        say, edits = self._say, terms.edits
        told = [
            say(N_("A clip is %(least)s to %(most)s long."))
            % {"least": self._length(edits.shortest_s), "most": self._length(edits.longest_s)},
            say(N_("You may play it up to %(times)s times as fast.")) % {"times": f"{edits.fastest_ppm / _PPM:g}"},
            say(N_("You may mirror it.") if edits.mirroring else N_("You may not mirror it.")),
            say(N_("Up to %(part)s of it may be footage of your own.")) % {"part": self._rate(edits.own_footage_ppm)},
        ]
        if edits.own_footage_ppm == _PPM:
            told[-1] = say(N_("You may add as much footage of your own as you like."))
        yield Line("edits", say(N_("How you may edit")), _running(told), edits)
        texts = " / ".join(terms.disclosure.texts)
        told = [say(N_("Every post must say that it is advertising: %(texts)s.")) % {"texts": texts}]
        if len(terms.disclosure.texts) > 1:
            told.append(say(N_("One of these is enough.")))
        where = N_("In the caption, or in the picture.") if terms.disclosure.on_screen else N_("In the caption.")
        yield Line("disclosure", say(N_("Disclosure")), _running([*told, say(where)]), terms.disclosure)
        if terms.review_hours is None:
            review = say(N_("The host looks at every clip before it may be posted."))
        else:
            hours = {"count": self._formats.number(terms.review_hours)}
            review = say(N_("If the host says nothing for %(count)s hours, a clip without faults is approved.")) % hours
        yield Line("review_hours", say(N_("Review")), review, terms.review_hours)

    def _share(self, terms: Terms) -> Iterator[Line]:
        say, rule = self._say, terms.split
        for take in rule.takes:
            who = {"who": say(WHO[take.party]), "what": self._take(take, rule.currency)}
            said = say(N_("Before anything is shared, %(who)s takes %(what)s of each commission.")) % who
            yield Line(f"take:{take.party}", say(N_("Taken first")), said, (take, terms.agency))
        place = [share.party for share in rule.shares].index(CLIPPER)
        rate = self._part(rule.weights, place)
        said = say(N_("You get %(rate)s of the commission that is left, the host gets the rest.")) % {"rate": rate}
        yield Line("shares", say(N_("Your share")), said, (rule.shares, rule.currency))
        for number, tier in enumerate(rule.tiers, 1):
            told = {"amount": self._formats.money(tier.net_gmv, rule.currency), "rate": self._part(tier.weights, place)}
            said = say(N_("In a month in which you sell %(amount)s, refunds taken off, you get %(rate)s.")) % told
            yield Line(f"tier:{number}", say(N_("When you sell more")), said, tier)

    def _money(self, terms: Terms) -> Iterator[Line]:
        say, days = self._say, self._formats.days
        held = say(N_("%(days)s after a sale is settled your part becomes available. Until then it is held."))
        now = say(N_("Your part is available as soon as a sale is settled."))
        said = held % {"days": days(terms.hold_days)} if terms.hold_days else now
        yield Line("hold_days", say(N_("When you get it")), said, terms.hold_days)
        if terms.reserve_days:
            told = {"part": terms.reserve, "days": days(terms.reserve_days)}
            said = (
                say(N_("%(part)s of it stays back for %(days)s more, for late refunds; then you get it, too.")) % told
            )
            yield Line("reserve", say(N_("Reserve")), said, (terms.reserve, terms.reserve_days))
        cap = say(N_("What was paid too much is taken back from later earnings."))
        if parse_rate(terms.recovery_cap) < 1:
            capped = N_("What was paid too much is taken back from later earnings, at most %(part)s of each.")
            cap = say(capped) % {"part": terms.recovery_cap}
        yield Line("recovery_cap", say(N_("If something must be paid back")), cap, terms.recovery_cap)
        if terms.minimum_payout:
            least = {"amount": self._formats.money(terms.minimum_payout, terms.split.currency)}
            said = say(N_("You are paid once %(amount)s have come together.")) % least
            yield Line("minimum_payout", say(N_("Smallest payout")), said, terms.minimum_payout)

    def _time(self, terms: Terms) -> Iterator[Line]:
        say, formats = self._say, self._formats
        begins = {"start": formats.moment(terms.starts_at)}
        told = [say(N_("From %(start)s, with no end.")) % begins]
        if terms.ends_at is not None:
            told = [say(N_("From %(start)s until %(end)s.")) % {**begins, "end": formats.moment(terms.ends_at)}]
        if terms.grant_days is not None:
            told.append(say(N_("Each licence lasts %(days)s at most.")) % {"days": formats.days(terms.grant_days)})
        yield Line("window", say(N_("When")), _running(told), (terms.starts_at, terms.ends_at, terms.grant_days))
        after = say(N_("When it has run out, sales of your clips still pay for %(days)s."))
        none = say(N_("Sales pay until it runs out."))
        said = after % {"days": formats.days(terms.tail_days)} if terms.tail_days else none
        yield Line("tail_days", say(N_("After the end")), said, terms.tail_days)
        lock = say(N_("For %(days)s after you accept, nothing newer can take the place of these terms."))
        free = say(N_("Newer terms hold only if you accept them."))
        said = lock % {"days": formats.days(terms.rate_lock_days)} if terms.rate_lock_days else free
        yield Line("rate_lock_days", say(N_("Changes")), said, terms.rate_lock_days)
        yield Line("exclusivity", say(N_("Other hosts")), say(_EXCLUSIVITY[terms.exclusivity]), terms.exclusivity)
        ends = N_(
            "The host may suspend or revoke the licence, and must say why. Sales from that moment on pay nothing, "
            "sales before it still pay. You can dispute it. You may resign at any time, with the same effect."
        )
        yield Line("ending", say(N_("Suspension and end")), say(ends), None)
        yield Line("licensor", say(N_("Who licenses")), terms.licensor, terms.licensor)
        if terms.document_sha256 or terms.document_url:
            said = say(N_("There is a contract on paper: %(where)s"))
            where = terms.document_url or f"SHA-256 {terms.document_sha256}"
            paper = (terms.document_url, terms.document_sha256)
            yield Line("document", say(N_("Contract")), said % {"where": where}, paper)

    # Kinds of lines

    def _list(self, key: str, label: str, values: Sequence[str] | None, otherwise: str) -> Line:
        if values is None:
            return Line(key, self._say(label), self._say(otherwise), values)
        text = self._formats.listed(list(values[:_SHOWN]))
        if len(values) > _SHOWN:
            told = {"some": text, "more": self._formats.number(len(values) - _SHOWN)}
            text = self._say(N_("%(some)s, and %(more)s more")) % told
        return Line(key, self._say(label), text, tuple(values))

    def _stream(self, number: int) -> str:
        return self._streams.get(number) or self._say(N_("stream %(number)s")) % {"number": number}

    def _word(self, raw: str) -> str:
        return self._say(WORDS[raw][0]) if raw in WORDS else raw

    def _take(self, take: Take, currency: str) -> str:
        told = [take.rate] if take.rate != "0%" else []
        return self._formats.listed([*told, *([self._formats.money(take.fixed, currency)] if take.fixed else [])])

    def _part(self, weights: Sequence[int], place: int) -> str:
        return self._formats.ppm(weights[place] * _PPM // sum(weights))

    def _rate(self, ppm: int) -> str:
        return self._formats.ppm(ppm)

    def _length(self, seconds: int) -> str:
        if seconds < _MINUTE or seconds % _MINUTE:
            return self._say(N_("%(count)s seconds")) % {"count": self._formats.number(seconds)}
        return self._say(N_("%(count)s minutes")) % {"count": self._formats.number(seconds // _MINUTE)}


def _running(sentences: Sequence[str]) -> str:
    """One after another: apart in English, and not in Chinese, whose full stop brings its own space."""
    return "".join(each if each.endswith("。") else f"{each} " for each in sentences).rstrip()
