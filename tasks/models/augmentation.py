"""Images changed a little each time they are learned from.

What is drawn comes from torch's own generator, which the training loop seeds and keeps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from tasks.models.training_config import Augmentation

_POINTS = 4  # of the coarse grid of elastic changes, along each axis


def augment(images: Tensor, config: Augmentation) -> Tensor:
    """Turn, scale, shift and warp each image its own way, then blank a rectangle.

    Args:
        images: (n, channels, height, width), 0 being the background.
        config: how much of each; nothing where all are 0.

    Returns:
        Images of the same shape; what comes from beyond the edge is 0.

    Source: Simard, Steinkraus & Platt 2003, doi:10.1109/ICDAR.2003.1227801 (elastic); Zhong et al.
    2020, arXiv:1708.04896 (erasing).
    """
    if config.shift or config.rotate or config.scale or config.elastic:
        grid = functional.affine_grid(_affine(images, config), list(images.shape), False)
        if config.elastic:
            grid = grid + _elastic(images, config.elastic)
        images = functional.grid_sample(images, grid, align_corners=False)
    return _erased(images, config.erase) if config.erase else images


def _affine(images: Tensor, config: Augmentation) -> Tensor:
    """Where each image takes its points from: (n, 2, 3), in units of half a width."""
    angle = _around(images, 1)[:, 0] * math.radians(config.rotate)
    size = 1 + _around(images, 1)[:, 0] * config.scale
    shift = _around(images, 2) * 2 * config.shift
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    aspect = images.shape[2] / images.shape[3]
    first = torch.stack([cos, -sin * aspect, shift[:, 0]], dim=1)
    second = torch.stack([sin / aspect, cos, shift[:, 1]], dim=1)
    return torch.stack([first, second], dim=1)


def _elastic(images: Tensor, strength: float) -> Tensor:
    """A smooth field of shifts (n, height, width, 2), drawn at the points of a coarse grid."""
    coarse = _around(images, 2 * _POINTS * _POINTS).view(-1, 2, _POINTS, _POINTS) * 2 * strength
    fine = functional.interpolate(
        coarse, list(images.shape[2:]), mode="bicubic", align_corners=True
    )
    return fine.permute(0, 2, 3, 1)


def _erased(images: Tensor, largest: float) -> Tensor:
    """Each image with a rectangle of 0 whose sides are up to a share of its own."""
    side = torch.rand(len(images), 2, 1, device=images.device) * largest
    start = torch.rand(len(images), 2, 1, device=images.device) * (1 - side)
    blanked = []
    for axis, length in enumerate(images.shape[2:]):
        places = (torch.arange(length, device=images.device) + 0.5) / length
        inside = (places >= start[:, axis]) & (places < start[:, axis] + side[:, axis])
        blanked.append(inside)
    return images * ~(blanked[0][:, None, :, None] & blanked[1][:, None, None, :])


def _around(images: Tensor, numbers: int) -> Tensor:
    """Uniform within ±1: (n, numbers)."""
    return torch.rand(len(images), numbers, device=images.device) * 2 - 1
