"""How a model called the rows of each class: a table of classes, and the whole matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.models.records import Curve, Metric

CONFUSION = "class_confusion: "
_RECALL, _PRECISION = "class_recall: ", "class_precision: "
OF_ONE_CLASS = (_RECALL, _PRECISION)
_MOST_COLUMNS = 30  # a wider matrix cannot be read; the table of classes tells the worst of it


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class.

    Args:
        name: the class.
        rows: its rows.
        recall: share of them that were called so, with its interval; None without rows.
        precision: share of what was called so that is; None where nothing was.
        called: rows by the class they were called, in the order of the matrix.
        instead: the wrong name it was given most often, and how often; None where it never was.
    """

    name: str
    rows: int
    recall: Metric | None
    precision: Metric | None
    called: tuple[int, ...]
    instead: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class ClassTable:
    """A model's classes by name, and whether their matrix can be read on a page."""

    model: str
    classes: tuple[ClassRow, ...]

    @property
    def shows_matrix(self) -> bool:
        """Whether there are few enough classes."""
        return len(self.classes) <= _MOST_COLUMNS


def class_tables(
    metrics: Sequence[Metric], curves: Sequence[Curve], split: str
) -> Iterator[ClassTable]:
    """The classes of each model on a split, where it tells classes apart.

    Args:
        metrics: measures, `class_recall: NAME` and `class_precision: NAME` among them.
        curves: `class_confusion: NAME` among them, in the order that their y has.
        split: the one that is shown.
    """
    matrix = [each for each in curves if each.split == split and each.kind.startswith(CONFUSION)]
    found = {(each.model, each.metric): each for each in metrics if each.split == split}
    for model in dict.fromkeys(each.model for each in matrix):
        lines = [each for each in matrix if each.model == model]
        names = [line.kind.removeprefix(CONFUSION) for line in lines]
        yield ClassTable(
            model,
            tuple(
                ClassRow(
                    name,
                    round(sum(line.y)),
                    found.get((model, f"{_RECALL}{name}")),
                    found.get((model, f"{_PRECISION}{name}")),
                    tuple(map(round, line.y)),
                    _instead(place, names, line.y),
                )
                for place, (name, line) in enumerate(zip(names, lines, strict=True))
            ),
        )


def _instead(place: int, names: Sequence[str], called: Sequence[float]) -> tuple[str, int] | None:
    wrong = [(rows, -other) for other, rows in enumerate(called) if other != place and rows]
    if not wrong:
        return None
    rows, other = max(wrong)
    return names[-other], round(rows)
