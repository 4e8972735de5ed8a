"""Settlement, measured: reports into the books, months closed, statements issued."""
