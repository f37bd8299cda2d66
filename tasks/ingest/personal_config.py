"""Which columns of a source are personal."""

from __future__ import annotations

from pydantic import Field

from tasks.core.config import Config
from tasks.core.reference import Secret


class PersonalConfig(Config):
    """Columns whose values are replaced by keyed hashes before anything is stored."""

    columns: tuple[str, ...] = Field(
        min_length=1, description="Columns of type str that tell who somebody is"
    )
    key: Secret = Field(
        description="The key of the hashes: 32 characters or more, the same for all sources",
        examples=["${PERSONAL_KEY}"],
    )
