"""What is filled into texts of a source: `${NAME}` with a secret, `{date}` with the batch date."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from pydantic import BeforeValidator, SecretStr

from tasks.core.errors import ConfigError
from tasks.core.reference import REFERENCE, clear_secret
from tasks.ingest.incremental import Watermark

_TELLING = re.compile(r"authori[sz]ation|cookie|token|secret|passw|api[-_]?key|signature", re.I)


def _no_clear_password(url: str) -> str:
    credentials = re.match(r"[^/]*//[^/@]*:([^/]*)@", url)
    if credentials and not REFERENCE.fullmatch(credentials[1]):
        raise clear_secret("a password is never written here: name it, as ${NAME}")
    for name, value in re.findall(r"[?&]([^=&#]+)=([^&#]*)", url):
        refuse_clear(name, value)
    return url


def is_telling(name: str) -> bool:
    """Whether a header or parameter of this name holds a secret."""
    return bool(_TELLING.search(name))


def refuse_clear(name: str, value: str) -> None:
    """Refuse a value that by its name is a secret, unless it is a reference.

    Raises:
        PydanticCustomError: it is written in clear; of type clear_secret.
    """
    if is_telling(name) and not REFERENCE.search(value):
        raise clear_secret(f"{name} looks like a secret: name it, as ${{NAME}}")


Url = Annotated[str, BeforeValidator(_no_clear_password)]


def expand_date(template: str, date: dt.date, watermark: Watermark | None = None) -> str:
    """Fill a batch date into a template.

    Args:
        template: may hold `{date}`, its start `{since}`, its end `{until}` (the next midnight),
            each also with a spelling in strftime's letters: `{date:%Y%m%d}`.
        date: the batch date.
        watermark: of a source that has one, the last watermark that is not asked for any more; it
            goes in as `{watermark}`.

    Raises:
        ValueError: the template has another field.
    """
    since = dt.datetime.combine(date, dt.time())
    moments: dict[str, Watermark] = {
        "date": date,
        "since": since,
        "until": since + dt.timedelta(days=1),
        **({} if watermark is None else {"watermark": watermark}),
    }

    def fill(match: re.Match[str]) -> str:
        name, _, spelling = match[1].partition(":")
        if name not in moments:
            fields = ", ".join(f"{{{field}}}" for field in moments)
            raise ValueError(f"{fields} can be filled in, not {match[0]}")
        moment = moments[name]
        if isinstance(moment, int):
            return str(moment)
        return moment.strftime(spelling) if spelling else moment.isoformat()

    return re.sub(r"(?<!\$)\{([^{}]*)\}", fill, template)


def expand(text: str, secrets: Mapping[str, SecretStr], where: str) -> str:
    """Fill secrets into a text.

    Args:
        text: may hold `${NAME}`.
        secrets: by name.
        where: the key of the pipeline file, for the message.

    Raises:
        ConfigError: a secret is named that was not given.
    """

    def fill(match: re.Match[str]) -> str:
        secret = secrets.get(match[1])
        if secret is None:
            raise ConfigError(
                f"a value for ${{{match[1]}}}",
                found="none",
                where=where,
                do=f"Set {match[1]} in the environment that runs the pipeline.",
            )
        return secret.get_secret_value()

    return REFERENCE.sub(fill, text)


def redact(text: str, secrets: Mapping[str, SecretStr]) -> str:
    """Take every secret's value out of a text, so that it can be shown."""
    for name in sorted(secrets, key=lambda n: -len(secrets[n].get_secret_value())):
        value = secrets[name].get_secret_value()
        if value:
            text = text.replace(value, f"${{{name}}}")
    return text


def expand_url(url: str, secrets: Mapping[str, SecretStr], where: str) -> str:
    """Fill secrets into an address; one that is only a part of it is percent-encoded."""
    if REFERENCE.fullmatch(url):
        return expand(url, secrets, where)
    quoted = {name: SecretStr(quote(s.get_secret_value(), safe="")) for name, s in secrets.items()}
    whole = REFERENCE.match(url)
    if whole:  # the address itself is the secret, and something is appended to it
        quoted[whole[1]] = secrets.get(whole[1], SecretStr(""))
    return expand(url, {n: s for n, s in quoted.items() if n in secrets}, where)
