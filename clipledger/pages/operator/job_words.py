"""The service's jobs and their clocks, in words."""

import re
from collections.abc import Mapping

from clipledger.pages.view import View
from clipledger.pages.words import N_

JOBS: Mapping[str, tuple[str, str]] = {
    "seal_books": (N_("Seal books"), N_("Seals every book's new entries, and the statements of its months.")),
    "forget_expired": (N_("Forget logins"), N_("Deletes sessions that have ended, and answers nobody asks for again.")),
    "rescue_stalled_jobs": (N_("Rescue jobs"), N_("Puts jobs whose worker died back into the queue.")),
    "forget_old_jobs": (N_("Forget old jobs"), N_("Deletes the records of jobs that ended over three days ago.")),
    "forget_media": (
        N_("Forget media"),
        N_("Deletes abandoned uploads and the recordings of streams that were removed."),
    ),
    "fingerprint_sources": (N_("Fingerprint streams"), N_("Makes uploaded streams searchable.")),
    "identify_clips": (N_("Identify clips"), N_("Finds out which seconds of which stream a clip shows.")),
    "apply_dates": (
        N_("Apply deadlines"),
        N_("Ends, begins or decides what has reached its time: applications, licences, new terms, disputes, clips."),
    ),
    "review_clips": (N_("Hand clips on"), N_("Brings what was identified to the clip's review.")),
    "conclude_cases": (N_("Conclude cases"), N_("Brings what was looked for to its case of unlicensed use.")),
    "trace_clips": (N_("Trace clips"), N_("Looks for submitted clips in the streams of every other host.")),
    "import_reports": (N_("Import reports"), N_("Reads marketplaces' reports that were sent.")),
    "settle_books": (N_("Settle sales"), N_("Posts what became of sales by a person, a dispute or the calendar.")),
    "draft_payouts": (N_("Draft payouts"), N_("Drafts the payout runs whose day of payment has come.")),
    "send_payouts": (N_("Send payouts"), N_("Sends approved payouts, and looks up those of which nothing is known.")),
    "hear_stripe": (N_("Hear Stripe"), N_("Acts upon what Stripe has told.")),
    "sweep_rails": (N_("Sweep rails"), N_("Asks rails for what they would have told and nobody heard.")),
    "refresh_payees": (
        N_("Refresh payees"),
        N_("Asks Stripe about payees' accounts again, in case a webhook was lost."),
    ),
    "import_rail_lines": (N_("Import movements"), N_("Brings what moved at Stripe to the books it belongs to.")),
    "reconcile_accounts": (N_("Reconcile accounts"), N_("Runs the long reconciliations that somebody has asked for.")),
    "send_webhooks": (N_("Send webhooks"), N_("Sends events to the endpoints that wait for them.")),
}
"""What each is called, and what it does; a test says which is missing."""

_EVERY = re.compile(r"every (\d+) minutes")
_HOURLY = re.compile(r"every hour at :(\d\d)")
_DAILY = re.compile(r"every day at (\d\d:\d\d)")


def when(view: View, clock: str) -> str:
    """A clock of the timetable, in the page's language."""
    if clock == "every minute":
        return view.say(N_("every minute"))
    if told := _EVERY.fullmatch(clock):
        return view.say(N_("every %(num)s minutes")) % {"num": told[1]}
    if told := _HOURLY.fullmatch(clock):
        return view.say(N_("every hour, %(minute)s minutes past")) % {"minute": int(told[1])}
    told = _DAILY.fullmatch(clock)
    return view.say(N_("every day at %(time)s UTC")) % {"time": told[1]} if told else clock
