"""What is owed, to whom and when: sales, attribution, accruals, statements, payouts, reconciliation, close."""
