"""Principal components: the distance from the middle, in units of the spread in each direction.

Directions in which usual rows do not differ at all count as well: a row that leaves them is odd.

Source: Shyu, Chen, Sarinnapakorn & Chang 2003, A novel anomaly detection scheme based on principal
component classifier.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from tasks.models.anomaly_config import PcaConfig
from tasks.models.base import AT_ONCE, Conditions, Fitted, Matrix, Rows
from tasks.models.devices import limited_threads
from tasks.models.normals import usual_rows
from tasks.models.standard import Standard
from tasks.models.stored import WEIGHTS, holding, tensors_of, to_files

_CHUNK_ROWS = 8192
_LEAST_VARIANCE = 1e-3  # of a direction; a standardised column has 1


class PcaScorer:
    """An inverse covariance, behind the protocol of `tasks.models.base.Scorer`.

    Args:
        config: the family's settings.
        standard: learned from the usual rows.
        inverse: of the covariance of standardised rows, over the features (n_features, n_features).
    """

    def __init__(self, config: PcaConfig, standard: Standard, inverse: Tensor) -> None:
        self._config, self._standard, self._inverse = config, standard, inverse

    def score(self, table: Matrix) -> Matrix:
        return np.asarray(self.explain(table).sum(axis=1), np.float32)

    def explain(self, table: Matrix) -> Matrix:
        """The squared distance is a sum over features: value times what the inverse makes of it."""
        rows = torch.from_numpy(np.array(table, np.float32))
        parts = [np.empty((0, table.shape[1] + 1), np.float32)]
        with torch.inference_mode(), limited_threads(self._config.threads):
            for part in torch.split(rows, _CHUNK_ROWS) if len(rows) else ():
                values = self._standard(part)
                shares = values * (values @ self._inverse)
                parts.append(torch.nn.functional.pad(shares, (0, 1)).numpy())
        return np.concatenate(parts)

    def save(self) -> Mapping[str, bytes]:
        return to_files({**self._standard.state_dict(), "inverse": self._inverse})


def fit_principal(config: PcaConfig, fit: Rows, _stop: Rows, _conditions: Conditions) -> Fitted:
    """Learn the directions of the usual rows and their spread."""
    table, _ = usual_rows(fit, config.train_on)
    standard = Standard.learn(table)
    values = standard(torch.from_numpy(table)).double()
    variance, directions = torch.linalg.eigh(values.T @ values / len(values))
    scaled = directions / (variance.clamp_min(0) + _LEAST_VARIANCE) / table.shape[1]
    return Fitted(PcaScorer(config, standard, (scaled @ directions.T).float()), AT_ONCE)


def load_principal(config: PcaConfig, files: Mapping[str, bytes]) -> PcaScorer:
    """Rebuild the inverse covariance.

    Raises:
        ModelError: the file does not hold it.
    """
    with holding("the inverse covariance of principal components"):
        tensors = tensors_of(files[WEIGHTS])
        inverse = tensors.pop("inverse")
        if inverse.shape != (len(inverse), len(inverse)):
            raise ValueError(f"an inverse of shape {tuple(inverse.shape)}")
        standard = Standard(len(inverse))
        standard.load_state_dict(tensors)
        return PcaScorer(config, standard, inverse)
