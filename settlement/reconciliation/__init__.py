"""Reconciliation: marketplaces' reports, the ledger, and what banks and rails say they have booked."""
