"""Read and write the benchmark layout: ``DIR/{train,valid,test}/K-{0,1}.fasta[.gz]``.

``K`` is the number of the modification in the public data set, or the symbol of a user-defined
type. A further set of negatives has a name: ``K-NAME0.fasta``.
"""

from __future__ import annotations

import gzip
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqrna.data.fasta import read_fasta
from vqrna.data.user_files import own_modification
from vqrna.data.windows import (
    NEGATIVE,
    POSITIVE,
    RANDOM,
    SET_NAME,
    Windows,
    WindowSet,
    merge,
    stack,
)
from vqrna.errors import DataError, UsageError
from vqrna.modifications import (
    MODIFICATIONS,
    MOST_MODIFICATIONS,
    Modification,
    Names,
    as_modifications,
)
from vqrna.modifications import modification as known_modification
from vqrna.modifications import modifications as known_modifications
from vqrna.runtime.arguments import file_path
from vqrna.runtime.files import output_directory, temporary_folder, write_error
from vqrna.runtime.provenance import header_lines
from vqrna.runtime.run_record import write_run_record
from vqrna.sequence import decode

SPLITS = ("train", "valid", "test")

_SPLIT_WINDOWS = {"train": "training", "valid": "validation"}


def split_windows(split: str) -> str:
    """Return what pictures and pages call the windows of a split, such as ``validation windows``.

    An empty name is that of windows without a split.
    """
    return f"{_SPLIT_WINDOWS.get(split, split)} windows".lstrip()


_NAME = re.compile(rf"(?P<key>.+?)-(?P<set>{SET_NAME}?)?(?P<label>[01])\.fasta(?P<gz>\.gz)?")

Notice = Callable[[str], object]
"""Receives one line about missing data; the work goes on."""


@dataclass(frozen=True, order=True)
class BenchmarkFile:
    """One file of the layout."""

    path: Path
    key: str  # ``K`` of the file name: number or symbol
    label: int  # 1 for modified sites, 0 for unmodified ones
    negatives: str  # Name of the set of negatives, ``random`` for ``K-0``

    @property
    def symbol(self) -> str:
        """Symbol of the type."""
        known = _known(self.key)
        return self.key if known is None else known.symbol

    @property
    def is_foreign(self) -> bool:
        """Whether `key` is a number of no known type."""
        return self.key.isdecimal() and _known(self.key) is None


def _known(key: str) -> Modification | None:
    try:
        return known_modification(key)
    except UsageError:
        return None


def file_name(modification: Modification, label: int, negatives: str = RANDOM) -> str:
    """Return the name of a file of the layout without ``.gz``, for example ``8-hard0.fasta``."""
    key = modification.symbol if modification.index is None else str(modification.index)
    name = "" if label == POSITIVE or negatives == RANDOM else negatives
    return f"{key}-{name}{label}.fasta"


def find_files(directory: str | os.PathLike[str], split: str) -> list[BenchmarkFile]:
    """List the files of one split in the order of their names; empty if it does not exist.

    Of ``K-1.fasta`` and ``K-1.fasta.gz`` only the plain one is listed.
    """
    folder = Path(directory) / split
    files: dict[tuple[str, int, str], BenchmarkFile] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = _NAME.fullmatch(path.name)
        if match is None or (match["set"] and match["label"] == "1"):
            continue
        label = int(match["label"])
        file = BenchmarkFile(path, match["key"], label, match["set"] or RANDOM)
        files.setdefault((file.symbol, label, file.negatives), file)
    return list(files.values())


def benchmark_modifications(
    directory: str | os.PathLike[str], on_problem: Notice | None = None
) -> tuple[Modification, ...]:
    """Return the types that have a file in any split: known types, then user-defined ones.

    The context of a user-defined type follows from its positives in all splits.

    Raises DataError if positives of a user-defined type cannot be read, or a file name holds no
    valid symbol, or there are more than `MOST_MODIFICATIONS` types.

    Parameters
    ----------
    on_problem : callable, optional
        Receives one line for each unusable file, which is skipped; otherwise it is an error.
    """
    files = [file for split in SPLITS for file in find_files(directory, split)]
    symbols = dict.fromkeys(file.symbol for file in files if not file.is_foreign)
    known = [m for m in MODIFICATIONS if m.symbol in symbols]
    if len(symbols) > MOST_MODIFICATIONS:
        message = f"has files of {len(symbols):,} modifications (expected at most"
        raise DataError(f"{message} {MOST_MODIFICATIONS})", file=directory)
    own = []
    for symbol in [s for s in symbols if _known(s) is None]:
        ours = [file for file in files if file.symbol == symbol]
        records = []
        for path in (file.path for file in ours if file.label == POSITIVE):
            try:
                of_file = list(read_fasta(path))
                stack(of_file)
                records += of_file
            except DataError as error:
                if on_problem is None:
                    raise
                on_problem(str(error))
        try:
            own.append(own_modification(symbol, stack(records)))
        except UsageError as error:
            wrong = DataError(str(error), file=ours[0].path)
            if on_problem is None:
                raise wrong from None
            on_problem(str(wrong))
    return (*known, *own)


def select_modifications(
    directory: str | os.PathLike[str], names: Names | None
) -> tuple[Modification, ...]:
    """Return types by name, among the known ones and the user-defined ones of a data set.

    Raises UsageError if a name is neither known nor that of a file.

    Parameters
    ----------
    names : str, Modification, or sequence of these, optional
        As for :func:`vqrna.modifications.modifications`; by default, all that have a file.
    """
    available = benchmark_modifications(directory)
    if not names:
        return available
    own = [m for m in available if m not in MODIFICATIONS]
    return known_modifications(names, (*MODIFICATIONS, *own))


def read_sets(
    directory: str | os.PathLike[str],
    split: str,
    modifications: Names | None = None,
    on_missing: Notice | None = None,
) -> list[WindowSet]:
    """Read the files of one split without merging windows.

    Parameters and errors are those of :func:`load_benchmark`.
    """
    directory = Path(directory)
    if split not in SPLITS:
        raise UsageError(f"unknown split '{split}' (known: {', '.join(SPLITS)})")
    if not directory.is_dir():
        raise DataError("not a folder with benchmark data", file=directory)
    files = find_files(directory, split)
    if not files:
        message = f"no benchmark files (such as {split}/1-0.fasta and {split}/1-1.fasta)"
        raise DataError(message, file=directory)
    notice = on_missing or _warn
    wanted = (
        benchmark_modifications(directory)
        if modifications is None
        else as_modifications(modifications)
    )
    if modifications is None:
        for file in files:
            if file.is_foreign:
                notice(f"{file.path}: no known modification has the number {file.key}; skipped")
    sets = []
    for m in wanted:
        ours = [file for file in files if file.symbol == m.symbol]
        for label in (NEGATIVE, POSITIVE):
            if not any(file.label == label for file in ours):
                missing = directory / split / file_name(m, label)
                sites = "modified" if label == POSITIVE else "unmodified"
                notice(f"{missing}[.gz]: no such file; {m.symbol} has no {sites} sites")
        for file in sorted(ours, key=lambda file: (file.label, file.negatives != RANDOM)):
            records = list(read_fasta(file.path))
            names = tuple(record.header for record in records)
            sets.append(WindowSet(stack(records), names, m, file.label, file.negatives))
    if not sets:
        available = ", ".join(sorted({file.symbol for file in files}))
        symbols = ", ".join(m.symbol for m in wanted) or "a known modification"
        message = f"holds no windows of {symbols} (available: {available})"
        raise DataError(message, file=directory / split)
    return sets


def load_benchmark(
    directory: str | os.PathLike[str],
    split: str,
    modifications: Names | None = None,
    on_missing: Notice | None = None,
) -> Windows:
    """Read one split of a data set in the benchmark layout.

    Parameters
    ----------
    directory : path-like
        Folder with some of ``train``, ``valid`` and ``test``.
    split : str
        ``train``, ``valid`` or ``test``.
    modifications : str, Modification, or sequence of these, optional
        Such as ``"m6A,Psi"`` or ``["m6A"]``, in the order of the result; by default, all that have
        a file in any split.
    on_missing : callable, optional
        Receives one line for each missing file; by default, a Python warning.

    Returns
    -------
    Windows
        At the longest length in the files; shorter windows are padded around their site.

    Raises
    ------
    DataError
        If no file exists, a file cannot be read or a window has an even length.
    UsageError
        If the split or a name is unknown.
    """
    file_path(directory, "the data")
    wanted = None
    if modifications is not None:
        items: Iterable[str | Modification] = (
            (modifications,) if isinstance(modifications, str | Modification) else modifications
        )
        wanted = tuple(
            {
                m.symbol: m
                for item in items
                for m in (
                    (item,)
                    if isinstance(item, Modification)
                    else select_modifications(directory, item)
                )
            }.values()
        )
    sets = read_sets(directory, split, wanted, on_missing)
    return merge(sets, benchmark_modifications(directory) if wanted is None else wanted)


def _warn(message: str) -> None:
    warnings.warn(message, stacklevel=4)


NOTE = "SPLIT.txt"
"""File with the settings of the split."""


def write_layout(
    sets: Sequence[WindowSet],
    split: np.ndarray,
    out: str | os.PathLike[str],
    facts: Mapping[str, str],
) -> Path:
    """Write ``OUT/{train,valid,test}/K-{0,1}.fasta.gz``, `NOTE`, ``run.json``: all, or none.

    Headers are kept; letters become RNA, ambiguous ones ``N``.

    Raises DataError if the folder is not empty, or cannot be written.

    Parameters
    ----------
    split : np.ndarray, shape (N,), int
        Index into `SPLITS` for each window of the sets in turn.
    out : path-like
        A new or empty folder.
    facts : mapping
        Content of the note.
    """
    content: dict[str, list[str]] = {}
    start = 0
    for s in sets:
        for tokens, name, part in zip(s.tokens, s.names, split[start:], strict=False):
            file = f"{SPLITS[part]}/{file_name(s.modification, s.label, s.negatives)}.gz"
            content.setdefault(file, []).append(f">{name}\n{decode(tokens)}\n")
        start += len(s)
    with _new_folder(Path(out)) as folder:
        for file, records in content.items():
            (folder / file).parent.mkdir(exist_ok=True)
            # No time and no name in the gzip header: the same windows give the same bytes.
            packed = gzip.compress("".join(records).encode(), mtime=0)
            (folder / file).write_bytes(packed)
        (folder / NOTE).write_text("\n".join(header_lines(**facts)) + "\n", encoding="utf-8")
        write_run_record(folder, "data split", [*content, NOTE], settings=facts)
    return Path(out)


def check_new(out: str | os.PathLike[str]) -> None:
    """Raise a DataError if a folder is not new or empty, or cannot be replaced."""
    folder = Path(os.path.realpath(out))
    if not folder.exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise DataError("already exists: use a new or empty folder", file=out)
    current = folder.samefile(os.curdir)
    if current or folder.is_mount():
        what = "the current folder" if current else "a mount point"
        raise DataError(f"is {what}: use a new folder in it", file=out)


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    """Yield a folder beside `out`, which replaces it if the body succeeds."""
    check_new(out)
    final = Path(os.path.realpath(out))
    try:
        with temporary_folder(output_directory(final.parent), out) as hidden:
            new = hidden / "new"
            new.mkdir()  # the hidden folder is readable by its owner only
            yield new
            new.replace(final)  # an empty folder may be replaced
    except OSError as error:
        raise write_error(error, out) from error
