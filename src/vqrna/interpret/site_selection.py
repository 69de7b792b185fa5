"""Which sites are looked at: those of labelled windows, or those that are called in sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from vqrna.data.benchmark import Notice, load_benchmark, select_modifications
from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.data.windows import POSITIVE, UNKNOWN, Windows, window_remarks
from vqrna.errors import DataError, UsageError
from vqrna.model import Model, TrainedModel
from vqrna.modifications import Modification
from vqrna.prediction import Settings, make_settings, scan_sequence
from vqrna.sequence import AMBIGUOUS, centre, recentre, windows_around
from vqrna.stats.tiers import tier_index

CHOSEN_SPLIT = "valid"
"""Labelled windows that are looked at where nobody says which."""

_LIKELIER = 0.5
"""Score from which a site counts where nothing was measured of the model's tiers."""


@dataclass(frozen=True, eq=False)
class ChosenSites:
    """Sites with the windows around them.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        Windows, the site at ``L // 2``.
    names : tuple of str, length N
        Record or window that each is from.
    positions : np.ndarray, shape (N,), int
        0-based place in the record (of a window: its centre).
    labels : np.ndarray, shape (N, M), int8
        1 modified (or called so), 0 not, -1 not known.
    modifications : tuple of Modification, length M
    called : bool
        Whether the labels are the model's own calls, and no knowledge.
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
        """Give what files tell of the sites: ``sequence``, and ``position``, which is from 1."""
        names = np.array(self.names, dtype=np.str_)
        return {"sequence": names, "position": np.asarray(self.positions) + 1}

    def take(self, rows: np.ndarray) -> ChosenSites:
        """Return some of the sites."""
        return ChosenSites(
            self.tokens[rows],
            tuple(self.names[i] for i in rows),
            self.positions[rows],
            self.labels[rows],
            self.modifications,
            self.called,
        )


def labelled_sites(windows: Windows) -> ChosenSites:
    """Take the centres of all windows of which a label is known."""
    windows = windows.take((windows.labels != UNKNOWN).any(axis=1))
    return ChosenSites(
        windows.tokens,
        windows.names,
        np.full(len(windows), centre(windows.length)),
        windows.labels,
        windows.modifications,
        called=False,
    )


def called_sites(
    model: Model,
    path: str | PathLike[str],
    *,
    modifications: str | list[str] | None = None,
    confidence: str = "low",
) -> ChosenSites:
    """Take the sites that a model calls in the sequences of a FASTA file.

    Where no tiers were measured, as of imported weights, sites with a score of at least 0.5 count.

    Parameters
    ----------
    model : Model
    path : path-like
    modifications : str or list of str, optional
        Types that are called; all of the model if not given.
    confidence : str
        Lowest tier.

    Raises
    ------
    DataError
        If nothing is called.
    """
    measured = bool(model.tiers.measured.any())
    settings = make_settings(
        model.modifications,
        modifications=modifications,
        confidence=confidence,
        threshold=None if measured else _LIKELIER,
    )
    found = [
        sites
        for record in read_fasta(path)
        if len(record.tokens)
        for sites in _called(model, record, settings)
    ]
    if not found:
        kinds = ", ".join(m.symbol for m in settings.modifications)
        what = f"confidence {confidence}" if measured else f"score {_LIKELIER}"
        raise DataError(f"no site of {kinds} is called at {what} or higher", file=path)
    return ChosenSites(
        np.concatenate([tokens for tokens, _, _, _ in found]),
        tuple(name for _, names, _, _ in found for name in names),
        np.concatenate([positions for _, _, positions, _ in found]),
        np.concatenate([labels for _, _, _, labels in found]),
        settings.modifications,
        called=True,
    )


def central_sites(
    path: str | PathLike[str],
    length: int,
    modifications: tuple[Modification, ...],
    on_notice: Notice | None = None,
) -> ChosenSites:
    """Take the centre of every record: the file holds windows.

    Parameters
    ----------
    path : path-like
    length : int
        Windows are cut or padded to so many nt.
    modifications : tuple of Modification
        Types of which then nothing is known.
    on_notice : callable, optional
        Is given a line on windows without letters, which are left out, and shorter and longer ones.

    Raises
    ------
    DataError
        If a record has an even length, or there is none.
    """
    tokens, names, places = [], [], []
    empty = 0
    for record in read_fasta(path):
        if not len(record.tokens):
            empty += 1
            continue
        if len(record.tokens) % 2 == 0:
            raise DataError(
                f"the window is {len(record.tokens)} nt long; a window needs an odd length, "
                "with the site in its centre",
                file=record.file, record=record.name, line=record.line,
            )  # fmt: skip
        tokens.append(recentre(record.tokens[None], length))
        names.append(record.name)
        places.append(centre(len(record.tokens)))
    if not names:
        raise DataError("holds no records", file=path)
    lengths = 2 * np.array(places) + 1
    shorter, longer = int((lengths < length).sum()), int((lengths > length).sum())
    for line in window_remarks(length, empty=empty, shorter=shorter, longer=longer):
        if on_notice is not None:
            on_notice(line)
    labels = np.full((len(names), len(modifications)), UNKNOWN, dtype=np.int8)
    return ChosenSites(
        np.concatenate(tokens), tuple(names), np.array(places), labels, modifications, called=False
    )


def _called(
    model: Model, record: FastaRecord, settings: Settings
) -> Iterator[tuple[np.ndarray, list[str], np.ndarray, np.ndarray]]:
    """Windows, names, places and labels of the called sites of one record, if there are any."""
    sites = scan_sequence(model, record.name, record.tokens, settings)
    places, row = np.unique(sites.position, return_inverse=True)
    if len(places):
        labels = np.full((len(places), len(settings.modifications)), UNKNOWN, dtype=np.int8)
        labels[row, sites.modification_index] = POSITIVE
        windows = windows_around(record.tokens, places, model.length)
        yield windows, [record.name] * len(places), places, labels


def base_letters(tokens: np.ndarray) -> list[str]:
    """Letter at the site of each window (N, L)."""
    bases = tokens[:, centre(tokens.shape[1])]
    return ["ACGUN"[min(int(b), AMBIGUOUS)] for b in bases]


def choose_sites(
    model: Model,
    fasta: str | PathLike[str] | None = None,
    data: str | PathLike[str] | None = None,
    *,
    split: str | None = None,
    modifications: list[str] | None = None,
    confidence: str = "low",
    windows: bool = False,
    on_missing: Notice | None = None,
) -> ChosenSites:
    """Choose sites as a command line names them: sequences, windows, or labelled windows.

    Parameters
    ----------
    model : Model
    fasta, data : path-like, optional
        Exactly one of them.
    split : str, optional
        With `data`; its validation windows if not given.
    modifications, confidence, windows, on_missing
        As in the functions above and in :func:`vqrna.data.benchmark.load_benchmark`.

    Raises
    ------
    UsageError
        If both or none is given, or `split` without `data`.
    DataError
        If there are no sites.
    """
    if (fasta is None) == (data is None):
        raise UsageError("give either a FASTA file or --data DIR")
    if split is not None and data is None:
        raise UsageError("--split goes with --data")
    tier_index(confidence)
    if data is not None:
        wanted = select_modifications(data, modifications) if Path(data).is_dir() else None
        sites = labelled_sites(
            load_benchmark(data, split or CHOSEN_SPLIT, wanted, on_missing=on_missing)
        )
        if not len(sites):
            raise DataError("holds no windows", file=data)
        return sites
    assert fasta is not None
    if windows:
        return central_sites(fasta, model.length, model.modifications, on_missing)
    return called_sites(model, fasta, modifications=modifications, confidence=confidence)


def likeliest(
    model: TrainedModel,
    sites: ChosenSites,
    modification: Modification,
    most: int,
    on_notice: Notice | None = None,
) -> ChosenSites:
    """Keep the sites of one type that a model is surest of, the likeliest first.

    Sites that are known not to carry the type are left out. Where nothing is known of any, those
    stay whose base can carry it; `on_notice` is given a line on the others.

    Raises
    ------
    DataError
        If no site is left.
    """
    column = [m.symbol for m in sites.modifications].index(modification.symbol)
    label = sites.labels[:, column]
    rows = np.flatnonzero(label == POSITIVE)
    if not len(rows) and (label == UNKNOWN).all():
        fit = modification.candidates(sites.tokens)[:, centre(sites.tokens.shape[1])]
        rows = np.flatnonzero(fit)
        if not len(rows):
            base = modification.context
            raise DataError(f"no site has a base that can carry {modification.symbol} ({base})")
        for line in window_remarks(model.length, left_out=len(fit) - len(rows)):
            if on_notice is not None:
                on_notice(line)
    if not len(rows):
        raise DataError(f"there are no sites of {modification.symbol}")
    head = [m.symbol for m in model.modifications].index(modification.symbol)
    logits = model.logits(sites.tokens[rows])[:, head]
    return sites.take(rows[np.argsort(-logits, kind="stable")[:most]])
