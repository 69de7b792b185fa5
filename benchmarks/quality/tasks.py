"""Training windows and scored windows: the public split, and leak-free folds."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.data.benchmark import benchmark_modifications, read_sets
from vqrna.data.overlap import clusters, overlapping
from vqrna.data.split import FOLDS, Folds, hold_back, make_folds
from vqrna.data.windows import NEGATIVE, POSITIVE, UNKNOWN, Windows, merge
from vqrna.errors import DataError, UsageError
from vqrna.runtime.files import atomic_path
from vqrna.studies import data_name

PUBLIC = "public"
SPLITS = (PUBLIC, *(f"fold-{k}" for k in range(FOLDS)))

INNER = 0.1
"""Share of the windows of the training folds by which a network's epoch is chosen."""

HARD = "hard"


@dataclass(frozen=True, eq=False)
class Key:
    """Labels, clusters and folds of the windows of a split, without the windows.

    With it the scores of kept cells can be measured where there are no data.

    Parameters
    ----------
    data : str
        Names the windows (see :func:`vqrna.studies.data_name`).
    symbols : tuple of str, length M
    labels, negative_set : np.ndarray, shape (N, M), int8
        As in :class:`vqrna.data.windows.Windows`; set 1 is that of the hard negatives.
    fold : np.ndarray, shape (N,), int8
        Part of the split; all 0 for the public one.
    cluster : np.ndarray, shape (N,), int32
    apart : np.ndarray, shape (N,), bool
        Overlaps no window that is learned from.
    """

    data: str
    symbols: tuple[str, ...]
    labels: np.ndarray
    negative_set: np.ndarray
    fold: np.ndarray
    cluster: np.ndarray
    apart: np.ndarray

    def rows(self, symbol: str, fold: int) -> np.ndarray:
        """Rows of a fold of which a type is known; a cell keeps a score for each, in order."""
        known = self.labels[:, self.symbols.index(symbol)] != UNKNOWN
        return np.flatnonzero(known & (self.fold == fold))

    def save(self, path: Path) -> None:
        """Write the key to a file atomically; equal keys have equal bytes."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, data=self.data, symbols=list(self.symbols), **arrays)

    @classmethod
    def load(cls, path: Path) -> Key:
        """Read a key (DataError if it cannot be)."""
        try:
            with np.load(path, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in _ARRAYS}
                return cls(str(kept["data"]), tuple(map(str, kept["symbols"])), **arrays)
        except (OSError, KeyError, ValueError) as error:
            raise DataError(f"not a key of a split ({error})", file=path) from None


_ARRAYS = ("labels", "negative_set", "fold", "cluster", "apart")


@dataclass(frozen=True, eq=False)
class Task:
    """Windows to learn from and windows to score.

    Parameters
    ----------
    name : str
        One of `SPLITS`.
    train : Windows
    held : Windows
        What is scored: the key's rows of this fold, in order.
    rows : np.ndarray, shape (len(held),), int
        Their rows in the key.
    cluster : np.ndarray, shape (len(train),), int, or None
        Of the training windows, where some of them have to be held back.
    """

    name: str
    key: Key
    train: Windows
    held: Windows
    rows: np.ndarray
    cluster: np.ndarray | None = None

    @property
    def fold(self) -> int:
        """Number of the fold; 0 for the public split."""
        return 0 if self.name == PUBLIC else int(self.name.removeprefix("fold-"))

    def known(self, symbol: str) -> np.ndarray:
        """Rows of the held-back windows of which a type is known, in the order of the key."""
        return np.searchsorted(self.rows, self.key.rows(symbol, self.fold))

    def for_networks(self, seed: int) -> tuple[Windows, Windows]:
        """Windows to train a network on, and those that choose its epoch.

        In the public split these are the ones that are scored, as for the shipped model; in
        cross-validation they are a tenth of the training folds, apart from the rest.
        """
        if self.cluster is None:
            return self.train, self.held
        inner = hold_back(self.train, self.cluster, INNER, seed=seed)
        return self.train.take(~inner), self.train.take(inner)


class Data:
    """The data set of a folder, and its keys, which are kept so that folds never change.

    Parameters
    ----------
    folder : path-like
        The benchmark layout; only ``train`` and ``valid`` are looked at.
    keys : path-like
        Folder of the keys.
    """

    def __init__(self, folder: str | PathLike[str], keys: str | PathLike[str]) -> None:
        kinds = [m for m in benchmark_modifications(folder) if m.index is not None]
        sets = {split: read_sets(folder, split, kinds) for split in ("train", "valid")}
        self._train = merge(sets["train"], kinds)
        self._valid = merge(sets["valid"], kinds)
        self._pooled = merge([*sets["train"], *sets["valid"]], kinds)
        self._keys = Path(keys)
        self.name = data_name(self._train, self._valid)
        self._known: dict[str, Key] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """All types of the data."""
        return tuple(m.symbol for m in self._train.modifications)

    def task(self, name: str) -> Task:
        """Return one split (UsageError if unknown)."""
        if name not in SPLITS:
            raise UsageError(f"unknown split '{name}' (known: {', '.join(SPLITS)})")
        if name == PUBLIC:
            key = self._key(PUBLIC)
            rows = np.arange(len(self._valid))
            return Task(name, key, self._train, self._valid, rows)
        key = self._key("folds")
        kept = Folds(key.fold, key.cluster)
        train, held = kept.rows(int(name.removeprefix("fold-")))
        pooled = self._pooled
        return Task(name, key, pooled.take(train), pooled.take(held), held, key.cluster[train])

    def _key(self, name: str) -> Key:
        if name not in self._known:
            path = key_path(self._keys, name)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                self._make(name).save(path)
            key = Key.load(path)
            if key.data != self.name:
                message = f"was made of other windows ({key.data}) than these ({self.name})"
                raise DataError(message, file=path)
            self._known[name] = key
        return self._known[name]

    def _make(self, name: str) -> Key:
        windows = self._valid if name == PUBLIC else self._pooled
        cluster = clusters(windows.tokens)
        if name == PUBLIC:
            fold = np.zeros(len(windows), dtype=np.int8)
            apart = ~overlapping(windows.tokens, self._train.tokens)
        else:
            fold = make_folds(windows, FOLDS, seed=0, cluster=cluster).fold
            apart = np.ones(len(windows), dtype=bool)
        return Key(
            self.name,
            self.symbols,
            windows.labels,
            windows.negative_set,
            fold,
            cluster.astype(np.int32),
            apart,
        )


def key_path(folder: Path, name: str) -> Path:
    """Return the path of the key of ``public`` or ``folds``."""
    return folder / f"{name}.npz"


def comparisons(key: Key, symbol: str) -> list[tuple[str, np.ndarray]]:
    """Return the comparisons of a type: names, and rows (N,), bool.

    The type by its own name is its modified sites against random negatives; ``-hard`` behind it
    means the same sites against negatives of the same motif.
    """
    column = key.symbols.index(symbol)
    labels, named = key.labels[:, column], key.negative_set[:, column]
    positive = labels == POSITIVE
    chosen = [(symbol, positive | ((labels == NEGATIVE) & (named == 0)))]
    if (hard := (labels == NEGATIVE) & (named == 1)).any():
        chosen.append((f"{symbol}-{HARD}", positive | hard))
    return chosen
