"""Look over a data set before trusting it: counts, lengths, letters, duplicates, overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqrna.data.benchmark import SPLITS, BenchmarkFile, benchmark_modifications, find_files
from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.data.overlap import clusters, largest_share, overlapping_groups
from vqrna.data.windows import POSITIVE, WindowSet, identical, pile, stack
from vqrna.errors import DataError
from vqrna.modifications import Modification
from vqrna.runtime.progress import progress
from vqrna.sequence import ALPHABET, AMBIGUOUS, centre

if TYPE_CHECKING:
    import pandas as pd


_CLASS = ["split", "modification", "label", "negatives"]
_FILE_COLUMNS = [
    *_CLASS, "windows", "shortest", "longest", "even",
    *(f"site_{base}" for base in (*ALPHABET, "other")), "wrong_site",
    "odd_letters", "repeated", "other_split", "other_label", "other_type",
]  # fmt: skip
_OVERLAP_COLUMNS = [*_CLASS, "against", "windows", "overlapping", "share"]


@dataclass(frozen=True, eq=False)
class CheckReport:
    """What is in a data set.

    Parameters
    ----------
    directory : pathlib.Path
    files : pandas.DataFrame
        A row for each file: ``split, modification, label, negatives, windows, shortest, longest,
        even, site_A, site_C, site_G, site_U, site_other, wrong_site, odd_letters, repeated,
        other_split, other_label, other_type``. The counts from ``even`` on are of windows: of
        even length (their site is not known; they are left out of what follows); by the base in
        the centre; whose centre the type cannot be on; with letters other than ACGUT; that stand
        earlier in the same file; that stand in another split, in the same split for the same
        type with the other label, and in the same split for another type.
    overlaps : pandas.DataFrame
        A row for each file of valid and test and each split before: ``split, modification, label,
        negatives, against, windows, overlapping, share``.
    n_windows : int
        All windows of odd length.
    n_distinct : int
        Those that differ.
    n_clusters : int
        Clusters of overlapping windows.
    largest_cluster : float
        Share of the distinct windows in the largest of them.
    problems : tuple of str
        Files that are missing or cannot be read, a line each.
    """

    directory: Path
    files: pd.DataFrame
    overlaps: pd.DataFrame
    n_windows: int
    n_distinct: int
    n_clusters: int
    largest_cluster: float
    problems: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """One file that could be read."""

    split: str
    records: list[FastaRecord]
    windows: WindowSet


def check_data(directory: str | PathLike[str], *, show_progress: bool = False) -> CheckReport:
    """Look over a data set in the benchmark layout.

    A broken file is told in the report, and the others are looked over.

    Parameters
    ----------
    directory : path-like
        The folder that holds ``train``, ``valid``, ``test`` or some of them.
    show_progress : bool
        Whether to show a bar.

    Raises
    ------
    DataError
        If there is no such folder, or no file of the layout in it.
    """
    import pandas as pd

    directory = Path(directory)
    if not directory.is_dir():
        raise DataError("is no folder with benchmark data", file=directory)
    files = {split: find_files(directory, split) for split in SPLITS}
    if not any(files.values()):
        message = "no benchmark files (such as train/1-0.fasta and train/1-1.fasta) are here"
        raise DataError(message, file=directory)
    problems: list[str] = []
    kinds = _types(directory, files, problems)
    with progress(4, "checking", unit="steps", show=show_progress) as bar:
        bar.note("reading")
        parts = _read(files, kinds, problems)
        bar.advance()
        bar.note("comparing windows")
        tokens = pile([part.windows for part in parts])
        first, kind = identical(tokens)
        file_rows = _file_rows(parts, kind)
        bar.advance()
        bar.note("finding clusters")
        cluster = clusters(tokens[first])
        bar.advance()
        bar.note("finding overlaps")
        overlap_rows = _overlap_rows(parts, tokens)
        bar.advance()
    return CheckReport(
        directory=directory,
        files=pd.DataFrame(file_rows, columns=_FILE_COLUMNS),
        overlaps=pd.DataFrame(overlap_rows, columns=_OVERLAP_COLUMNS),
        n_windows=len(tokens),
        n_distinct=len(first),
        n_clusters=int(cluster.max(initial=-1)) + 1,
        largest_cluster=largest_share(cluster),
        problems=tuple(problems),
    )


def _types(
    directory: Path, files: dict[str, list[BenchmarkFile]], problems: list[str]
) -> dict[str, Modification]:
    """Find the types by symbol; complain of numbers that none has, and of missing files."""
    kinds = {m.symbol: m for m in benchmark_modifications(directory, problems.append)}
    for split, there in files.items():
        problems += [
            f"{file.path}: no known type has the number {file.kind}; left out"
            for file in there
            if file.is_foreign
        ]
        for symbol in kinds if there else ():
            labels = {file.label for file in there if file.symbol == symbol}
            missing = [
                name for label, name in enumerate(("unmodified", "modified")) if label not in labels
            ]
            if missing:
                problems.append(
                    f"{directory / split}: no {' and no '.join(missing)} sites of {symbol}"
                )
    return kinds


def _read(
    files: dict[str, list[BenchmarkFile]], kinds: dict[str, Modification], problems: list[str]
) -> list[_Part]:
    """Read all files, in the order of split, type and class."""
    parts = []
    order = list(kinds)
    for split, there in files.items():
        ours = [file for file in there if file.symbol in kinds]
        for file in sorted(ours, key=lambda f: (order.index(f.symbol), f.label, f.negatives)):
            try:
                records = list(read_fasta(file.path))
            except DataError as error:
                if str(error) not in problems:
                    problems.append(str(error))
                continue
            odd = [record for record in records if len(record.tokens) % 2]
            names = tuple(record.header for record in odd)
            windows = WindowSet(stack(odd), names, kinds[file.symbol], file.label, file.negatives)
            parts.append(_Part(split, records, windows))
    return parts


def _file_rows(parts: Sequence[_Part], kind: np.ndarray) -> list[dict[str, object]]:
    """Describe each file.

    Parameters
    ----------
    parts : sequence of _Part
    kind : np.ndarray, shape (N,), int
        The same number for identical windows, over all parts in turn.
    """
    ends = np.cumsum([len(part.windows) for part in parts])
    kinds = np.split(kind, ends[:-1]) if len(parts) else []
    rows = []
    for i, (part, mine) in enumerate(zip(parts, kinds, strict=True)):
        tokens, type_ = part.windows.tokens, part.windows.modification
        lengths = [len(record.tokens) for record in part.records]
        middle = centre(tokens.shape[1])
        bases = np.bincount(tokens[:, middle], minlength=AMBIGUOUS + 1)

        def among(others: list[np.ndarray], mine: np.ndarray = mine) -> int:
            return int(np.isin(mine, np.concatenate([*others, mine[:0]])).sum())

        rest = [(p, k) for j, (p, k) in enumerate(zip(parts, kinds, strict=True)) if j != i]
        beside = [(p.windows, k) for p, k in rest if p.split == part.split]
        same = [(w, k) for w, k in beside if w.modification == type_]
        row: dict[str, object] = {
            "split": part.split,
            "modification": type_.symbol,
            "label": part.windows.label,
            "negatives": "" if part.windows.label == POSITIVE else part.windows.negatives,
            "windows": len(lengths),
            "shortest": min(lengths),
            "longest": max(lengths),
            "even": len(lengths) - len(tokens),
            **{f"site_{base}": int(bases[b]) for b, base in enumerate(ALPHABET)},
            "site_other": int(bases[AMBIGUOUS]),
            "wrong_site": int((~type_.candidates(tokens)[:, middle]).sum()),
            "odd_letters": sum(bool((r.tokens == AMBIGUOUS).any()) for r in part.records),
            "repeated": len(mine) - len(np.unique(mine)),
            "other_split": among([k for p, k in rest if p.split != part.split]),
            "other_label": among([k for w, k in same if w.label != part.windows.label]),
            "other_type": among([k for w, k in beside if w.modification != type_]),
        }
        rows.append(row)
    return rows


def _overlap_rows(parts: Sequence[_Part], tokens: np.ndarray) -> list[dict[str, object]]:
    """Count for each file of a later split the windows that overlap an earlier split."""
    sizes = [len(part.windows) for part in parts]
    group = np.repeat([SPLITS.index(part.split) for part in parts], sizes)
    flags = overlapping_groups(tokens, group.astype(int))
    rows: list[dict[str, object]] = []
    for part, mine in zip(parts, np.split(flags, np.cumsum(sizes)[:-1]), strict=False):
        for against in range(SPLITS.index(part.split)):
            if (group == against).any() and len(mine):
                found = int(mine[:, against].sum())
                rows.append(
                    {
                        "split": part.split,
                        "modification": part.windows.modification.symbol,
                        "label": part.windows.label,
                        "negatives": ""
                        if part.windows.label == POSITIVE
                        else part.windows.negatives,
                        "against": SPLITS[against],
                        "windows": len(mine),
                        "overlapping": found,
                        "share": found / len(mine),
                    }
                )
    return rows
