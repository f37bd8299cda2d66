"""Write a bill of materials: what Lamplighter is built of, as it is installed here.

    python infra/sbom.py > lamplighter.cdx.json

CycloneDX 1.6, from the installed metadata of everything that `pip install lamplighter` brings. Ends
with code 1 where a package has a licence that is not on the list below, or names none.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Licences that let a user run, change and pass on the whole.
ALLOWED = re.compile(
    r"apache|bsd|mit\b|isc|python software|psf|mozilla|mpl|unlicense|zlib|public domain|cc0|0bsd"
    r"|lgpl|lesser general|artistic",
    re.IGNORECASE,
)


def closure(name: str) -> dict[str, Distribution]:
    """A distribution and all that it requires here, extras left out, by name."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        known = canonicalize_name(waiting.pop())
        if known in found:
            continue
        try:
            found[known] = distribution(known)
        except PackageNotFoundError:
            continue  # of another platform
        waiting.extend(_required(found[known]))
    return dict(sorted(found.items()))


def _required(package: Distribution) -> Iterator[str]:
    for text in package.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name


def licence(package: Distribution) -> str:
    """What a package says of its licence, in the first of the places it may say it."""
    told = package.metadata
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or ()
        if line.startswith("License ::") and line != "License :: OSI Approved"
    ]
    short = (told.get("License") or "").strip().split("\n")[0][:80]
    return told.get("License-Expression") or "; ".join(classifiers) or short


def component(name: str, package: Distribution) -> dict[str, object]:
    """A package as CycloneDX has it."""
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{package.version}",
        "name": name,
        "version": package.version,
        "purl": f"pkg:pypi/{name}@{package.version}",
        "licenses": [{"license": {"name": licence(package) or "unknown"}}],
    }


def document(packages: dict[str, Distribution]) -> dict[str, object]:
    """The bill of materials."""
    own, *others = packages.items()
    refs = {name: f"pkg:pypi/{name}@{package.version}" for name, package in packages.items()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**component(*own), "type": "application"}},
        "components": [component(*other) for other in others],
        "dependencies": [
            {
                "ref": refs[name],
                "dependsOn": sorted(
                    refs[needed]
                    for needed in {canonicalize_name(one) for one in _required(package)}
                    if needed in refs
                ),
            }
            for name, package in packages.items()
        ],
    }


def unfit(packages: dict[str, Distribution]) -> dict[str, str]:
    """Packages whose licence is not allowed, or not told."""
    told = {name: licence(one) for name, one in packages.items()}
    return {name: text for name, text in told.items() if not ALLOWED.search(text)}


def main() -> None:
    """Print the document; name the licences that are not allowed."""
    packages = closure("lamplighter")
    packages = {"lamplighter": packages.pop("lamplighter"), **packages}
    print(json.dumps(document(packages), indent=2))
    refused = unfit(packages)
    for name, text in refused.items():
        print(f"{name}: {text or 'no licence is told'}", file=sys.stderr)
    sys.exit(bool(refused))


if __name__ == "__main__":
    main()
