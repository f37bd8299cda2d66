from __future__ import annotations

import pickle

import pytest

from tasks.core.errors import LedgerError
from tasks.core.ledger import check_balance, to_frame
from tasks.core.results import LedgerLine


def test_a_balanced_ledger_passes() -> None:
    check_balance(
        [
            LedgerLine("ingest", "lines", 10, 8, quarantined=2),
            LedgerLine("prepare", "lines", 8, 7, rejected={"duplicate": 1}),
        ]
    )


def test_a_lost_row_within_a_stage_is_found() -> None:
    with pytest.raises(LedgerError, match="10 rows accounted for"):
        check_balance([LedgerLine("ingest", "lines", 10, 8, quarantined=1)])


def test_a_lost_row_between_stages_is_found() -> None:
    with pytest.raises(LedgerError, match="8 rows that ingest passed on"):
        check_balance(
            [
                LedgerLine("ingest", "lines", 8, 8),
                LedgerLine("validate", "lines", 7, 7),
            ]
        )


def test_tables_are_followed_apart() -> None:
    check_balance([LedgerLine("ingest", "a", 8, 8), LedgerLine("ingest", "b", 7, 7)])


def test_reasons_are_in_the_table() -> None:
    frame = to_frame([LedgerLine("prepare", "a", 3, 1, rejected={"z": 1, "duplicate": 1})])
    assert frame["rejected"].item() == 2
    assert [r["reason"] for r in frame["rejected_reasons"].item()] == ["duplicate", "z"]


def test_errors_survive_a_process_boundary() -> None:
    error = LedgerError("a", found="b", where="c", do="d")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert (copy.required, copy.found, copy.where, copy.do) == ("a", "b", "c", "d")
