"""What travels between stages: references, never frames.

A `Ref` names one file in the store by its digest. Its type parameter is the stage that made it,
so that mypy rejects a pipeline wired in the wrong order: `prepare` takes `Ref[Valid]`, and a
`Ref[Landed]` is not one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar


class Landed:
    """Typed rows of one source for one batch date, with `_source` and `_line` of each."""


class Arrivals:
    """Rows of one source as a night read them, each with the date it arrived on and belongs to."""


class Quarantined:
    """Rows held back, with their reasons and their raw values (`tasks.core.quarantine`)."""


class Valid:
    """Landed rows that passed every row-blocking expectation."""


class Quality:
    """One row for each expectation of a run."""


class Prepared:
    """Valid rows after de-duplication and the learned treatments."""


class Tallies:
    """One row for each entity: what its prepared rows of some batch dates come to."""


class Features:
    """One row for each event: key, time, and float32 features known strictly before it."""


class Labels:
    """One row for each event whose label is known: key, label, and when it became known."""


class Parts:
    """Labelled events, and the part of the split each belongs to."""


class Examples:
    """Features joined with labels and parts."""


class Model:
    """The manifest of a model bundle; it pins every other file of the bundle by digest."""


class Scores:
    """One row for each scored event: score, probability, decision, reasons, provenance."""


class Drift:
    """One row for each feature, and one for the score: how far it is from the training."""


class Proven:
    """The result of a proof that no feature sees the future."""


class Report:
    """A public table or page under `reports/`."""


S_co = TypeVar("S_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Ref(Generic[S_co]):
    """A file of the store, as it was when it was written.

    Args:
        uri: path relative to the store's root, with forward slashes.
        sha256: digest of the file's bytes, hexadecimal.
        rows: rows in the table; 0 for what is not a table.
        stage: the stage that wrote it.
    """

    uri: str
    sha256: str
    rows: int
    stage: str
