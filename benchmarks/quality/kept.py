"""Gather kept cells by model, split and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from benchmarks.quality.cells import logits_path
from benchmarks.quality.models import ENSEMBLE, ENSEMBLE_OF, MEMBERS, SPECS, Spec
from benchmarks.quality.tasks import PUBLIC, SPLITS, Key, key_path

from vqrna.config import replace
from vqrna.errors import DataError
from vqrna.studies import CellStore, StudyCell
from vqrna.studies.cells import config_of

FOLD_NAMES = tuple(split for split in SPLITS if split != PUBLIC)
WHERE = {"public": (PUBLIC,), "folds": FOLD_NAMES}
"""Splits that are measured together: the public one, and all folds of the cross-validation."""


@dataclass
class Scored:
    """One model in one place: the scores of every window of a type, by seed and fold.

    Attributes
    ----------
    spec : Spec
    epochs : int or None
        Where they are fewer than the preset's.
    logits, within, rows : dict of (str, int, str) to np.ndarray
        By symbol, seed and split: log-odds of the key's rows of the fold; AUROC within windows,
        and the rows that these are of.
    """

    spec: Spec
    epochs: int | None = None
    logits: dict[tuple[str, int, str], np.ndarray] = field(default_factory=dict)
    within: dict[tuple[str, int, str], np.ndarray] = field(default_factory=dict)
    rows: dict[tuple[str, int, str], np.ndarray] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Name of the model, with the epochs where they are not the preset's."""
        return self.spec.name + (f"@{self.epochs}" if self.epochs else "")

    @property
    def title(self) -> str:
        """The same for a reader."""
        return self.spec.title + (f" ({self.epochs} epochs)" if self.epochs else "")

    def seeds(self, symbol: str, where: str, what: str = "logits") -> list[int]:
        """Return the seeds with complete results of a type: all folds, or the public split."""
        table = getattr(self, what)
        seeds = sorted({seed for s, seed, _ in table if s == symbol})
        return [
            seed for seed in seeds if all((symbol, seed, part) in table for part in WHERE[where])
        ]


@dataclass(frozen=True)
class KeptCells:
    """The contents of kept cells.

    Attributes
    ----------
    models : list of Scored
        In the order of the benchmark's models.
    keys : dict of str to Key
        By the names in `WHERE`.
    left_out : int
        Cells with other settings or data than the present ones.
    """

    models: list[Scored]
    keys: dict[str, Key]
    left_out: int


def gather(
    folder: Path, specs: Sequence[Spec] | None = None, keys_folder: Path | None = None
) -> KeptCells:
    """Read all cells of a folder.

    Parameters
    ----------
    folder : pathlib.Path
    specs : sequence of Spec
        The present models, those of the benchmark if not given; other cells are ignored.
    keys_folder : pathlib.Path, optional
        Where the keys are; ``keys`` in the folder if not given.

    Raises
    ------
    DataError
        If a file is damaged or missing.
    """
    paths = {where: key_path(keys_folder or folder / "keys", where) for where in WHERE}
    keys = {where: Key.load(path) for where, path in paths.items() if path.exists()}
    store = CellStore(folder)
    with_ensemble = specs is None
    specs = SPECS if specs is None else specs
    by_label: dict[str, Scored] = {}
    left_out = 0
    for cell in store.all():
        where = "public" if cell.identity.split == PUBLIC else "folds"
        scored = _scored(cell, specs)
        if scored is None or where not in keys or keys[where].data != cell.identity.data:
            left_out += 1
            continue
        scored = by_label.setdefault(scored.label, scored)
        path = logits_path(store, cell.identity)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                kept = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read the scores of a cell ({error})", file=path) from None
        _add(scored, cell, kept, keys[where], path)
    order = [spec.name for spec in specs]
    models = sorted(by_label.values(), key=lambda m: (order.index(m.spec.name), m.epochs or 0))
    if with_ensemble:
        models += [x for model in models if model.label == ENSEMBLE_OF for x in _ensemble(model)]
    return KeptCells(models, keys, left_out)


def _ensemble(model: Scored) -> list[Scored]:
    """Return the mean of several seeds as a model, if there are scores of all of them."""
    found = Scored(ENSEMBLE)
    for symbol, _, split in model.logits:
        each = [model.logits.get((symbol, seed, split)) for seed in MEMBERS]
        known = [logits for logits in each if logits is not None]
        if len(known) == len(MEMBERS):
            found.logits[symbol, MEMBERS[0], split] = np.mean(known, axis=0)
    return [found] if found.logits else []


def _add(
    scored: Scored, cell: StudyCell, kept: dict[str, np.ndarray], key: Key, path: Path
) -> None:
    """Add the arrays of one cell."""
    split, seed = cell.identity.split, cell.identity.seed
    fold = 0 if split == PUBLIC else FOLD_NAMES.index(split)
    for symbol in cell.identity.types:
        logits = kept[f"logit_{symbol}"].astype(np.float64)
        if len(logits) != len(key.rows(symbol, fold)):
            message = f"holds {len(logits)} scores of {symbol}: not those of its split"
            raise DataError(message, file=path)
        scored.logits[symbol, seed, split] = logits
        if f"within_{symbol}" in kept:
            scored.within[symbol, seed, split] = kept[f"within_{symbol}"].astype(np.float64)
            scored.rows[symbol, seed, split] = kept[f"row_{symbol}"].astype(int)


def _scored(cell: StudyCell, specs: Sequence[Spec]) -> Scored | None:
    """Return the model of a cell; None if its settings differ from the present ones."""
    spec = next((s for s in specs if s.name == cell.identity.model), None)
    if spec is None:
        return None
    if spec.config is None:
        return Scored(spec) if cell.identity.config == (spec.settings or {}) else None
    try:
        config = config_of(
            cell.identity
        )  # settings that are newer than the cell have their defaults
    except ValueError:
        return None
    epochs = config.training.epochs
    if config != replace(spec.config, seed=cell.identity.seed, epochs=epochs):
        return None
    return Scored(spec, None if epochs == spec.config.training.epochs else epochs)
