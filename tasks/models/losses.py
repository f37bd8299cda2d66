"""Losses by what labels stand for: two classes, several, or a value; and rows mixed in pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from tasks.core.errors import ConfigError
from tasks.models.base import Target
from tasks.models.training_config import SupervisedTraining

BINARY_CLASSES = ("negative", "positive")


class Criterion:
    """The mean loss of outputs against labels.

    Outputs of two classes and of a value are (n,) or (n, heads), logits or values; of several
    classes (n, n_classes) or (n, heads, n_classes), logits. The heads' losses are averaged.

    Args:
        config: `class_weights`, `focal`, `label_smoothing` and `huber`.
        target: what the labels stand for.
        labels: all training labels (n_rows,), which balanced weights are counted on.

    Raises:
        ConfigError: a weight of a class that there is not, or a wish that does not suit a value.

    Example:
        >>> labels = torch.tensor([0.0, 1.0])
        >>> loss = Criterion(SupervisedTraining(), Target("binary"), labels)
        >>> round(loss(torch.tensor([[-2.0], [2.0]]), labels).item(), 3)
        0.127
    """

    def __init__(self, config: SupervisedTraining, target: Target, labels: Tensor) -> None:
        self.config, self.kind = config, target.kind
        classes = target.classes if target.kind == "classes" else BINARY_CLASSES
        if target.kind == "value":
            _check_value(config)
        self.weights = None if target.kind == "value" else class_weights(config, classes, labels)

    def __call__(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Outputs, labels (n,) → a scalar."""
        outputs = outputs.float()
        if self.kind == "value":
            return _value_loss(outputs, labels, self.config.huber)
        if self.kind == "classes":
            losses = self._of_classes(outputs, labels.long())
        else:
            losses = self._of_two(outputs, labels)
        return losses.mean()

    def _of_two(self, logits: Tensor, labels: Tensor) -> Tensor:
        truth = labels.view(-1, *[1] * (logits.ndim - 1)).expand_as(logits)
        smooth = self.config.label_smoothing
        aim = truth * (1 - smooth) + smooth / 2 if smooth else truth
        losses = functional.binary_cross_entropy_with_logits(logits, aim, reduction="none")
        if self.config.focal:
            missed = torch.sigmoid(torch.where(truth > 0.5, -logits, logits))
            losses = losses * missed**self.config.focal
        if self.weights is not None:
            losses = losses * self.weights[truth.long()]
        return losses

    def _of_classes(self, logits: Tensor, labels: Tensor) -> Tensor:
        truth = labels.view(-1, *[1] * (logits.ndim - 2)).expand(logits.shape[:-1]).flatten()
        flat = logits.flatten(0, -2)
        smooth = self.config.label_smoothing
        losses = functional.cross_entropy(flat, truth, reduction="none", label_smoothing=smooth)
        if self.config.focal:
            met = torch.softmax(flat, dim=1).gather(1, truth[:, None])[:, 0]
            losses = losses * (1 - met) ** self.config.focal
        if self.weights is not None:
            losses = losses * self.weights[truth]
        return losses


def class_weights(
    config: SupervisedTraining, classes: tuple[str, ...], labels: Tensor
) -> Tensor | None:
    """The weight of each class in the loss, on the labels' device; None where all are 1.

    Balanced weights give every class the same sum over all training rows, and a mean of 1.
    """
    wished = config.class_weights
    if wished == "none":
        return None
    if isinstance(wished, Mapping):
        _check_names(wished, classes)
        return torch.tensor([wished.get(name, 1.0) for name in classes], device=labels.device)
    counts = torch.bincount(labels.long(), minlength=len(classes)).float()
    return len(labels) / (len(classes) * counts.clamp(min=1))


def mixed_loss(
    alpha: float,
    predict: Callable[[Tensor], Tensor],
    criterion: Criterion,
    inputs: Tensor,
    labels: Tensor,
    dim: int = 0,
) -> Tensor:
    """The loss of a batch whose rows are mixed in pairs, each with the share of its labels.

    Args:
        alpha: of the Beta distribution of the share; 0 for no mixing.
        predict: inputs → outputs.
        criterion: outputs, labels → loss.
        inputs: rows lie along `dim`; none is missing a value.
        labels: (n,).
        dim: the dimension of the rows.

    Source: Zhang et al. 2018, arXiv:1710.09412.
    """
    if not alpha:
        return criterion(predict(inputs), labels)
    # Beta(a, a) of two gammas, drawn from torch's generator, which the training loop keeps.
    first, second = torch._standard_gamma(torch.full((2,), alpha)).tolist()
    share = first / (first + second) if first + second else 0.5
    partner = torch.randperm(len(labels)).to(labels.device)
    outputs = predict(torch.lerp(inputs.index_select(dim, partner), inputs, share))
    return share * criterion(outputs, labels) + (1 - share) * criterion(outputs, labels[partner])


def _value_loss(values: Tensor, labels: Tensor, huber: float | None) -> Tensor:
    truth = labels.view(-1, *[1] * (values.ndim - 1)).expand_as(values)
    if huber is None:
        return functional.mse_loss(values, truth)
    return functional.huber_loss(values, truth, delta=huber)


def _check_names(wished: Mapping[str, float], classes: tuple[str, ...]) -> None:
    unknown = sorted(set(wished) - set(classes))
    if unknown:
        raise ConfigError(
            f"weights of the classes {', '.join(classes)}",
            found=f"one of {', '.join(unknown)}",
            where="model.class_weights",
            do="Correct the names.",
        )


def _check_value(config: SupervisedTraining) -> None:
    wished = [name for name in ("focal", "label_smoothing") if getattr(config, name)]
    wished += [name for name in ("class_weights",) if config.class_weights != "none"]
    if wished:
        raise ConfigError(
            "settings of the loss that suit a value",
            found=", ".join(wished),
            where="model",
            do="Leave them out; they belong to classes.",
        )
