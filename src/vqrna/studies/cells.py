"""Cells of a study: one finished training with its scores, in a small JSON file.

The identity of a cell holds everything that determines its scores, and names its file. Files are
written atomically and never changed, so a study accumulates over days and machines.
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
from vqrna.config import Config, effective, from_dict, validated
from vqrna.errors import DataError
from vqrna.runtime.files import output_directory, write_text
from vqrna.runtime.provenance import command_line, git_commit, machine_facts, without_places

if TYPE_CHECKING:
    from vqrna.data.windows import Windows
    from vqrna.evaluation import Evaluation


@dataclass(frozen=True)
class Identity:
    """Everything that determines the scores of a cell.

    Parameters
    ----------
    study : str
        Such as ``lengths``, ``ablations``, ``quality``.
    model : str
        Preset or name of the model, such as ``vqrna``, ``paper``, ``trees``.
    variant : str
        Name within the study, such as ``501 nt``.
    config : dict
        Every setting with an effect, except the seed; plain values only.
    seed : int
    types : tuple of str
        Symbols of the modifications.
    data : str
        Name of the windows (see :func:`data_name`).
    split : str
        The evaluated windows: ``valid``, or a fold such as ``fold-0``.
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
        text = json.dumps(dataclasses.asdict(self), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Name of the file, without suffix."""
        words = "-".join(filter(None, (self.study, self.model, self.variant)))
        plain = re.sub(r"[^A-Za-z0-9.]+", "-", words).strip("-.")[:80]
        return f"{plain}-seed{self.seed}-{self.digest}"

    @property
    def epochs(self) -> int | None:
        """Maximal number of epochs; None for models that are not trained in epochs."""
        training = self.config.get("training")
        return training.get("epochs") if isinstance(training, Mapping) else None


def data_name(train: Windows, valid: Windows) -> str:
    """Return a name that is a hash of windows and labels."""
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
    """Return the identity of a network; the seed of `config` becomes that of the cell."""
    values = effective(config)
    seed = values["training"].pop("seed")
    name = model or config.model.architecture
    return Identity(study, name, variant, values, seed, tuple(types), data, split, joint)


def config_of(identity: Identity) -> Config:
    """Return the configuration of the cell of a network, with its seed.

    Raises ValueError if this version does not know one of its settings.
    """
    training = {**identity.config["training"], "seed": identity.seed}
    return from_dict({**identity.config, "training": training})


SCHEMA_VERSION = 1

RESAMPLED = 200
"""Number of resamples that a cell keeps, for paired comparisons."""

_WINDOWS = ("modification", "windows", "negatives", "flanks")


@dataclass(frozen=True)
class StudyCell:
    """One finished training with its scores.

    Parameters
    ----------
    identity : Identity
    scores : list of dict
        The ``results`` of :meth:`vqrna.evaluation.Evaluation.to_json`: per type (and ``mean``,
        ``mean9``), on ``all`` and on ``non_overlapping`` windows, each measure as
        ``{value, low, high}``, and the AUROC of the first `RESAMPLED` bootstrap resamples as
        ``resampled_auroc``; resamples of the same data are the same for every model.
    seconds : float
        Wall-clock time of training and evaluation, summed over attempts where known.
    machine : dict
        Processor, libraries and threads, without host names.
    version : str
        Of vqrna.
    commit : str or None
        Of the checkout, with a trailing ``+`` if files differ from it.
    command, date : str
        The command (without folders of the machine), and the day (UTC).
    more : dict
        Additional facts, such as the best epoch and the time of an epoch.
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
    ) -> StudyCell:
        """Return the cell of an evaluation, with the facts of this run."""
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
        """Return value, low and high of one measure (KeyError if it is missing)."""
        wanted = (modification, windows, negatives, flanks)
        for row in self.scores:
            if tuple(row[key] for key in _WINDOWS) == wanted:
                bounds = (row[metric][bound] for bound in ("value", "low", "high"))
                value, low, high = (float("nan") if x is None else float(x) for x in bounds)
                return value, low, high
        raise KeyError((*wanted, metric))


class CellStore:
    """A folder of cells.

    Parameters
    ----------
    folder : path-like
        Created with the first cell.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = Path(folder)

    def path(self, identity: Identity) -> Path:
        """Return the path of a cell."""
        return self.folder / f"{identity.name}.json"

    def get(self, identity: Identity) -> StudyCell | None:
        """Read a cell; None if it does not exist.

        Raises DataError if its file is damaged.
        """
        path = self.path(identity)
        return read_cell(path) if path.exists() else None

    def put(self, cell: StudyCell) -> Path:
        """Write a cell atomically.

        Raises DataError if it cannot be written.
        """
        output_directory(self.folder)
        path = self.path(cell.identity)
        values = {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(cell)}
        rows = values.pop("scores")
        head = json.dumps(values, indent=1, allow_nan=False).removesuffix("\n}")
        lines = ",\n  ".join(json.dumps(row, allow_nan=False) for row in rows)  # one line each
        write_text(path, f'{head},\n "scores": [\n  {lines}\n ]\n}}\n')
        return path

    def all(self) -> list[StudyCell]:
        """Read all cells, sorted by name.

        Raises DataError if a file is damaged.
        """
        return [read_cell(path) for path in sorted(self.folder.glob("*.json"))]


def read_cell(path: str | PathLike[str]) -> StudyCell:
    """Read the file of one cell.

    Raises DataError if it cannot be read, or its content is damaged or does not match its name.
    """
    path = Path(path)
    try:
        values = validated(dict[str, Any], json.loads(path.read_text(encoding="utf-8")))
        if values.pop("schema_version", None) != SCHEMA_VERSION:
            raise ValueError(f"its schema_version is not {SCHEMA_VERSION}")
        cell: StudyCell = validated(StudyCell, values)
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror or error}", file=path) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"the cell is damaged: {error}", file=path) from None
    if not path.stem.endswith(cell.identity.digest):
        raise DataError("the cell is damaged: its content does not match its name", file=path)
    return cell


def _scores(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return the scores of an evaluation, rounded to six digits, with the kept resamples."""
    rows: list[dict[str, Any]] = evaluation.to_json()["results"]
    for row in rows:
        for name, value in row.items():
            if isinstance(value, dict):
                row[name] = {k: None if v is None else round(v, 6) for k, v in value.items()}
        key = (row["modification"], row["windows"], row["negatives"], row["flanks"])
        kept = [round(float(x), 5) for x in evaluation.resampled.get(key, ())[:RESAMPLED]]
        row["resampled_auroc"] = [x if math.isfinite(x) else None for x in kept]
    return rows
