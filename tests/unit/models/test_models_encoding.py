"""Inputs with gaps, constants, heavy tails and infinities become finite codes."""

import numpy as np
import pytest
import torch

from tasks.models.encoding import Encoding


def encoded(encoding: Encoding, table: np.ndarray) -> torch.Tensor:
    """(features, n, bins + 2)."""
    return encoding(torch.from_numpy(table.astype(np.float32))).transpose(1, 2)


def test_a_gap_is_coded_as_the_median_with_a_mark() -> None:
    encoding = Encoding.learn(np.array([[1], [np.nan], [2], [9]], np.float32), bins=4)
    codes = encoded(encoding, np.array([[np.nan], [np.inf], [2.0]]))[0]
    np.testing.assert_array_equal(codes[0], codes[1])
    np.testing.assert_array_equal(codes[0, :-1], codes[2, :-1])
    assert codes[:, -1].tolist() == [1, 1, 0]
    assert codes[:, -2].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "column",
    [
        np.zeros(50),
        np.full(50, np.nan),
        np.full(50, 3e38),
        np.r_[np.zeros(49), 1e9],
        np.r_[np.nan, np.inf, -np.inf, np.ones(47)],
        np.random.default_rng(0).standard_cauchy(50) * 1e6,
        np.repeat([0.0, 1.0], 25),
        16_777_216.0 + np.arange(50) % 2,
    ],
)
def test_codes_are_finite_whatever_the_column(column: np.ndarray) -> None:
    encoding = Encoding.learn(column[:, None].astype(np.float32), bins=16)
    probes = np.r_[column, 0, -1e30, 1e30, np.nan, np.inf, -np.inf][:, None]
    codes = encoded(encoding, probes)
    assert torch.isfinite(codes).all()
    assert codes.abs().max() <= 4


def test_a_piece_rises_from_zero_to_one_between_its_quantiles() -> None:
    table = np.arange(101, dtype=np.float32)[:, None]
    codes = encoded(Encoding.learn(table, bins=4), np.array([[0.0], [25], [37.5], [50], [100]]))[0]
    np.testing.assert_allclose(codes[:, 1].numpy(), [0, 0, 0.5, 1, 1])


def test_values_beyond_the_training_range_go_on_for_a_while() -> None:
    table = np.arange(101, dtype=np.float32)[:, None]
    codes = encoded(Encoding.learn(table, bins=4), np.array([[-25.0], [-1e6], [125], [1e6]]))[0]
    np.testing.assert_allclose(codes[:, 0].numpy(), [-1, -3, 1, 1])
    np.testing.assert_allclose(codes[:, 3].numpy(), [0, 0, 2, 4])


def test_rare_large_values_of_a_column_that_is_mostly_zero_have_pieces_of_their_own() -> None:
    column = np.r_[np.zeros(9_500), np.arange(1, 501)].astype(np.float32)
    encoding = Encoding.learn(column[:, None], bins=8)
    codes = encoded(encoding, np.array([[0.0], [100], [300], [500]]))[0][:, :8]
    assert codes.sum(dim=1).diff().min() > 1, "at least a whole piece lies between any two"
    assert (codes.sum(dim=1)[-1] - 8).abs() < 1e-5


def test_frequent_values_are_edges_once_and_the_others_quantiles_of_the_rest() -> None:
    values = np.r_[np.repeat([0, 7], 400), np.arange(200) / 10].astype(np.float32)
    low = Encoding.learn(values[:, None], bins=6).low[0, :, 0]
    assert {0.0, 7.0} <= set(low.tolist())
    assert (low.diff() > 0).all()


def test_few_values_are_each_an_edge() -> None:
    column = np.repeat(np.float32([0, 1, 5]), [990, 9, 1])
    encoding = Encoding.learn(column[:, None], bins=16)
    codes = encoded(encoding, np.array([[0.0], [1], [5]]))[0]
    np.testing.assert_allclose(codes[:, :2].numpy(), [[0, 0], [1, 0], [1, 1]])
