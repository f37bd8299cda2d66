"""What a pipeline file may say under `model`: one of the zoo's families, by its kind."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from tasks.core.config import Config
from tasks.models.anomaly_config import IsolationConfig, NeighboursConfig
from tasks.models.anomaly_kinds import AnomalyConfig
from tasks.models.autoencoder_config import DenoisingConfig
from tasks.models.boosted_config import XGBoostConfig
from tasks.models.image_cnn_config import ImageCnnConfig
from tasks.models.linear_config import LinearConfig
from tasks.models.mlp_config import MlpConfig
from tasks.models.own_config import OwnConfig
from tasks.models.resnet_config import ResNetConfig
from tasks.models.sequence_config import RecurrentConfig, SequenceCnnConfig
from tasks.models.series_config import ForecasterConfig, SequenceAutoencoderConfig
from tasks.models.svdd_config import DiffusionConfig
from tasks.models.tabm_config import TabMConfig
from tasks.models.training_config import NetworkTraining
from tasks.models.transformer_config import TransformerConfig
from tasks.models.tree_config import TreeConfig

__all__ = [
    "EnsembleConfig",
    "MlpConfig",
    "ModelConfig",
    "RanksConfig",
    "TabMConfig",
    "XGBoostConfig",
]

SupervisedConfig = (
    TabMConfig
    | MlpConfig
    | ResNetConfig
    | TransformerConfig
    | SequenceCnnConfig
    | RecurrentConfig
    | ImageCnnConfig
    | LinearConfig
    | TreeConfig
    | XGBoostConfig
    | OwnConfig
)
MemberConfig = Annotated[SupervisedConfig | AnomalyConfig, Field(discriminator="kind")]
_Learner = Annotated[SupervisedConfig, Field(discriminator="kind")]


class _Joined(Config):
    """Several models as one."""

    members: tuple[Any, ...]

    @field_validator("members")
    @classmethod
    def _one_process_each(cls, members: tuple[Any, ...]) -> tuple[Any, ...]:
        for member in members:
            if getattr(member, "devices", 1) > 1:
                raise ValueError(
                    f"{member.kind}: a member of another model is trained in one process; devices "
                    "must be 1"
                )
        return members

    @property
    def threads(self) -> int:
        """The most threads that a member takes."""
        return max(int(member.threads) for member in self.members)


class RanksConfig(_Joined):
    """Several models, each of which tells how rare a score as high as a row's is."""

    kind: Literal["ranks"] = "ranks"
    members: tuple[MemberConfig, ...] = Field(
        (IsolationConfig(), NeighboursConfig(), DenoisingConfig(), DiffusionConfig()),
        min_length=2,
        description="The models. A supervised one among them needs labels",
    )


class EnsembleConfig(_Joined):
    """Several supervised models, whose chances, or values, are averaged."""

    kind: Literal["ensemble"] = "ensemble"
    members: tuple[_Learner, ...] = Field(
        (TabMConfig(), XGBoostConfig()), min_length=1, description="The models"
    )
    bags: int = Field(
        1,
        ge=1,
        le=50,
        description="How often each is fitted; above 1 each time on as many rows drawn with "
        "replacement, from a seed of its own",
    )

    @model_validator(mode="after")
    def _are_several(self) -> Self:
        if len(self.members) * self.bags < 2:
            raise ValueError("an ensemble is of several models: name two members, or two bags")
        return self


_READERS = (
    SequenceCnnConfig,
    RecurrentConfig,
    ImageCnnConfig,
    SequenceAutoencoderConfig,
    ForecasterConfig,
)
ModelConfig = Annotated[MemberConfig | RanksConfig | EnsembleConfig, Field(discriminator="kind")]


def begins_warm(config: ModelConfig) -> bool:
    """Whether a model can begin from an earlier one; one of the user's own is trusted."""
    if isinstance(config, _Joined):
        return any(begins_warm(member) for member in config.members)
    return isinstance(config, NetworkTraining | LinearConfig | OwnConfig)


def needs_labels(config: ModelConfig) -> bool:
    """Whether a model can be fitted on labelled rows alone; one of the user's own is trusted."""
    if isinstance(config, _Joined):
        return any(needs_labels(member) for member in config.members)
    return not isinstance(config, AnomalyConfig | OwnConfig)


def reads_layouts(config: ModelConfig) -> bool:
    """Whether a model reads sequences or images, whole ones; one of the user's own may as well."""
    if isinstance(config, _Joined):
        return any(reads_layouts(member) for member in config.members)
    return isinstance(config, _READERS)


def tells_classes(config: ModelConfig) -> bool:
    """Whether a model can tell several classes apart; one of the user's own is trusted."""
    return not isinstance(config, AnomalyConfig | RanksConfig)
