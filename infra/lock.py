"""Print the exact version of every package the project needs here, as pip constraints."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    waiting = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(line for extra in project["project"]["optional-dependencies"].values() for line in extra),
    ]
    pins: dict[str, str] = {}
    while waiting:
        wanted = Requirement(waiting.pop())
        name = canonicalize_name(wanted.name)
        extras = wanted.extras or {""}
        if wanted.marker and not any(wanted.marker.evaluate({"extra": e}) for e in extras | {""}):
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        seen = name in pins
        # A local version (+cpu) names one machine's build; the public one serves everywhere.
        pins[name] = re.sub(r"\+.*", "", found.version)
        for line in found.requires or ():
            needed = Requirement(line)
            asked = needed.marker is None or any(
                needed.marker.evaluate({"extra": e}) for e in extras | {""}
            )
            if asked and (not seen or wanted.extras):
                needed.marker = None
                waiting.append(str(needed)) if canonicalize_name(needed.name) not in pins else None
    print("# Exact versions, made by `make lock`; ranges are in pyproject.toml.")
    for name, version in sorted(pins.items()):
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
