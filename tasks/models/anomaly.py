"""The families that look for what is unlike the rest, by the name they have in a pipeline file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tasks.models.autoencoder import AUTOENCODER
from tasks.models.base import Family
from tasks.models.conv_autoencoder import CONV_AUTOENCODER
from tasks.models.denoising import DENOISING
from tasks.models.diffusion import DIFFUSION
from tasks.models.forecaster import FORECASTER
from tasks.models.forest import fit_isolation, load_isolation
from tasks.models.gan import GAN
from tasks.models.neighbours import fit_neighbours, load_neighbours
from tasks.models.principal import fit_principal, load_principal
from tasks.models.sequence_autoencoder import SEQUENCE_AUTOENCODER
from tasks.models.svdd import SVDD
from tasks.models.variational import VARIATIONAL

ANOMALY: Mapping[str, Family] = MappingProxyType(
    {
        "isolation": Family(fit_isolation, load_isolation),
        "neighbours": Family(fit_neighbours, load_neighbours),
        "pca": Family(fit_principal, load_principal),
        "autoencoder": AUTOENCODER,
        "denoising": DENOISING,
        "variational": VARIATIONAL,
        "conv_autoencoder": CONV_AUTOENCODER,
        "svdd": SVDD,
        "gan": GAN,
        "diffusion": DIFFUSION,
        "sequence_autoencoder": SEQUENCE_AUTOENCODER,
        "forecaster": FORECASTER,
    }
)
