"""How requests to an HTTP API prove who sends them; secrets only by reference."""

from __future__ import annotations

from pydantic import Field, model_validator

from tasks.core.config import Config
from tasks.core.reference import Secret
from tasks.ingest.templates import Url


class Basic(Config):
    """A user's name and password."""

    user: str = Field(description="The user's name, or ${NAME}")
    password: Secret = Field(description="The password, as ${NAME}")


class ApiKey(Config):
    """A key sent in a header or a query parameter."""

    header: str | None = Field(None, description="Header that takes the key")
    query: str | None = Field(None, description="Query parameter that takes the key")
    value: Secret = Field(description="The key, as ${NAME}")

    @model_validator(mode="after")
    def _one_place(self) -> ApiKey:
        if (self.header is None) == (self.query is None):
            raise ValueError("an API key goes in a header or in a query parameter: name one")
        return self


class OAuth2(Config):
    """Client credentials, exchanged for a token (RFC 6749, section 4.4)."""

    token_url: Url = Field(description="Address that gives tokens; ${NAME} is filled in")
    client_id: str = Field(description="The client's name, or ${NAME}")
    client_secret: Secret = Field(description="The client's secret, as ${NAME}")
    scope: str | None = Field(None, description="What is asked for")


class Auth(Config):
    """How a request proves who sends it; one of its fields."""

    bearer: Secret | None = Field(None, description="A bearer token, as ${NAME}")
    basic: Basic | None = Field(None, description="A user and a password")
    api_key: ApiKey | None = Field(None, description="A key in a header or query parameter")
    oauth2: OAuth2 | None = Field(None, description="Client credentials, exchanged for a token")

    @model_validator(mode="after")
    def _one_way(self) -> Auth:
        ways = (self.bearer, self.basic, self.api_key, self.oauth2)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("name one of bearer, basic, api_key, oauth2")
        return self
