"""Whether payouts pay twice, or lose anything: random histories of faults, each from a seed, and what is left.

stage      who acts when: actors that stop at every boundary of I/O, and are let go on, killed or failed there
watching   the engine, the rail and the pace as an actor has them, with those boundaries
world      a database, a sandbox that is new for each history, and what the jobs do on them
weather    what goes wrong at Stripe, from a seed
histories  a book with payees, an approved run, and what befalls it; then quiet, until nothing changes
judging    what must be true then
"""
