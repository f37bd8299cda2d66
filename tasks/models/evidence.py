"""What a model's scores were on the rows that judged it, kept with it to justify decisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from tasks.models.base import Matrix
from tasks.models.stored import arrays_of, holding


@dataclass(frozen=True, slots=True)
class Evidence:
    """The test part as a model scored it; later than what the model was fitted on.

    Args:
        scores: float32 (n_rows,), raw.
        labels: float32 (n_rows,), 1 for what is looked for, else 0; NaN where nobody
            knows.
        days: int32 (n_rows,), batch dates as days since 1970.
    """

    scores: Matrix
    labels: Matrix
    days: npt.NDArray[np.int32]

    def save(self) -> bytes:
        """The rows as safetensors."""
        arrays = {"scores": self.scores, "labels": self.labels, "days": self.days}
        return safetensors.numpy.save({k: np.ascontiguousarray(v) for k, v in arrays.items()})

    @classmethod
    def load(cls, content: bytes) -> Evidence:
        """Read what `save` wrote.

        Raises:
            ModelError: the bytes are no evidence.
        """
        with holding("scores and labels of a test part", "*-evidence.safetensors"):
            arrays = arrays_of(content, gaps=True)
            return cls(arrays["scores"], arrays["labels"], arrays["days"])
