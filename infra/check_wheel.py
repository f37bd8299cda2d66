"""Build the wheel, hold its contents against the checkout, and run it in a venv of its own."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("flows", "tasks", "expectations")
SAMPLES = {
    "flows/demo/samples/retail.parquet": "infra/demo/retail.parquet",
    "flows/demo/samples/intrusion.csv.gz": "infra/demo/intrusion.csv.gz",
    "flows/demo/samples/README.md": "infra/demo/README.md",
}


def run(*command: str | Path, cwd: Path) -> str:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, check=True, capture_output=True, text=True
    ).stdout


def expected() -> set[str]:
    """The files git tracks or would track in the packages, and the samples."""
    listed = run(
        "git", "ls-files", "--cached", "--others", "--exclude-standard", *PACKAGES, cwd=ROOT
    )
    return {name for name in listed.splitlines() if (ROOT / name).is_file()} | set(SAMPLES)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        pip = [sys.executable, "-m", "pip", "--quiet"]
        run(*pip, "wheel", "--no-deps", "--wheel-dir", work, ROOT, cwd=work)
        (wheel,) = work.glob("lamplighter-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            names = {name for name in archive.namelist() if ".dist-info/" not in name}
        missing, extra = sorted(expected() - names), sorted(names - expected())
        if missing or extra:
            raise SystemExit(f"the wheel lacks {missing} and has {extra} besides")
        try_out(wheel, work)
    print(f"{wheel.name}: {len(names)} files, as tracked; the command answers from its own venv")


def try_out(wheel: Path, work: Path) -> None:
    """Install the wheel alone, with this environment's packages in reach, and call it."""
    own = work / "venv"
    venv.create(own, with_pip=False)
    site = next((own / "lib").glob("python*/site-packages"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", own / "bin" / "python"]
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=work)
    (site / "peers.pth").write_text(sysconfig.get_path("purelib") + "\n")
    place = run(own / "bin" / "python", "-c", "import flows; print(flows.__file__)", cwd=work)
    if not Path(place.strip()).is_relative_to(site):
        raise SystemExit(f"the wheel's own packages are hidden by {place.strip()}")
    run(own / "bin" / "lamplighter", "--help", cwd=work)
    run(own / "bin" / "lamplighter", "schema", cwd=work)
    run(own / "bin" / "lamplighter", "check", "retail", cwd=work)


if __name__ == "__main__":
    main()
