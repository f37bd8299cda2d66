"""A model on disk: one manifest that pins every other file of the bundle by digest.

```
models/<pipeline>/<version>/model.json                      its digest names the version
                            model.safetensors | model.ubj   the chosen model
                            fallback.ubj                    the XGBoost model beside it
                            *-calibration.safetensors       of each
                            *-evidence.safetensors          its scores of the test part
                            prepare-*                       models that fill or mark columns
                            baseline.safetensors            what features and scores looked like
```
No file is parsed before its digest was checked, and none of the formats can hold code.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter, ValidationError

from tasks.core.artifacts import Model, Ref
from tasks.core.errors import ModelError, StoreError
from tasks.core.keys import canonical_json, digest_bytes
from tasks.core.results import Selection
from tasks.core.run import Run
from tasks.core.treatments import Learned, Preparation, Stored
from tasks.models import baseline
from tasks.models.base import History, Scorer
from tasks.models.baseline import Baseline
from tasks.models.calibration import Calibration, Method
from tasks.models.config import ModelConfig
from tasks.models.evidence import Evidence
from tasks.models.reading import rebuild
from tasks.models.records import Curve, Metric, PartCount, TrainingReference

FORMAT = 3
BASELINE = "baseline.safetensors"
Role = Literal["model", "fallback"]


class Reader(Protocol):
    """What a bundle is read through: a store, or a run that may have just written it."""

    def read_bytes(self, ref: Ref[Any]) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Member:
    """One scorer of a bundle with its calibration and the record of its training.

    Args:
        config: the family's settings.
        scorer: the fitted model.
        calibration: from its scores to probabilities and p-values.
        history: how its training went.
        evidence: the test part as it scored it; None where none was kept.
    """

    config: ModelConfig
    scorer: Scorer
    calibration: Calibration
    history: History
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All of a model that is not weights: what it needs to be applied, and what it is worth.

    Args:
        pipeline: the pipeline it belongs to.
        features: columns of its matrix, in order.
        preparation: what `prepare` learned from its training time.
        selection: why these features.
        reference: what it was trained on.
        parts: rows and positives of each part of the split.
        metrics: of the model and of the fallback.
        curves: of the model and of the fallback.
        usual: each feature's 5th and 95th percentile in training, by name.
        failure: why there is no model beside the fallback; empty where there is one.
        baseline: the file with the baselines of its features and scores; None where none were
            fitted.
        unseen_from: the first batch date of which it was fitted, stopped and calibrated on no row,
            ISO.
        fitted_until: the last batch date of which it was, ISO.
        classes: that it tells apart, in the order of its outputs; empty where it tells none.
    """

    pipeline: str
    features: tuple[str, ...]
    preparation: Preparation
    selection: Selection
    reference: TrainingReference
    parts: tuple[PartCount, ...]
    metrics: tuple[Metric, ...]
    curves: tuple[Curve, ...]
    usual: Mapping[str, tuple[float, float]]
    failure: str = ""
    baseline: Stored | None = None
    unseen_from: str = ""
    fitted_until: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A model that can be applied: the chosen one, unless its training failed, and a fallback.

    Args:
        facts: all that is not weights.
        model: the chosen one; None where its training failed.
        fallback: the XGBoost model beside it.
        prepare_files: the files that `facts.preparation` needs, by name.
        baseline: the bytes of the file that `facts.baseline` names, by its name.
    """

    facts: Facts
    model: Member | None
    fallback: Member
    prepare_files: Mapping[str, bytes] = field(default_factory=dict)
    baseline: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemberRecord:
    """A member in the manifest; `files` has the digest of each of its files by name."""

    config: ModelConfig
    calibration: Method
    history: History
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `model.json` holds."""

    format: int
    facts: Facts
    members: Mapping[Role, MemberRecord]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose manifest was read; its members are read one by one.

    So a damaged file of one member leaves the other usable.
    """

    reader: Reader
    ref: Ref[Model]
    manifest: Manifest

    @property
    def version(self) -> str:
        """The name of the bundle."""
        return version_of(self.ref)

    @property
    def facts(self) -> Facts:
        """What the bundle says of itself."""
        return self.manifest.facts

    def read(self, role: Role) -> Member:
        """Read one member.

        Raises:
            ModelMemoryError: there was not the memory for it.
            ModelError: the bundle has no such member, or its files do not hold it.
            IntegrityError: a file is missing or its bytes were changed.
        """
        record = self.manifest.members.get(role)
        if record is None:
            raise ModelError(
                f"a bundle with a {role}",
                found=self.facts.failure or f"only {sorted(self.manifest.members)}",
                where=self.ref.uri,
                do="Train the pipeline again.",
            )
        files = {name: self._bytes(name, sha256) for name, sha256 in sorted(record.files.items())}
        calibration = Calibration.load(record.calibration, files.pop(_calibration_name(role)))
        judged = files.pop(_evidence_name(role), None)
        evidence = None if judged is None else Evidence.load(judged)
        weights = {name.rpartition(".")[2]: content for name, content in files.items()}
        facts = self.facts
        scorer = rebuild(record.config, weights, len(facts.features), facts.classes)
        return Member(record.config, scorer, calibration, record.history, evidence)

    def preparation(self) -> Learned:
        """Read what `prepare` learned, with the files it needs.

        Raises:
            IntegrityError: a file is missing or its bytes were changed.
        """
        learned = self.facts.preparation
        files = {file.name: self._bytes(file.name, file.sha256) for file in learned.files}
        return Learned(learned, files)

    def baselines(self) -> dict[str, Baseline]:
        """Read what its features, and its members' scores, looked like in training.

        Raises:
            IntegrityError: the file is missing or its bytes were changed.
            ModelError: the bundle has none.
        """
        stored = self.facts.baseline
        if stored is None:
            raise ModelError(
                "a bundle with baselines",
                found="none",
                where=self.ref.uri,
                do="Train the pipeline again.",
            )
        return baseline.load(self._bytes(stored.name, stored.sha256))

    def readable_preparation(self) -> Learned:
        """Read what `prepare` learned, with those of its files that are intact.

        What needs the others is left undone: gaps stay gaps, which the fallback's trees can read.
        """
        learned = self.facts.preparation
        files: dict[str, bytes] = {}
        for file in learned.files:
            with contextlib.suppress(StoreError):
                files[file.name] = self._bytes(file.name, file.sha256)
        return Learned(learned, files)

    def _bytes(self, name: str, sha256: str) -> bytes:
        folder = self.ref.uri.rpartition("/")[0]
        return self.reader.read_bytes(Ref(f"{folder}/{name}", sha256, 0, "model"))


def save(run: Run, fitted: FittedModel) -> tuple[Ref[Model], tuple[Ref[Model], ...]]:
    """Write a bundle, to be published when the run commits.

    Returns:
        The manifest, and every file of the bundle, the manifest included.
    """
    members: dict[Role, Member] = {"fallback": fitted.fallback}
    if fitted.model is not None:
        members["model"] = fitted.model
    contents = {role: _contents(role, member) for role, member in members.items()}
    records = {
        role: MemberRecord(
            member.config,
            member.calibration.method,
            member.history,
            {name: digest_bytes(content) for name, content in contents[role].items()},
        )
        for role, member in members.items()
    }
    manifest = canonical_json(dataclasses.asdict(Manifest(FORMAT, fitted.facts, records)))
    folder = f"models/{fitted.facts.pipeline}/{digest_bytes(manifest)[:12]}"
    files = [
        run.write_bytes(Model, content, f"{folder}/{name}")
        for files in (*contents.values(), fitted.prepare_files, fitted.baseline)
        for name, content in files.items()
    ]
    ref = run.write_bytes(Model, manifest, f"{folder}/model.json")
    return ref, (*files, ref)


def open_bundle(reader: Reader, ref: Ref[Model]) -> Bundle:
    """Read a bundle's manifest.

    Raises:
        IntegrityError: the manifest is missing or its bytes were changed.
        ModelError: it was written by another version of Lamplighter.
    """
    content = reader.read_bytes(ref)
    try:
        manifest = TypeAdapter(Manifest).validate_python(json.loads(content))
    except (ValidationError, ValueError, RecursionError) as error:
        raise ModelError(
            f"a model manifest of format {FORMAT}",
            found=f"{type(error).__name__}: {str(error)[:300]}",
            where=ref.uri,
            do="Train the pipeline again, with this version of Lamplighter.",
        ) from error
    return Bundle(reader, ref, manifest)


def load(reader: Reader, ref: Ref[Model]) -> FittedModel:
    """Read a whole bundle.

    Raises:
        IntegrityError: one of its files is missing or was changed.
        ModelError: its files do not hold what the manifest says.
    """
    bundle = open_bundle(reader, ref)
    model = bundle.read("model") if "model" in bundle.manifest.members else None
    stored = bundle.facts.baseline
    beside = {stored.name: baseline.save(bundle.baselines())} if stored else {}
    files = bundle.preparation().files
    return FittedModel(bundle.facts, model, bundle.read("fallback"), files, beside)


def version_of(ref: Ref[Model]) -> str:
    """The version that a manifest's reference names."""
    return ref.sha256[:12]


def _contents(role: Role, member: Member) -> dict[str, bytes]:
    weights = {f"{role}.{suffix}": content for suffix, content in member.scorer.save().items()}
    evidence = {_evidence_name(role): member.evidence.save()} if member.evidence else {}
    return {**weights, _calibration_name(role): member.calibration.save(), **evidence}


def _calibration_name(role: Role) -> str:
    return f"{role}-calibration.safetensors"


def _evidence_name(role: Role) -> str:
    return f"{role}-evidence.safetensors"
