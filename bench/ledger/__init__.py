"""How fast the ledger is, each figure a ratio or a time in one run on one machine and one data folder.

__main__.py   the run, figure by figure
ground.py     the server, its databases and the processes that load them
sales.py      the sales that are posted
writing.py    batches against COPY and pgledger; single entries against pgbench; growth
reading.py    balances, trial balance, verification
plot.py       throughput against batch size and book size
"""
