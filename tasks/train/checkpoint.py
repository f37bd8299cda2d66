"""Where a training keeps how far it is: in the store, outside what is published.

```
checkpoints/<pipeline>/<run id>/<network>      digest, then the state
```
The run id names configuration, data and code by their digests: a training that differs in one of
them finds nothing. What lies there may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from tasks.core.files import write_over
from tasks.core.store import Store

_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint in one file, behind its digest.

    Args:
        path: the file.
    """

    path: Path

    def read(self) -> bytes | None:
        """What was written last; None where nothing was, or its bytes were changed."""
        try:
            sealed = self.path.read_bytes()
        except FileNotFoundError:
            return None
        seal, content = sealed[:_DIGEST_BYTES], sealed[_DIGEST_BYTES:]
        return content if seal == hashlib.sha256(content).digest() else None

    def write(self, content: bytes) -> None:
        """Replace what was written before, in one step."""
        write_over(self.path, hashlib.sha256(content).digest() + content)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The checkpoints of one training, by the name of the network."""

    store: Store
    pipeline: str
    run_id: str

    def __call__(self, network: str) -> StoredCheckpoint:
        """The checkpoint of a network."""
        return checkpoint_of(self.store, self.pipeline, self.run_id, network)


def checkpoint_of(store: Store, pipeline: str, run_id: str, network: str) -> StoredCheckpoint:
    """The checkpoint of one network of a training."""
    return StoredCheckpoint(store.path(f"{_folder(pipeline)}/{run_id}/{network}"))


def clear_checkpoints(store: Store, pipeline: str) -> None:
    """Take away what trainings of a pipeline kept, once one of them is done."""
    shutil.rmtree(store.path(_folder(pipeline)), ignore_errors=True)


def _folder(pipeline: str) -> str:
    return f"checkpoints/{pipeline}"
