"""The results of a job: files that the worker writes, and tables that the pages read."""

from __future__ import annotations

import gzip
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vqrna._version import __version__
from vqrna.model import Model
from vqrna.modifications import Modification
from vqrna.prediction import Output, Prediction, predict_files
from vqrna.runtime.files import write_text
from vqrna.stats.tiers import BY_THRESHOLD, TIERS
from vqrna.web.inputs import check_input
from vqrna.web.options import FORMATS, INPUT, JobOptions
from vqrna.web.settings import Limits
from vqrna.web.tracks import INDEX, RecordingEngine, TrackFile, write_index

RESULTS, VIEW = "results", "view"

JSON_FILE = "sites.json"

DOWNLOADS = {
    "tsv": ("results/sites.tsv", "text/tab-separated-values; charset=utf-8"),
    "json": ("view/sites.json", "application/json"),
    "bed": ("results/sites.bed.gz", "text/plain; charset=utf-8"),
    "bed.gz": ("results/sites.bed.gz", "application/gzip"),
    "bedrmod": ("results/sites.bedrmod", "text/plain; charset=utf-8"),
    "parquet": ("results/sites.parquet", "application/vnd.apache.parquet"),
    "fasta": ("sequences.fasta", "text/plain; charset=utf-8"),
}
"""File and media type of each format; ``bed`` is sent decompressed."""

_CACHED_TABLES = 8


def compute(
    model: Model, folder: Path, options: JobOptions, limits: Limits, report: Any, model_path: str
) -> Prediction:
    """Predict the sites of a job and write its files.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the job, with its input.
    report : callable
        Called with numbers of scored nt; may raise to stop.
    model_path : str
        Weights; the shipped ones if empty.
    """
    settings = options.settings(model.modifications)
    checked = check_input(folder / INPUT, limits, keep_tokens=True)
    engine = RecordingEngine(model, settings, folder, report)
    prediction = predict_files(
        [str(folder / INPUT)],
        folder / RESULTS,
        model,
        settings,
        output=Output(FORMATS),
        model_path=model_path or None,
        engine=engine,
        command=options.command(model_path),
        show_progress=False,
    )
    assert prediction is not None  # without a shard
    view = folder / VIEW
    engine.finish(view, checked)
    table = pd.read_parquet(folder / RESULTS / "sites.parquet")
    counts = table.groupby(["sequence", "modification"], observed=True).size()
    calls: dict[str, dict[str, int]] = {}
    for row in counts.reset_index(name="count").to_dict("records"):
        calls.setdefault(row["sequence"], {})[str(row["modification"])] = int(row["count"])
    best = table.groupby("sequence", observed=True)["probability"].max()
    sequences, offset = [], 0
    for record in checked.records:
        sequences.append(
            {
                "name": record.name,
                "length": record.length,
                "offset": offset,
                "ambiguous": record.ambiguous,
                "calls": calls.get(record.name, {}),
                "best": float(best[record.name]) if record.name in best.index else None,
            }
        )
        offset += record.length
    write_text(view / JSON_FILE, _json(model, options, table, prediction, model_path))
    index = {
        "schema_version": 1,
        "vqrna": __version__,
        "model": model.hash,
        "sites": len(table),
        "nt": prediction.nt,
        "priors": settings.priors.tolist(),
        "modifications": [m.symbol for m in settings.modifications],
        "summary": _plain_rows(prediction.summary),
        "notes": [*checked.notes, *prediction.unreachable],
        "sequences": sequences,
    }
    write_index(view, index)
    return prediction


def _json(
    model: Model, options: JobOptions, table: pd.DataFrame, prediction: Prediction, model_path: str
) -> str:
    content = {
        "schema_version": 1,
        "vqrna": __version__,
        "model": model.hash,
        "command": options.command(model_path),
        "nt": prediction.nt,
        "sequences": prediction.records,
        "summary": _plain_rows(prediction.summary),
        "sites": _plain_rows(table),
    }
    return json.dumps(content, allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def _plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON values; missing numbers and texts are None."""
    plain = table.astype(object).where(table.notna(), None)
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in plain.to_dict("records")
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@dataclass(frozen=True)
class SequenceResult:
    """One sequence of a finished job."""

    number: int  # Index in the input, from 0
    name: str
    length: int
    offset: int
    ambiguous: int
    calls: dict[str, int]  # Sites by modification
    best: float | None  # Highest probability of a site

    @property
    def sites(self) -> int:
        """Number of reported sites."""
        return sum(self.calls.values())


class JobResult:
    """What the pages show of a finished job.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the job.
    known : tuple of Modification
        Modifications of the model.
    """

    def __init__(self, folder: Path, known: tuple[Modification, ...]) -> None:
        self.folder = folder
        self.index: dict[str, Any] = json.loads((folder / VIEW / INDEX).read_text("utf-8"))
        by_symbol = {m.symbol: m for m in known}
        self.modifications = tuple(by_symbol[s] for s in self.index["modifications"])
        self.priors = np.array(self.index["priors"])
        self.sequences = [
            SequenceResult(number, **each) for number, each in enumerate(self.index["sequences"])
        ]

    def track(self, number: int) -> TrackFile:
        """Return the scores of a sequence."""
        sequence = self.sequences[number]
        return TrackFile(self.folder / VIEW, self.modifications, sequence.offset, sequence.length)

    def table(self) -> pd.DataFrame:
        """Return the sites, with the index of their sequence as ``number``."""
        path = self.folder / RESULTS / "sites.parquet"
        return _read_table(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=_CACHED_TABLES)
def _read_table(path: str, changed: int) -> pd.DataFrame:
    table = pd.read_parquet(path)
    rising = {call: n for n, call in enumerate((BY_THRESHOLD, *TIERS), 1)}
    table["tier"] = table["call"].map(rising).fillna(0)
    table["tier"] = table["tier"].astype(int)
    return table


@dataclass(frozen=True)
class Site:
    """A reported site in a track."""

    position: int  # 1-based
    modification: str  # Symbol
    score: float
    probability: float
    call: str | None  # Tier


@dataclass(frozen=True)
class SiteQuery:
    """Which sites a table shows, and in which order."""

    sequence: str | None = None  # Name
    modification: str = ""
    call: str = ""
    text: str = ""  # In the name of the sequence
    sort: str = "sequence"
    descending: bool = False
    page: int = 1
    size: int = 25


SORTABLE = ("sequence", "position", "modification", "probability", "score", "p_value", "q_value",
            "tier")  # fmt: skip


def highest_sites(table: pd.DataFrame, name: str, first: int, last: int, most: int) -> list[Site]:
    """Return the sites of a sequence in a window, 1-based, those with the highest probability."""
    own = table[(table["sequence"] == name) & table["position"].between(first, last)]
    return [
        Site(
            int(row["position"]),
            str(row["modification"]),
            float(row["score"]),
            float(row["probability"]),
            str(row["call"]) if row["tier"] else None,
        )
        for row in own.nlargest(most, "probability").to_dict("records")
    ]


def select_sites(table: pd.DataFrame, query: SiteQuery) -> tuple[pd.DataFrame, int]:
    """Return a page of the selected sites, and the number of all selected sites."""
    chosen = np.ones(len(table), dtype=bool)
    if query.sequence is not None:
        chosen &= (table["sequence"] == query.sequence).to_numpy()
    if query.modification:
        chosen &= (table["modification"] == query.modification).to_numpy()
    if query.call:
        chosen &= (table["call"].astype(object) == query.call).to_numpy()
    if query.text:
        has = table["sequence"].str.contains(query.text, case=False, regex=False)
        chosen &= has.to_numpy(dtype=bool)
    rows = table[chosen]
    if query.sort in SORTABLE and (query.sort != "sequence" or query.descending):
        rows = rows.sort_values(query.sort, ascending=not query.descending, kind="stable")
    start = (max(query.page, 1) - 1) * query.size
    return rows.iloc[start : start + query.size], len(rows)


def read_download(folder: Path, format: str) -> Iterator[bytes]:
    """Yield the bytes of a result file; ``bed`` decompressed."""
    path = folder / DOWNLOADS[format][0]
    with gzip.open(path) if format == "bed" else path.open("rb") as file:
        while block := file.read(1 << 18):
            yield block


def remove_files(folder: Path) -> None:
    """Delete the files of a job."""
    shutil.rmtree(folder, ignore_errors=True)
