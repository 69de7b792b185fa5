"""The files that predicted sites are compared with: known sites, and the regions that were scanned.

Known sites come from a user's BED or bedRMod file, scanned regions from the ``scanned.bed`` that
`vqrna predict` writes beside its tables.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os import PathLike

import numpy as np

from vqrna.data.fasta import INVALID_UTF8
from vqrna.data.names import WHOLE_NAMES, NameKeys, NameRule
from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.evaluation.predicted_sites import STRANDS, STRIDE, Block, Facts, fact_of, has_no_site
from vqrna.evaluation.site_layout import Layout, is_column_names, percentage, recognise, split_cells
from vqrna.formats.text import read_bed_name
from vqrna.genome.bed import (
    BEYOND,
    STRAND,
    FeatureError,
    parse_blocks,
    parse_interval,
    parse_strand,
    read_lines,
    split_fields,
)
from vqrna.genome.skipping import SkippedFeatures
from vqrna.modifications import MODIFICATIONS, OTHER_CODES, Modification, modification
from vqrna.runtime.run_record import SkippedInput
from vqrna.runtime.whole_numbers import whole_number

SCANNED = "scanned.bed"
"""Name of the file with the scanned regions."""

_MOST_COMMENTS = 1000  # lines of a header


UNKNOWN, UNMODIFIED = "is unknown or not compared", "too few modified reads"
"""Ends of reasons for which lines are skipped."""


@dataclass(frozen=True, eq=False)
class KnownSites:
    """Sites that are known to be modified, without duplicates."""

    names: tuple[str, ...]  # Names of the sequences
    sequence: np.ndarray  # (N,), int64: Index into `names`
    position: np.ndarray  # (N,), int64: 0-based
    reverse: np.ndarray  # (N,), bool
    # (N,), int64: Index into the modifications passed to :func:`read_known`
    modification_index: np.ndarray
    file: str
    line: np.ndarray  # (N,), int64: Line of the file, from 1; the first one if a site is repeated
    # repeated, strandless, unmodified: Number of lines that repeat a site, sites without a strand,
    # and lines whose percentage of modified reads is 0 or too low
    repeated: int = 0
    strandless: int = 0
    unmodified: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)  # Skipped lines by other modification
    # Skipped lines by reason, with the first line of each; those of `unmodified` and `unknown`, too
    skipped: tuple[SkippedInput, ...] = ()
    malformed: tuple[SkippedInput, ...] = ()  # Those of `skipped` that are not valid lines
    keys: NameKeys | None = None

    def __len__(self) -> int:
        return len(self.position)

    def first_line(self, reason: str) -> str:
        """Return the first line skipped for a reason that ends with `reason`, for a note."""
        lines = [s.first_line for s in self.skipped if s.first_line and s.reason.endswith(reason)]
        return f" (first: line {min(lines)})" if lines else ""

    def first_line_of(self, rows: np.ndarray) -> int:
        """Return the first line of some of the sites, by mask."""
        return int(self.line[rows].min())

    def skip(self, rows: np.ndarray, reason: str) -> KnownSites:
        """Return the other sites than some, by mask, which are listed as skipped."""
        each = SkippedInput(self.file, reason, int(rows.sum()), self.first_line_of(rows))
        rows = ~rows
        return replace(
            self,
            skipped=(*self.skipped, each),
            line=self.line[rows],
            sequence=self.sequence[rows],
            position=self.position[rows],
            reverse=self.reverse[rows],
            modification_index=self.modification_index[rows],
        )


def read_known(
    path: str | PathLike[str],
    modifications: Sequence[Modification],
    only: Modification | None = None,
    *,
    min_percent: float | None = None,
    names: NameRule = WHOLE_NAMES,
    strict: bool = False,
) -> KnownSites:
    """Read known sites from BED (three columns or more), bedMethyl or bedRMod, plain or gzipped.

    A line of column names may begin with ``#`` or not; with it, the columns may have any order. The
    bedMethyl of modkit and bedRMod are recognised by their columns; their lines count as sites if
    reads are modified. Lines that are not a site of one nt are skipped and counted by reason.

    Raises DataError if no line is a site of one of the types; if `strict`, with the line of the
    first one that is not a site or has an unknown modification.

    Parameters
    ----------
    modifications : sequence of Modification
        Types that the column of modifications can hold, by any of their names and codes.
    only : Modification, optional
        Read only sites of this type; in BED, names that are not a type count as this type.
    min_percent : float, optional
        Lowest percentage of modified reads, for bedMethyl and bedRMod; above 0 by default.
    names : NameRule
        How names of sequences are compared.
    strict : bool
    """
    file = str(path)
    keys = NameKeys(names, file)
    skipped = SkippedFeatures(path, strict=strict)
    ids: dict[str, int] = {}
    codes: dict[str, int] = {}
    first_lines: list[int] = []  # of each code
    # sequence, position, strand (2 if missing), code and line of each site in turn
    rows = array("q")
    comments: list[str] = []
    columns: list[str] = []
    layout: Layout | None = None
    unmodified = first_unmodified = width = 0
    largest = 0.0  # percentage
    with open_text(path) as lines:
        for number, raw in enumerate(lines, start=1):
            text = raw.decode("utf-8", INVALID_UTF8).rstrip("\r\n")
            text = text.removeprefix("\ufeff") if number == 1 else text
            if has_no_site(text):
                if layout is None and text.startswith("#") and len(comments) < _MOST_COMMENTS:
                    comments.append(text)
                    cells = split_cells(text.lstrip("# "))
                    columns = cells if is_column_names(cells) else columns
                continue
            cells = split_cells(text)
            if layout is None and not columns and is_column_names(cells):
                columns = cells
                continue
            guess = layout or recognise(cells, comments, columns)
            try:
                if layout is not None and len(cells) != width:
                    _check_layout(layout, recognise(cells, comments, columns))
                start, strand = _start(cells, guess), _strand(cells, guess)
                percent = _percent(cells, guess)
            except FeatureError as error:
                skipped.add(error.reason, number, str(error))
                continue
            if layout is None:
                layout, width = guess, len(cells)
                if min_percent is not None and layout.percent is None:
                    message = "has no percentage of modified reads: --min-percent cannot be used"
                    raise DataError(message, file=file)
            largest = max(largest, percent or 0.0)
            if percent is not None and (percent <= 0 or percent < (min_percent or 0)):
                unmodified += 1
                first_unmodified = first_unmodified or number
                continue
            code = layout.cell(cells, layout.code)
            if layout.percent is not None:
                code = code.partition(",")[0]  # modkit appends a motif
            if code not in codes:
                codes[code] = len(codes)
                first_lines.append(number)
            name = read_bed_name(cells[layout.sequence])
            sequence = ids.setdefault(keys.add(name), len(ids))
            rows.extend((sequence, start, strand, codes[code], number))
    layout = layout or Layout()
    every = np.frombuffer(rows, dtype=np.int64).reshape(-1, 5)
    with_percent = layout.percent is not None
    of_codes = _types_of_codes(list(codes), modifications, only, with_percent=with_percent)
    of_rows = of_codes[every[:, 3]] if len(every) else every[:, 3]
    counts = np.bincount(every[:, 3], minlength=len(codes))
    unknown = {code: int(counts[i]) for code, i in codes.items() if of_codes[i] < 0 and counts[i]}
    known = every[of_rows >= 0]
    if not len(known):
        if not (unknown or unmodified):
            raise skipped.nothing_left("sites")
        raise DataError(_no_sites(layout, only, unknown, unmodified, largest), file=file)
    if strict and only is None:
        for code in unknown:
            if code not in OTHER_CODES:
                message = f"unknown modification '{code[:40]}'"
                raise DataError(message, file=file, line=first_lines[codes[code]])
    strandless = int((known[:, 2] == 2).sum())
    columns_of = np.column_stack([known[:, :2], known[:, 2] == 1, of_rows[of_rows >= 0]])
    unique, index = np.unique(columns_of, axis=0, return_index=True)
    first = np.sort(index)
    sequence_ids, position, reverse, of_types = columns_of[first].T
    others = [
        SkippedInput(
            file,
            f"modification {code[:40] or 'without a name'} {UNKNOWN}",
            count,
            first_lines[codes[code]],
        )
        for code, count in unknown.items()
    ]
    if unmodified:
        others.append(SkippedInput(file, UNMODIFIED, unmodified, first_unmodified))
    malformed = skipped.inputs()
    return KnownSites(
        tuple(ids),
        sequence_ids,
        position,
        reverse.astype(bool),
        of_types,
        file,
        known[first, 4],
        repeated=len(columns_of) - len(unique),
        strandless=strandless,
        unmodified=unmodified,
        unknown=unknown,
        skipped=tuple(sorted([*malformed, *others], key=lambda each: each.first_line or 0)),
        malformed=malformed,
        keys=keys,
    )


def _check_layout(layout: Layout, other: Layout) -> None:
    """Raise FeatureError if a line with more or fewer columns has another format."""
    if layout.percent is None and other.percent is not None:
        message = "has a percentage of modified reads, unlike the first site of the file"
        raise FeatureError("format unlike the first site", message)


def _percent(cells: Sequence[str], layout: Layout) -> float | None:
    """Return the percentage of modified reads; None if the file has none."""
    if layout.percent is None:
        return None
    text = layout.cell(cells, layout.percent)
    percent = percentage(text)
    if percent is None:
        where = f"in column {layout.percent + 1} (expected 0 to 100)"
        raise FeatureError("invalid percentage", f"invalid percentage '{text[:40]}' {where}")
    return percent


def _strand(cells: Sequence[str], layout: Layout) -> int:
    """Return the strand of a site: 0 forward, 1 reverse, 2 unknown."""
    strand = layout.cell(cells, layout.strand)
    if strand not in STRANDS:
        message = f"invalid strand '{strand[:40]}' (expected '+', '-' or '.')"
        raise FeatureError(STRAND, message)
    return 2 if strand in (".", "*", "") else int(STRANDS[strand])


def _types_of_codes(
    codes: Sequence[str],
    modifications: Sequence[Modification],
    only: Modification | None,
    *,
    with_percent: bool,
) -> np.ndarray:
    """Return the index of the type of each name or code, -1 for those that are skipped: (C,).

    Numbers in BED may number the sites: they are codes only if all numbers of the file are.
    """
    types = tuple(modifications)
    listed = _listed_codes(types)
    numbers = [code for code in codes if code.isdecimal()]
    are_codes = with_percent or set(numbers) <= listed
    indices = []
    for code in codes:
        index = None
        if code and not (code.isdecimal() and (not are_codes or code not in listed)):
            with suppress(UsageError):
                index = types.index(modification(code, types))
        if only is None:
            indices.append(-1 if index is None else index)
            continue
        wanted = types.index(only)
        other = with_percent and code not in ("", ".")
        unnamed = index is None and not other
        indices.append(wanted if unnamed or index == wanted else -1)
    return np.array(indices, dtype=np.int64)


def _listed_codes(types: Sequence[Modification]) -> set[str]:
    """Return the codes of the SAM tags that are known, of these types and of other ones."""
    return {*OTHER_CODES, *(code for m in types for code in m.codes)}


def _no_sites(
    layout: Layout,
    only: Modification | None,
    unknown: Mapping[str, int],
    unmodified: int,
    largest: float,
) -> str:
    """Return the message for a file whose sites are all of other types or unmodified."""
    if unmodified and not unknown:
        words = f"holds no modified sites: too few reads are modified in all {unmodified:,} lines"
        fraction = (
            "; the percentages are at most 1: are they fractions?" if 0 < largest <= 1 else ""
        )
        return words + fraction
    if only is not None:
        return f"holds no sites of {only.symbol}"
    codes = _listed_codes(MODIFICATIONS)
    example = next((code for code in unknown if code not in codes), next(iter(unknown)))
    if example in ("", ".") or layout.code is None:
        return "has no column with the types of its sites: set one with --modification"
    message = f"unknown modifications in column {layout.code + 1}, such as '{example[:40]}'"
    return f"{message}: set one with --modification"


def _start(cells: Sequence[str], layout: Layout) -> int:
    """Return the position of a site, which must be one nt wide."""
    columns = max(layout.sequence, layout.start, layout.stop) + 1
    if len(cells) < columns:
        message = f"a line of BED needs {columns} columns or more, this one has {len(cells)}"
        raise FeatureError("too few columns", message)
    start, stop = whole_number(cells[layout.start]), whole_number(cells[layout.stop])
    if start is None or stop is None:
        shown = f"'{cells[layout.start][:40]}' and '{cells[layout.stop][:40]}'"
        message = f"invalid start and end {shown} (expected whole numbers)"
        raise FeatureError("invalid start or end", message)
    if layout.width is not None:
        width = layout.cell(cells, layout.width)[:40]
        if width != str(stop - start + 1) or start < 1:
            message = f"width '{width}' does not fit start {start} and end {stop}, 1-based as in R"
            raise FeatureError("width unlike start and end", message)
        start -= 1
    if start >= STRIDE:
        raise FeatureError("invalid start or end", f"invalid start {start}")
    if stop - start != 1:
        message = f"a known site must be one nt wide, this one is {stop - start}"
        raise FeatureError("not one nt wide", message)
    return start


@dataclass(frozen=True, eq=False)
class ScannedRegions:
    """Regions that were scanned."""

    names: dict[str, int]  # Numbers of the sequences
    # (N,), int64: Starts of the regions, sorted; each sequence and strand is a group of `STRIDE`
    starts: np.ndarray
    stops: np.ndarray  # (N,), int64: Largest stop of all regions up to each
    facts: Facts  # Header of the file
    keys: NameKeys | None = None
    skipped: tuple[SkippedInput, ...] = ()  # Features that cannot be used, by reason

    def beyond(self, known: KnownSites) -> np.ndarray:
        """Return which known sites are behind the last region of their sequence, shape (N,)."""
        ends = np.zeros(len(self.names) + 1, dtype=np.int64)  # the last one: of other sequences
        np.maximum.at(ends, self.starts // (2 * STRIDE), self.stops % STRIDE)
        sequence = self._sequence(known, known.names)
        return (sequence >= 0) & (known.position >= ends[sequence])

    def _sequence(self, sites: KnownSites | Block, names: Sequence[str]) -> np.ndarray:
        number = np.array([self.names.get(name, -1) for name in names], dtype=np.int64)
        return number[sites.sequence] if len(number) else np.full(len(sites.position), -1)

    def holds(self, sites: KnownSites | Block, names: Sequence[str] | None = None) -> np.ndarray:
        """Return which sites are in a scanned region, shape (N,).

        Parameters
        ----------
        names : sequence of str, optional
            Names of the sequences, as they are compared; those of the sites if not given.
        """
        sequence = self._sequence(sites, sites.names if names is None else names)
        place = (2 * sequence + sites.reverse) * STRIDE + sites.position
        before = np.searchsorted(self.starts, place, side="right")
        reached = np.concatenate([[0], self.stops])[before]
        return (sequence >= 0) & (reached > place)


def read_scanned(
    path: str | PathLike[str], rule: NameRule = WHOLE_NAMES, *, strict: bool = False
) -> ScannedRegions:
    """Read scanned regions from BED, with the rules of `vqrna predict --regions`.

    A line without a strand covers both strands; of twelve columns only the blocks count. Features
    that cannot be used, such as those of length zero, are skipped and counted.

    Raises DataError if the file is missing or no region can be used; if `strict`, for each that
    cannot be used.
    """
    names: dict[str, int] = {}
    keys = NameKeys(rule, path)
    skipped = SkippedFeatures(path, strict=strict)
    facts: Facts = {}
    starts: list[int] = []
    stops: list[int] = []
    with read_lines(path) as lines:
        for line_number, line in enumerate(lines, start=1):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if has_no_site(text):
                facts.update(fact_of(text))
                continue
            try:
                fields = split_fields(line)
                start, stop = parse_interval(fields)
                if stop >= STRIDE:
                    raise FeatureError(BEYOND, f"end {stop} is beyond any sequence")
                strand, blocks = parse_strand(fields), parse_blocks(fields, start, stop)
            except FeatureError as error:
                skipped.add(error.reason, line_number, str(error))
                continue
            name = keys.add(read_bed_name(fields[0].decode("utf-8", INVALID_UTF8)))
            number = names.setdefault(name, len(names))
            for reverse in (0, 1) if not strand else (int(strand < 0),):
                group = (2 * number + reverse) * STRIDE
                starts += (group + block[0] for block in blocks)
                stops += (group + block[1] for block in blocks)
    if not names and skipped.inputs():
        raise skipped.nothing_left("regions")
    first = np.array(starts, dtype=np.int64)
    order = np.argsort(first, kind="stable")
    reach = np.maximum.accumulate(np.array(stops, dtype=np.int64)[order]) if starts else first
    return ScannedRegions(names, first[order], reach, facts, keys, skipped.inputs())
