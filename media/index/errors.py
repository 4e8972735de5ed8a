"""What tells a caller to rebuild the index. It is no refusal of a request: nobody outside the process sees it."""


class StaleIndex(Exception):  # noqa: N818 - named for what is wrong, as the errors of the rooms are
    """The folder holds no index of this version: torn, foreign, older or damaged.

    The index is a cache. Whoever meets this calls `media.index.discard` and adds every fingerprint again.
    """
