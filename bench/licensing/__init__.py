"""What licensing must reach: granting in bulk, judging sales, searching offers, and how well the ranking foretells.

__main__.py    the run, figure by figure
ground.py      the server and its databases
granting.py    ten thousand grants in one request
judging.py     sales judged against eleven thousand grants
searching.py   offers ranked for a clipper among ten thousand
market.py      simulated markets whose truth is known
matching.py    the ranking against that truth, beside random, most popular and hindsight
fitting.py     the weights, from markets that are not measured
plot.py        the ranking's figures as one SVG
"""
