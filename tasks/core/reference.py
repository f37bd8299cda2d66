"""How a pipeline file names a secret: `${NAME}`, and never the secret itself."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def clear_secret(message: str) -> PydanticCustomError:
    """An error whose type says that its input must not be shown."""
    return PydanticCustomError("clear_secret", "{told}", {"told": message})


def _only_reference(text: str) -> str:
    if not REFERENCE.fullmatch(text):
        raise clear_secret("a secret is never written here: name it, as ${NAME}")
    return text


Secret = Annotated[
    str,
    BeforeValidator(_only_reference),
    Field(pattern=r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$", examples=["${PRODUCTS_TOKEN}"]),
]
