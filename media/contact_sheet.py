"""A contact sheet: a clip's pictures over those of the source they were found in, for a person to see why.

One band for each match; the rectangle is what was matched, the rest of each picture is dimmed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from media.errors import MediaError
from media.identification import Match
from media.stills import fitting, stills
from media.views import Rect

WIDTH = 1200
"""Pixels."""
MOST_BANDS = 40
"""Matches shown; a clip cut into more pieces has the rest counted below."""

Colour = tuple[int, int, int]

_MARGIN = 32
_GUTTER = 62  # beside the rows, for their names
_GAP = 12
_TALLEST = 250  # of a picture
_HEADING, _NOTES, _BETWEEN = 72, 40, 8
_USUAL_ASPECT = 16 / 9

_PAPER, _INK, _QUIET, _RULE = (250, 249, 246), (28, 28, 34), (112, 112, 120), (222, 220, 214)
_FRAME, _GREY = (255, 170, 0), (214, 213, 209)
_GOOD, _FAIR, _POOR = (42, 146, 92), (214, 148, 30), (200, 70, 60)


@dataclass(frozen=True)
class _Moment:
    """One pair of pictures: seconds into the clip and the source, and how alike they are, where that was measured."""

    clip: float
    source: float
    correlation: float | None


def contact_sheet(clip: Path, sources: Mapping[int, Path], matches: Sequence[Match], *, columns: int = 6) -> bytes:
    """A JPEG, WIDTH pixels wide, with `columns` pairs of pictures for each match.

    `sources` has the video files that are still kept; for others there are grey panels that say so. What of a file
    can't be read is a grey panel too, so that a sheet can be made of any match.
    """
    bands = [_band(clip, sources.get(match.source), match, columns) for match in matches[:MOST_BANDS]]
    rest = len(matches) - len(bands)
    if not bands:
        bands.append(_sentence("Nothing in this clip was found in any source."))
    if rest:
        bands.append(_sentence(f"… and {rest} more."))
    return _jpeg(_stacked(bands))


def _band(clip: Path, source: Path | None, match: Match, columns: int) -> Image.Image:
    moments = _moments(match, columns)
    cell = (WIDTH - 2 * _MARGIN - _GUTTER - (columns - 1) * _GAP) // columns
    upper = _row(clip, [moment.clip for moment in moments], match.clip_rect, cell)
    lower = _row(source, [moment.source for moment in moments], match.source_rect, cell)
    heights = [max(panel.height for panel in row) for row in (upper, lower)]
    band = Image.new("RGB", (WIDTH, _HEADING + sum(heights) + _BETWEEN + _NOTES), _PAPER)
    draw = ImageDraw.Draw(band)
    _heading(draw, match)
    tops = (_HEADING, _HEADING + heights[0] + _BETWEEN)
    for name, top, height in zip(("clip", "source"), tops, heights, strict=True):
        draw.text((_MARGIN, top + height // 2), name, _QUIET, _font(15), anchor="lm")
    for n, (moment, above, below) in enumerate(zip(moments, upper, lower, strict=True)):
        left = _MARGIN + _GUTTER + n * (cell + _GAP)
        for panel, top, height in zip((above, below), tops, heights, strict=True):
            band.paste(panel, (left + (cell - panel.width) // 2, top + (height - panel.height) // 2))
        _note(draw, moment, left, tops[1] + heights[1] + 8, cell)
    return band


def _moments(match: Match, columns: int) -> list[_Moment]:
    """Evenly spaced over the match, each moved to the nearest at which pictures were compared."""
    step = (match.clip_t1 - match.clip_t0) / columns
    wanted = [match.clip_t0 + (n + 0.5) * step for n in range(columns)]
    seen = match.evidence
    pairs = zip(seen.clip_times, seen.source_times, seen.still, strict=True)
    compared = [_Moment(*pair) for pair in pairs if match.clip_t0 <= pair[0] <= match.clip_t1]
    if not compared:
        return [_Moment(at, match.source_t0 + (at - match.clip_t0) * match.speed, None) for at in wanted]
    nearest = {min(range(len(compared)), key=lambda n: abs(compared[n].clip - at)) for at in wanted}
    return sorted((compared[n] for n in nearest), key=lambda moment: moment.clip)


def _row(video: Path | None, times: Sequence[float], rect: Rect, cell: int) -> list[Image.Image]:
    """A panel for each time, `cell` pixels wide at most."""
    within = (cell, _TALLEST)
    blank = fitting(_USUAL_ASPECT, within)
    if video is None:
        return [_grey(blank, "video is not kept")] * len(times)
    try:
        found = list(stills(video, times, within))
    except MediaError:
        return [_grey(blank, "cannot be read")] * len(times)
    shown = next((still.size for still in found if still), blank)
    return [_framed(still, rect) if still else _grey(shown, "no picture here") for still in found]


def _framed(still: Image.Image, rect: Rect) -> Image.Image:
    """The rectangle drawn, and what is outside it dimmed."""
    width, height = still.size
    box = (round(rect[0] * width), round(rect[1] * height), round(rect[2] * width), round(rect[3] * height))
    panel = Image.blend(still, Image.new("RGB", still.size, _PAPER), 0.55)
    panel.paste(still.crop(box), box[:2])
    draw = ImageDraw.Draw(panel)
    edge = (max(0, box[0]), max(0, box[1]), min(width, box[2]) - 1, min(height, box[3]) - 1)
    draw.rectangle(edge, outline=_FRAME, width=3)
    return panel


def _grey(size: tuple[int, int], says: str) -> Image.Image:
    panel = Image.new("RGB", size, _GREY)
    ImageDraw.Draw(panel).text((size[0] / 2, size[1] / 2), says, _QUIET, _font(14), anchor="mm")
    return panel


def _heading(draw: ImageDraw.ImageDraw, match: Match) -> None:
    draw.text((_MARGIN, 8), f"Source {match.source}", _INK, _font(22))
    score, right = f"score {match.score:.2f}", WIDTH - _MARGIN
    left = right - _font(17).getlength(score) - 24
    draw.rounded_rectangle((left, 8, right, 36), 14, fill=_shade(match.score))
    draw.text(((left + right) / 2, 22), score, (255, 255, 255), _font(17), anchor="mm")
    clip = f"clip {_clock(match.clip_t0)} to {_clock(match.clip_t1)}"
    _mapping(draw, (_MARGIN, 38), clip, " · ".join(_facts(match)), 16)


def _facts(match: Match) -> Iterator[str]:
    # Spelt without × and –, which the font that Pillow ships does not have.
    yield f"source {_clock(match.source_t0)} to {_clock(match.source_t1)}"
    yield f"speed x{match.speed:.2f}"
    if match.mirrored:
        yield "mirrored"
    if match.evidence.heard > 0:
        yield f"heard {match.evidence.heard:.2f}"


def _note(draw: ImageDraw.ImageDraw, moment: _Moment, left: int, top: int, cell: int) -> None:
    """The times of a pair, its correlation in figures and as a bar."""
    _mapping(draw, (left, top), _clock(moment.clip), _clock(moment.source), 13)
    if moment.correlation is None:
        return
    draw.text((left + cell, top), f"{moment.correlation:.2f}", _INK, _font(13), anchor="ra")
    draw.rectangle((left, top + 20, left + cell, top + 24), fill=_RULE)
    filled = round(cell * min(1.0, max(0.0, moment.correlation)))
    draw.rectangle((left, top + 20, left + filled, top + 24), fill=_shade(moment.correlation))


def _mapping(draw: ImageDraw.ImageDraw, place: tuple[int, int], one: str, other: str, size: int) -> None:
    """Two texts with a double arrow between them, drawn, as the font has none."""
    font = _font(size)
    draw.text(place, one, _QUIET, font)
    left, middle, tip = place[0] + font.getlength(one) + size / 2, place[1] + 0.62 * size, size / 4
    right = left + 1.4 * size
    draw.line((left, middle, right, middle), fill=_QUIET, width=1)
    for end, inward in ((left, tip), (right, -tip)):
        draw.line((end + inward, middle - tip, end, middle, end + inward, middle + tip), fill=_QUIET, width=1)
    draw.text((right + size / 2, place[1]), other, _QUIET, font)


def _sentence(text: str) -> Image.Image:
    band = Image.new("RGB", (WIDTH, 56), _PAPER)
    ImageDraw.Draw(band).text((_MARGIN, 28), text, _INK, _font(18), anchor="lm")
    return band


def _stacked(bands: Sequence[Image.Image]) -> Image.Image:
    """One under the other, with a rule between."""
    sheet = Image.new("RGB", (WIDTH, sum(band.height + 2 * _GAP for band in bands)), _PAPER)
    draw, top = ImageDraw.Draw(sheet), 0
    for n, band in enumerate(bands):
        if n:
            draw.line((_MARGIN, top, WIDTH - _MARGIN, top), fill=_RULE)
        sheet.paste(band, (0, top + _GAP))
        top += band.height + 2 * _GAP
    return sheet


def _jpeg(sheet: Image.Image) -> bytes:
    data = BytesIO()
    sheet.save(data, "JPEG", quality=88, optimize=True)
    return data.getvalue()


def _shade(value: float) -> Colour:
    """Of a score or a correlation."""
    return _GOOD if value >= 0.75 else _FAIR if value >= 0.5 else _POOR


def _clock(seconds: float) -> str:
    """`1:02.5`, and `1:01:02.5` from an hour on."""
    tenths = round(max(0.0, seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    ahead = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{ahead}:{rest // 10:02}.{rest % 10}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
