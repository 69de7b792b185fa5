"""The windows that are to be explained: with the site in their centre, or about predicted sites."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from vqrna.data.fasta import FastaRecord, read_fasta
from vqrna.data.text_files import open_text
from vqrna.data.windows import stack, window_remarks
from vqrna.errors import DataError
from vqrna.modifications import Modification
from vqrna.sequence import AMBIGUOUS, centre, recentre, windows_around

_NEEDED = ("sequence", "position", "modification")


@dataclass(frozen=True, eq=False)
class SiteWindows:
    """Windows with where they come from.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        The site is at ``L // 2``.
    names : tuple of str, length N
        Of their sequences.
    positions : np.ndarray, shape (N,), int64
        0-based positions of the sites in their sequences.
    left_out : int
        Windows that were given, but whose centre cannot carry the modification.
    shorter, longer : int
        Records with fewer or more letters than a window has, of those that are left.
    empty : int
        Records without letters, left out.
    """

    tokens: np.ndarray
    names: tuple[str, ...]
    positions: np.ndarray
    left_out: int = 0
    shorter: int = 0
    longer: int = 0
    empty: int = 0

    def __len__(self) -> int:
        return len(self.tokens)

    def remarks(self) -> list[str]:
        """Tell in a line each what was done to the windows that were given."""
        return window_remarks(
            self.tokens.shape[1],
            empty=self.empty,
            left_out=self.left_out,
            shorter=self.shorter,
            longer=self.longer,
        )


def windows_of(
    files: Sequence[str | PathLike[str]], modification: Modification, length: int
) -> SiteWindows:
    """Take records as windows, the site in their centre.

    Parameters
    ----------
    files : sequence of path
        FASTA; ``-`` is standard input.
    modification : Modification
        Records whose centre cannot carry it are left out.
    length : int
        Wanted length in nt: longer records are cut, shorter ones stand among ambiguous letters.

    Raises
    ------
    DataError
        If a record has an even length, or no centre can carry the modification.
    """
    everything = [record for file in files for record in read_fasta(file)]
    records = [record for record in everything if len(record.tokens)]
    for record in records:
        if len(record.tokens) % 2 == 0:
            raise DataError(
                f"{len(record.tokens)} nt are no window, which has an odd length and the site in "
                "its centre; for sites in longer sequences give --sites TABLE",
                file=record.file,
                record=record.name,
                line=record.line,
            )
    piled = recentre(stack(records), length)
    positions = np.array([centre(len(record.tokens)) for record in records], dtype=np.int64)
    found = _candidates(piled, [r.name for r in records], positions, modification, files[0])
    lengths = 2 * found.positions + 1
    return dataclasses.replace(
        found,
        shorter=int((lengths < length).sum()),
        longer=int((lengths > length).sum()),
        empty=len(everything) - len(records),
    )


def windows_at(
    files: Sequence[str | PathLike[str]],
    table: str | PathLike[str],
    modification: Modification,
    length: int,
) -> SiteWindows:
    """Cut windows around the sites of a table, such as ``vqrna predict`` writes.

    Parameters
    ----------
    files : sequence of path
        FASTA with the sequences that the table names; of records that share a name the first.
    table : path
        Tab-separated with columns ``sequence``, ``position`` (from 1), ``modification`` and
        perhaps ``strand``; plain or gzip. Rows of other types are passed over.
    modification : Modification
    length : int
        In nt; beyond the ends of a sequence stand ambiguous letters.

    Raises
    ------
    DataError
        If the table is none, names what is not in the FASTA, or has no site of the type.
    """
    wanted = _sites(table, modification)
    tokens: list[np.ndarray] = []
    names: list[str] = []
    positions: list[int] = []
    missing = set(wanted)
    for file in files:
        for record in read_fasta(file):
            if record.name not in missing:
                continue
            missing.discard(record.name)
            for position, reverse, line in wanted[record.name]:
                tokens.append(_cut(record, position, reverse, length, str(table), line))
                names.append(record.name)
                positions.append(position)
    if missing:
        first = min(missing, key=lambda name: wanted[name][0][2])
        words = f"the sequence is not in {', '.join(map(str, files))}"
        raise DataError(words, file=str(table), record=first, line=wanted[first][0][2])
    return _candidates(np.stack(tokens), names, np.array(positions), modification, table)


def _sites(
    table: str | PathLike[str], modification: Modification
) -> dict[str, list[tuple[int, bool, int]]]:
    """Read positions (from 0), strands and lines of the sites of a type, by sequence."""
    found: dict[str, list[tuple[int, bool, int]]] = defaultdict(list)
    columns: dict[str, int] = {}
    with open_text(table) as lines:
        for number, raw in enumerate(lines, start=1):
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            if not text or text.startswith("#"):
                continue
            cells = text.split("\t")
            if not columns:
                columns = {name: i for i, name in enumerate(cells)}
                lacking = [name for name in _NEEDED if name not in columns]
                if lacking:
                    words = f"has no column {', '.join(lacking)}: is it a table of vqrna predict?"
                    raise DataError(words, file=str(table), line=number)
                continue
            if len(cells) < len(columns):
                raise DataError("the line is cut short", file=str(table), line=number)
            if cells[columns["modification"]] != modification.symbol:
                continue
            text = cells[columns["position"]]
            if not text.isdecimal() or int(text) < 1:
                words = f"'{text}' is no position (whole numbers from 1)"
                raise DataError(words, file=str(table), line=number)
            reverse = "strand" in columns and cells[columns["strand"]] == "-"
            found[cells[columns["sequence"]]].append((int(text) - 1, reverse, number))
    if not found:
        raise DataError(f"holds no site of {modification.symbol}", file=str(table))
    return found


def _cut(
    record: FastaRecord, position: int, reverse: bool, length: int, table: str, line: int
) -> np.ndarray:
    """Cut a window out of a record, read along its strand."""
    if position >= len(record.tokens):
        words = f"position {position + 1} is beyond the end ({len(record.tokens)} nt)"
        raise DataError(words, file=table, record=record.name, line=line)
    half = centre(length)
    low, high = max(0, position - half), min(len(record.tokens), position + half + 1)
    window = windows_around(record.tokens[low:high], np.array([position - low]), length)[0]
    if not reverse:
        return window
    return np.where(window < AMBIGUOUS, 3 - window, AMBIGUOUS).astype(np.uint8)[::-1]


def _candidates(
    tokens: np.ndarray,
    names: Sequence[str],
    positions: np.ndarray,
    modification: Modification,
    file: object,
) -> SiteWindows:
    """Keep the windows whose site can carry the modification."""
    fit = modification.candidates(tokens)[:, centre(tokens.shape[1])]
    if not fit.any():
        words = (
            f"no window has a site of {modification.symbol} ({modification.context}) in its centre"
            if len(tokens)
            else "holds no window"
        )
        raise DataError(words, file=str(file))
    kept = np.flatnonzero(fit)
    return SiteWindows(
        np.ascontiguousarray(tokens[kept]),
        tuple(names[i] for i in kept.tolist()),
        positions[kept],
        int((~fit).sum()),
    )
