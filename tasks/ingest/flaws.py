"""What may go away when an address is asked again."""

from __future__ import annotations


class FlawError(Exception):
    """An answer that did not come whole; it never leaves the fetching of a page.

    Args:
        found: what was found.
        held: whether the wait before the next request is set already.
    """

    def __init__(self, found: str, held: bool = False) -> None:
        super().__init__(found)
        self.held = held

    def tell(self, found: str) -> None:
        """Say what was found in other words."""
        self.args = (found,)
