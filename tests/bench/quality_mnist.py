"""MNIST: the error of the image network on the official test part.

    python -m tests.bench.quality_mnist --data ../shared/data width=16 epochs=8

Settings of the family follow as `name=value`, of the augmentation as `augmentation.name=value`. The
last 3,000 training images decide which epoch is kept.
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path
from typing import Any

import numpy as np

from tasks.models.base import Conditions, Rows, Target
from tasks.models.image_cnn_config import ImageCnnConfig
from tasks.models.zoo import MODELS

SIDE, STOP_ROWS = 28, 3000
NAMES = tuple(f"image.ink@{row},{column}" for row in range(SIDE) for column in range(SIDE))
DIGITS = Target("classes", tuple("0123456789"))
AUGMENTATION = {"shift": 0.07, "rotate": 10, "scale": 0.1}


def read(path: Path, part: str) -> Rows:
    """Images (n, 784), 0 to 255, and their digits."""
    images = gzip.decompress((path / f"{part}-images-idx3-ubyte.gz").read_bytes())[16:]
    digits = gzip.decompress((path / f"{part}-labels-idx1-ubyte.gz").read_bytes())[8:]
    table = np.frombuffer(images, np.uint8).reshape(-1, SIDE * SIDE).astype(np.float32)
    return Rows(table, np.frombuffer(digits, np.uint8).astype(np.float32), NAMES, DIGITS)


def _part(rows: Rows, places: slice) -> Rows:
    return Rows(rows.table[places], rows.labels[places], rows.names, rows.target)


def _config(settings: list[str]) -> ImageCnnConfig:
    content: dict[str, Any] = {"augmentation": dict(AUGMENTATION)}
    for name, _, value in (text.partition("=") for text in settings):
        first, _, second = name.partition(".")
        (content["augmentation"] if second else content)[second or first] = value
    return ImageCnnConfig.model_validate(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=60_000 - STOP_ROWS, help="to learn from")
    parser.add_argument("settings", nargs="*")
    arguments = parser.parse_args()
    config, folder = _config(arguments.settings), arguments.data / "mnist"
    known, test = read(folder, "train"), read(folder, "t10k")
    fit, stop = _part(known, slice(arguments.rows)), _part(known, slice(-STOP_ROWS, None))
    start, cpu = time.perf_counter(), time.process_time()
    fitted = MODELS["image_cnn"].fit(config, fit, stop, Conditions(arguments.seed))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    wrong = fitted.scorer.outputs(test.table).argmax(axis=1) != test.labels
    epochs = fitted.history
    print(f"error {wrong.mean():.2%} ({wrong.sum()} of {len(wrong)}), seed {arguments.seed}")
    print(f"epoch {epochs.kept} of {len(epochs.epochs)} kept: {epochs.ended}")
    print(f"training {wall:.0f} s, {cpu / 60:.1f} CPU minutes on {config.threads} threads")


if __name__ == "__main__":
    main()
