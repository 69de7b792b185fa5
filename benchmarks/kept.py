"""Kept results of benchmarks: JSON files in ``results``, with the facts of each measurement.

`MEASURED` in a result holds date, commit and version of the code, the processor, and the hash of
the shipped weights at that time. ``docs/measurements.md`` lists them.
"""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from vqrna._version import __version__
from vqrna.runtime.files import write_text
from vqrna.runtime.provenance import git_commit, machine_facts

RESULTS = Path(__file__).parent / "results"

MEASURED = "measured"
"""Key of the facts about a measurement."""

RENAMED = {"rivals": "decoys", "unlike": "ood"}
"""Keys of older kept results, and their present names."""


def read_results(path: Path) -> Any:
    """Read kept results, with the present names of their keys."""
    return json.loads(
        path.read_text(encoding="utf-8"),
        object_hook=lambda values: {RENAMED.get(key, key): v for key, v in values.items()},
    )


def keep(path: Path, values: Any) -> None:
    """Keep values as JSON."""
    write_text(path, json.dumps(values, indent=1) + "\n")


def keep_measured(path: Path, values: dict[str, Any]) -> None:
    """Keep values of a benchmark of the shipped model as JSON, with :func:`measured_now`."""
    keep(path, values | {MEASURED: measured_now()})


def measured_now() -> dict[str, Any]:
    """Return date, version, commit, processor and hash of the shipped weights."""
    return {
        "date": datetime.date.today().isoformat(),
        "version": __version__,
        "commit": git_commit(),
        "processor": machine_facts()["processor"],
        "weights": shipped_hash(),
    }


def shipped_hash(name: str = "shipped") -> str:
    """Return the hash of shipped weights, without loading the network."""
    from vqrna.model.weights import NAMED

    path = NAMED[name]
    for line in path.with_name("SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, file = line.split()
        if file == path.name:
            return digest[:12]
    raise AssertionError(f"{path.name} is not in SHA256SUMS")
