"""Configuration of a search: its space, the settings that trials share, sampler and budget."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked

from vqrna.config import RENAMED, Config, validated
from vqrna.documents import read_json
from vqrna.errors import DataError, UsageError
from vqrna.runtime.files import write_text
from vqrna.studies.search_space import Space

RECORD = "search.json"
"""File in the folder of a search: the search and the identity of its data."""

SCHEMA_VERSION = 1
"""Of `RECORD`; files of development versions before 1.0 have none."""

METRICS = {"auroc": "auroc", "accuracy": "acc", "mcc": "mcc", "loss": "loss"}
"""Metrics of a search, and their columns in the history of a training."""


MAX_TRIALS = 1_000_000
MAX_HOURS = 24 * 366 * 100


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class SearchSettings:
    """Settings of a search.

    Parameters
    ----------
    name : str
        Of the study.
    metric : {"auroc", "accuracy", "mcc", "loss"}
        Validation score of a trial's best epoch, mean over modifications.
    sampler : {"tpe", "random", "grid", "evolution"}
        Tree-structured Parzen estimator; random; every point in order; NSGA-II.
    startup : int
        Random trials before the Parzen estimator begins.
    population : int
        Trials per generation of NSGA-II.
    pruner : {"median", "hyperband", "none"}
        Stops trials that are worse than the median of earlier ones at the same epoch; by brackets
        of growing length; never.
    warmup : int
        Epochs before a trial can be pruned.
    trials : int
        Total number of trials, including pruned and failed ones.
    jobs : int
        Trials that run at once.
    hours : float or None
        No trial begins after this time.
    seed : int
        Of the sampler. With one job, the same seed repeats the search.
    """

    name: str = "vqrna"
    metric: Literal["auroc", "accuracy", "mcc", "loss"] = "auroc"
    sampler: Literal["tpe", "random", "grid", "evolution"] = "tpe"
    startup: int = Field(default=10, ge=1, le=MAX_TRIALS)
    population: int = Field(default=20, ge=2, le=MAX_TRIALS)
    pruner: Literal["median", "hyperband", "none"] = "median"
    warmup: int = Field(default=1, ge=0, le=MAX_TRIALS)
    trials: int = Field(default=40, ge=1, le=MAX_TRIALS)
    jobs: int = Field(default=1, ge=1, le=10_000)
    hours: float | None = Field(default=None, gt=0, le=MAX_HOURS)
    seed: int = Field(default=0, ge=0, lt=2**32)  # the range of the samplers


@dataclass(frozen=True)
class Search:
    """A search.

    Parameters
    ----------
    space : Space
    base : Config
        Settings that all trials share.
    settings : SearchSettings
    modifications : tuple of str or None
        The types, if the file lists them.
    notes : tuple of str
        Remarks for the user on how the file was read.
    """

    space: Space
    base: Config
    settings: SearchSettings
    modifications: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """Column of the score in the history of a training."""
        return METRICS[self.settings.metric]

    @property
    def direction(self) -> str:
        """Direction for Optuna: ``maximize`` or ``minimize``."""
        return "minimize" if self.settings.metric == "loss" else "maximize"

    def identity(self, source: str) -> str:
        """Return a hash of everything that determines the values of trials; not of the budget."""
        first_names = {"distribution": "kind"} | {new: old for old, new in RENAMED.items()}

        def first_named(values: dict[str, Any]) -> dict[str, Any]:
            return {first_names.get(name, name): value for name, value in values.items()}

        space = {"parameters": [first_named(asdict(p)) for p in self.space.parameters]}
        base = {part: first_named(values) for part, values in asdict(self.base).items()}
        parts = [space, base, self.settings.metric, source]
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class SearchRecord:
    """Contents of `RECORD`."""

    identity: str  # Of the search and its data
    search: Search


def read_record(folder: Path) -> SearchRecord:
    """Read the record of a folder.

    Raises DataError if it is missing or damaged.
    """
    if not (folder / RECORD).exists():
        raise DataError(f"contains no search (no {RECORD})", file=folder)
    values = read_json(folder / RECORD)
    try:
        version = values.pop("schema_version", 1) if isinstance(values, dict) else 1
        if version != SCHEMA_VERSION:
            raise ValueError(f"its schema_version is not {SCHEMA_VERSION}")
        record: SearchRecord = validated(SearchRecord, values)
        return record
    except ValueError as error:
        raise DataError(f"the record is damaged: {error}", file=folder / RECORD) from None


def write_record(folder: Path, record: SearchRecord) -> None:
    """Write the record to the folder of the search.

    Raises UsageError if the folder contains another search.
    """
    if (folder / RECORD).exists() and read_record(folder).identity != record.identity:
        raise UsageError(
            f"{folder} contains a search with another space, settings or data: choose another --out"
        )
    values = {"schema_version": SCHEMA_VERSION, **asdict(record)}
    write_text(folder / RECORD, json.dumps(values, indent=1) + "\n")
