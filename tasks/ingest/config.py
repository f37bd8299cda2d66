"""What a source is: files, an HTTP API or a SQL query."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator

from tasks.ingest.files_config import FilesConfig
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.sql_config import SqlConfig

__all__ = ["FilesConfig", "SourceConfig", "SqlConfig"]


SourceConfig = Annotated[FilesConfig | HttpConfig | SqlConfig, Discriminator("kind")]
