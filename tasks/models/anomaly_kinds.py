"""Every anomaly model that a pipeline file may name."""

from __future__ import annotations

from tasks.models.anomaly_config import IsolationConfig, NeighboursConfig, PcaConfig
from tasks.models.autoencoder_config import (
    AutoencoderConfig,
    ConvAutoencoderConfig,
    DenoisingConfig,
    VariationalConfig,
)
from tasks.models.series_config import ForecasterConfig, SequenceAutoencoderConfig
from tasks.models.svdd_config import DiffusionConfig, GanConfig, SvddConfig

AnomalyConfig = (
    IsolationConfig
    | NeighboursConfig
    | PcaConfig
    | AutoencoderConfig
    | DenoisingConfig
    | VariationalConfig
    | ConvAutoencoderConfig
    | SvddConfig
    | GanConfig
    | DiffusionConfig
    | SequenceAutoencoderConfig
    | ForecasterConfig
)
