"""What this room refuses.

MediaError
├── invalid: the file is no video that can be identified
│   ├── UnreadableFile          a folder, a pipe or a device, or a file that may not be read
│   ├── EmptyFile               zero bytes
│   ├── NotAVideo               no container of `media.probe.CONTAINERS`: a text, an archive, a playlist
│   │   └── StillPicture        an image, animated or not, or a video of one picture
│   ├── NoPicture               a container without a video track: sound only
│   ├── DamagedVideo            a container that is accepted, in which no picture can be decoded
│   │   └── TruncatedVideo      it ends before its first picture, or before the index without which there is none
│   └── TooCostly               past a limit of `media.ffmpeg.Limits` that only decoding shows: time, memory, output
│       ├── VideoTooLong
│       ├── PictureTooLarge
│       └── FrameRateTooHigh
├── invalid: the request cannot be obeyed whatever there is
│   ├── InvalidTitle
│   ├── InvalidTime             where a recording begins in its source
│   ├── InvalidPlace            where bytes lie is told not at all, or twice
│   ├── PlaceNotAllowed         a file outside the service's folders, or no object's key
│   ├── InvalidUpload           an upload's headers
│   │   ├── UploadTooLarge      more bytes than one may have, or than it announced
│   │   └── ChecksumMismatch    the bytes that arrived are not those that were sent
│   └── InvalidCursor           not a place that an earlier page gave
├── conflict: the file, as it stands, does not allow it
│   └── VideoChanged            it was written to, or cut, while it was read
├── conflict: the state of things does not allow it
│   ├── WrongOffset             bytes that do not follow those that have arrived
│   ├── UploadBusy              another request is appending
│   ├── UploadIncomplete        it has not arrived whole
│   ├── UploadUsed              an upload becomes one recording or one clip
│   ├── SourceFinished          a source that is not live gets no more recordings
│   └── NotIdentifiedYet        there is nothing to show
└── not_found: the address names nothing
    ├── VideoFileNotFound
    ├── UploadNotFound
    ├── SourceNotFound
    ├── ClipNotFound
    └── IdentificationNotFound

`kind` decides the HTTP status (invalid 422, conflict 409, not_found 404, forbidden 403); `code` is stable and
may be matched by clients.
"""

# ruff: noqa: N818 - these are named for what is wrong, as in `ledger.errors`

from typing import ClassVar, Literal

_LONGEST_VALUE = 200  # characters of an offending value worth repeating to its sender


class MediaError(Exception):
    """A refusal that has changed nothing.

    `field` is the offending input, `value` what it held, as text cut to 200 characters, and `rule` the sentence
    it breaks; a class with one rule only need not be told it.
    """

    kind: ClassVar[Literal["invalid", "conflict", "not_found", "forbidden"]]
    code: ClassVar[str]
    usual_rule: ClassVar[str | None] = None

    field: str | None
    value: str | None
    rule: str | None

    def __init__(self, field: str | None = None, value: object = None, rule: str | None = None) -> None:
        super().__init__(field, value, rule)  # as given, so that the error survives pickling
        self.field = field
        self.value = None if value is None else _as_text(value)
        self.rule = rule or self.usual_rule

    def __str__(self) -> str:
        said = ": ".join(part for part in (self.field, self.rule) if part) or self.code
        return said if self.value is None else f"{said} (got {self.value})"


def _as_text(value: object) -> str:
    text = str(value).encode(errors="backslashreplace").decode()  # a file's name may hold half a surrogate pair
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


class UnreadableFile(MediaError):
    kind = "invalid"
    code = "unreadable-file"
    usual_rule = "must be a regular file that may be read"


class EmptyFile(MediaError):
    kind = "invalid"
    code = "empty-file"
    usual_rule = "must hold a video; this file has no bytes"


class NotAVideo(MediaError):
    kind = "invalid"
    code = "not-a-video"
    usual_rule = "must be a video in MP4, QuickTime, Matroska, WebM, MPEG-TS, MPEG-PS, AVI, FLV, Ogg, ASF or MXF"


class StillPicture(NotAVideo):
    code = "still-picture"
    usual_rule = "must be a video, not an image"


class NoPicture(MediaError):
    kind = "invalid"
    code = "no-picture"
    usual_rule = "must have a video track"


class DamagedVideo(MediaError):
    kind = "invalid"
    code = "damaged-video"
    usual_rule = "no picture of it can be decoded"


class TruncatedVideo(DamagedVideo):
    code = "truncated-video"
    usual_rule = "ends before its first picture can be decoded; the copy or upload is incomplete"


class TooCostly(MediaError):
    kind = "invalid"
    code = "too-costly"


class VideoTooLong(TooCostly):
    code = "video-too-long"


class PictureTooLarge(TooCostly):
    code = "picture-too-large"


class FrameRateTooHigh(TooCostly):
    code = "frame-rate-too-high"


class VideoChanged(MediaError):
    kind = "conflict"
    code = "video-changed"
    usual_rule = "was changed while it was read"


class VideoFileNotFound(MediaError):
    kind = "not_found"
    code = "video-file-not-found"
    usual_rule = "no such file"


class InvalidTitle(MediaError):
    kind = "invalid"
    code = "invalid-title"
    usual_rule = "1 to 200 characters, none of them NUL"


class InvalidTime(MediaError):
    kind = "invalid"
    code = "invalid-time"
    usual_rule = "seconds from the source's start, not negative and not before the end of the recording before"


class InvalidPlace(MediaError):
    kind = "invalid"
    code = "invalid-place"
    usual_rule = "names exactly one of upload, path and key"


class PlaceNotAllowed(MediaError):
    kind = "invalid"
    code = "place-not-allowed"
    usual_rule = "must lie in a folder of CLIPLEDGER_MEDIA_FOLDERS"


class InvalidUpload(MediaError):
    kind = "invalid"
    code = "invalid-upload"


class UploadTooLarge(InvalidUpload):
    code = "upload-too-large"


class ChecksumMismatch(InvalidUpload):
    code = "checksum-mismatch"
    usual_rule = "must be the checksum of the bytes sent; none of them were kept"


class WrongOffset(MediaError):
    kind = "conflict"
    code = "wrong-offset"
    usual_rule = "must be how many bytes have arrived; HEAD tells"


class UploadBusy(MediaError):
    kind = "conflict"
    code = "upload-busy"
    usual_rule = "another request is appending to it"


class UploadIncomplete(MediaError):
    kind = "conflict"
    code = "upload-incomplete"
    usual_rule = "must have arrived whole"


class UploadUsed(MediaError):
    kind = "conflict"
    code = "upload-used"
    usual_rule = "a recording or clip was made of it already"


class SourceFinished(MediaError):
    kind = "conflict"
    code = "source-finished"
    usual_rule = "only a live source gets more recordings"


class NotIdentifiedYet(MediaError):
    kind = "conflict"
    code = "not-identified-yet"
    usual_rule = "must have been identified, and its bytes must still be there"


class UploadNotFound(MediaError):
    kind = "not_found"
    code = "upload-not-found"
    usual_rule = "no such upload in this book"


class SourceNotFound(MediaError):
    kind = "not_found"
    code = "source-not-found"
    usual_rule = "no such source in this book"


class ClipNotFound(MediaError):
    kind = "not_found"
    code = "clip-not-found"
    usual_rule = "no such clip in this book"


class IdentificationNotFound(MediaError):
    kind = "not_found"
    code = "identification-not-found"
    usual_rule = "the clip has not been identified"


class InvalidCursor(MediaError):
    kind = "invalid"
    code = "invalid-cursor"
    usual_rule = "a next_cursor that an earlier page gave"


class DamagedFingerprint(MediaError):
    """Kept bytes that are no fingerprint, or one of another version."""

    kind = "invalid"
    code = "damaged-fingerprint"
    usual_rule = "must be a fingerprint as this version keeps it"
