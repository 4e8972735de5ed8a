"""Sound that knows when it is heard: ffmpeg's fragmented QuickTime (ISO/IEC 14496-12), read as it comes.

Bare samples carry no clock. Where a broadcast changes from mono to stereo, ffmpeg sets its filters up anew, and what
they then give can begin before or after the end of what they gave before; only the fragments' own times tell.
"""

import struct
from collections.abc import Iterator

# As ffmpeg's muxer is to write it: nothing to seek back to, one fragment for each frame, its time as it is.
MUXER = {"f": "mov", "movflags": "empty_moov+default_base_moof+frag_every_frame+frag_discont"}
MUXER |= {"avoid_negative_ts": "disabled"}

_HEADER = struct.Struct(">I4s")


class Fragments:
    """A reader to be fed whatever bytes there are."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._time = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(Time in units of the track's own rate, content) of each fragment that is now complete."""
        self._waiting += data
        start = 0
        while len(self._waiting) - start >= _HEADER.size:
            size, kind = _HEADER.unpack_from(self._waiting, start)
            if size < _HEADER.size:
                raise ValueError(f"a box of {size} bytes")
            if len(self._waiting) - start < size:
                break
            content = bytes(self._waiting[start + _HEADER.size : start + size])
            start += size
            if kind == b"moof":
                self._time = _decode_time(content)
            elif kind == b"mdat" and content:
                yield self._time, content
        del self._waiting[:start]


def _decode_time(fragment: bytes) -> int:
    """The baseMediaDecodeTime of a `moof` box of one track (8.8.12): 64 bits in version 1, else 32."""
    at = fragment.index(b"tfdt") + 4
    time: int = struct.unpack_from(">q" if fragment[at] else ">i", fragment, at + 4)[0]
    return time
