"""How a clip lies over a source, in place and in time."""

from dataclasses import dataclass, replace

from media.views import Rect


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where a clip's content lies in a source: x = x_scale · u + x_shift of fractions (u of the clip), y likewise;
    source time = offset + speed · clip time, in seconds. A negative x_scale is a mirror image.
    """

    x_scale: float
    x_shift: float
    y_scale: float
    y_shift: float
    speed: float
    offset: float

    def source_time(self, clip_time: float) -> float:
        """Seconds in the source at these seconds of the clip."""
        return self.offset + self.speed * clip_time

    def clip_time(self, source_time: float) -> float:
        """Seconds in the clip at these seconds of the source."""
        return (source_time - self.offset) / self.speed

    def retimed(self, speed: float, shift: float, around: float) -> "Alignment":
        """At another speed, and `shift` seconds later in the source, at the clip's time `around`."""
        return replace(self, speed=speed, offset=self.source_time(around) + shift - speed * around)

    def shared_rects(self) -> tuple[Rect, Rect]:
        """The part of the clip's picture and that of the source's which show the same."""
        (left, right), (u0, u1) = _overlap(self.x_scale, self.x_shift)
        (top, bottom), (v0, v1) = _overlap(self.y_scale, self.y_shift)
        return (u0, v0, u1, v1), (left, top, right, bottom)


def _overlap(scale: float, shift: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """What of [0, 1] is met by scale · [0, 1] + shift, and from where."""
    met = sorted(min(1.0, max(0.0, float(end))) for end in (shift, scale + shift))
    back = sorted((end - shift) / scale for end in met)
    return (met[0], met[1]), (float(back[0]) + 0.0, float(back[1]))


def between(clip: Rect, source: Rect, *, mirrored: bool, speed: float, offset: float) -> Alignment:
    """The alignment that lays one rectangle exactly over the other."""
    x_scale = (source[2] - source[0]) / (clip[2] - clip[0])
    y_scale = (source[3] - source[1]) / (clip[3] - clip[1])
    y_shift = source[1] - y_scale * clip[1]
    if mirrored:
        return Alignment(-x_scale, source[2] + x_scale * clip[0], y_scale, y_shift, speed, offset)
    return Alignment(x_scale, source[0] - x_scale * clip[0], y_scale, y_shift, speed, offset)
