"""The demo: one story told through the rooms' public operations, on a database of its own, checking its results.

month.py   a host's month as ledger entries
story.py   the story: what is done, what is shown, what must have come out
paper.py   how it looks on a terminal
"""
