"""Payouts: who is paid what, when and where to, and what became of it."""
