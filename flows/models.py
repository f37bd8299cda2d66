"""`lamplighter models`: the registry of a pipeline, listed, shown, compared and moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from flows import clock, terminal
from flows.model_card import card, markdown
from flows.pipeline import Pipeline, load
from flows.promotion import move
from tasks.core.artifacts import Model, Ref
from tasks.core.commit import last_commit, recover
from tasks.core.errors import ConfigError, ModelMissingError
from tasks.models.aliases import BATCH, Aliases, Order, read_aliases


def list_models(name: str, as_json: bool) -> None:
    """List a pipeline's registered models, and how the aliases moved."""
    pipeline, aliases = _read(name)
    manifests = _manifests(pipeline)
    alias = {version: alias for alias, version in aliases.versions.items()}
    rows = [
        {
            "version": entry.version,
            "alias": alias.get(entry.version, ""),
            "known_by": entry.known_by,
            "kept": entry.version in manifests,
            "run_id": entry.run_id,
        }
        for entry in reversed(aliases.history)
    ]
    if as_json:
        terminal.print_json({"models": rows, "moves": [asdict(each) for each in aliases.moves]})
        return
    terminal.out.print(terminal.table(f"Models of {pipeline.name}", rows))
    for each in aliases.moves:
        was = f" in place of {each.before}" if each.before else ""
        terminal.out.print(
            f"{each.at[:19]} {each.version} {each.alias}{was}, by {each.by}: {each.why}",
            soft_wrap=True,
        )


def show(name: str, version: str | None, as_json: bool) -> None:
    """Show a model's card."""
    pipeline, aliases = _read(name)
    told = card(pipeline, aliases, _find(pipeline, aliases, version or "champion"))
    if as_json:
        terminal.print_json(_plain(told))
    else:
        terminal.out.file.write(markdown(told))


def diff(name: str, one: str, other: str, as_json: bool) -> None:
    """Say in what two versions differ."""
    pipeline, aliases = _read(name)
    cards = [
        _plain(card(pipeline, aliases, _find(pipeline, aliases, version)))
        for version in (one, other)
    ]
    features = [set(each["features"]) for each in cards]
    names = [each["version"] for each in cards]
    rows = [
        {"": path, names[0]: values[0], names[1]: values[1]}
        for path, values in _differences(cards[0], cards[1])
    ]
    found = {
        "only_in": {
            names[0]: sorted(features[0] - features[1]),
            names[1]: sorted(features[1] - features[0]),
        },
        "differences": rows,
    }
    if as_json:
        terminal.print_json(found)
        return
    for version, own in found["only_in"].items():  # type: ignore[attr-defined]
        terminal.out.print(f"features of {version} alone: {', '.join(own) or 'none'}")
    terminal.out.print(terminal.table("Differences", rows))


def promote(name: str, version: str | None, why: str, as_json: bool) -> None:
    """Make a version the champion; none means the challenger."""
    _tell(move(load(name), version, _order(why or "promoted by hand")), as_json)


def rollback(name: str, why: str, as_json: bool) -> None:
    """Make the previous champion the champion again."""
    pipeline, aliases = _read(name)
    if aliases.previous is None:
        raise ConfigError(
            "a previous champion",
            found="none",
            where=f"models/{pipeline.name}",
            do=f"Look at lamplighter models list {pipeline.name}",
        )
    version = aliases.versions["previous"]
    _tell(move(pipeline, version, _order(why or "rolled back by hand")), as_json)


def _order(why: str) -> Order:
    return Order(clock.now().isoformat(), clock.user(), why)


def _tell(aliases: Aliases, as_json: bool) -> None:
    if as_json:
        terminal.print_json(dict(aliases.versions))
        return
    for alias, version in aliases.versions.items():
        terminal.out.print(f"{alias}: {version}")


def find(name: str, version: str) -> tuple[Pipeline, Ref[Model]]:
    """A pipeline, and the manifest of one of its versions, by its beginning or an alias.

    Raises:
        ModelMissingError: the store keeps none, or several begin so.
    """
    pipeline, aliases = _read(name)
    return pipeline, _find(pipeline, aliases, version)


def _read(name: str) -> tuple[Pipeline, Aliases]:
    pipeline = load(name)
    recover(pipeline.store, pipeline.name)
    return pipeline, read_aliases(pipeline.store, pipeline.name)


def _manifests(pipeline: Pipeline) -> Mapping[str, Ref[Model]]:
    """The manifest of each version that the store keeps."""
    record = last_commit(pipeline.store, pipeline.name, BATCH)
    files = record.files if record else ()
    return {ref.uri.split("/")[2]: ref for ref in files if ref.uri.endswith("/model.json")}


def _find(pipeline: Pipeline, aliases: Aliases, named: str) -> Ref[Model]:
    """A version by an alias or by the beginning of its name.

    Raises:
        ModelMissingError: the store keeps none, or several begin so.
    """
    manifests = _manifests(pipeline)
    wanted = {str(alias): version for alias, version in aliases.versions.items()}.get(named, named)
    found = [ref for version, ref in manifests.items() if version.startswith(wanted)]
    if len(found) != 1:
        raise ModelMissingError(
            "one version that the store keeps, or an alias",
            found=f"{named!r}; kept are {', '.join(sorted(manifests))}",
            where=f"models/{pipeline.name}",
            do=f"Look at lamplighter models list {pipeline.name}",
        )
    return found[0]


def _plain(value: Any) -> Any:
    """Nested records as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def _differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, tuple[str, str]]]:
    """Every leaf of two cards that differs; lists as a whole, measures by their name."""
    one, other = _by_name(one), _by_name(other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys((*one, *other)):
            if not path and key in {"version", "features", "moves", "limits"}:
                continue
            below = f"{path}.{key}" if path else key
            yield from _differences(one.get(key), other.get(key), below)
    elif one != other:
        yield path, (str(one), str(other))


def _by_name(value: Any) -> Any:
    """Measures and parts of the split by what names them."""
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        if "metric" in value[0]:
            return {f"{e['model']}.{e['split']}.{e['metric']}": e["value"] for e in value}
        if "part" in value[0]:
            return {e["part"]: {"rows": e["rows"], "positives": e["positives"]} for e in value}
    return value
