"""Fit one of pytabkit's models on a fold, in an environment of its own; print what it took.

    PEER_PYTHON tests/bench/training_peer.py fold.npz RealMLP

Needs pytabkit and torch alone, and nothing of this project.
"""

import sys
import time

import numpy as np
import torch
from pytabkit import RealMLP_TD_Classifier, TabM_D_Classifier


def main(path: str, kind: str) -> None:
    """Print the CPU seconds of fitting, and write the test scores beside the fold."""
    torch.set_num_threads(1)
    fold = np.load(path)
    table = np.concatenate([fold["fit"], fold["stop"]])
    labels = np.concatenate([fold["fit_labels"], fold["stop_labels"]]).astype(int)
    stop = np.arange(len(fold["fit"]), len(table))
    # What is missing is told by a column of its own, as these models take no gaps.
    median = np.nanmedian(table, axis=0)
    model = {"RealMLP": RealMLP_TD_Classifier, "TabM": TabM_D_Classifier}[kind](
        device="cpu", n_threads=1, random_state=0, val_metric_name="1-auc_ovr", verbosity=0
    )
    began = time.process_time()
    model.fit(filled(table, median), labels, val_idxs=stop[None])
    seconds = time.process_time() - began
    scores = model.predict_proba(filled(fold["test"], median))[:, 1]
    np.save(f"{path}.{kind}.npy", scores)
    print(f"{seconds:.1f}")


def filled(table: np.ndarray, median: np.ndarray) -> np.ndarray:
    """The table without gaps, with a mark of each column that had some."""
    gaps = np.isnan(table)
    return np.concatenate([np.where(gaps, median, table), gaps.astype(np.float32)], axis=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
