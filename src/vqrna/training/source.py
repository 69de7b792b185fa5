"""Where training windows come from: the benchmark layout, or files of the user's own.

Whether windows can teach what they are said to: what is refused, and what is told before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np

from vqrna.config import MIN_LENGTH, PAPER_LENGTHS, Config, ModelConfig
from vqrna.data.benchmark import benchmark_modifications, load_benchmark
from vqrna.data.split import split_windows
from vqrna.data.user_files import fasta_sets, table_sets
from vqrna.data.windows import NEGATIVE, POSITIVE, Windows, WindowSet, merge
from vqrna.errors import DataError
from vqrna.modifications import Modification
from vqrna.modifications import modifications as find_modifications
from vqrna.sequence import centre, decode, extents, recentre

VALIDATION_SHARE = 0.15
"""Of the windows of one's own, those that are held back for validation."""

Notice = Callable[[str], object]


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Training and validation windows of the same modifications.

    Parameters
    ----------
    train, valid : Windows
        With the same columns of labels.
    """

    train: Windows
    valid: Windows

    def only(self, column: int) -> Source:
        """Keep one modification and the windows with a known label for it."""
        return Source(_only(self.train, column), _only(self.valid, column))


def from_benchmark(
    directory: str | PathLike[str],
    names: Sequence[str] | None = None,
    on_missing: Notice | None = None,
) -> Source:
    """Read ``train`` and ``valid`` of a data set in the benchmark layout.

    Types without modified or without unmodified windows in either split are left out; `on_missing`
    is told of the files that are missing.

    Parameters
    ----------
    directory : path-like
        The folder that holds ``train`` and ``valid``.
    names : sequence of str, optional
        Types; all that have files if not given.
    on_missing : callable, optional
        Is given one line for each missing file; a Python warning if there is none.

    Raises
    ------
    DataError
        If nothing is left, or a file is broken.
    UsageError
        If a name is unknown.
    """
    there = benchmark_modifications(directory)
    # Without any file there is nothing to choose from: reading tells what is missing
    wanted = find_modifications(tuple(names or ()), there) if there else None
    train = load_benchmark(directory, "train", wanted, on_missing)
    valid = load_benchmark(directory, "valid", wanted, on_missing)
    whole = [m for m in range(len(train.modifications)) if _both(train, m) and _both(valid, m)]
    if not whole:
        raise DataError(
            "no type has modified and unmodified windows in train and valid, both", file=directory
        )
    return Source(_columns(train, whole), _columns(valid, whole))


def from_sets(sets: Sequence[WindowSet], seed: int) -> Source:
    """Divide windows of one's own into training and validation, without a leak between them.

    Overlapping windows go to one side together (see :func:`vqrna.data.split.split_windows`).

    Parameters
    ----------
    sets : sequence of WindowSet
    seed : int
        Another seed gives another division.

    Raises
    ------
    DataError
        If there are none, or they overlap so much that they cannot be divided.
    """
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE, 0.0)
    split = split_windows(sets, fractions=shares, seed=seed, max_cluster=0.5).split
    ends = np.cumsum([len(s) for s in sets])
    parts: list[list[WindowSet]] = [[], []]
    for s, end in zip(sets, ends, strict=True):
        place = split[end - len(s) : end]
        for which, part in enumerate(parts):
            rows = np.flatnonzero(place == which)
            names = tuple(s.names[i] for i in rows)
            part.append(dataclasses.replace(s, tokens=s.tokens[rows], names=names))
    kinds = list(dict.fromkeys(s.modification for s in sets))
    return Source(merge(parts[0], kinds), merge(parts[1], kinds))


def from_table(path: str | PathLike[str], seed: int) -> Source:
    """Read a table with columns ``sequence``, ``modification``, ``label`` and divide it.

    Parameters and errors are those of :func:`vqrna.data.user_files.load_table` and
    :func:`from_sets`.
    """
    return from_sets(table_sets(path), seed)


def from_fasta(
    positives: str | PathLike[str], negatives: str | PathLike[str], name: str, seed: int
) -> Source:
    """Read a FASTA file of modified sites and one of unmodified sites, and divide them.

    Parameters and errors are those of :func:`vqrna.data.user_files.load_windows_fasta` (`name`
    is its modification) and :func:`from_sets`.
    """
    return from_sets(fasta_sets(positives, negatives, name), seed)


def _both(windows: Windows, column: int) -> bool:
    labels = windows.labels[:, column]
    return bool((labels == POSITIVE).any() and (labels == NEGATIVE).any())


def _columns(windows: Windows, columns: list[int]) -> Windows:
    """Keep some modifications, and the windows of which something is known then."""
    known = np.any(windows.labels[:, columns] >= 0, axis=1)
    kept = windows.take(np.flatnonzero(known))
    return dataclasses.replace(
        kept,
        labels=kept.labels[:, columns],
        negative_set=kept.negative_set[:, columns],
        modifications=tuple(kept.modifications[m] for m in columns),
    )


def _only(windows: Windows, column: int) -> Windows:
    return _columns(windows, [column])


MISPLACED = 0.5
"""With a larger share of modified windows that cannot carry their type the sites are not where
they should be: nothing would be learned of the modification."""

_SHOWN = 5
"""Letters of an example about its centre."""


def check_windows(train: Windows, valid: Windows) -> None:
    """Refuse windows from which nothing can be learned.

    Raises
    ------
    DataError
        If types differ, a class of a type is empty, or most modified windows of a type have in
        their centre what cannot carry it: the commonest fault is a site that is off by one.
    """
    if train.modifications != valid.modifications:
        raise DataError("training and validation windows are of different modifications")
    for name, windows in (("training", train), ("validation", valid)):
        fits = windows.candidates()
        for m, kind in enumerate(windows.modifications):
            for label, what in ((POSITIVE, "modified"), (NEGATIVE, "unmodified")):
                if not (windows.labels[:, m] == label).any():
                    raise DataError(f"the {name} windows hold no {what} site of {kind.symbol}")
            modified = windows.labels[:, m] == POSITIVE
            wrong = np.flatnonzero(modified & ~fits[:, m])
            if len(wrong) > MISPLACED * modified.sum():
                raise DataError(
                    f"{len(wrong):,} of {int(modified.sum()):,} {name} windows of modified "
                    f"{kind.symbol} have no {_wanted(kind)} in the centre, such as "
                    f"'{windows.names[wrong[0]]}' ({_about_site(windows.tokens[wrong[0]])}): "
                    "is the site the middle letter of each window?"
                )


def remarks(train: Windows, valid: Windows, config: Config) -> list[str]:
    """Tell in a line each what is odd about windows, but can be learned from.

    Parameters
    ----------
    train, valid : Windows
        With the same types.
    config : Config
        Of the training to come.
    """
    said = _too_short(train, config.model)
    for m, kind in enumerate(train.modifications):
        for label, what in ((POSITIVE, "modified"), (NEGATIVE, "unmodified")):
            known = [windows.labels[:, m] == label for windows in (train, valid)]
            total = sum(int(rows.sum()) for rows in known)
            wrong = sum(
                int((rows & ~windows.candidates()[:, m]).sum())
                for rows, windows in zip(known, (train, valid), strict=True)
            )
            if wrong:
                why = "" if label == POSITIVE else ": they are told by that base alone"
                said.append(
                    f"{wrong:,} of {total:,} windows of {what} {kind.symbol} have no "
                    f"{_wanted(kind)} in the centre{why}"
                )
    return said


def _too_short(train: Windows, model: ModelConfig) -> list[str]:
    """Say so if most windows are shorter than what the network reads."""
    length = model.length
    extent = extents(recentre(train.tokens, length))
    shorter, longest = int((extent < length).sum()), int(extent.max(initial=0))
    if 2 * shorter <= len(extent):
        return []
    closest = max(MIN_LENGTH, longest - 1 + longest % 2)
    if model.architecture == "paper":
        closest = max(known for known in PAPER_LENGTHS if known <= closest)
    told = (
        f"{shorter:,} of {len(extent):,} training windows are shorter than {length} nt (the "
        f"longest has {longest}): ambiguous letters stand beside, and of longer sequence nothing "
        "is learned"
    )
    return [f"{told}; --length {closest} is closest to them" if closest < length else told]


def _wanted(kind: Modification) -> str:
    """Name what a type needs in the centre."""
    return kind.context if len(kind.context) > 1 else kind.base


def _about_site(tokens: np.ndarray) -> str:
    """Show the letters about the centre of a window, the centre in brackets."""
    near = decode(recentre(tokens, 2 * _SHOWN + 1))
    at = centre(len(near))
    return f"{near[:at]}[{near[at]}]{near[at + 1 :]}"
