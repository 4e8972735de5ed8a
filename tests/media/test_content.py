"""Where a clip shows its content is among the guesses, whatever frame it was put into."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from media.content import content_rects, without_bars
from media.thumbnails import COLUMNS, ROWS, Thumbnails
from media.views import WHOLE, Rect
from tests.media.scenery import Scene

TIMES = np.arange(0, 12, 0.2)
SCENE, OTHER = Scene(1), Scene(2)
UPRIGHT, WIDE = 9 / 16, 16 / 9
NEAR = 0.03


def framed(content: Rect, ground: NDArray[np.uint8]) -> Thumbnails:
    """The scene, small, in a rectangle on a ground: one picture, or one for each moment."""
    left, right = round(content[0] * COLUMNS), round(content[2] * COLUMNS)
    top, bottom = round(content[1] * ROWS), round(content[3] * ROWS)
    pictures = np.broadcast_to(ground, (len(TIMES), ROWS, COLUMNS)).copy()
    pictures[:, top:bottom, left:right] = moving(SCENE, (bottom - top, right - left))
    return pictures


def moving(scene: Scene, shape: tuple[int, int] = (ROWS, COLUMNS)) -> Thumbnails:
    """The scene by a camera that is never still."""
    at = 0.3 + 0.3 * np.stack([np.sin(0.7 * TIMES), np.cos(0.9 * TIMES)])
    return np.concatenate(
        [scene.pictures(TIMES[[k]], (x, y, x + 0.6, y + 0.6), shape) for k, (x, y) in enumerate(at.T)]
    )


def plain(grey: int) -> NDArray[np.uint8]:
    return np.full((ROWS, COLUMNS), grey, np.uint8)


def blurred(pictures: Thumbnails) -> Thumbnails:
    return np.stack([np.asarray(Image.fromarray(each).filter(ImageFilter.GaussianBlur(5))) for each in pictures])


def assert_found(content: Rect, pictures: Thumbnails, aspect: float, *, near: float = NEAR) -> None:
    guesses = content_rects(pictures, aspect, most=6)
    off = [max(abs(a - b) for a, b in zip(content, guess, strict=True)) for guess in guesses]
    assert min(off) <= near, guesses


@pytest.mark.parametrize("grey", [0, 255, 128])
@pytest.mark.parametrize("content", [(0, 0.25, 1, 0.75), (0.125, 0, 0.875, 1), (0.1, 0.1, 0.9, 0.9), (0, 0.4, 1, 0.75)])
def test_what_lies_between_bars_or_in_a_plain_frame_is_found(content: Rect, grey: int) -> None:
    assert_found(content, framed(content, plain(grey)), UPRIGHT)


def test_what_lies_in_a_patterned_frame_is_found() -> None:
    checks = ((np.indices((ROWS, COLUMNS)) // 6).sum(axis=0) % 2 * 160 + 40).astype(np.uint8)
    assert_found((0.15, 0.15, 0.85, 0.85), framed((0.15, 0.15, 0.85, 0.85), checks), WIDE)


@pytest.mark.parametrize("top", [0.342, 0.2, 0.45])
def test_what_lies_over_a_blurred_copy_of_itself_is_found(top: float) -> None:
    content = (0, top, 1, top + UPRIGHT / WIDE)
    ground = blurred(SCENE.pictures(TIMES, (0.34, 0, 0.66, 1)))
    assert_found(content, framed(content, ground), UPRIGHT)


@pytest.mark.parametrize("content", [(0.5, 0.125, 0.9375, 0.5), (0.0625, 0.5, 0.5, 0.9), (0.3, 0.25, 0.8, 0.75)])
def test_a_picture_in_somebody_else_s_picture_is_found(content: Rect) -> None:
    assert_found(content, framed(content, moving(OTHER)), WIDE)


@pytest.mark.parametrize("content", [(0, 0, 1, 0.5), (0, 0.5, 1, 1)])
def test_a_picture_above_or_below_another_is_found(content: Rect) -> None:
    assert_found(content, framed(content, moving(OTHER)), UPRIGHT, near=2.5 * NEAR)  # registration finds the rest


@pytest.mark.parametrize("most", [0, 1, 3, 6])
def test_the_whole_picture_comes_first_and_no_more_guesses_than_asked_for(most: int) -> None:
    pictures = framed((0.5, 0.125, 0.9375, 0.5), moving(OTHER))
    guesses = content_rects(pictures, WIDE, most=most)
    assert guesses[0] == WHOLE
    assert len(guesses) <= most + 1
    assert len(set(guesses)) == len(guesses)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("aspect", [0.01, 0.3, UPRIGHT, 1.0, WIDE, 3.5])
def test_few_pictures_and_unusual_shapes_are_no_error(count: int, aspect: float) -> None:
    for pictures in (SCENE.pictures(TIMES[:count]), np.zeros((count, ROWS, COLUMNS), np.uint8)):
        guesses = content_rects(pictures, aspect, most=6)
        assert guesses[0] == WHOLE
        assert all(0 <= left < right <= 1 and 0 <= top < bottom <= 1 for left, top, right, bottom in guesses)


@pytest.mark.parametrize("content", [(0, 0.125, 1, 0.875), (0.125, 0, 0.875, 1)])
def test_a_source_s_bars_are_cut_off(content: Rect) -> None:
    assert without_bars(framed(content, plain(0))) == pytest.approx(content, abs=NEAR / 2)


def test_a_source_without_bars_or_with_a_line_of_them_or_all_black_is_taken_whole() -> None:
    assert without_bars(SCENE.pictures(TIMES)) == WHOLE
    assert without_bars(framed((0, 1 / ROWS, 1, 1), plain(0))) == WHOLE
    assert without_bars(np.zeros((9, ROWS, COLUMNS), np.uint8)) == WHOLE
