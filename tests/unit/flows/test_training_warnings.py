"""What a training and its history tell people, in as few lines as it takes."""

from __future__ import annotations

import datetime as dt

from flows.training_report import suspicions
from flows.windows import Window
from tasks.core.artifacts import Ref, Valid
from tasks.core.results import Selection

LANDED = Ref(Valid, "raw/p/t/x.parquet", "0" * 64, 1)
MISSING = "at least one file at drops/{day}.csv; found none"


def days(*numbers: int) -> list[dt.date]:
    return [dt.date(2020, 1, number) for number in numbers]


def test_dates_in_a_row_that_lack_alike_are_one_line() -> None:
    gaps = {day: MISSING.format(day=day) for day in days(1, 2, 3, 6, 7, 9)}
    gaps[days(7)[0]] = "rows that pass; found 3 checks that did not hold"
    told = Window(dict.fromkeys(days(4, 5, 8), LANDED), gaps).told("visits")
    assert told == (
        "3 dates of visits, 2020-01-01 to 2020-01-03; of the first: at least one file at "
        "drops/2020-01-01.csv; found none",
        "2020-01-06 of visits: at least one file at drops/2020-01-06.csv; found none",
        "2020-01-07 of visits: rows that pass; found 3 checks that did not hold",
        "2020-01-09 of visits: at least one file at drops/2020-01-09.csv; found none",
    )


def test_features_that_know_the_answer_are_told_one_by_one() -> None:
    (told,) = suspicions(Selection("shadow", (), telling=(("case_number", 0.99973),)))
    assert told.startswith("case_number tells the label by itself (ROC AUC 0.9997 alone)")
    assert suspicions(Selection("shadow", ())) == ()
