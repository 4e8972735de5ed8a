"""The story of the film: a stream is drawn, clips are cut from it as clippers cut, and each is found again."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from clipledger.demo import visitors_video
from clipledger.demo.clips import STRANGERS_CLIP, clips_of, cut
from clipledger.demo.findings import Identified, check
from clipledger.demo.paper import Paper, from_here
from clipledger.demo.stream import A_STRANGERS, LILI_LIVE, render
from media.contact_sheet import contact_sheet
from media.fingerprint import fingerprint_clip, fingerprint_source
from media.identification import identify
from media.library import Library

SOURCE = 1
"""The stream's number in the library."""


def tell(folder: Path, paper: Paper, video: Path | None = None) -> float:
    """Leave the stream, which is drawn or the visitor's video, the clips and a contact sheet of each in the folder.

    How many seconds the stream has.

    Raises:
        DemoError: something was found that is not so, or not found that is.
    """
    film = _Film(folder, paper)
    film.draw(video)
    with closing(Library.open(folder / "library")) as library:
        film.fingerprint(library)
        identified = film.identify(library)
    paper.chapter("What was cut, and what was found")
    paper.findings(identified)
    film.show(identified)
    check(identified, SOURCE, all_found=video is None)
    return film.seconds


class _Film:
    seconds: float

    def __init__(self, folder: Path, paper: Paper) -> None:
        self.folder = folder
        self.paper = paper
        self.stream = folder / "stream.mp4"
        self.strangers = folder / "strangers-stream.mp4"

    def draw(self, video: Path | None) -> None:
        self.paper.chapter("A livestream")
        if video is None:
            with self.paper.working(f"Drawing {LILI_LIVE.seconds} seconds of it …"):
                render(LILI_LIVE, self.stream)
            self.seconds = LILI_LIVE.seconds
            shown = f"{LILI_LIVE.name} sells {', '.join(ware.name for ware in LILI_LIVE.wares)}"
        else:
            with self.paper.working(f"Taking {video} …"):
                self.seconds = visitors_video.take(video, self.stream)
            shown = f"your recording, {video.name}"
        with self.paper.working("Drawing a stranger's …"):
            render(A_STRANGERS, self.strangers, seconds=STRANGERS_CLIP.taken[-1][1] + 1)
        self.paper.say(f"{from_here(self.stream)}, {self.seconds:.0f} s: {shown}.")

    def fingerprint(self, library: Library) -> None:
        size = 0
        with self.paper.working("Fingerprinting it …"):
            for part in fingerprint_source(self.stream):
                library.add(SOURCE, part)
                size += len(part.to_bytes())
        hourly = size / self.seconds * 3600 / 2**20
        self.paper.say(f"Its fingerprint takes {size // 1024} KiB, which is {hourly:.1f} MiB an hour.")

    def identify(self, library: Library) -> list[Identified]:
        self.paper.chapter("Clips, cut and edited as clippers do")
        identified = []
        for clip in (*clips_of(self.seconds), STRANGERS_CLIP):
            ours = clip is not STRANGERS_CLIP
            with self.paper.working(f"Cutting and identifying {clip.name}'s …"):
                path = cut(clip, self.stream if ours else self.strangers, self.folder)
                matches = tuple(identify(fingerprint_clip(path), library))
            identified.append(Identified(clip, clip.cuts if ours else (), matches))
            self.paper.say(f"{from_here(path)}, {clip.seconds:.0f} s: {clip.edited}.")
        return identified

    def show(self, identified: Sequence[Identified]) -> None:
        self.paper.chapter("The clips' pictures over those of the stream")
        for each in identified:
            video, sheet = (self.folder / f"{each.clip.name}.{kind}" for kind in ("mp4", "jpg"))
            with self.paper.working(f"Making {sheet.name} …"):
                sheet.write_bytes(contact_sheet(video, {SOURCE: self.stream}, each.matches))
            self.paper.say(from_here(sheet))
