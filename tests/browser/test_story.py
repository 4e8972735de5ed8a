"""The whole demo, as a visitor runs it."""

from tests.browser.served import Served


def test_the_story_is_told_and_what_it_leaves_is_served(served: Served) -> None:
    for line in (
        "Clips, cut and edited as clippers do",
        "fits her to",
        "Approved by the rules: the licence is granted.",
        "is told: valid.",
        "Lili approves it.",
        "submission.published",
        "a preview finds 5 new sales.",
        "Imported once more, it is recognised by its hash: nothing was added.",
        "is in suspense: unknown-content",
        "what Lili said is remembered.",
        "2 sales are released, 15 days after settling.",
        "She can't approve them:",
        "Tom approves them: they are issued, and the month is locked.",
        "Opening and lines are the closing balance, and that is the ledger's.",
        "sales posted in one batch.",
        "A late refund is refused",
        "The books are NOT sound",
        "is not what was sealed",
        "The story came out as it must.",
    ):
        assert line in served.said
    for clip in ("ana", "bo", "chen", "stranger"):
        assert (served.folder / f"{clip}.jpg").read_bytes().startswith(b"\xff\xd8\xff")
        assert f"{clip}.jpg" in served.said
    assert (served.folder / "review.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    assert (served.folder / "certificate.pdf").read_bytes().startswith(b"%PDF-")
    assert (served.folder / "orders-early.csv").exists()
    assert (served.folder / "orders-later.csv").exists()
    assert (served.folder / "statement.pdf").read_bytes().startswith(b"%PDF-")
    assert served.said.count("Book lili-live,") == 1
    assert set(served.guests().pages) == {"Ana", "Lili", "Mei", "Tom", "Olu"}
