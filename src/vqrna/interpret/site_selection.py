"""Select sites to explain: labelled windows, centred windows, or sites called in sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.data.benchmark import Notice, load_benchmark, select_modifications
from vqrna.data.fasta import FastaRecord
from vqrna.data.sequences import Sequences, describe_sequences, read_sequences
from vqrna.data.windows import POSITIVE, UNKNOWN, Windows, window_remarks
from vqrna.errors import DataError, UsageError
from vqrna.interpret.site_windows import read_windows
from vqrna.model import Model, TrainedModel
from vqrna.modifications import Modification, Names
from vqrna.modifications import modification as find_modification
from vqrna.prediction import Settings, make_settings, scan_sequence
from vqrna.runtime.arguments import file_path
from vqrna.sequence import AMBIGUOUS, centre, windows_around
from vqrna.stats.tiers import tier_index

DEFAULT_SPLIT = "valid"  # split of a benchmark folder that is used by default
_MIN_SCORE = 0.5  # score from which a site is called by a model without confidence tiers


@dataclass(frozen=True, eq=False)
class SelectedSites:
    """Sites with the windows around them.

    Attributes
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        Windows, the site at ``L // 2``.
    names : tuple of str
        Record of each window.
    positions : np.ndarray, shape (N,), int
        0-based position of the site in the record.
    labels : np.ndarray, shape (N, M), int8
        1 modified (or called), 0 unmodified, -1 unknown.
    modifications : tuple of Modification
    called : bool
        Whether the labels are calls of the model.
    """

    tokens: np.ndarray
    names: tuple[str, ...]
    positions: np.ndarray
    labels: np.ndarray
    modifications: tuple[Modification, ...]
    called: bool

    def __len__(self) -> int:
        return len(self.names)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays ``sequence`` and ``position`` (1-based) for npz files."""
        names = np.array(self.names, dtype=np.str_)
        return {"sequence": names, "position": np.asarray(self.positions) + 1}

    def take(self, rows: np.ndarray) -> SelectedSites:
        """Return some of the sites: by mask (N,), or by index (K,) in its order."""
        rows = np.arange(len(self))[rows]
        return SelectedSites(
            self.tokens[rows],
            tuple(self.names[i] for i in rows),
            self.positions[rows],
            self.labels[rows],
            self.modifications,
            self.called,
        )


def labelled_sites(windows: Windows) -> SelectedSites:
    """Return the centres of all windows with at least one known label."""
    windows = windows.take((windows.labels != UNKNOWN).any(axis=1))
    return SelectedSites(
        windows.tokens,
        windows.names,
        np.full(len(windows), centre(windows.length)),
        windows.labels,
        windows.modifications,
        called=False,
    )


def called_sites(
    model: Model,
    sequences: Sequences,
    *,
    modifications: Names | None = None,
    confidence: str = "low",
) -> SelectedSites:
    """Return the sites that a model calls in sequences.

    A model without confidence tiers, for example with imported weights, calls sites with a score
    of at least 0.5.

    Raises DataError if no site is called.

    Parameters
    ----------
    sequences : path, text, mapping, table or iterable
        As for :func:`vqrna.predict`.
    modifications : str, Modification, or sequence of these, optional
        Types to call; all types of the model if not given.
    confidence : str
        Lowest tier.
    """
    has_tiers = bool(model.scan_calibration.measured.any())
    settings = make_settings(
        model.modifications,
        modifications=modifications,
        confidence=confidence if has_tiers else None,
        threshold=None if has_tiers else _MIN_SCORE,
    )
    parts = [
        part
        for record in read_sequences(sequences)
        if len(record.tokens)
        for part in _called(model, record, settings)
    ]
    if not parts:
        symbols = ", ".join(m.symbol for m in settings.modifications)
        limit = f"confidence {confidence}" if has_tiers else f"score {_MIN_SCORE}"
        raise DataError(
            f"no site of {symbols} is called at {limit} or higher",
            file=describe_sequences(sequences),
        )
    tokens, names, positions, labels = zip(*parts, strict=True)
    return SelectedSites(
        np.concatenate(tokens),
        tuple(name for part in names for name in part),
        np.concatenate(positions),
        np.concatenate(labels),
        settings.modifications,
        called=True,
    )


def _called(
    model: Model, record: FastaRecord, settings: Settings
) -> Iterator[tuple[np.ndarray, list[str], np.ndarray, np.ndarray]]:
    """Yield windows, names, positions and labels of the called sites of a record, if any."""
    sites = scan_sequence(model, record.name, record.tokens, settings)
    positions, row = np.unique(sites.position, return_inverse=True)
    if len(positions):
        labels = np.full((len(positions), len(settings.modifications)), UNKNOWN, dtype=np.int8)
        labels[row, sites.modification_index] = POSITIVE
        windows = windows_around(record.tokens, positions, model.length)
        yield windows, [record.name] * len(positions), positions, labels


def central_sites(
    sequences: Sequences,
    length: int,
    modifications: tuple[Modification, ...],
    on_notice: Notice | None = None,
) -> SelectedSites:
    """Return the centre of every sequence, each a window; all labels are unknown.

    Raises DataError if a record has an even length, or the file has no records.

    Parameters
    ----------
    sequences : path, text, mapping, table or iterable
        As for :func:`vqrna.predict`.
    length : int
        Length in nt to which windows are cut or padded.
    on_notice : callable, optional
        Receives a line about empty records, which are skipped, and about shorter and longer ones.
    """
    windows = read_windows(sequences, length)
    if not len(windows):
        raise DataError("there are no records", file=describe_sequences(sequences))
    for line in windows.remarks():
        if on_notice is not None:
            on_notice(line)
    labels = np.full((len(windows), len(modifications)), UNKNOWN, dtype=np.int8)
    return SelectedSites(
        windows.tokens, windows.names, windows.positions, labels, modifications, called=False
    )


def base_letters(tokens: np.ndarray) -> list[str]:
    """Return the letter at the site of each window (N, L)."""
    bases = tokens[:, centre(tokens.shape[1])]
    return ["ACGUN"[min(int(b), AMBIGUOUS)] for b in bases]


def choose_sites(
    model: Model,
    fasta: Sequences | None = None,
    data: str | PathLike[str] | None = None,
    *,
    split: str | None = None,
    modifications: Names | None = None,
    confidence: str = "low",
    windows: bool = False,
    on_missing: Notice | None = None,
) -> SelectedSites:
    """Select sites from sequences, centred windows, or labelled windows.

    Parameters
    ----------
    model : Model
    fasta, data : optional
        Sequences as for :func:`vqrna.predict`, or the path of a benchmark folder; exactly one.
    split : str, optional
        Split of `data`; `DEFAULT_SPLIT` if not given.
    modifications : str, Modification, or sequence of these, optional
        Types; all if not given.
    confidence : str
        Lowest tier of sites called in `fasta`.
    windows : bool
        Whether the records of `fasta` are windows with the site in their centre.
    on_missing : callable, optional
        Receives a line about each missing or skipped part of the input.

    Returns
    -------
    SelectedSites
        Windows, names, positions and labels; one row per site.

    Raises
    ------
    UsageError
        If both or neither of `fasta` and `data` are given, `data` is not a path, or `split` is
        given without `data`.
    DataError
        If there are no sites.
    """
    if (fasta is None) == (data is None):
        raise UsageError("expected either a FASTA file or --data DIR")
    if split is not None and data is None:
        raise UsageError("--split needs --data")
    tier_index(confidence)
    if data is not None:
        data = file_path(data, "data")
        wanted = select_modifications(data, modifications) if Path(data).is_dir() else None
        sites = labelled_sites(
            load_benchmark(data, split or DEFAULT_SPLIT, wanted, on_missing=on_missing)
        )
        if not len(sites):
            raise DataError("holds no windows", file=data)
        return sites
    assert fasta is not None
    if windows:
        return central_sites(fasta, model.length, model.modifications, on_missing)
    return called_sites(model, fasta, modifications=modifications, confidence=confidence)


def top_sites(
    model: TrainedModel,
    sites: SelectedSites,
    modification: str | Modification,
    count: int,
    on_notice: Notice | None = None,
) -> SelectedSites:
    """Return the `count` sites with the highest logits of one type, in descending order.

    Only sites labelled as modified are ranked. If no label is known, all sites with a base that
    can carry the type are; `on_notice` then receives a line about the others.

    Raises DataError if no site is left.
    """
    modification = find_modification(modification, sites.modifications)
    column = sites.modifications.index(modification)
    label = sites.labels[:, column]
    rows = np.flatnonzero(label == POSITIVE)
    if not len(rows) and (label == UNKNOWN).all():
        candidate = modification.candidates(sites.tokens)[:, centre(sites.tokens.shape[1])]
        rows = np.flatnonzero(candidate)
        if not len(rows):
            base = modification.context
            raise DataError(f"no site has a base that can carry {modification.symbol} ({base})")
        for line in window_remarks(model.length, left_out=len(candidate) - len(rows)):
            if on_notice is not None:
                on_notice(line)
    if not len(rows):
        raise DataError(f"there are no sites of {modification.symbol}")
    head = [m.symbol for m in model.modifications].index(modification.symbol)
    logits = model.logits(sites.tokens[rows])[:, head]
    return sites.take(rows[np.argsort(-logits, kind="stable")[:count]])
