"""What a pipeline file may say under `model`: one of the zoo's families, by its kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

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

__all__ = ["MlpConfig", "ModelConfig", "RanksConfig", "TabMConfig", "XGBoostConfig"]

MemberConfig = Annotated[
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
    | AnomalyConfig,
    Field(discriminator="kind"),
]


class RanksConfig(Config):
    """Several models, each of which tells how rare a score as high as a row's is."""

    kind: Literal["ranks"] = "ranks"
    members: tuple[MemberConfig, ...] = Field(
        (IsolationConfig(), NeighboursConfig(), DenoisingConfig(), DiffusionConfig()),
        min_length=2,
        description="The models. A supervised one among them needs labels",
    )

    @field_validator("members")
    @classmethod
    def _one_process_each(cls, members: tuple[MemberConfig, ...]) -> tuple[MemberConfig, ...]:
        for member in members:
            if getattr(member, "devices", 1) > 1:
                raise ValueError(
                    f"{member.kind}: a member of `ranks` is trained in one process; devices must "
                    "be 1"
                )
        return members

    @property
    def threads(self) -> int:
        """The most threads that a member takes."""
        return max(member.threads for member in self.members)


_READERS = (
    SequenceCnnConfig,
    RecurrentConfig,
    ImageCnnConfig,
    SequenceAutoencoderConfig,
    ForecasterConfig,
)
ModelConfig = Annotated[MemberConfig | RanksConfig, Field(discriminator="kind")]


def begins_warm(config: ModelConfig) -> bool:
    """Whether a model can begin from an earlier one; one of the user's own is trusted."""
    if isinstance(config, RanksConfig):
        return any(begins_warm(member) for member in config.members)
    return isinstance(config, NetworkTraining | LinearConfig | OwnConfig)


def needs_labels(config: ModelConfig) -> bool:
    """Whether a model can be fitted on labelled rows alone; one of the user's own is trusted."""
    if isinstance(config, RanksConfig):
        return any(needs_labels(member) for member in config.members)
    return not isinstance(config, AnomalyConfig | OwnConfig)


def reads_layouts(config: ModelConfig) -> bool:
    """Whether a model reads sequences or images, whole ones; one of the user's own may as well."""
    if isinstance(config, RanksConfig):
        return any(reads_layouts(member) for member in config.members)
    return isinstance(config, _READERS)


def tells_classes(config: ModelConfig) -> bool:
    """Whether a model can tell several classes apart; one of the user's own is trusted."""
    return not isinstance(config, AnomalyConfig | RanksConfig)
