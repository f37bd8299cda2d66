"""Losses by what labels stand for, and the rows and images they are taken of."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tasks.core.errors import ConfigError
from tasks.models.augmentation import augment
from tasks.models.base import BINARY, Conditions, Target
from tasks.models.config import MlpConfig
from tasks.models.devices import own_randomness
from tasks.models.losses import Criterion, mixed_loss
from tasks.models.sampling import balanced_draw, often_enough
from tasks.models.training_config import Augmentation, SupervisedTraining
from tasks.models.zoo import MODELS
from tests.unit.models.test_models_training import FIT, SMALL, STOP

CLASSES = Target("classes", ("a", "b", "c"))
VALUE = Target("value")
LABELS = torch.tensor([0.0, 0, 0, 1])
LOGITS = torch.tensor([[-1.0, 2], [0.5, -3], [4, 0.1], [1, -2]])
KINDS = torch.tensor([0.0, 1, 2, 2])
OUTPUTS = torch.arange(12.0).view(4, 3).sin()


def loss(target: Target, outputs: Tensor, labels: Tensor, **settings: object) -> float:
    config = SupervisedTraining.model_validate(settings)
    return Criterion(config, target, labels)(outputs, labels).item()


def two(logit: float, label: float, smooth: float = 0, gamma: float = 0) -> float:
    """The loss of one row by its definition."""
    chance = 1 / (1 + math.exp(-logit))
    aim = label * (1 - smooth) + smooth / 2
    entropy = -(aim * math.log(chance) + (1 - aim) * math.log(1 - chance))
    return entropy * (1 - (chance if label else 1 - chance)) ** gamma


@pytest.mark.parametrize(("smooth", "gamma"), [(0, 0), (0.2, 0), (0, 2), (0.1, 1.5)])
def test_two_classes_have_the_loss_of_the_definition(smooth: float, gamma: float) -> None:
    rows = zip(LOGITS.tolist(), LABELS.tolist(), strict=True)
    expected = [two(logit, label, smooth, gamma) for heads, label in rows for logit in heads]
    found = loss(BINARY, LOGITS, LABELS, label_smoothing=smooth, focal=gamma)
    assert found == pytest.approx(sum(expected) / 8, rel=1e-5)


def test_several_classes_with_two_are_as_two_classes() -> None:
    """A softmax of 0 and a logit is the sigmoid of the logit."""
    as_classes = torch.stack([torch.zeros_like(LOGITS), LOGITS], dim=2)
    target = Target("classes", ("negative", "positive"))
    for settings in (
        {},
        {"focal": 2.0},
        {"label_smoothing": 0.2},
        {"class_weights": "balanced"},
        {"class_weights": {"positive": 7.0}},
    ):
        expected = loss(BINARY, LOGITS, LABELS, **settings)
        assert loss(target, as_classes, LABELS, **settings) == pytest.approx(expected, rel=1e-5)


def test_heads_are_averaged() -> None:
    heads = torch.stack([OUTPUTS, OUTPUTS.cos()], dim=1)
    each = [loss(CLASSES, heads[:, head], KINDS) for head in (0, 1)]
    assert loss(CLASSES, heads, KINDS) == pytest.approx(sum(each) / 2)


def test_balanced_weights_give_every_class_the_same_say() -> None:
    never = torch.zeros(4, 3)  # every row loses log 3
    assert loss(CLASSES, never, KINDS, class_weights="balanced") == pytest.approx(math.log(3))
    shares = [4 / 3, 4 / 3, 2 / 3, 2 / 3]
    each = functional.cross_entropy(OUTPUTS, KINDS.long(), reduction="none")
    expected = float((each * torch.tensor(shares)).mean())
    assert loss(CLASSES, OUTPUTS, KINDS, class_weights="balanced") == pytest.approx(expected)


def test_far_values_count_by_their_size_where_asked() -> None:
    values = torch.tensor([[0.0], [3.0], [0.5], [1.0]])
    assert loss(VALUE, values, LABELS) == pytest.approx((9 + 0.25) / 4)
    expected = (1.0 * (3 - 0.5) + 0.5 * 0.25) / 4
    assert loss(VALUE, values, LABELS, huber=1.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        (BINARY, {"class_weights": {"fraud": 2.0}}, "negative, positive"),
        (CLASSES, {"class_weights": {"d": 2.0}}, "a, b, c"),
        (VALUE, {"focal": 2.0}, "focal"),
        (VALUE, {"class_weights": "balanced"}, "class_weights"),
    ],
)
def test_wishes_that_do_not_suit_the_labels_are_refused(
    target: Target, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        Criterion(SupervisedTraining.model_validate(settings), target, KINDS)


def test_mixed_rows_have_mixed_losses() -> None:
    criterion = Criterion(SupervisedTraining(), BINARY, LABELS)
    seen: list[Tensor] = []

    def predict(inputs: Tensor) -> Tensor:
        seen.append(inputs)
        return inputs @ LOGITS

    with own_randomness(4, torch.device("cpu")):
        found = mixed_loss(0.9, predict, criterion, torch.eye(4), LABELS).item()
    (mixed,) = seen
    partners = [int((row - torch.eye(4)[own]).argmax()) for own, row in enumerate(mixed)]
    assert sorted(partners) == [0, 1, 2, 3]
    other = next(own for own, partner in enumerate(partners) if own != partner)
    share = mixed[other, other].item()
    assert 0.05 < share < 0.95
    expected = share * torch.eye(4) + (1 - share) * torch.eye(4)[partners]
    assert torch.allclose(mixed, expected)
    mine, theirs = (criterion(mixed @ LOGITS, of) for of in (LABELS, LABELS[partners]))
    assert found == pytest.approx((share * mine + (1 - share) * theirs).item(), rel=1e-4)


def test_without_alpha_nothing_is_mixed() -> None:
    criterion = Criterion(SupervisedTraining(), BINARY, LABELS)
    found = mixed_loss(0.0, lambda inputs: inputs, criterion, LOGITS, LABELS)
    assert found == criterion(LOGITS, LABELS)


def test_a_balanced_epoch_has_every_class_in_equal_shares() -> None:
    config = SupervisedTraining(sampling="balanced")
    labels = torch.tensor([0.0] * 90 + [2.0] * 9 + [1.0]).numpy()
    draw = balanced_draw(config, CLASSES, labels)
    assert draw is not None
    rows = draw(torch.Generator().manual_seed(0))
    assert torch.bincount(torch.tensor(labels)[rows].long()).tolist() == [34, 33, 33]
    assert len(set(rows[torch.tensor(labels)[rows] == 2].tolist())) > 5
    assert torch.equal(rows, draw(torch.Generator().manual_seed(0)))
    assert balanced_draw(SupervisedTraining(), CLASSES, labels) is None
    with pytest.raises(ConfigError, match="natural"):
        balanced_draw(config, VALUE, labels)


@pytest.mark.parametrize(
    ("settings", "rows", "turns"),
    [
        ({}, 1000, 42),  # 12 epochs of 4 steps are 48 of 2,000
        ({}, 42_000, 1),
        ({"batch_rows": 20}, 1000, 3),
        ({"epochs": 12}, 1000, 1),  # said by the user, and taken at the word
    ],
)
def test_few_rows_are_passed_over_until_there_are_enough_steps(
    settings: dict[str, int], rows: int, turns: int
) -> None:
    config = SupervisedTraining.model_validate(settings)
    draw = often_enough(config, rows, None)
    assert (draw is None) == (turns == 1)
    if draw is not None:
        drawn = draw(torch.Generator().manual_seed(0))
        assert torch.equal(torch.bincount(drawn), torch.full((rows,), turns))
        assert not torch.equal(drawn[:rows], drawn[rows : 2 * rows])


def test_rows_in_equal_shares_are_drawn_anew_in_each_pass() -> None:
    config = SupervisedTraining(sampling="balanced")
    labels = (torch.arange(2000) < 100).float().numpy()
    once = balanced_draw(config, BINARY, labels)
    draw = often_enough(config, 2000, once)
    assert once is not None
    assert draw is not None
    drawn = draw(torch.Generator().manual_seed(0))
    assert len(drawn) == 21 * 2000
    assert (drawn < 100).sum() == len(drawn) // 2


@pytest.mark.parametrize(
    "settings",
    [{"sampling": "balanced"}, {"mixup": 0.3}, {"focal": 2.0}, {"label_smoothing": 0.1}],
    ids=lambda settings: next(iter(settings)),
)
def test_a_network_learns_by_every_wish(settings: dict[str, object]) -> None:
    config = MlpConfig.model_validate(
        {"width": 16, **SMALL, "epochs": 8, "learning_rate": 0.02, **settings}
    )
    first = MODELS["mlp"].fit(config, FIT, STOP, Conditions(0))
    again = MODELS["mlp"].fit(config, FIT, STOP, Conditions(0))
    assert first.scorer.save() == again.scorer.save()
    history = first.history
    assert history.epochs[history.kept - 1].stop_metric > 2 * STOP.labels.mean()


def picture(size: int = 28) -> Tensor:
    """A bright square left of and above the middle."""
    image = torch.zeros(6, 1, size, size)
    image[:, :, 6:12, 4:10] = 1
    return image


def changed(**settings: float) -> Tensor:
    with own_randomness(3, torch.device("cpu")):
        return augment(picture(), Augmentation.model_validate(settings))


def centre(image: Tensor) -> Tensor:
    """Height and width of the middle of what is bright, in pixels."""
    places = torch.arange(28) + 0.5
    total = image.sum()
    return torch.stack([(image.sum(2) * places).sum(), (image.sum(1) * places).sum()]) / total


def test_no_augmentation_changes_nothing() -> None:
    assert torch.equal(changed(), picture())


def test_a_shift_moves_each_image_its_own_way_and_not_too_far() -> None:
    moved = torch.stack([centre(image) for image in changed(shift=0.1)])
    away = (moved - centre(picture()[0])).abs()
    assert away.max() <= 2.8 + 0.01
    assert away.max() > 1
    assert len(torch.unique(moved.round(decimals=3), dim=0)) == 6


def test_a_turn_keeps_the_distance_from_the_middle() -> None:
    turned = torch.stack([centre(image) - 14 for image in changed(rotate=90)])
    distances = turned.norm(dim=1)
    assert torch.allclose(distances, (centre(picture()[0]) - 14).norm(), atol=0.3)
    assert turned.std(dim=0).min() > 0.5


def test_a_scale_keeps_the_direction_from_the_middle() -> None:
    scaled = torch.stack([centre(image) - 14 for image in changed(scale=0.3)])
    direction = functional.normalize(scaled, dim=1)
    before = functional.normalize(centre(picture()[0]) - 14, dim=0)
    assert torch.allclose(direction, before.expand(6, 2), atol=0.02)
    assert changed(scale=0.3).sum(dim=(1, 2, 3)).std() > 1


def test_an_elastic_change_bends() -> None:
    bent = changed(elastic=0.05)
    assert (bent - picture()).abs().sum() > 10
    assert bent.sum() == pytest.approx(picture().sum(), rel=0.5)


def test_erasing_blanks_at_most_so_much() -> None:
    with own_randomness(1, torch.device("cpu")):
        erased = augment(torch.ones(200, 2, 28, 20), Augmentation(erase=0.5))
    blank = (erased == 0).float().mean(dim=(1, 2, 3))
    assert 0.2 < blank.max() <= 0.27
    assert torch.equal(erased[:, 0], erased[:, 1])
    assert set(erased.unique().tolist()) == {0, 1}
