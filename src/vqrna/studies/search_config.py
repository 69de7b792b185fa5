"""What a search is: its space, what all trials share, how it looks and how long."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked

from vqrna.config import Config, validated
from vqrna.errors import DataError, UsageError
from vqrna.runtime.files import write_text
from vqrna.studies.search_space import Space

RECORD = "search.json"
"""In the folder of a search: what it is, and the identity of its data."""

METRICS = {"auroc": "auroc", "accuracy": "acc", "mcc": "mcc", "loss": "loss"}
"""What can be searched for, and its name in the history of a training."""


@checked(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """How to search.

    Parameters
    ----------
    name : str
        Of the study.
    metric : {"auroc", "accuracy", "mcc", "loss"}
        Validation score, mean over modifications: the best epoch's is the trial's.
    sampler : {"tpe", "random", "grid", "evolution"}
        Tree-structured Parzen estimator; at random; every point in order; NSGA-II.
    startup : int
        So many trials at random before the estimator begins.
    population : int
        Trials a generation of the evolution.
    pruner : {"median", "hyperband", "none"}
        What ends hopeless trials: worse than the median of earlier ones at the same epoch; by
        brackets of growing length; nothing.
    warmup : int
        So many epochs are always trained.
    trials : int
        So many in all, pruned and failed ones included.
    jobs : int
        Processes that train at once.
    hours : float or None
        No trial begins after so many hours.
    seed : int
        Of the sampler. With one job, the same seed gives the same search.
    """

    name: str = "vqrna"
    metric: Literal["auroc", "accuracy", "mcc", "loss"] = "auroc"
    sampler: Literal["tpe", "random", "grid", "evolution"] = "tpe"
    startup: int = Field(default=10, ge=1)
    population: int = Field(default=20, ge=2)
    pruner: Literal["median", "hyperband", "none"] = "median"
    warmup: int = Field(default=1, ge=0)
    trials: int = Field(default=40, ge=1)
    jobs: int = Field(default=1, ge=1)
    hours: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Search:
    """A search, whole.

    Parameters
    ----------
    space : Space
    base : Config
        What all trials share.
    settings : Settings
    modifications : tuple of str or None
        The types, if the file names them.
    notes : tuple of str
        What a user should know of how the file was read.
    """

    space: Space
    base: Config
    settings: Settings
    modifications: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """Name of the score in a training's history."""
        return METRICS[self.settings.metric]

    @property
    def direction(self) -> str:
        """``maximize`` or ``minimize``, as Optuna calls them."""
        return "minimize" if self.settings.metric == "loss" else "maximize"

    def identity(self, source: str) -> str:
        """Name a search by all that its trials' values follow from; not by how long it looks.

        Parameters
        ----------
        source : str
            Tells the data.
        """
        told = [asdict(self.space), asdict(self.base), self.settings.metric, source]
        return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """Write it for another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Search:
        """Read what :meth:`to_json` wrote."""
        found: Search = validated(cls, json.loads(text))
        return found


@dataclass(frozen=True)
class Record:
    """What the folder of a search tells of it.

    Parameters
    ----------
    identity : str
        Of the search and its data.
    search : Search
        As it was understood.
    """

    identity: str
    search: Search


def read_record(folder: Path) -> Record:
    """Read what a folder tells of its search.

    Raises
    ------
    DataError
        If it holds none, or what it holds is damaged.
    """
    try:
        found: Record = validated(Record, json.loads((folder / RECORD).read_text("utf-8")))
        return found
    except OSError:
        raise DataError("holds no search", file=folder) from None
    except ValueError as error:
        raise DataError(f"is damaged: {error}", file=folder / RECORD) from None


def keep_record(folder: Path, record: Record) -> None:
    """Leave the search in its folder.

    Raises
    ------
    UsageError
        If the folder is that of another search.
    """
    if (folder / RECORD).exists() and read_record(folder).identity != record.identity:
        raise UsageError(
            f"{folder} holds a search with another space, other settings or data: choose another "
            "--out"
        )
    write_text(folder / RECORD, json.dumps(asdict(record), indent=1) + "\n")
