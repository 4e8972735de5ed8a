"""Small grey pictures of a source, kept to compare a clip with, as sheets of ten seconds each.

A sheet is an ordinary JPEG of 8 × 5 pictures: one header for forty of them, and any viewer shows it.
"""

from collections.abc import Iterable
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROWS, COLUMNS = 72, 128
"""Of a picture, stretched to this shape whatever its aspect."""
_ACROSS, _DOWN = 8, 5
ON_A_SHEET = _ACROSS * _DOWN
_QUALITIES = (30, 22, 15, 10, 5)
"""JPEG qualities, tried in turn until a sheet is small enough; nearly always the first is."""
_LARGEST = 40_000
"""Bytes of a sheet: at 4 pictures a second 14 MiB an hour, usually 9."""

Thumbnails = NDArray[np.uint8]
"""(n, ROWS, COLUMNS)"""


def to_sheets(pictures: Thumbnails) -> list[bytes]:
    """Sheets in order; the last is filled up by repeating its last picture."""
    return [_sheet(pictures[start : start + ON_A_SHEET]) for start in range(0, len(pictures), ON_A_SHEET)]


def from_sheets(sheets: Iterable[bytes]) -> Thumbnails:
    """The pictures of the sheets, those that filled up the last one included."""
    return np.concatenate([_pictures(sheet) for sheet in sheets])


def _sheet(pictures: Thumbnails) -> bytes:
    full = np.concatenate([pictures, np.repeat(pictures[-1:], ON_A_SHEET - len(pictures), axis=0)])
    tiles = full.reshape(_DOWN, _ACROSS, ROWS, COLUMNS).swapaxes(1, 2)
    image = Image.fromarray(tiles.reshape(_DOWN * ROWS, _ACROSS * COLUMNS))
    encoded = b""
    for quality in _QUALITIES:
        encoded = _jpeg(image, quality)
        if len(encoded) <= _LARGEST:
            break
    return encoded


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _pictures(sheet: bytes) -> Thumbnails:
    with Image.open(BytesIO(sheet), formats=["JPEG"]) as image:
        tiles = np.asarray(image).reshape(_DOWN, ROWS, _ACROSS, COLUMNS)
    return tiles.swapaxes(1, 2).reshape(ON_A_SHEET, ROWS, COLUMNS)
