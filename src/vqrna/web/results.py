"""The results of a job: files that the worker writes, and tables that the pages read."""

from __future__ import annotations

import gzip
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vqrna._version import __version__
from vqrna.model import Model
from vqrna.modifications import Modification
from vqrna.prediction import Output, Prediction, predict_files
from vqrna.prediction.output import SEQUENCES
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
    "sequences.tsv": ("results/sequences.tsv", "text/tab-separated-values; charset=utf-8"),
    "json": ("view/sites.json", "application/json"),
    "bed": ("results/sites.bed.gz", "text/plain; charset=utf-8"),
    "bed.gz": ("results/sites.bed.gz", "application/gzip"),
    "bedrmod": ("results/sites.bedrmod", "text/plain; charset=utf-8"),
    "parquet": ("results/sites.parquet", "application/vnd.apache.parquet"),
    "fasta": ("sequences.fasta", "text/plain; charset=utf-8"),
}
"""File and media type of each format; ``bed`` is sent decompressed."""

MOST_LIKELY = 3
"""Most probable candidates that are listed of each sequence."""

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
    by_sequence = read_summary(folder / RESULTS / SEQUENCES)
    sequences, offset = [], 0
    for number, record in enumerate(checked.records):
        rows = summary_rows(by_sequence, number, settings.modifications)
        likely = sorted(rows, key=lambda row: -(row.probability or 0))[:MOST_LIKELY]
        sequences.append(
            {
                "name": record.name,
                "length": record.length,
                "offset": offset,
                "ambiguous": record.ambiguous,
                "calls": {row.modification: row.called for row in rows if row.called},
                "expected": float(by_sequence["expected"][number]),
                "likely": [
                    [row.modification, row.position, row.probability]
                    for row in likely
                    if row.probability is not None
                ],
            }
        )
        offset += record.length
    content = _json(model, options, table, by_sequence, prediction, model_path)
    write_text(view / JSON_FILE, content)
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
    model: Model,
    options: JobOptions,
    table: pd.DataFrame,
    by_sequence: pd.DataFrame,
    prediction: Prediction,
    model_path: str,
) -> str:
    content = {
        "schema_version": 1,
        "vqrna": __version__,
        "model": model.hash,
        "command": options.command(model_path),
        "nt": prediction.nt,
        "sequences": prediction.records,
        "summary": _plain_rows(prediction.summary),
        "by_sequence": _plain_rows(by_sequence),
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
class SummaryRow:
    """One modification of a sequence, from ``sequences.tsv``."""

    modification: str  # Symbol
    called: int
    tiers: dict[str, int]  # Calls by tier
    expected: float  # Number of modified sites: the sum of the probabilities of all candidates
    # position, probability: The candidate with the highest probability, 1-based; None without one
    position: int | None
    probability: float | None

    @property
    def below(self) -> int:
        """Number of calls below all tiers."""
        return self.called - sum(self.tiers.values())


def read_summary(path: Path) -> pd.DataFrame:
    """Read the table by sequence, one row a record of the input, in order."""
    table = pd.read_csv(
        path, sep="\t", keep_default_na=False, na_values={}, dtype={"sequence": str}
    )
    for name in table.columns.difference(["sequence"]):
        table[name] = pd.to_numeric(table[name], errors="coerce")
        if name.endswith("_best_position"):
            table[name] = table[name].astype("Int64")
    return table


def summary_rows(
    table: pd.DataFrame, number: int, modifications: Sequence[Modification]
) -> list[SummaryRow]:
    """Return what the table by sequence has of a sequence, a row for each modification."""
    row = table.iloc[number]
    rows = []
    for symbol in (m.symbol for m in modifications):
        position = row[f"{symbol}_best_position"]
        known = not pd.isna(position)
        rows.append(
            SummaryRow(
                symbol,
                int(row[f"{symbol}_called"]),
                {tier: int(row[f"{symbol}_{tier}"]) for tier in TIERS},
                float(row[f"{symbol}_expected"]),
                int(position) if known else None,
                float(row[f"{symbol}_best_probability"]) if known else None,
            )
        )
    return rows


@dataclass(frozen=True)
class SequenceResult:
    """One sequence of a finished job."""

    number: int  # Index in the input, from 0
    name: str
    length: int
    offset: int
    ambiguous: int
    calls: dict[str, int]  # Sites by modification
    best: float | None = None  # Highest probability of a site; no longer written
    expected: float | None = None  # Number of modified sites
    # Modification, 1-based position and probability of the most probable candidates
    likely: list[tuple[str, int, float]] = field(default_factory=list)

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

    def summary(self, number: int) -> list[SummaryRow]:
        """Return the table by sequence of a sequence; empty for jobs before 1.0."""
        path = self.folder / RESULTS / SEQUENCES
        if not path.is_file():
            return []
        table = _read_summary(str(path), path.stat().st_mtime_ns)
        return summary_rows(table, number, self.modifications)

    def table(self) -> pd.DataFrame:
        """Return the sites, with the index of their sequence as ``number``."""
        path = self.folder / RESULTS / "sites.parquet"
        return _read_table(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=_CACHED_TABLES)
def _read_summary(path: str, changed: int) -> pd.DataFrame:
    return read_summary(Path(path))


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


def decompressed(path: Path) -> Iterator[bytes]:
    """Yield the content of a gzip file in blocks."""
    with gzip.open(path) as file:
        while block := file.read(1 << 18):
            yield block


def remove_files(folder: Path) -> None:
    """Delete the files of a job."""
    shutil.rmtree(folder, ignore_errors=True)
