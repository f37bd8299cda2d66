"""Whatever a store holds: after a pruning all that is kept can be read, down to its sources."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings

from tasks.core.retention import date_of
from tasks.core.store import Store
from tests.properties import ageing


@settings(max_examples=25, deadline=None)
@given(ageing.histories)
def test_what_is_kept_and_what_it_was_made_from_stays(history: ageing.History) -> None:
    with tempfile.TemporaryDirectory(dir=ageing.MEMORY) as folder:
        store = Store(Path(folder))
        ageing.build(store, history)
        before, files = ageing.records(store), ageing.listed(store)
        ageing.do_prune(store, history)
        after, left = ageing.records(store), ageing.listed(store)

        young = {b for b, r in before.items() if (date_of(r) or history.cutoff) >= history.cutoff}
        assert all(after[batch] == before[batch] for batch in young)
        needed = {ageing.valid(place) for place in history.trained_on} | {
            uri
            for batch in young
            for fact in ("inputs", "compared")
            for uri in before[batch].facts.get(fact, {})
        }
        for uri in needed:
            assert left[uri] == files[uri], "what something kept was made from is still there"
        for ref in left.values():
            store.verify(ref)
        assert ageing.on_disk(store) == left.keys(), "nothing lies about that no record lists"


@settings(max_examples=25, deadline=None)
@given(ageing.histories)
def test_all_else_that_is_old_goes_and_a_second_time_nothing(history: ageing.History) -> None:
    with tempfile.TemporaryDirectory(dir=ageing.MEMORY) as folder:
        store = Store(Path(folder))
        ageing.build(store, history)
        before, read = ageing.records(store), ageing.reach(store, history)
        ageing.do_prune(store, history)
        for record in ageing.records(store).values():
            day = date_of(record)
            if day is None or day >= read.cutoff:
                continue
            assert record.files, "a batch of which nothing is left has no record"
            whole = record == before[record.batch]
            assert whole or record.facts["kind"] in {"landing", "mends"}
            uris = {ref.uri for ref in record.files}
            assert set(record.facts.get("held", [])) <= uris
            rows = {u for u in uris if u in read.inputs or ("valid/" in u and day >= read.floor)}
            if record.facts["kind"] == "mends":
                assert rows or str(day) in ageing.records(store)
            elif record.facts["arrivals"]:
                assert rows, "what was landed stays only beside rows that are read"
            else:
                assert rows == uris
        assert not ageing.planned(store, history)
        assert not [
            p for p in store.root.rglob("batch_date=*") if p.is_dir() and not [*p.iterdir()]
        ]
