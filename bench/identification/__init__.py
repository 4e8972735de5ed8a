"""What is in this video: how well, how fast and how small identification does it, beside its peers.

__main__.py     the run, figure by figure
corpus.py       sources, clips, truth; footage.py, folders.py: files and options that name them
predicting.py   our own answers
scoring.py      what predictions are worth
baselines/      the peers' answers
comparison.py   ours beside theirs; tables.py, plot.py, document.py: shown
costs.py        time and space; decoding.py, filler.py: the figure beside ffmpeg, the hours that nobody recorded
clips/          clips to try it on
"""
