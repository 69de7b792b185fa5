"""Tables for MultiQC from the ``run.json`` of predictions: one row per folder of results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from vqrna._version import __version__
from vqrna.errors import DataError, UsageError
from vqrna.runtime.files import output_directory, write_text
from vqrna.runtime.run_record import FILE_NAME, read_run_record

CALLS, GENERAL, VERSIONS = (
    "vqrna_calls_mqc.tsv",
    "vqrna_general_mqc.tsv",
    "vqrna_mqc_versions.yml",
)
"""Files that MultiQC recognises by the ends of their names."""

_CALLS = {
    "id": "vqrna_calls",
    "section_name": "vqrna: predicted RNA modification sites",
    "description": "Called sites of each modification (vqrna predict).",
    "plot_type": "bargraph",
    "pconfig": {
        "id": "vqrna_calls_plot",
        "title": "vqrna: called sites",
        "ylab": "Number of sites",
    },
}

_GENERAL = {
    "id": "vqrna_general",
    "plot_type": "generalstats",
    "headers": [
        {name: {"title": title, "description": description, "format": "{:,.0f}"}}
        for name, title, description in (
            ("sequences", "Sequences", "Scanned sequences"),
            ("nt", "nt", "Scanned length"),
            ("sites", "Sites", "Called sites"),
            ("skipped", "Skipped", "Skipped features"),
        )
    ],
}


def write_multiqc(
    folders: Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    names: Sequence[str] | None = None,
) -> list[Path]:
    """Write tables for MultiQC and a file of versions.

    Parameters
    ----------
    folders : sequence of path-like
        Results of :func:`vqrna.predict` or ``vqrna predict``, one sample each.
    out : path-like
        Folder for ``vqrna_calls_mqc.tsv`` (called sites by modification),
        ``vqrna_general_mqc.tsv`` (columns of the general statistics) and
        ``vqrna_mqc_versions.yml``.
    names : sequence of str, optional
        Names of the samples; those of the folders if not given.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    DataError
        If a folder has no record of a prediction, or a file cannot be written.
    UsageError
        If names repeat, or their number is not that of the folders.
    """
    paths = [Path(folder) for folder in folders]
    samples = list(names) if names else [path.resolve().name for path in paths]
    if len(samples) != len(paths):
        raise UsageError(f"{len(samples)} names for {len(paths)} folders")
    for name in samples:
        if samples.count(name) > 1:
            raise UsageError(f"two samples are named '{name}': name them with --names")
        if not name or not name.isprintable():
            raise UsageError(f"invalid name of a sample: {name!r}")
    records = [_record(path) for path in paths]
    symbols = list(dict.fromkeys(symbol for record in records for symbol in record["calls"]))
    calls = [["Sample", *symbols]]
    general = [["Sample", "sequences", "nt", "sites", "skipped"]]
    for name, record in zip(samples, records, strict=True):
        called = {symbol: int(each["called"]) for symbol, each in record["calls"].items()}
        skipped = sum(int(each["count"]) for each in record.get("skipped", []))
        calls.append([name, *(str(called.get(symbol, 0)) for symbol in symbols)])
        numbers = (record["sequences"], record["nt"], sum(called.values()), skipped)
        general.append([name, *(str(int(number)) for number in numbers)])
    versions = sorted({str(record.get("version", __version__)) for record in records})
    folder = output_directory(out)
    write_text(folder / CALLS, _table(_CALLS, calls))
    write_text(folder / GENERAL, _table(_GENERAL, general))
    write_text(folder / VERSIONS, "vqrna:\n" + "".join(f'  - "{each}"\n' for each in versions))
    return [folder / CALLS, folder / GENERAL, folder / VERSIONS]


def _record(folder: Path) -> dict[str, Any]:
    """Return the record of a prediction, which may be an earlier one of its folder."""
    if not folder.is_dir():
        raise DataError("no such folder", file=folder)
    record = read_run_record(folder)
    if record.get("subcommand") != "predict":
        previous = record.get("previous")
        record = previous.get("predict", {}) if isinstance(previous, dict) else {}
    try:
        for each in record["calls"].values():
            int(each["called"])
        int(record["sequences"]), int(record["nt"])
        sum(int(each["count"]) for each in record.get("skipped", []))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(f"has no {FILE_NAME} of vqrna predict", file=folder) from None
    return dict(record)


def _table(header: dict[str, Any], rows: list[list[str]]) -> str:
    """Return a table with settings for MultiQC: it reads them as YAML, which includes JSON."""
    lines = [f"# {name}: {json.dumps(value)}" for name, value in header.items()]
    return "\n".join([*lines, *("\t".join(row) for row in rows)]) + "\n"
