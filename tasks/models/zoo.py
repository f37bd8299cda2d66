"""Every kind of model by the name it has in a pipeline file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tasks.models.anomaly import ANOMALY
from tasks.models.base import Family
from tasks.models.boosted import fit_boosted, load_boosted
from tasks.models.network import NetworkScorer
from tasks.models.ranks import ranks_family
from tasks.models.supervised import fit_network

_NETWORK = Family(fit_network, NetworkScorer.load)

_MEMBERS: Mapping[str, Family] = MappingProxyType(
    {
        "tabm": _NETWORK,
        "mlp": _NETWORK,
        "xgboost": Family(fit_boosted, load_boosted),
        **ANOMALY,
    }
)

MODELS: Mapping[str, Family] = MappingProxyType({**_MEMBERS, "ranks": ranks_family(_MEMBERS)})
