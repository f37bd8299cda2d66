"""`lamplighter demo`: lay the sample out, train on its past, run its nights, sum up."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path

from flows import terminal
from flows.demo.layout import lay_out_intrusion, lay_out_retail
from flows.demo.services import demo_services
from flows.pipeline import SHIPPED, load


@dataclass(frozen=True, slots=True)
class Script:
    """Which dates the demo trains on and runs.

    Args:
        pipeline_file: the pipeline file in the demo folder.
        trained_by: the date by whose end all that the model learns was known.
        nights: batch dates that are scored.
        judged_by: the date by whose end labels are compared.
    """

    pipeline_file: Path
    trained_by: dt.date
    nights: tuple[dt.date, ...]
    judged_by: dt.date


def run(
    pipeline: str, folder: Path, nights: int, as_json: bool, source: Path | None = None
) -> None:
    """Run the demo from an empty folder to its final table."""
    with terminal.progress("Laying the sample out", as_json):
        script = (
            _retail(folder, nights) if pipeline == "retail" else _intrusion(folder, nights, source)
        )
    # Imported here: half of the demo's patience is spent on importing otherwise.
    from flows.monitoring import monitor
    from flows.nightly import nightly
    from flows.summaries import tell_nights, tell_training
    from flows.training import train

    name = str(script.pipeline_file)
    store = load(name).store.root
    with demo_services(name):
        with terminal.progress(f"Training on what was known by {script.trained_by}", as_json):
            trained = train.fn(name, script.trained_by)
        if not as_json:
            tell_training(trained, store)
        done = []
        for day in script.nights:
            with terminal.progress(f"Night of {day}", as_json):
                done.append(nightly.fn(name, day))
        with terminal.progress(f"Comparing with the labels of {script.judged_by}", as_json):
            realised = monitor.fn(name, script.judged_by)
    if as_json:
        terminal.print_json(
            {
                "training": trained.to_dict(),
                "nights": [asdict(night) for night in done],
                "realised": asdict(realised),
            }
        )
        return
    tell_nights(done, realised)
    terminal.tell_paths(
        {
            "report": store / done[-1].report,
            "tables": store / "reports" / pipeline,
            "pipeline": script.pipeline_file,
        }
    )


def _retail(folder: Path, nights: int) -> Script:
    days = lay_out_retail(folder, SHIPPED / "retail.yaml")
    last = days[-1]
    # The nights' labels are known 30 days later: the last night that can be judged whole.
    judgeable = [day for day in days if day <= last - dt.timedelta(days=30)]
    scored = judgeable[-nights:]
    return Script(folder / "retail.yaml", scored[0] - dt.timedelta(days=1), tuple(scored), last)


def _intrusion(folder: Path, nights: int, source: Path | None) -> Script:
    days = lay_out_intrusion(folder, SHIPPED / "intrusion.yaml", source)
    scored = days[-min(nights, len(days) - 5) :]
    return Script(
        folder / "intrusion.yaml", scored[0] - dt.timedelta(days=1), tuple(scored), days[-1]
    )
