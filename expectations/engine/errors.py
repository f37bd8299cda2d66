"""What the engine raises when it is asked for something it cannot do."""

from __future__ import annotations

from great_expectations.exceptions.exceptions import GreatExpectationsError


class UnsupportedExpectationError(GreatExpectationsError):
    """An expectation, or the way it is used, has no meaning on a Polars frame.

    Args:
        subject: the expectation or the metric that was asked for.
        cause: what is missing, in one sentence.
    """

    def __init__(self, subject: str, cause: str) -> None:
        super().__init__(f"{subject}: {cause}")
        self.subject = subject
        self.cause = cause


class PatternError(ValueError):
    """A regular expression uses what Rust's engine lacks."""
