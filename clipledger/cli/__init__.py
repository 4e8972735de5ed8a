"""The command line: everything an operator does, one group per module of this folder."""

import click

from clipledger.cli import payout_events, payout_files, payout_rails, payout_steps  # noqa: F401 - commands of `payouts`
from clipledger.cli.access import key, user
from clipledger.cli.advice import advise
from clipledger.cli.closing import close
from clipledger.cli.db import db
from clipledger.cli.demo import demo
from clipledger.cli.doctor import doctor
from clipledger.cli.ledger import ledger
from clipledger.cli.media import media
from clipledger.cli.payouts import payouts
from clipledger.cli.reconciliation import reconcile
from clipledger.cli.reports import report
from clipledger.cli.schedule import schedule
from clipledger.cli.serve import scheduler, serve, web, worker
from clipledger.cli.settlement import settlement
from clipledger.cli.statements import explain, statements
from clipledger.cli.stripe_sandbox import stripe_sandbox


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="clipledger")
def main() -> None:
    """Clip licences, sales attribution, double-entry books and payouts for livestream hosts."""


main.add_command(db)
main.add_command(user)
main.add_command(key)
main.add_command(serve)
main.add_command(web)
main.add_command(worker)
main.add_command(scheduler)
main.add_command(schedule)
main.add_command(doctor)
main.add_command(demo)
main.add_command(ledger)
main.add_command(media)
settlement.add_command(report)
main.add_command(settlement)
settlement.add_command(close)
settlement.add_command(advise)
settlement.add_command(statements)
settlement.add_command(explain)
main.add_command(payouts)
for command in payout_files.COMMANDS:
    payouts.add_command(command)
main.add_command(reconcile)
main.add_command(stripe_sandbox)
