"""The index: which postings of which sources are near these hashes. It knows nothing of videos.

    index = Index.open(folder)
    index.add(source, part, hashes=HashPostings(...), landmarks=LandmarkPostings(...))
    hits = index.search_hashes(hashes, confidence, radius=10)

It is a cache of what the fingerprints say: on `StaleIndex`, `discard` the folder and add them again.

Reading order: `index` (the folder and its life), `segments` (the file format), `merging` (how segments grow),
`probing` and `scanning` (the search), `hashes` and `landmarks` (what is searched for).
"""

from media.index.errors import StaleIndex
from media.index.hashes import VIEWS, HashHits, HashPostings
from media.index.index import Index, discard
from media.index.landmarks import LandmarkHits, LandmarkPostings

__all__ = ["VIEWS", "HashHits", "HashPostings", "Index", "LandmarkHits", "LandmarkPostings", "StaleIndex", "discard"]
