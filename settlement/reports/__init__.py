"""What finance reads of a book: how payables moved and how old they are, what marketplaces owe, what sold how well."""
