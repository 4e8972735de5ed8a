"""Decoding tells the truth about time: every picture and every sample is where the file's own clock has it."""

import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from itertools import islice
from math import floor
from pathlib import Path

import numpy as np
import pytest

from media.decode import CLIP, PICTURE_SHAPE, Pictures, Sound, decode
from tests.media.footage import (
    EXACT,
    LEVELS,
    children,
    click_times,
    clicks,
    counted,
    either_ffmpeg,
    film,
    nothing_is_left,
    numbers,
    open_files,
    rewrapped,
    run_ffmpeg,
    samples,
)

__all__ = ["either_ffmpeg", "nothing_is_left"]

pytestmark = pytest.mark.usefixtures("either_ffmpeg", "nothing_is_left")

ROUNDING = Fraction(2, 1000)  # seconds that a picture may be late and still be the one on show


def shown(rate: Fraction, pictures_per_second: int, count: int) -> list[int]:
    """The number of the picture on show at each moment, for a film of constant rate."""
    moments = (Fraction(k, pictures_per_second) for k in range(count))
    return [floor((moment + ROUNDING) * rate) % LEVELS for moment in moments]


def read(path: Path, pictures_per_second: int = 12) -> list[Pictures | Sound]:
    with decode(path, pictures_per_second=pictures_per_second) as batches:
        return list(batches)


@pytest.mark.parametrize("pictures_per_second", [4, 12])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("rate", ["24", "25", "30", "60", "30000/1001"])
def test_each_picture_is_the_one_on_show_at_its_moment(
    rate: str, suffix: str, pictures_per_second: int, tmp_path: Path
) -> None:
    made = film(tmp_path / f"film{suffix}", rate=rate, seconds=3, sound=())
    seen = numbers(read(made, pictures_per_second))
    assert len(seen) == pytest.approx(3 * pictures_per_second, abs=1)
    assert seen == shown(Fraction(rate), pictures_per_second, len(seen))


def test_the_same_film_gives_the_same_pictures_in_every_container(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mp4", rate="30", sound=())
    copies = [rewrapped(made, tmp_path / f"copy{suffix}") for suffix in (".mkv", ".mov", ".ts", ".flv")]
    assert all(numbers(read(copy)) == numbers(read(made)) for copy in copies)


def test_pictures_of_uneven_length_are_each_shown_as_long_as_they_last(tmp_path: Path) -> None:
    slower = ",setpts='if(lt(N,25),N/25,1+(N-25)/12.5)/TB'"  # from the second second on at half the rate
    made = tmp_path / "uneven.mkv"
    run_ffmpeg(*counted(seconds=2, then=slower), "-fps_mode", "vfr", *EXACT, str(made))
    seen = numbers(read(made, 5))
    assert seen[:15] == [0, 5, 10, 15, 20, 25, 27, 30, 32, 35, 37, 40, 42, 45, 47]


def test_in_a_gap_the_last_picture_stays(tmp_path: Path) -> None:
    made = tmp_path / "gap.mkv"
    gap = ",select='not(between(t,0.99,2.01))'"
    run_ffmpeg(*counted(seconds=3, then=gap), *clicks(seconds=3), *EXACT, "-fps_mode", "vfr", "-c:a", "flac", str(made))
    batches = read(made, 4)
    assert numbers(batches) == [0, 6, 12, 18, 24, 24, 24, 24, 24, 56, 62, 68]
    assert click_times(batches) == pytest.approx([0, 1, 2], abs=0.002)


def test_where_the_pictures_begin_late_the_first_one_stands_in(tmp_path: Path) -> None:
    made = tmp_path / "late.mov"
    late = ["-itsoffset", "0.8", *counted()]
    run_ffmpeg(*clicks(), *late, "-map", "1", "-map", "0", *EXACT, "-c:a", "pcm_s16le", str(made))
    batches = read(made, 5)
    assert numbers(batches) == [0, 0, 0, 0, 0, 5, 10, 15, 20, 25, 30, 35, 40, 45]
    assert click_times(batches) == pytest.approx([0, 1], abs=0.002)


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_where_the_sound_begins_late_there_is_silence_before(suffix: str, tmp_path: Path) -> None:
    made = tmp_path / f"late{suffix}"
    run_ffmpeg(*counted(), "-itsoffset", "0.73", *clicks(), *EXACT, "-c:a", "pcm_s16le", str(made))
    batches = read(made, 5)
    assert numbers(batches)[:4] == [0, 5, 10, 15]
    assert click_times(batches) == pytest.approx([0.73, 1.73], abs=0.002)


def test_where_the_sound_has_a_gap_there_is_silence(tmp_path: Path) -> None:
    made = tmp_path / "gap.mkv"
    gap = ",aselect='not(between(t,1.5,2.5))'"
    run_ffmpeg(*counted(seconds=5), *clicks(seconds=5, then=gap), *EXACT, "-c:a", "pcm_s16le", str(made))
    assert click_times(read(made)) == pytest.approx([0, 1, 3, 4], abs=0.002)


def test_the_clock_survives_a_change_of_size_and_of_channels(tmp_path: Path) -> None:
    """As in a broadcast that goes from programme to advertisement."""
    first, second, both = tmp_path / "1.ts", tmp_path / "2.ts", tmp_path / "both.ts"
    sound = ["-c:a", "mp2", "-ar", "16000"]
    run_ffmpeg(*counted(seconds=4), *clicks(seconds=4), *EXACT, *sound, str(first))
    later = ["-ac", "2", "-output_ts_offset", "4"]
    run_ffmpeg(*counted(seconds=4, size="96x64"), *clicks(seconds=4), *EXACT, *sound, *later, str(second))
    both.write_bytes(first.read_bytes() + second.read_bytes())
    batches = read(both, 5)
    assert numbers(batches)[:20] == numbers(read(first, 5))[:20]
    assert numbers(batches)[-20:] == pytest.approx(shown(Fraction(25), 5, 20), abs=1)  # sound leads by some 30 ms
    assert click_times(batches) == pytest.approx([0, 1, 2, 3, 4, 5, 6, 7], abs=0.06)


def test_a_start_other_than_zero_is_zero(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mkv")
    shifted = rewrapped(made, tmp_path / "shifted.mkv", "-output_ts_offset", "1000")
    assert numbers(read(shifted)) == numbers(read(made))
    assert click_times(read(shifted)) == pytest.approx(click_times(read(made)), abs=0.002)


def test_batches_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mp4", seconds=24, rate="12")
    batches = read(made)
    pictures = [batch for batch in batches if isinstance(batch, Pictures)]
    sounds = [batch for batch in batches if isinstance(batch, Sound)]
    assert len(pictures) > 2
    assert len(sounds) > 1
    assert [batch.first for batch in pictures] == [0, *np.cumsum([len(batch.frames) for batch in pictures])[:-1]]
    assert [batch.first for batch in sounds] == [0, *np.cumsum([len(batch.samples) for batch in sounds])[:-1]]
    assert sum(len(batch.frames) for batch in pictures) == 24 * 12
    assert all(batch.frames.shape[1:] == PICTURE_SHAPE and batch.frames.dtype == np.uint8 for batch in pictures)


def test_a_film_without_sound_gives_pictures_only(tmp_path: Path) -> None:
    batches = read(film(tmp_path / "film.mp4", sound=()))
    assert len(numbers(batches)) == 24
    assert len(samples(batches)) == 0


def test_a_sound_track_that_cannot_be_decoded_does_not_spoil_the_pictures(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mov", sound=["-c:a", "pcm_s16le"])
    made.write_bytes(made.read_bytes().replace(b"sowt", b"QDXX"))
    assert numbers(read(made, 4)) == shown(Fraction(25), 4, 8)


def test_a_picture_is_stretched_to_the_whole_frame_and_upright(tmp_path: Path) -> None:
    halves = ",drawbox=x=0:y=0:w=iw/2:h=ih:c=white:t=fill"
    made = film(tmp_path / "halves.mp4", sound=(), then=halves)
    first = next(batch for batch in read(made) if isinstance(batch, Pictures)).frames[0]
    assert first[:, :63].min() > 250
    assert first[:, 65:].max() < 5


def test_leaving_early_ends_ffmpeg_and_closes_its_pipes(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mp4", seconds=30)
    before = children(), open_files()
    with decode(made, pictures_per_second=12) as batches:
        assert list(islice(batches, 1))
        assert children() > before[0]
    assert (children(), open_files()) == before


def test_an_error_of_the_reader_ends_ffmpeg_too(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mp4", seconds=30)
    before = children()

    def fail() -> None:
        with decode(made, pictures_per_second=12) as batches:
            raise LookupError(next(iter(batches)))

    with pytest.raises(LookupError):
        fail()
    assert children() == before


def test_many_films_can_be_decoded_at_once(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mp4")
    expected, found = numbers(read(made)), []
    threads = [threading.Thread(target=lambda: found.append(numbers(read(made)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_ffmpeg_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mp4", seconds=30)
    waits = (
        "import sys, time; from media.decode import decode\n"
        "with decode(sys.argv[1], pictures_per_second=12) as batches:\n"
        "    next(iter(batches)); print('decoding', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", waits, str(made)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == "decoding\n"
        (grandchild,) = children(parent.pid)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while Path(f"/proc/{grandchild}").exists() and _state(grandchild) != "Z":
        assert time.monotonic() < deadline, "ffmpeg outlived its parent"
        time.sleep(0.05)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_half_a_file_gives_its_half_and_says_so(tmp_path: Path) -> None:
    made = film(tmp_path / "film.mp4", seconds=20)
    whole = rewrapped(made, tmp_path / "whole.mp4", "-movflags", "+faststart")
    content = whole.read_bytes()
    half = tmp_path / "half.mp4"
    half.write_bytes(content[: len(content) // 2])
    with decode(half, pictures_per_second=12, limits=CLIP) as batches:
        seen = numbers(batches)
        assert batches.truncated
    assert 12 < len(seen) < 20 * 12
    with decode(whole, pictures_per_second=12) as batches:
        assert numbers(batches)[: len(seen) - 12] == seen[:-12]
        assert not batches.truncated
