"""From the numbers of a network's heads to a score and to the chances of classes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from tasks.models.base import Target

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)


def log_odds_of_mean(logits: Tensor) -> Tensor:
    """Log-odds of the heads' mean probability: (n, heads) → (n,); never saturates at 0 or 1."""
    if logits.shape[1] == 1:
        return logits[:, 0]
    yes = torch.logsumexp(functional.logsigmoid(logits), dim=1)
    no = torch.logsumexp(functional.logsigmoid(-logits), dim=1)
    return yes - no


def log_chances(logits: Tensor) -> Tensor:
    """Logarithms of the heads' mean chances: (n, heads, classes) → (n, classes)."""
    of_each = torch.log_softmax(logits, dim=2)
    return torch.logsumexp(of_each, dim=1) - math.log(logits.shape[1])


def log_odds_of_others(logs: Tensor, normal: int) -> Tensor:
    """Log-odds of any class but the normal one: (n, classes) → (n,)."""
    others = torch.cat([logs[:, :normal], logs[:, normal + 1 :]], dim=1)
    return torch.logsumexp(others, dim=1) - logs[:, normal]


def score_of(heads: Tensor, target: Target) -> Tensor:
    """The score of each row, of a value in units of its spread: (n, heads, outputs) → (n,)."""
    if target.kind == "classes":
        return log_odds_of_others(log_chances(heads), target.normal)
    if target.kind == "value":
        return heads[:, :, 0].mean(dim=1)
    return log_odds_of_mean(heads[:, :, 0])


def odds_of_others(margins: npt.NDArray[np.float64], normal: int) -> npt.NDArray[np.float64]:
    """`log_odds_of_others` of arrays of any leading shape."""
    others = np.delete(margins, normal, axis=-1)
    return np.asarray(np.logaddexp.reduce(others, axis=-1) - margins[..., normal])


def share_of_classes(margins: npt.NDArray[np.float64], normal: int) -> npt.NDArray[np.float64]:
    """Share the log-odds of not being normal out among what each feature adds to each class.

    The slope of the score to the classes' margins, averaged along the straight line from where all
    rows start to the row (integrated gradients, by Gauss and Legendre's rule).

    Args:
        margins: (n_rows, n_classes, n_features + 1), what each feature adds to the margin of each
            class; the last column is where all rows start from.
        normal: the class that nobody looks for.

    Returns:
        (n_rows, n_features + 1); each row adds up to its score.
    """
    start, away = margins[:, :, -1], margins[:, :, :-1].sum(axis=2)
    slope = np.zeros_like(away)
    for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
        at = start + node * away
        others = np.exp(at - np.logaddexp.reduce(np.delete(at, normal, axis=1), axis=1)[:, None])
        others[:, normal] = -1.0
        slope += weight * others
    shares = np.einsum("nc,ncf->nf", slope, margins[:, :, :-1])
    # What the rule leaves over is tiny but for steep ways.
    base, score = (odds_of_others(at, normal) for at in (start, start + away))
    return with_rest(shares, base, score)


def with_rest(
    shares: npt.NDArray[np.float64], base: npt.NDArray[np.float64], score: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Shares that nearly add up to the way from a base to a score, made to do so.

    What is left over is spread by the size of the shares.

    Args:
        shares: (n_rows, n_features).
        base: (n_rows,), where all rows start from.
        score: (n_rows,).

    Returns:
        (n_rows, n_features + 1), the last column being the base; each row adds up to its score.
    """
    left, size = score - base - shares.sum(axis=1), np.abs(shares)
    whole = size.sum(axis=1)
    spread = size * (left / np.where(whole > 0, whole, 1.0))[:, None]
    return np.concatenate([shares + spread, base[:, None]], axis=1)
