"""The budget of a training, with a seed of its own that only the key's owner can tell."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from pydantic import SecretStr

from tasks.core.errors import ConfigError
from tasks.core.reference import REFERENCE
from tasks.models.privacy import Privacy
from tasks.train.config import PrivacyConfig

_MIN_KEY_CHARACTERS = 32


def budget(
    config: PrivacyConfig | None, secrets: Mapping[str, SecretStr], training: str
) -> Privacy | None:
    """What a training may tell of a row; None where nobody asks.

    Args:
        config: what the pipeline file says.
        secrets: the value of each `${NAME}`.
        training: names the training by all that it depends on. By another name the same key gives
            other noise: the noise of two trainings on different rows must not be the same.

    Raises:
        ConfigError: there is no such key, or it is short enough to be guessed.
    """
    if config is None:
        return None
    named = REFERENCE.fullmatch(config.key)
    key = secrets[named[1]].get_secret_value() if named and named[1] in secrets else ""
    if len(key) < _MIN_KEY_CHARACTERS:
        raise ConfigError(
            f"a key of {_MIN_KEY_CHARACTERS} characters or more",
            found=f"{len(key)}",
            where="training.privacy.key",
            do="Make one, and show it to nobody who reads models: openssl rand -hex 32",
        )
    seed = hmac.digest(key.encode(), training.encode(), hashlib.sha256)
    return Privacy(config.epsilon, config.delta, config.max_grad_norm, seed)
