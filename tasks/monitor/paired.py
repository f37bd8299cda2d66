"""What a challenger's nights were worth beside the champion's: the record its promotion rests on.

It is kept with what was measured, for nights fall out of the window that is measured anew, and a
record that forgets its beginning could not be watched every night without error.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tasks.models.base import Vector
from tasks.monitor.quality import Quality

Record = dict[str, dict[str, Any]]


def paired(
    nights: Iterable[Quality], before: Mapping[str, Any], known_by: dt.date, delay: dt.timedelta
) -> Record:
    """The record by batch date, with nights that are measured for the first time or anew.

    Args:
        nights: the nights measured now.
        before: the record so far.
        known_by: the date by whose end labels are known.
        delay: by which a label is known; of younger nights the sooner labels could mislead.
    """
    record = dict(before)
    for night in nights:
        record.pop(night.batch_date, None)
        is_due = known_by - dt.date.fromisoformat(night.batch_date) >= delay
        if is_due and night.gain is not None:
            record[night.batch_date] = {
                "challenger": night.challenger_version,
                "champion": night.model_version,
                "difference": night.gain,
            }
    return record


def differences(record: Mapping[str, Any], challenger: str, champion: str) -> Vector:
    """What one version gained on another (`Quality.gain`), in the order of their nights."""
    versions = challenger, champion
    return np.array(
        [
            night["difference"]
            for _, night in sorted(record.items())
            if (night["challenger"], night["champion"]) == versions
        ],
        np.float64,
    )
