"""The closed gate, with the evidence."""

from __future__ import annotations

from tasks.core.artifacts import Quality, Quarantined, Ref
from tasks.core.errors import GateClosedError
from tasks.core.results import LedgerLine


class ValidationFailedError(GateClosedError):
    """The night stops; what was found travels with the error for the incident page.

    Attributes:
        quality: one row for each expectation; its file lies in the run's staging.
        quarantine: the rows that would have been held back.
        ledger: what became of every row: none passed.
    """

    quality: Ref[Quality]
    quarantine: tuple[Ref[Quarantined], ...]
    ledger: tuple[LedgerLine, ...]
