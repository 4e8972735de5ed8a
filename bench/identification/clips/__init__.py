"""Clips to try identification on, cut and edited from any footage as clippers do it, with the truth beside them.

__main__.py     the command
cutting.py      which seconds of which footage become a clip, and what the truth of it is
edits.py        what is done to the picture and the sound, by name
overlays.py     captions and stickers, drawn
rendering.py    one clip as one ffmpeg command
painted.py      footage of our own: a game, a talking head, a screencast
sounds.py       speech-like sound, music and noises for it
"""
