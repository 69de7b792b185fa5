"""Cells of a study: what was trained, what it scored, each in a small file of its own.

A study is a folder of such files. They are written once, whole or not at all, so that a study
accumulates over days and machines: what is there is not trained again.

What a cell of a study is: all that its scores follow from, and the name of its file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqrna._version import __version__
from vqrna.config import validated
from vqrna.errors import DataError
from vqrna.runtime.files import output_directory, write_text
from vqrna.runtime.provenance import command_line, git_commit, machine_facts, without_places

if TYPE_CHECKING:
    from vqrna.config import Config
    from vqrna.data.windows import Windows
    from vqrna.evaluation import Evaluation


@dataclass(frozen=True)
class Identity:
    """All that the scores of a cell follow from.

    Parameters
    ----------
    study : str
        Such as ``lengths``, ``ablations``, ``quality``.
    model : str
        Preset or name of the model, such as ``vqrna``, ``paper``, ``trees``.
    variant : str
        What a reader calls this cell within its study, such as ``501 nt``.
    config : dict
        Every setting that has an effect but the seed, epochs among them; plain values only.
    seed : int
    types : tuple of str
        Symbols of the modifications.
    data : str
        Names the windows (see :func:`data_name`).
    split : str
        Which windows were measured: ``valid``, or a fold such as ``fold-0``.
    joint : bool
        One model for all types, or one each.
    """

    study: str
    model: str
    variant: str
    config: dict[str, Any]
    seed: int
    types: tuple[str, ...]
    data: str
    split: str = "valid"
    joint: bool = True

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any part."""
        told = json.dumps(dataclasses.asdict(self), sort_keys=True, allow_nan=False)
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Name of the cell's file without its ending; the same wherever it is made."""
        words = "-".join(filter(None, (self.study, self.model, self.variant)))
        plain = re.sub(r"[^A-Za-z0-9.]+", "-", words).strip("-.")[:80]
        return f"{plain}-seed{self.seed}-{self.digest}"

    @property
    def epochs(self) -> int | None:
        """At most so many epochs; None for what is not trained in epochs."""
        training = self.config.get("training")
        return training.get("epochs") if isinstance(training, Mapping) else None


def data_name(train: Windows, valid: Windows) -> str:
    """Name windows by their content: the same windows and labels have the same name anywhere."""
    digest = hashlib.sha256()
    for windows in (train, valid):
        for array in (windows.tokens, windows.labels, windows.negative_set):
            digest.update(repr(array.shape).encode() + array.tobytes())
        digest.update(repr(windows.negative_sets).encode())
    return f"windows-{digest.hexdigest()[:12]}"


def network_identity(
    study: str,
    variant: str,
    config: Config,
    types: Sequence[str],
    data: str,
    *,
    split: str = "valid",
    joint: bool = True,
    model: str | None = None,
) -> Identity:
    """Give the identity of a network with its whole configuration.

    Parameters
    ----------
    study, variant, types, data, split, joint
        See :class:`Identity`.
    config : Config
        Its seed becomes the cell's.
    model : str, optional
        Name of the model; that of its architecture if not given.
    """
    from vqrna.config import effective

    values = effective(config)
    seed = values["training"].pop("seed")
    name = model or config.model.architecture
    return Identity(study, name, variant, values, seed, tuple(types), data, split, joint)


def config_of(identity: Identity) -> Config:
    """Give back the configuration of a network's cell, seed and all.

    Raises
    ------
    ValueError
        With one line, if this version does not know one of its settings.
    """
    from vqrna.config import from_dict

    training = {**identity.config["training"], "seed": identity.seed}
    return from_dict({**identity.config, "training": training})


__all__ = [
    "Cell",
    "CellStore",
    "Identity",
    "config_of",
    "data_name",
    "network_identity",
    "read_cell",
]

SCHEMA_VERSION = 1

RESAMPLED = 200
"""So many resamples are kept, to compare cells pair by pair."""

_WINDOWS = ("modification", "windows", "negatives", "flanks")


@dataclass(frozen=True)
class Cell:
    """One finished training with its measurement.

    Parameters
    ----------
    identity : Identity
    scores : list of dict
        As :meth:`vqrna.evaluation.Evaluation.to_json` has them under ``results``: per type (and
        ``mean``, ``mean9``), on ``all`` and on ``non_overlapping`` windows, each measure as
        ``{value, low, high}``, and the AUROC of the first `RESAMPLED` bootstrap resamples as
        ``resampled_auroc``: on the same data these are the same resamples for every model.
    seconds : float
        Wall-clock time of training and measurement, of all attempts together where known.
    machine : dict
        What it ran on; no names of hosts.
    version : str
        Of vqrna.
    commit : str or None
        Of the checkout, with ``+`` behind it if files differ from it.
    command, date : str
        How (without the folders of the machine) and on which day (UTC) the cell was made.
    more : dict
        Whatever else is worth keeping: the epoch that was kept, the time of an epoch.
    """

    identity: Identity
    scores: list[dict[str, Any]]
    seconds: float
    machine: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    commit: str | None = None
    command: str = ""
    date: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def measured(
        cls,
        identity: Identity,
        evaluation: Evaluation,
        seconds: float,
        *,
        device: str = "cpu",
        command: str | None = None,
        **more: Any,
    ) -> Cell:
        """Make a cell of an evaluation that was just made here, with the facts of this run."""
        return cls(
            identity=identity,
            scores=_scores(evaluation),
            seconds=round(seconds, 1),
            machine=machine_facts(device),
            version=__version__,
            commit=git_commit(),
            command=without_places(command_line() if command is None else command),
            date=datetime.now(UTC).date().isoformat(),
            more=more,
        )

    def score(
        self,
        modification: str,
        metric: str = "auroc",
        *,
        windows: str = "all",
        negatives: str = "random",
        flanks: str = "none",
    ) -> tuple[float, float, float]:
        """Look up value, low and high of one measure (KeyError if it is not there)."""
        wanted = (modification, windows, negatives, flanks)
        for row in self.scores:
            if tuple(row[key] for key in _WINDOWS) == wanted:
                found = (row[metric][bound] for bound in ("value", "low", "high"))
                value, low, high = (float("nan") if x is None else float(x) for x in found)
                return value, low, high
        raise KeyError((*wanted, metric))


class CellStore:
    """A folder of cells.

    Parameters
    ----------
    folder : path-like
        Made when the first cell is put.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = Path(folder)

    def path(self, identity: Identity) -> Path:
        """Tell where a cell lies, or would lie."""
        return self.folder / f"{identity.name}.json"

    def get(self, identity: Identity) -> Cell | None:
        """Read a cell; None if it is not there.

        Raises
        ------
        DataError
            If its file is damaged.
        """
        path = self.path(identity)
        return read_cell(path) if path.exists() else None

    def put(self, cell: Cell) -> Path:
        """Write a cell, whole or not at all.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        output_directory(self.folder)
        path = self.path(cell.identity)
        told = {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(cell)}
        rows = told.pop("scores")
        head = json.dumps(told, indent=1, allow_nan=False).removesuffix("\n}")
        lines = ",\n  ".join(json.dumps(row, allow_nan=False) for row in rows)  # a line a row
        write_text(path, f'{head},\n "scores": [\n  {lines}\n ]\n}}\n')
        return path

    def all(self) -> list[Cell]:
        """Read all cells, in the order of their names.

        Raises
        ------
        DataError
            If a file is damaged.
        """
        return [read_cell(path) for path in sorted(self.folder.glob("*.json"))]


def read_cell(path: str | PathLike[str]) -> Cell:
    """Read the file of one cell.

    Raises
    ------
    DataError
        If it cannot be read, is no cell, or is not the cell that its name tells.
    """
    path = Path(path)
    try:
        told = validated(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
        if told.pop("schema_version", None) != SCHEMA_VERSION:
            raise ValueError(f"its schema_version is not {SCHEMA_VERSION}")
        cell: Cell = validated(Cell, told)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"the cell is damaged: {error}", file=path) from None
    if not path.stem.endswith(cell.identity.digest):
        message = "the cell is damaged: its content is not what its name tells"
        raise DataError(message, file=path)
    return cell


def _scores(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Take the scores of an evaluation, six digits of each, with the resamples that are kept."""
    rows: list[dict[str, Any]] = evaluation.to_json()["results"]
    for row in rows:
        for name, value in row.items():
            if isinstance(value, dict):
                row[name] = {k: None if v is None else round(v, 6) for k, v in value.items()}
        key = (row["modification"], row["windows"], row["negatives"], row["flanks"])
        kept = [round(float(x), 5) for x in evaluation.resampled.get(key, ())[:RESAMPLED]]
        row["resampled_auroc"] = [x if math.isfinite(x) else None for x in kept]
    return rows
