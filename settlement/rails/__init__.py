"""Rails: the ways by which money leaves, behind one protocol, and what their owners say of it afterwards.

`protocol` is all that a payout run knows. `stripe_rail` pays through Stripe Connect at once, `bank_file` through a
file that a person uploads; tests/settlement/rails/contract.py is what both are held to. Nothing in here touches the
database or the books: orders come in, outcomes go out, and who calls keeps them.
"""
