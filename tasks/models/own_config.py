"""What a pipeline file may say of a model of the user's own."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tasks.core.config import Config


class OwnConfig(Config):
    """A class of an installed module, which fits, scores, explains, saves and loads."""

    kind: Literal["own"] = "own"
    of: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="The class, as module:Class"
    )
    config: dict[str, Any] = Field({}, description="Settings that the class is given as they are")
    threads: int = Field(1, ge=1, description="Threads it may use; it is told")
