"""Where the value of a `${NAME}` comes from: the environment, a file, or a Prefect Secret block.

`NAME` has the value itself, `NAME_FILE` the path of a file that does, as mounted secrets are, and
`NAME_BLOCK` the name of a Secret block of the Prefect server. The first that is set counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from tasks.core.errors import ConfigError

_FILE, _BLOCK = "_FILE", "_BLOCK"


class Secrets(Mapping[str, SecretStr]):
    """The values of some variables; each is looked up when it is first asked for.

    Args:
        names: the variables.
        environ: the environment.
    """

    def __init__(self, names: Iterator[str], environ: Mapping[str, str]) -> None:
        places = {name: _place(name, environ) for name in dict.fromkeys(names)}
        self._places = {name: place for name, place in places.items() if place is not None}
        self._known: dict[str, SecretStr] = {}

    def __getitem__(self, name: str) -> SecretStr:
        if name not in self._known:
            self._known[name] = _read(*self._places[name])
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._places)})"


def _place(name: str, environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    """The first variable that tells a secret, what it ends in, and what it says."""
    for ending in ("", _FILE, _BLOCK):
        if (variable := name + ending) in environ:
            return variable, ending, environ[variable]
    return None


def _read(variable: str, ending: str, says: str) -> SecretStr:
    if ending == _FILE:
        return _of_file(variable, Path(says))
    return _of_block(variable, says) if ending == _BLOCK else SecretStr(says)


def _of_file(variable: str, path: Path) -> SecretStr:
    try:
        return SecretStr(path.read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "a readable file with a secret in UTF-8",
            found=type(error).__name__,
            where=f"{path} ({variable})",
            do=f"Mend the file or its mode, or have {variable} name another.",
        ) from None  # what a file that is no text holds is not shown


def _of_block(variable: str, block: str) -> SecretStr:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.settings import PREFECT_API_URL

    asked = f"a Secret block {block!r} of the Prefect server"
    if not PREFECT_API_URL.value():
        raise ConfigError(
            asked,
            found="no server is known to this process",
            where=variable,
            do="export PREFECT_API_URL=http://HOST:4200/api, or give the secret by "
            f"{variable.removesuffix(_BLOCK)}, or {_FILE} in place of {_BLOCK}.",
        )
    try:
        with get_client(sync_client=True) as client:
            content = client.read_block_document_by_name(block, "secret").data
    except ObjectNotFound:
        raise ConfigError(
            asked,
            found="none of that name",
            where=variable,
            do="Make it in the UI under Blocks, of type Secret.",
        ) from None
    return SecretStr(str(content["value"]))
