"""A clip laid over its source shows where, when, how fast and how large; over another source it shows nothing."""

from dataclasses import replace

import numpy as np
import pytest

from media.alignment import Alignment, between
from media.correlation import Agreement
from media.registration import Overlay
from media.thumbnails import Thumbnails
from media.views import WHOLE, Rect
from tests.media.scenery import Scene

CLIP_RATE, SOURCE_RATE = 12, 4
SECONDS = 8.0
FIRST = 40  # the number of the stretch's first picture: ten seconds into the source
SCENE = Scene(1)
STRETCH = SCENE.pictures(FIRST / SOURCE_RATE + np.arange(100) / SOURCE_RATE)


def clip(scene: Scene = SCENE, *, shows: Rect = WHOLE, speed: float = 1.0, offset: float = 15.0) -> Thumbnails:
    return scene.pictures(offset + speed * np.arange(SECONDS * CLIP_RATE) / CLIP_RATE, shows)


def overlay(pictures: Thumbnails, content: Rect = WHOLE) -> Overlay:
    return Overlay(pictures, CLIP_RATE, content, STRETCH, FIRST, SOURCE_RATE)


def refined(pictures: Thumbnails, guess: Alignment) -> tuple[Alignment, Agreement]:
    return overlay(pictures).refine(guess, 0, SECONDS - 1 / CLIP_RATE)


def off_in_time(found: Alignment, speed: float, offset: float) -> float:
    return max(abs(found.source_time(at) - offset - speed * at) for at in (0.0, SECONDS))


def part_shown(found: Alignment, clip_rect: Rect = WHOLE) -> Rect:
    left, right = sorted(found.x_scale * u + found.x_shift for u in (clip_rect[0], clip_rect[2]))
    top, bottom = (found.y_scale * v + found.y_shift for v in (clip_rect[1], clip_rect[3]))
    return left, top, right, bottom


def off_in_place(found: Alignment, shows: Rect) -> float:
    return max(abs(a - b) for a, b in zip(part_shown(found), shows, strict=True))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("shows", [WHOLE, (0.3, 0, 0.62, 1), (0.1, 0.15, 0.8, 0.85), (0.35, 0.1, 0.95, 0.7)])
def test_crop_and_zoom_are_recovered_from_a_guess_beside_them(shows: Rect, mirrored: bool) -> None:
    seen = clip(shows=shows)[:, :, :: -1 if mirrored else 1]
    beside = (shows[0] + 0.03, shows[1] - 0.02, shows[2] + 0.04, shows[3] + 0.01)
    found, agreement = refined(seen, between(WHOLE, beside, mirrored=mirrored, speed=1.0, offset=15.3))
    assert off_in_place(found, shows) < 0.02
    assert off_in_time(found, 1.0, 15.0) < 0.06
    assert (found.x_scale < 0) == mirrored
    assert agreement.total > 0.8


@pytest.mark.parametrize(("speed", "guessed"), [(1.0, 1.025), (1.1, 1.1), (1.25, 1.22), (0.8, 0.82), (1.5, 1.47)])
def test_speed_is_recovered(speed: float, guessed: float) -> None:
    guess = between(WHOLE, WHOLE, mirrored=False, speed=guessed, offset=15 + (speed - guessed) * SECONDS / 2)
    found, _ = refined(clip(speed=speed), guess)
    assert found.speed == pytest.approx(speed, rel=0.01)
    assert off_in_time(found, speed, 15.0) < 0.12


@pytest.mark.parametrize("shift", [-0.5, -0.31, -0.125, 0.07, 0.2, 0.44])
def test_a_shift_in_time_is_recovered(shift: float) -> None:
    found, _ = refined(clip(), between(WHOLE, WHOLE, mirrored=False, speed=1.0, offset=15 + shift))
    assert off_in_time(found, 1.0, 15.0) < 0.06


@pytest.mark.parametrize(("brighter", "contrast"), [(-40, 1.0), (30, 0.6), (0, 0.35), (0, 1.5)])
def test_brightness_and_contrast_do_not_matter(brighter: int, contrast: float) -> None:
    seen = ((clip().astype(float) - 128) * contrast + 128 + brighter).clip(0, 255).astype(np.uint8)
    found, agreement = refined(seen, between(WHOLE, WHOLE, mirrored=False, speed=1.0, offset=15.1))
    assert off_in_place(found, WHOLE) < 0.02
    assert off_in_time(found, 1.0, 15.0) < 0.06
    assert agreement.total > 0.75


@pytest.mark.parametrize("box", [(0.0, 0.7, 1.0, 1.0), (0.0, 0.0, 1.0, 0.25), (0.6, 0.5, 1.0, 1.0)])
def test_what_covers_less_than_a_third_does_not_count(box: Rect) -> None:
    seen, foreign = clip(), clip(Scene(9))
    rows, columns = slice(int(box[1] * 72), int(box[3] * 72)), slice(int(box[0] * 128), int(box[2] * 128))
    seen[:, rows, columns] = foreign[:, rows, columns]
    found, agreement = refined(seen, between(WHOLE, WHOLE, mirrored=False, speed=1.0, offset=15.2))
    assert off_in_place(found, WHOLE) < 0.03
    assert off_in_time(found, 1.0, 15.0) < 0.06
    assert agreement.total > 0.7


def test_only_the_named_part_of_the_clip_is_compared() -> None:
    """Half of the clip shows something else, and half the source, squeezed."""
    seen = np.concatenate([clip(Scene(9))[:, :, ::2], clip()[:, :, ::2]], axis=2)
    content = (0.5, 0.0, 1.0, 1.0)
    guess = between(content, WHOLE, mirrored=False, speed=1.0, offset=15.0)
    assert overlay(seen, content).agreement(guess, 0, SECONDS).total > 0.8
    assert (
        overlay(seen, (0.0, 0.0, 0.5, 1.0))
        .agreement(between((0.0, 0.0, 0.5, 1.0), WHOLE, mirrored=False, speed=1.0, offset=15.0), 0, SECONDS)
        .total
        < 0.3
    )


@pytest.mark.parametrize("seed", [21, 22, 23, 24, 25, 26])
def test_different_scenes_do_not_agree_however_they_are_laid(seed: int) -> None:
    _, agreement = refined(clip(Scene(seed)), between(WHOLE, WHOLE, mirrored=False, speed=1.0, offset=15.0))
    assert agreement.total < 0.36  # from which identification would look closer


def test_another_moment_before_the_same_wall_agrees_less_in_motion_than_as_it_is() -> None:
    """From 15 s to 20 s the camera looks at one wall, before which things move."""
    seen, laid = overlay(clip()), between(WHOLE, WHOLE, mirrored=False, speed=1.0, offset=15.0)
    right, wrong = (seen.agreement(replace(laid, offset=at), 0.0, 1.5) for at in (15.0, 16.5))
    assert min(right.still, right.motion) > 0.8
    assert wrong.motion < 0.4
    assert wrong.motion < wrong.still


def test_a_stretch_that_the_source_does_not_have_agrees_with_nothing() -> None:
    before = between(WHOLE, WHOLE, mirrored=False, speed=1.0, offset=-50)
    assert overlay(clip()).agreement(before, 0, SECONDS).total < 0
    assert refined(clip(), before)[1].total < 0


def test_plain_pictures_agree_with_nothing() -> None:
    grey = np.full((96, 72, 128), 90, np.uint8)
    assert refined(grey, between(WHOLE, WHOLE, mirrored=False, speed=1.0, offset=15.0))[1].total < 0.1
    nothing = Overlay(grey, CLIP_RATE, WHOLE, np.full((40, 72, 128), 90, np.uint8), FIRST, SOURCE_RATE)
    assert nothing.agreement(between(WHOLE, WHOLE, mirrored=False, speed=1.0, offset=10.0), 0, SECONDS).total < 0


def test_moment_by_moment_the_stretch_that_is_shown_stands_out() -> None:
    seen = clip()
    seen[: 3 * CLIP_RATE] = clip(Scene(9))[: 3 * CLIP_RATE]
    truth = between(WHOLE, WHOLE, mirrored=False, speed=1.0, offset=15.0)
    series = overlay(seen).series(truth, 0, SECONDS)
    assert series.source_times == pytest.approx(series.clip_times + 15)
    assert np.diff(series.clip_times) == pytest.approx(1 / SOURCE_RATE)
    assert series.still[series.clip_times > 3.6].min() > 0.8
    assert np.median(series.still[series.clip_times < 2.4]) < 0.3
    assert not np.isnan(series.still).any()
    assert not np.isnan(series.motion).any()


def test_between_lays_one_rectangle_over_the_other() -> None:
    clip_rect, source_rect = (0.1, 0.2, 0.6, 0.9), (0.3, 0.0, 0.7, 0.5)
    for mirrored in (False, True):
        laid = between(clip_rect, source_rect, mirrored=mirrored, speed=1.25, offset=7.0)
        assert part_shown(laid, clip_rect) == pytest.approx(source_rect)
        assert laid.clip_time(laid.source_time(3.3)) == pytest.approx(3.3)
    again = laid.retimed(1.5, 0.2, 4.0)
    assert (again.speed, again.source_time(4.0)) == pytest.approx((1.5, laid.source_time(4.0) + 0.2))


def test_what_clip_and_source_share_is_told_in_both_pictures() -> None:
    """A clip that shows the source's middle, mirrored, in its own right half."""
    laid = between((0.5, 0.0, 1.0, 1.0), (0.25, 0.0, 0.75, 1.0), mirrored=True, speed=1.0, offset=0.0)
    clip_rect, source_rect = laid.shared_rects()
    assert clip_rect == pytest.approx((0.25, 0.0, 1.0, 1.0))
    assert source_rect == pytest.approx((0.25, 0.0, 1.0, 1.0))
