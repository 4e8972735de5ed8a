"""What a demo does with a result that is not what it must be."""


class DemoError(Exception):
    """The story did not come out as it must."""


def must(holds: bool, what: str) -> None:
    """Raises DemoError unless it holds; `what` is said as a fact: "the row is found"."""
    if not holds:
        raise DemoError(f"it must be that {what}, and it is not")
