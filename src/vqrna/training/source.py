"""Sources of training windows, and checks before training.

Windows come from the benchmark layout or from the user's own files. Windows from which nothing can
be learned are rejected; other problems are reported as warnings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np

from vqrna.config import MIN_LENGTH, PAPER_LENGTHS, Config, ModelConfig
from vqrna.data.benchmark import benchmark_modifications, load_benchmark
from vqrna.data.split import split_windows
from vqrna.data.studies import Study, read_studies
from vqrna.data.user_files import fasta_sets, table_sets
from vqrna.data.windows import NEGATIVE, POSITIVE, Windows, WindowSet, merge
from vqrna.errors import DataError
from vqrna.modifications import Modification, Names
from vqrna.modifications import modifications as find_modifications
from vqrna.sequence import centre, decode, extents, recentre

VALIDATION_SHARE = 0.15
"""Share of the user's own windows that is held out for validation."""

Notice = Callable[[str], object]


@dataclasses.dataclass(frozen=True, eq=False)
class WindowSource:
    """Training and validation windows of the same modifications."""

    # train, valid: With the same columns of labels
    train: Windows
    valid: Windows
    studies: tuple[Study, ...] = ()  # Further windows, with the same columns

    def only(self, column: int) -> WindowSource:
        """Keep one modification and the windows with a known label for it."""
        studies = [
            Study(s.name, _columns(s.train, [column]), _columns(s.valid, [column]))
            for s in self.studies
        ]
        return WindowSource(
            _columns(self.train, [column]),
            _columns(self.valid, [column]),
            tuple(s for s in studies if len(s.train) and len(s.valid)),
        )


def from_benchmark(
    directory: str | PathLike[str], names: Names | None = None, on_missing: Notice | None = None
) -> WindowSource:
    """Read ``train`` and ``valid`` of a data set in the benchmark layout.

    Types that lack modified or unmodified windows in either split are left out.

    Raises DataError if no type is left, or a file is invalid. Raises UsageError if a name is
    unknown.

    Parameters
    ----------
    directory : path-like
        Folder with ``train`` and ``valid``.
    names : str, Modification, or sequence of these, optional
        Types; by default all that have files.
    on_missing : callable, optional
        Called with one line for each missing file; :func:`warnings.warn` by default.
    """
    available = benchmark_modifications(directory)
    # Without any file, reading reports what is missing
    wanted = find_modifications(names, available) if available else None
    train = load_benchmark(directory, "train", wanted, on_missing)
    valid = load_benchmark(directory, "valid", wanted, on_missing)
    complete = [m for m in range(len(train.modifications)) if _both(train, m) and _both(valid, m)]
    if not complete:
        raise DataError(
            "no modification has modified and unmodified windows in both train and valid",
            file=directory,
        )
    return WindowSource(_columns(train, complete), _columns(valid, complete))


def with_studies(
    source: WindowSource, directory: str | PathLike[str], on_missing: Notice | None = None
) -> WindowSource:
    """Add the studies in a folder to a source.

    Parameters and errors are those of :func:`vqrna.data.studies.read_studies`.
    """
    studies = read_studies(directory, source.train.modifications, on_missing=on_missing)
    return dataclasses.replace(source, studies=studies)


def training_source(
    modifications: Sequence[Modification],
    data: str | PathLike[str],
    studies: str | PathLike[str] | None = None,
) -> WindowSource:
    """Read the data that a finished model was trained on.

    Parameters
    ----------
    modifications : sequence of Modification
        Those of the model.
    data : path-like
        Folder of the main data set (see :func:`from_benchmark`, also for errors).
    studies : path-like, optional
        Folder of further studies (see :func:`with_studies`).
    """
    source = from_benchmark(data, [m.symbol for m in modifications])
    return source if studies is None else with_studies(source, studies)


def from_sets(sets: Sequence[WindowSet], seed: int) -> WindowSource:
    """Split the user's own windows into training and validation.

    Overlapping windows stay on one side (see :func:`vqrna.data.split.split_windows`).

    Raises DataError if there are no windows, or they overlap too much to be split.
    """
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE, 0.0)
    split = split_windows(sets, fractions=shares, seed=seed, max_cluster=0.5).split
    ends = np.cumsum([len(s) for s in sets])
    parts: list[list[WindowSet]] = [[], []]
    for s, end in zip(sets, ends, strict=True):
        side = split[end - len(s) : end]
        for which, part in enumerate(parts):
            rows = np.flatnonzero(side == which)
            names = tuple(s.names[i] for i in rows)
            part.append(dataclasses.replace(s, tokens=s.tokens[rows], names=names))
    modifications = list(dict.fromkeys(s.modification for s in sets))
    return WindowSource(merge(parts[0], modifications), merge(parts[1], modifications))


def from_table(path: str | PathLike[str], seed: int) -> WindowSource:
    """Read a table with columns ``sequence``, ``modification``, ``label``, and split it.

    Parameters and errors are those of :func:`vqrna.data.user_files.load_table` and
    :func:`from_sets`.
    """
    return from_sets(table_sets(path), seed)


def from_fasta(
    positives: str | PathLike[str], negatives: str | PathLike[str], name: str, seed: int
) -> WindowSource:
    """Read a FASTA file of modified sites and one of unmodified sites, and split them.

    Parameters and errors are those of :func:`vqrna.data.user_files.load_windows_fasta` (`name`
    is its modification) and :func:`from_sets`.
    """
    return from_sets(fasta_sets(positives, negatives, name), seed)


def _both(windows: Windows, column: int) -> bool:
    labels = windows.labels[:, column]
    return bool((labels == POSITIVE).any() and (labels == NEGATIVE).any())


def _columns(windows: Windows, columns: list[int]) -> Windows:
    """Keep some modifications, and the windows with a label for any of them."""
    known = np.any(windows.labels[:, columns] >= 0, axis=1)
    kept = windows.take(np.flatnonzero(known))
    return dataclasses.replace(
        kept,
        labels=kept.labels[:, columns],
        negative_set=kept.negative_set[:, columns],
        modifications=tuple(kept.modifications[m] for m in columns),
    )


MISPLACED = 0.5
"""Largest share of modified windows of a type that may lack its base or context in the centre."""

_SHOWN = 5
"""Letters on each side of the centre of an example in a message."""


def check_windows(train: Windows, valid: Windows) -> None:
    """Reject windows from which nothing can be learned.

    Raises DataError if types differ, a class of a type is empty, or most modified windows of a type
    lack its base or context in the centre: the most common error is a site that is off by one.
    """
    if train.modifications != valid.modifications:
        raise DataError("training and validation windows are of different modifications")
    for name, windows in (("training", train), ("validation", valid)):
        fits = windows.candidates()
        for m, modification in enumerate(windows.modifications):
            symbol = modification.symbol
            for label, state in ((POSITIVE, "modified"), (NEGATIVE, "unmodified")):
                if not (windows.labels[:, m] == label).any():
                    also = ""
                    if label == NEGATIVE and windows.conflicts:
                        also = (
                            f" ({windows.conflicts:,} windows are given as both modified and "
                            "unmodified: they count as modified)"
                        )
                    raise DataError(f"the {name} windows hold no {state} site of {symbol}{also}")
            modified = windows.labels[:, m] == POSITIVE
            wrong = np.flatnonzero(modified & ~fits[:, m])
            if len(wrong) > MISPLACED * modified.sum():
                raise DataError(
                    f"{len(wrong):,} of {int(modified.sum()):,} {name} windows of modified "
                    f"{symbol} have no {_required(modification)} in the centre, for example "
                    f"'{windows.names[wrong[0]]}' ({_about_site(windows.tokens[wrong[0]])}): "
                    "is the site the middle letter of each window?"
                )


def window_warnings(
    train: Windows,
    valid: Windows,
    config: Config,
    studies: Sequence[Study] = (),
    *,
    fixed: bool = False,
) -> list[str]:
    """Return one line for each problem of the windows that training tolerates.

    `fixed`: the length is that of given weights, so another one is not proposed.
    """
    lines = _too_short(train, config.model, fixed=fixed)
    for m, modification in enumerate(train.modifications):
        for label, state in ((POSITIVE, "modified"), (NEGATIVE, "unmodified")):
            known = [windows.labels[:, m] == label for windows in (train, valid)]
            total = sum(int(rows.sum()) for rows in known)
            wrong = sum(
                int((rows & ~windows.candidates()[:, m]).sum())
                for rows, windows in zip(known, (train, valid), strict=True)
            )
            if wrong:
                reason = "" if label == POSITIVE else ": that base alone identifies them"
                lines.append(
                    f"{wrong:,} of {total:,} windows of {state} {modification.symbol} have no "
                    f"{_required(modification)} in the centre{reason}"
                )
    for study in studies:
        if not study.types():
            lines.append(
                f"the study '{study.name}' has no type with both modified and unmodified "
                "validation windows: the choice of the best epoch ignores it"
            )
    return lines


def _too_short(train: Windows, model: ModelConfig, *, fixed: bool) -> list[str]:
    """Warn if most windows are shorter than what the network reads."""
    length = model.length
    extent = extents(recentre(train.tokens, length))
    shorter, longest = int((extent < length).sum()), int(extent.max(initial=0))
    if 2 * shorter <= len(extent):
        return []
    closest = max(MIN_LENGTH, longest - 1 + longest % 2)
    if model.architecture == "paper":
        closest = max(known for known in PAPER_LENGTHS if known <= closest)
    line = (
        f"{shorter:,} of {len(extent):,} training windows are shorter than {length} nt (the "
        f"longest has {longest}): they are padded with N, and nothing is learned about longer "
        "sequences"
    )
    propose = closest < length and not fixed
    return [f"{line}; --length {closest} fits them best" if propose else line]


def _required(modification: Modification) -> str:
    """Return the letters that a type needs in the centre."""
    return modification.context if len(modification.context) > 1 else modification.base


def _about_site(tokens: np.ndarray) -> str:
    """Return the letters around the centre of a window, the centre in brackets."""
    near = decode(recentre(tokens, 2 * _SHOWN + 1))
    at = centre(len(near))
    return f"{near[:at]}[{near[at]}]{near[at + 1 :]}"
