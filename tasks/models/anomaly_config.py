"""What a pipeline file may say of models that look for what is unlike the rest."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.core.config import Config
from tasks.models.training_config import NetworkTraining


class AnomalyRows(Config):
    """Which rows an anomaly model is fitted on."""

    train_on: Literal["auto", "normals", "all"] = Field(
        "auto",
        description="normals: rows labelled as what nobody looks for; all: every row, labels "
        "unread; auto: normals where there are such labels, else all",
    )


class AnomalyNetwork(NetworkTraining, AnomalyRows):
    """What the networks that learn what is usual share."""

    epochs: int = Field(20, ge=1, description="Epochs, each of the same number of steps")
    patience: int = Field(20, ge=1, description="Epochs without a lower loss before the end")
    batch_rows: int = Field(256, ge=1, description="Rows in one step of the optimiser")
    learning_rate: float = Field(2e-3, gt=0, description="Peak of the learning-rate schedule")
    schedule: Literal["coslog4", "cosine", "one_cycle", "plateau", "constant"] = Field(
        "cosine", description="How the learning rate falls; as of every network"
    )
    weight_decay: float = Field(1e-5, ge=0, description="Decoupled decay of the weights")
    gradient_clip: float = Field(5.0, gt=0, description="Largest norm of a step's gradient")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "float32", description="Arithmetic of training; networks this small gain nothing by less"
    )
    dropout: float = Field(0.0, ge=0, le=0, description="These networks leave no units out")
    passes: int = Field(60, ge=1, description="How often each row is seen, within the two bounds")
    least_steps: int = Field(600, ge=1, description="Steps at least, however few the rows are")
    most_steps: int = Field(3000, ge=1, description="Steps at most, however many the rows are")
    trim: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Share of each batch, the worst, that the loss leaves out, so that what is "
        "looked for does not teach. Empty: 0.2 where rows of unknown label are fitted on, else 0",
    )


class NeighboursConfig(AnomalyRows):
    """Distance to the nearest of the usual rows."""

    kind: Literal["neighbours"] = "neighbours"
    neighbours: int = Field(5, ge=1, le=1000, description="The distance to which of them counts")
    most_rows: int = Field(50_000, ge=1, description="Rows above which a sample is kept")
    threads: int = Field(1, ge=1, description="Threads of scoring")


class PcaConfig(AnomalyRows):
    """Distance from the middle of the usual rows, in units of their spread in each direction."""

    kind: Literal["pca"] = "pca"
    threads: int = Field(1, ge=1, description="Threads of scoring")


class IsolationConfig(AnomalyRows):
    """How soon random cuts set a row apart."""

    kind: Literal["isolation"] = "isolation"
    trees: int = Field(200, ge=1, le=10_000, description="Trees")
    sample: int = Field(256, ge=2, le=65_536, description="Rows that each tree is grown on")
    threads: int = Field(1, ge=1, description="Kept for all kinds of model; the forest uses one")
