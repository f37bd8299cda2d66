"""What a pipeline file may say under `model`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.core.config import Config
from tasks.models.anomaly_config import IsolationConfig, NeighboursConfig
from tasks.models.anomaly_kinds import AnomalyConfig
from tasks.models.autoencoder_config import DenoisingConfig
from tasks.models.svdd_config import DiffusionConfig
from tasks.models.training_config import SupervisedTraining


class NetworkConfig(SupervisedTraining):
    """What every network on tabular features shares: its embeddings and its training."""

    bins: int = Field(16, ge=2, le=256, description="Pieces of a feature's linear encoding")
    embedding: int = Field(8, ge=1, le=64, description="Numbers that one feature is embedded in")
    layers: int = Field(3, ge=1, le=16, description="Hidden layers")


class TabMConfig(NetworkConfig):
    """TabM: an ensemble of perceptrons that share most of their weights."""

    kind: Literal["tabm"] = "tabm"
    heads: int = Field(8, ge=1, le=64, description="Perceptrons in the ensemble")
    width: int = Field(64, ge=1, le=4096, description="Units of a hidden layer")


class MlpConfig(NetworkConfig):
    """A multilayer perceptron on embedded features."""

    kind: Literal["mlp"] = "mlp"
    width: int = Field(128, ge=1, le=4096, description="Units of a hidden layer")


class XGBoostConfig(Config):
    """Gradient-boosted trees; also the fallback of every other model."""

    kind: Literal["xgboost"] = "xgboost"
    rounds: int = Field(600, ge=1, description="Trees at most")
    patience: int = Field(30, ge=1, description="Trees without a better stop metric before the end")
    depth: int = Field(4, ge=1, le=16, description="Levels of a tree")
    learning_rate: float = Field(0.05, gt=0, le=1, description="Share of each tree that is added")
    row_share: float = Field(0.8, gt=0, le=1, description="Rows each tree sees")
    column_share: float = Field(0.8, gt=0, le=1, description="Features each tree sees")
    max_bin: int = Field(256, ge=2, description="Histogram bins of a feature")
    threads: int = Field(1, ge=1, description="Threads of training and scoring")


MemberConfig = Annotated[
    TabMConfig | MlpConfig | XGBoostConfig | AnomalyConfig, Field(discriminator="kind")
]


class RanksConfig(Config):
    """Several models, each of which tells how rare a score as high as a row's is."""

    kind: Literal["ranks"] = "ranks"
    members: tuple[MemberConfig, ...] = Field(
        (IsolationConfig(), NeighboursConfig(), DenoisingConfig(), DiffusionConfig()),
        min_length=2,
        description="The models. A supervised one among them needs labels",
    )

    @property
    def threads(self) -> int:
        """The most threads that a member takes."""
        return max(member.threads for member in self.members)


ModelConfig = Annotated[MemberConfig | RanksConfig, Field(discriminator="kind")]


def needs_labels(config: ModelConfig) -> bool:
    """Whether a model can be fitted on labelled rows alone."""
    if isinstance(config, RanksConfig):
        return any(needs_labels(member) for member in config.members)
    return not isinstance(config, AnomalyConfig)
