"""Every kind of model by the name it has in a pipeline file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tasks.models.anomaly import ANOMALY
from tasks.models.base import Family
from tasks.models.boosted import fit_boosted, load_boosted
from tasks.models.ensemble import ensemble_family
from tasks.models.image_cnn import ImageCnn, pieces
from tasks.models.linear import fit_linear, load_linear
from tasks.models.mlp import Mlp
from tasks.models.own import fit_own, load_own
from tasks.models.ranks import ranks_family
from tasks.models.recurrent import Recurrent
from tasks.models.resnet import ResNet
from tasks.models.sequence_cnn import SequenceCnn
from tasks.models.supervised import network_family
from tasks.models.tabm import TabM
from tasks.models.transformer import Transformer
from tasks.models.tree import fit_tree, load_tree

SUPERVISED: Mapping[str, Family] = MappingProxyType(
    {
        "tabm": network_family(TabM),
        "mlp": network_family(Mlp),
        "resnet": network_family(ResNet),
        "transformer": network_family(Transformer),
        "sequence_cnn": network_family(SequenceCnn),
        "recurrent": network_family(Recurrent),
        "image_cnn": network_family(ImageCnn, pieces),
        "linear": Family(fit_linear, load_linear),
        "tree": Family(fit_tree, load_tree),
        "xgboost": Family(fit_boosted, load_boosted),
    }
)
_MEMBERS: Mapping[str, Family] = MappingProxyType(
    {**SUPERVISED, "own": Family(fit_own, load_own), **ANOMALY}
)

MODELS: Mapping[str, Family] = MappingProxyType(
    {**_MEMBERS, "ranks": ranks_family(_MEMBERS), "ensemble": ensemble_family(_MEMBERS)}
)
