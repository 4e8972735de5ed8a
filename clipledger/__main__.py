"""`python -m clipledger` is the command line."""

from clipledger.cli import main

main(prog_name="clipledger")
