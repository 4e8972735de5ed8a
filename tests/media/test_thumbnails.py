"""Kept pictures come back in their places, nearly as they were, in a form that any viewer shows."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from media.thumbnails import COLUMNS, ON_A_SHEET, ROWS, from_sheets, to_sheets
from tests.media.scenery import Scene


@pytest.mark.parametrize("count", [1, 2, ON_A_SHEET - 1, ON_A_SHEET, ON_A_SHEET + 1, 2 * ON_A_SHEET])
def test_every_picture_comes_back_in_its_place(count: int) -> None:
    pictures = Scene(1).pictures(np.arange(count) / 2)
    kept = from_sheets(to_sheets(pictures))
    assert len(kept) == -(-count // ON_A_SHEET) * ON_A_SHEET
    errors = np.abs(kept[:count].astype(float) - pictures).mean(axis=(1, 2))
    assert errors.max() < 6
    assert all(picture.tolist() == kept[count].tolist() for picture in kept[count + 1 :])


def test_a_sheet_is_an_ordinary_grey_jpeg() -> None:
    (sheet,) = to_sheets(Scene(2).pictures(np.arange(3.0)))
    with Image.open(BytesIO(sheet)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "L", (8 * COLUMNS, 5 * ROWS))


def test_a_short_sheet_is_filled_up_with_its_last_picture() -> None:
    kept = from_sheets(to_sheets(Scene(3).pictures(np.array([0.0, 7.0]))))
    assert np.abs(kept[2:].astype(float) - kept[1]).mean() < 3
