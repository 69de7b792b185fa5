"""Windows to explain: centred records of a FASTA file, or windows around sites of a table."""

from __future__ import annotations

import csv
import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike

import numpy as np

from vqrna.data.fasta import FastaRecord
from vqrna.data.names import WHOLE_NAMES, NameKeys, NameRule, matching_rule
from vqrna.data.sequences import Sequences, describe_sequences, read_sequences
from vqrna.data.text_files import open_text
from vqrna.data.windows import stack, window_remarks
from vqrna.errors import DataError
from vqrna.modifications import Modification, as_modification, symbol_of
from vqrna.runtime.whole_numbers import whole_number
from vqrna.sequence import AMBIGUOUS, centre, recentre, windows_around

_NEEDED = ("sequence", "position", "modification")
_STRANDS = ("+", "-", ".", "*", "")
_NOT_CALLED = "."


@dataclass(frozen=True, eq=False)
class SiteWindows:
    """Windows with their origin.

    Attributes
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        The site is at ``L // 2``.
    names : tuple of str
        Names of their sequences.
    positions : np.ndarray, shape (N,), int64
        0-based positions of the sites in their sequences.
    left_out : int
        Number of windows skipped because their centre cannot carry the modification.
    shorter : int
        Number of records with fewer letters than a window.
    longer : int
        Number of records with more letters than a window.
    empty : int
        Number of records skipped because they have no letters.
    uncalled : int
        Rows of a table of sites that are not called.
    repeated : int
        Rows that repeat a site.
    """

    tokens: np.ndarray
    names: tuple[str, ...]
    positions: np.ndarray
    left_out: int = 0
    shorter: int = 0
    longer: int = 0
    empty: int = 0
    uncalled: int = 0
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.tokens)

    def remarks(self) -> list[str]:
        """Return lines about windows that were skipped, cut or padded."""
        rows = {"not called": self.uncalled, "repeated": self.repeated}
        skipped = [f"rows of sites that are {why}, left out: {n:,}" for why, n in rows.items() if n]
        return skipped + window_remarks(
            self.tokens.shape[1],
            empty=self.empty,
            left_out=self.left_out,
            shorter=self.shorter,
            longer=self.longer,
        )


def read_windows(sequences: Sequences, length: int, hint: str = "") -> SiteWindows:
    """Read all sequences as windows with the site in their centre.

    Raises DataError if a record has an even length.

    Parameters
    ----------
    sequences : path, text, mapping, table or iterable
        As for :func:`vqrna.predict`. Records without letters are skipped.
    length : int
        Length in nt: longer records are cut, shorter ones padded with ambiguous letters.
    hint : str
        Appended to the message about a record of even length.
    """
    all_records = list(read_sequences(sequences))
    records = [record for record in all_records if len(record.tokens)]
    for record in records:
        if len(record.tokens) % 2 == 0:
            raise DataError(
                f"the window is {len(record.tokens)} nt long; a window needs an odd length, "
                f"with the site in its centre{hint}",
                file=record.file, record=record.name, line=record.line,
            )  # fmt: skip
    windows = SiteWindows(
        recentre(stack(records), length),
        tuple(record.name for record in records),
        np.array([centre(len(record.tokens)) for record in records], dtype=np.int64),
        empty=len(all_records) - len(records),
    )
    return _with_length_counts(windows)


def _with_length_counts(windows: SiteWindows) -> SiteWindows:
    """Count the centred windows that were padded and cut."""
    lengths, length = 2 * windows.positions + 1, windows.tokens.shape[1]
    shorter, longer = int((lengths < length).sum()), int((lengths > length).sum())
    return dataclasses.replace(windows, shorter=shorter, longer=longer)


def centred_windows(
    sequences: Sequences, modification: str | Modification, length: int
) -> SiteWindows:
    """Read records as in :func:`read_windows`; skip those that cannot carry a modification.

    Raises DataError if a record has an even length, or no centre can carry the modification.
    """
    modification = as_modification(modification)
    windows = read_windows(sequences, length, " (for sites in longer sequences use --sites TABLE)")
    file = describe_sequences(sequences)
    return _with_length_counts(_candidates(windows, modification, file))


def windows_at_sites(
    sequences: Sequences,
    table: str | PathLike[str],
    modification: str | Modification,
    length: int,
    rule: NameRule = WHOLE_NAMES,
) -> SiteWindows:
    """Return windows around the sites of a table that ``vqrna predict`` wrote.

    Raises DataError if the table is malformed, refers to a missing sequence or, with `rule`, to
    several, or has no site of the type.

    Parameters
    ----------
    sequences : path, text, mapping, table or iterable
        The sequences of the table, as for :func:`vqrna.predict`; the first one of each name is
        used.
    table : path
        Tab-separated with columns ``sequence``, ``position`` (1-based), ``modification`` and
        optionally ``strand``; plain or gzip. Rows of other types are ignored.
    length : int
        Length in nt; ambiguous letters beyond the ends of a sequence.
    rule : NameRule
        How names of sequences are cut before they are compared.
    """
    modification = as_modification(modification)
    wanted, uncalled, repeated = _sites(table, modification, rule)
    keys = NameKeys(rule, describe_sequences(sequences) or "the input")
    tokens: list[np.ndarray] = []
    names: list[str] = []
    positions: list[int] = []
    missing = set(wanted)
    for record in read_sequences(sequences):
        key = keys.add(record.name)
        if key not in missing:
            continue
        missing.discard(key)
        for position, reverse, line in wanted[key]:
            tokens.append(_cut(record, position, reverse, length, str(table), line))
            names.append(record.name)
            positions.append(position)
    if missing:
        first = min(missing, key=lambda name: wanted[name][0][2])
        reason = f"the sequence is not in {keys.file}"
        other = matching_rule(keys.names.values(), missing) if rule == WHOLE_NAMES else None
        reason += f"; names match with {other.options()}" if other else ""
        raise DataError(reason, file=str(table), record=first, line=wanted[first][0][2])
    keys.check(wanted)
    windows = SiteWindows(
        np.stack(tokens), tuple(names), np.array(positions), uncalled=uncalled, repeated=repeated
    )
    return _candidates(windows, modification, table)


def _sites(
    table: str | PathLike[str], modification: Modification, rule: NameRule
) -> tuple[dict[str, list[tuple[int, bool, int]]], int, int]:
    """Read the sites of a type that are called, or all if the table does not say.

    Returns 0-based positions, strands and line numbers by sequence, and the numbers of other rows
    of the type: of sites that are not called, and that are repeated.
    """
    sites: dict[str, list[tuple[int, bool, int]]] = defaultdict(list)
    columns: dict[str, int] = {}
    seen: set[tuple[str, int, bool]] = set()
    is_wanted: dict[str, bool] = {}  # by the name of a modification
    uncalled = repeated = 0
    with open_text(table) as lines:
        for number, cells in _table_rows(lines, str(table)):
            if not columns:
                columns = {name: i for i, name in enumerate(cells)}
                missing = [name for name in _NEEDED if name not in columns]
                if missing:
                    reason = f"missing column {', '.join(missing)} (expected sites.tsv of predict)"
                    raise DataError(reason, file=str(table), line=number)
                continue
            if len(cells) < len(columns):
                raise DataError("the line is cut short", file=str(table), line=number)
            name = cells[columns["modification"]]
            if name not in is_wanted:
                is_wanted[name] = symbol_of(name) == modification.symbol
            if not is_wanted[name]:
                continue
            text = cells[columns["position"]]
            position = whole_number(text)
            if not position:
                reason = f"invalid position '{text[:40]}' (expected a whole number from 1)"
                raise DataError(reason, file=str(table), line=number)
            strand = cells[columns["strand"]] if "strand" in columns else "+"
            if strand not in _STRANDS:
                reason = f"invalid strand '{strand[:40]}' (expected '+', '-' or '.')"
                raise DataError(reason, file=str(table), line=number)
            if "call" in columns and cells[columns["call"]] == _NOT_CALLED:
                uncalled += 1
                continue
            key = rule.key(cells[columns["sequence"]])
            site = (key, position - 1, strand == "-")
            if site in seen:
                repeated += 1
                continue
            seen.add(site)
            sites[key].append((*site[1:], number))
    if not sites:
        called = "called " if uncalled else ""
        reason = f"there are no {called}sites of {modification.symbol}"
        raise DataError(reason, file=str(table))
    return sites, uncalled, repeated


def _table_rows(lines: Iterable[bytes], file: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of each line.

    Tables of development versions before 1.0 begin with ``#`` lines.
    """
    in_table = False
    for number, raw in enumerate(lines, start=1):
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not text or (text.startswith("#") and not in_table):
            continue
        in_table = True
        try:
            quoted = '"' in text
            cells = next(csv.reader([text], delimiter="\t")) if quoted else text.split("\t")
        except csv.Error as error:
            raise DataError(f"invalid quotes ({error})", file=file, line=number) from None
        yield number, cells


def _cut(
    record: FastaRecord, position: int, reverse: bool, length: int, table: str, line: int
) -> np.ndarray:
    """Return a window of a record, reverse-complemented for the minus strand."""
    if position >= len(record.tokens):
        reason = f"position {position + 1} is beyond the end ({len(record.tokens)} nt)"
        raise DataError(reason, file=table, record=record.name, line=line)
    half = centre(length)
    low, high = max(0, position - half), min(len(record.tokens), position + half + 1)
    window = windows_around(record.tokens[low:high], np.array([position - low]), length)[0]
    if not reverse:
        return window
    return np.where(window < AMBIGUOUS, 3 - window, AMBIGUOUS).astype(np.uint8)[::-1]


def _candidates(
    windows: SiteWindows, modification: Modification, file: str | PathLike[str] | None
) -> SiteWindows:
    """Keep the windows whose site can carry the modification."""
    fit = modification.candidates(windows.tokens)[:, centre(windows.tokens.shape[1])]
    if not fit.any():
        context = modification.context
        reason = f"no window has a site of {modification.symbol} ({context}) in its centre"
        raise DataError(reason if len(windows) else "there are no windows", file=file)
    return dataclasses.replace(
        windows,
        tokens=np.ascontiguousarray(windows.tokens[fit]),
        names=tuple(name for name, kept in zip(windows.names, fit, strict=True) if kept),
        positions=windows.positions[fit],
        left_out=int((~fit).sum()),
    )
