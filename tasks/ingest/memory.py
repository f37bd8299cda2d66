"""Remember which version of an answer a run landed, and land the same again from its table.

The validators lie beside the landed table and are published with it, in one commit. They are sent
only while that table and the quarantine of its records are there, byte for byte; "not modified"
then means their rows, and the store writes equal rows as equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import scrypt
from typing import Any

from tasks.core.artifacts import Landed, Ref
from tasks.core.commit import last_commit
from tasks.core.errors import IntegrityError
from tasks.core.keys import canonical_json, code_digest
from tasks.core.records import Commit
from tasks.core.results import Ingested
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.ingest.asking import Ask
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.parts import Held, Part
from tasks.ingest.validators import Validators

_FILE = "validators.json"
_PART_ROWS = 131_072


class Memory:
    """What was landed of a source for this batch date, or for the last one before it.

    Args:
        run: the run that takes it in.
        name: the source's name.
        source: its declaration.
    """

    def __init__(self, run: Run, name: str, source: HttpConfig) -> None:
        self._run, self._name, self._source = run, name, source
        self._question = ""
        self._known: dict[str, Any] | None = None
        self._found: Validators | None = None
        self._shown = ""

    def recall(self, ask: Ask) -> Validators | None:
        """The version that was landed when the very same was asked for, if its tables are there."""
        self._question = _digest(ask, self._source)
        for batch in self._batches():
            record = last_commit(self._run.store, self._run.pipeline, batch)
            known = self._read(record) if record else None
            if known is not None:
                self._known = known
                return Validators(**known["validators"])
        return None

    def note(self, found: Validators | None, name: str) -> None:
        """Take note of the version that is being landed, and of the name its rows have."""
        self._found, self._shown = found, name

    def again(self) -> Iterator[Part]:
        """What was landed of the version that was recalled.

        Raises:
            IntegrityError: a table has changed since.
        """
        assert self._known is not None
        self.note(Validators(**self._known["validators"]), self._known["source"])
        name, held = self._shown, self._held()
        rows = self._run.store.scan(_ref(self._known["table"]))
        if held:
            yield Part(name, len(held), rows.head(0).collect(), held)
        for frame in rows.collect_batches(chunk_size=_PART_ROWS, maintain_order=True):
            yield Part(name, frame.height, frame, [])

    def keep(self, done: Ingested) -> None:
        """Write down which version was landed, to be published with its table."""
        if self._found is None:
            return
        content = {
            "question": self._question,
            "validators": asdict(self._found),
            "source": self._shown,
            "table": asdict(done.table),
            "quarantine": asdict(done.quarantine) if done.quarantine else None,
        }
        self._run.write_bytes(Landed, canonical_json(content), self._uri(self._run.batch))

    def _batches(self) -> Iterator[str]:
        """This batch date, then those before it, the last one first."""
        folder = self._run.store.root / "commits" / self._run.pipeline
        names = sorted((path.stem for path in folder.glob("*.json")), reverse=True)
        yield from (name for name in names if name <= self._run.batch)

    def _read(self, record: Commit) -> dict[str, Any] | None:
        """What a commit remembers, if it is of this question and its tables are there."""
        ref = record.find(Landed, self._uri(record.batch))
        if ref is None:
            return None
        try:
            known: dict[str, Any] = json.loads(self._run.store.read_bytes(ref))
            tables = [_ref(known[what]) for what in ("table", "quarantine") if known[what]]
            for table in tables:
                self._run.store.verify(table)
        except IntegrityError:
            return None
        is_whole = all(table in record.files for table in tables)
        return known if is_whole and known["question"] == self._question else None

    def _held(self) -> list[Held]:
        assert self._known is not None
        if self._known["quarantine"] is None:
            return []
        frame = self._run.store.scan(_ref(self._known["quarantine"])).collect()
        return [Held(*row) for row in frame.select("line", "reasons", "raw").iter_rows()]

    def _uri(self, batch: str) -> str:
        return table_uri("landed", self._run.pipeline, self._name, batch, _FILE)


def _ref(fields: dict[str, Any]) -> Ref[Any]:
    return Ref(**fields)


def _digest(ask: Ask, source: HttpConfig) -> str:
    """A digest of what is asked and how it is read.

    The address may hold secrets, so it is one that takes long to guess.
    """
    reading = f"{source.model_dump_json(by_alias=True)} {code_digest()}"
    return scrypt(str(ask.url).encode(), salt=reading.encode(), n=2**12, r=8, p=1).hex()
