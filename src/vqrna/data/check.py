"""Check a data set: counts, lengths, letters, duplicates, overlaps."""

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
    """Description of a data set."""

    directory: Path
    # A row for each file: ``split, modification, label, negatives, windows, shortest, longest,
    # even, site_A, site_C, site_G, site_U, site_other, wrong_site, odd_letters, repeated,
    # other_split, other_label, other_type``. The counts from ``even`` on are of windows: of even
    # length (without a known site, not counted further); by the base in the centre; whose centre
    # cannot carry the type; with letters other than ACGUT; repeated in the same file; also in
    # another split, in the same split for the same type with the other label, and in the same split
    # for another type.
    files: pd.DataFrame
    # A row for each file of valid and test and each earlier split: ``split, modification, label,
    # negatives, against, windows, overlapping, share``
    overlaps: pd.DataFrame
    n_windows: int  # Number of windows of odd length
    n_distinct: int  # Number of distinct ones
    n_clusters: int  # Number of clusters of overlapping windows
    largest_cluster: float  # Share of the distinct windows in the largest cluster
    problems: tuple[str, ...]  # Files that are missing or cannot be read, one line each


@dataclass(frozen=True, eq=False)
class _Part:
    """A file and its windows of odd length."""

    split: str
    records: list[FastaRecord]
    windows: WindowSet


def check_data(directory: str | PathLike[str], *, show_progress: bool = False) -> CheckReport:
    """Check a data set in the benchmark layout.

    A file that cannot be read is listed in the report, and the others are checked.

    Raises DataError if the folder does not exist, or holds no file of the layout.

    Parameters
    ----------
    directory : path-like
        Folder with some of ``train``, ``valid`` and ``test``.
    """
    import pandas as pd

    directory = Path(directory)
    if not directory.is_dir():
        raise DataError("not a folder with benchmark data", file=directory)
    files = {split: find_files(directory, split) for split in SPLITS}
    if not any(files.values()):
        message = "no benchmark files (such as train/1-0.fasta and train/1-1.fasta)"
        raise DataError(message, file=directory)
    problems: list[str] = []
    types = _types(directory, files, problems)
    with progress(4, "checking", unit="steps", show=show_progress) as bar:
        bar.note("reading")
        parts = _read(files, types, problems)
        bar.advance()
        bar.note("comparing windows")
        tokens = pile([part.windows for part in parts])
        first, number = identical(tokens)
        file_rows = _file_rows(parts, number)
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
    """Return the types by symbol; add unknown numbers and missing files to the problems."""
    types = {m.symbol: m for m in benchmark_modifications(directory, problems.append)}
    for split, of_split in files.items():
        problems += [
            f"{file.path}: no known modification has the number {file.key}; skipped"
            for file in of_split
            if file.is_foreign
        ]
        for symbol in types if of_split else ():
            labels = {file.label for file in of_split if file.symbol == symbol}
            missing = [
                name for label, name in enumerate(("unmodified", "modified")) if label not in labels
            ]
            if missing:
                problems.append(
                    f"{directory / split}: no {' and no '.join(missing)} sites of {symbol}"
                )
    return types


def _read(
    files: dict[str, list[BenchmarkFile]], types: dict[str, Modification], problems: list[str]
) -> list[_Part]:
    """Read all files in the order of split, type and class."""
    parts = []
    order = list(types)
    for split, of_split in files.items():
        used = [file for file in of_split if file.symbol in types]
        for file in sorted(used, key=lambda f: (order.index(f.symbol), f.label, f.negatives)):
            try:
                records = list(read_fasta(file.path))
            except DataError as error:
                if str(error) not in problems:
                    problems.append(str(error))
                continue
            odd = [record for record in records if len(record.tokens) % 2]
            even = [record for record in records if not len(record.tokens) % 2]
            if even:
                more = f" ({len(even):,} such windows)" if len(even) > 1 else ""
                words = f"the window is {len(even[0].tokens)} nt long, so it has no centre{more}"
                first = even[0]
                problems.append(
                    str(DataError(words, file=file.path, record=first.name, line=first.line))
                )
            names = tuple(record.header for record in odd)
            windows = WindowSet(stack(odd), names, types[file.symbol], file.label, file.negatives)
            parts.append(_Part(split, records, windows))
    return parts


def _file_rows(parts: Sequence[_Part], number: np.ndarray) -> list[dict[str, object]]:
    """Describe each file; `number` (N,) is the same for identical windows, over all parts."""
    ends = np.cumsum([len(part.windows) for part in parts])
    numbers = np.split(number, ends[:-1]) if len(parts) else []
    rows = []
    for i, (part, mine) in enumerate(zip(parts, numbers, strict=True)):
        tokens, m = part.windows.tokens, part.windows.modification
        lengths = [len(record.tokens) for record in part.records]
        middle = centre(tokens.shape[1])
        bases = np.bincount(tokens[:, middle], minlength=AMBIGUOUS + 1)

        def among(others: list[np.ndarray], mine: np.ndarray = mine) -> int:
            return int(np.isin(mine, np.concatenate([*others, mine[:0]])).sum())

        rest = [(p, k) for j, (p, k) in enumerate(zip(parts, numbers, strict=True)) if j != i]
        beside = [(p.windows, k) for p, k in rest if p.split == part.split]
        same = [(w, k) for w, k in beside if w.modification == m]
        row: dict[str, object] = {
            **_class(part),
            "windows": len(lengths),
            "shortest": min(lengths),
            "longest": max(lengths),
            "even": len(lengths) - len(tokens),
            **{f"site_{base}": int(bases[b]) for b, base in enumerate(ALPHABET)},
            "site_other": int(bases[AMBIGUOUS]),
            "wrong_site": int((~m.candidates(tokens)[:, middle]).sum()),
            "odd_letters": sum(bool((r.tokens == AMBIGUOUS).any()) for r in part.records),
            "repeated": len(mine) - len(np.unique(mine)),
            "other_split": among([k for p, k in rest if p.split != part.split]),
            "other_label": among([k for w, k in same if w.label != part.windows.label]),
            "other_type": among([k for w, k in beside if w.modification != m]),
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
                overlapping = int(mine[:, against].sum())
                rows.append(
                    {
                        **_class(part),
                        "against": SPLITS[against],
                        "windows": len(mine),
                        "overlapping": overlapping,
                        "share": overlapping / len(mine),
                    }
                )
    return rows


def _class(part: _Part) -> dict[str, object]:
    windows = part.windows
    negatives = "" if windows.label == POSITIVE else windows.negatives
    values = (part.split, windows.modification.symbol, windows.label, negatives)
    return dict(zip(_CLASS, values, strict=True))
