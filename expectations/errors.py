"""What the suites' side of the package raises; the engine has errors of its own."""

from __future__ import annotations


class SuiteError(ValueError):
    """A suite file says something it may not, or does not fit the table it is for.

    Args:
        required: what should have been the case.
        found: what was the case instead.
        where: `file:line`, and the key.
        do: the next thing to try.
    """

    def __init__(self, required: str, *, found: str, where: str, do: str) -> None:
        super().__init__(f"{where}: required {required}; found {found}. {do}")
        self.required, self.found, self.where, self.do = required, found, where, do
