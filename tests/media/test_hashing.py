"""The hashes are ImageHash's, of parts of pictures that were never cut out."""

import imagehash
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from media.hashing import (
    BITS,
    SIDE,
    Coefficients,
    coefficients,
    confidences,
    informative,
    mirrored,
    phash_bits,
)
from media.views import WHOLE, Rect
from tests.media.scenery import Scene

# By the sum of the two frequencies, the lowest first; the mean, which is no frequency, last.
ORDER = [
    *sorted(((row, column) for row in range(SIDE) for column in range(SIDE)), key=lambda at: (sum(at), at))[1:],
    (0, 0),
]
MOMENTS = np.arange(0.5, 40, 1.7)


def of_imagehash(picture: NDArray[np.uint8]) -> int:
    signs = imagehash.phash(Image.fromarray(picture)).hash
    return sum(1 << bit for bit, (row, column) in enumerate(ORDER) if signs[row, column])


def hashes(pictures: NDArray[np.uint8], rect: Rect = WHOLE) -> list[int]:
    return [int(number) for number in phash_bits(coefficients(pictures, [rect]))[:, 0]]


def apart(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def noise(count: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32), dtype=np.uint8)


def gradients() -> NDArray[np.uint8]:
    """Slopes in uneven directions: in an even one most frequencies are nothing, and their signs are too."""
    x, y = np.meshgrid(np.arange(32) / 31, np.arange(32) / 31)
    directions = np.random.default_rng(2).uniform(-90, 90, (40, 2))
    return np.stack([128 + a * (x - 0.5) + b * (y - 0.5) ** 2 + 20 * x * y for a, b in directions]).astype(np.uint8)


@pytest.mark.parametrize(
    "pictures",
    [
        pytest.param(noise(400), id="noise"),
        pytest.param(gradients(), id="gradients"),
        pytest.param(Scene(3).pictures(np.arange(0, 50, 0.25), shape=(32, 32)), id="scenes"),
        pytest.param((noise(100) // 128) * 255, id="black-and-white"),
        pytest.param(np.repeat(np.repeat(noise(60)[:, ::4, ::4], 4, axis=1), 4, axis=2), id="checks"),
    ],
)
def test_on_the_same_pixels_every_bit_is_that_of_imagehash(pictures: NDArray[np.uint8]) -> None:
    assert hashes(pictures) == [of_imagehash(picture) for picture in pictures]


@pytest.mark.parametrize("grey", [0, 1, 127, 255])
def test_a_flat_picture_says_nothing(grey: int) -> None:
    assert not informative(coefficients(np.full((1, 72, 128), grey, np.uint8), [WHOLE])).any()


def test_a_scene_says_something_and_its_faintest_copy_does_not() -> None:
    scene = Scene(4).pictures(MOMENTS)
    assert informative(coefficients(scene, [WHOLE])).all()
    assert not informative(coefficients(120 + scene // 100, [WHOLE])).any()


def test_mirrored_coefficients_are_those_of_the_mirrored_picture() -> None:
    scene, rect = Scene(5).pictures(MOMENTS), (0.2, 0.1, 0.7, 0.8)
    seen_backwards = coefficients(np.ascontiguousarray(scene[:, :, ::-1]), [(0.3, 0.1, 0.8, 0.8)])
    assert mirrored(coefficients(scene, [rect])) == pytest.approx(seen_backwards, abs=1e-3)


@pytest.mark.parametrize("rect", [(0.25, 0, 0.75, 1), (0.1, 0.2, 0.9, 0.8), (1 / 3, 1 / 6, 1 / 3 + 0.25, 5 / 6)])
def test_a_view_is_hashed_as_the_picture_cut_out(rect: Rect) -> None:
    scene = Scene(6)
    cut_out = [of_imagehash(picture) for picture in scene.pictures(MOMENTS, rect, (32, 32))]
    differing = [apart(*pair) for pair in zip(hashes(scene.pictures(MOMENTS), rect), cut_out, strict=True)]
    assert np.mean(differing) <= 3
    assert max(differing) <= 8


def test_views_that_share_rows_are_the_same_as_each_alone() -> None:
    scene = Scene(7).pictures(MOMENTS)
    views = [(0.1, 0, 0.6, 1), (0.3, 0, 0.8, 1), (0.3, 0.2, 0.8, 0.9)]
    together = coefficients(scene, views)
    for number, rect in enumerate(views):
        assert np.array_equal(together[:, number], coefficients(scene, [rect])[:, 0])


def test_the_lowest_bits_are_the_lowest_frequencies_and_the_last_is_the_mean() -> None:
    """A picture of one frequency has one coefficient, in its place."""
    cells = (np.arange(64) + 0.5) / 64
    waves = [np.outer(np.cos(np.pi * row * cells), np.cos(np.pi * column * cells)) for row, column in ORDER]
    found = coefficients(np.round(127 + 100 * np.array(waves)).astype(np.uint8), [WHOLE])[:, 0]
    found[:-1, -1] = 0  # the ground that the waves stand on
    assert np.abs(found).argmax(axis=1).tolist() == list(range(BITS))


def test_a_bit_is_set_where_its_coefficient_lies_above_the_median() -> None:
    found = np.arange(BITS, dtype=np.float32)[None, None]
    assert int(phash_bits(found)[0, 0]) == 0xFFFF_FFFF_0000_0000
    assert confidences(found)[0, 0].tolist() == [abs(place - 31.5) for place in range(BITS)]


def test_the_least_confident_bits_are_those_that_editing_flips() -> None:
    scene = Scene(8).pictures(MOMENTS)
    grainy = scene + np.random.default_rng(8).integers(-20, 21, scene.shape)
    before, after = (coefficients(each.clip(0, 255).astype(np.uint8), [WHOLE]) for each in (scene, grainy))
    flipped = _bits(before) != _bits(after)
    sure = confidences(before)
    assert flipped.any()
    assert np.median(sure[flipped]) < np.median(sure[~flipped]) / 5


def _bits(found: Coefficients) -> NDArray[np.bool_]:
    return np.unpackbits(phash_bits(found)[..., None].view(np.uint8), axis=-1, bitorder="little").astype(bool)
