"""Known sites, which predicted ones are compared with: a user's BED, bedMethyl or bedRMod file."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from os import PathLike

import numpy as np

from vqrna.data.fasta import INVALID_UTF8
from vqrna.data.names import WHOLE_NAMES, NameKeys, NameRule
from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.evaluation.predicted_sites import STRANDS, STRIDE, has_no_site
from vqrna.evaluation.site_layout import Layout, is_column_names, percentage, recognise, split_cells
from vqrna.formats.text import read_bed_name
from vqrna.genome.bed import STRAND, FeatureError
from vqrna.genome.skipping import SkippedFeatures
from vqrna.modifications import MODIFICATIONS, OTHER_CODES, Modification, modification
from vqrna.runtime.run_record import SkippedInput
from vqrna.runtime.whole_numbers import whole_number

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
    reader = _Reader(file, names, SkippedFeatures(path, strict=strict), min_percent)
    with open_text(path) as lines:
        reader.read(lines)
    return _with_types(reader, modifications, only, strict=strict)


class _Reader:
    """Sites of a file, before it is known which of them are of one of the types.

    Which codes are names of types depends on the other codes of the file.
    """

    def __init__(
        self, file: str, names: NameRule, skipped: SkippedFeatures, min_percent: float | None
    ) -> None:
        self.file, self.skipped = file, skipped
        self.keys = NameKeys(names, file)
        self.layout: Layout | None = None  # that of the first site
        self.sequences: dict[str, int] = {}  # number of each name
        self.codes: dict[str, int] = {}  # number of each modification, as it is written
        self.first_lines: list[int] = []  # of each code
        self.unmodified = self.first_unmodified = 0
        self.largest_percent = 0.0
        self._rows = array("q")
        self._min_percent = min_percent
        self._width = 0  # columns of the first site
        self._comments: list[str] = []
        self._columns: list[str] = []

    def read(self, lines: Iterable[bytes]) -> None:
        """Read all lines of the file."""
        for number, raw in enumerate(lines, start=1):
            text = raw.decode("utf-8", INVALID_UTF8).rstrip("\r\n")
            text = text.removeprefix("\ufeff") if number == 1 else text
            if has_no_site(text):
                if self.layout is None and text.startswith("#"):
                    self._add_comment(text)
                continue
            cells = split_cells(text)
            if self.layout is None and not self._columns and is_column_names(cells):
                self._columns = cells
                continue
            try:
                self._add_site(cells, number)
            except FeatureError as error:
                self.skipped.add(error.reason, number, str(error))

    def sites(self) -> np.ndarray:
        """Return sequence, position, strand (2 if missing), code and line of each site: (N, 5)."""
        return np.frombuffer(self._rows, dtype=np.int64).reshape(-1, 5)

    def _add_comment(self, text: str) -> None:
        if len(self._comments) < _MOST_COMMENTS:
            self._comments.append(text)
            cells = split_cells(text.lstrip("# "))
            self._columns = cells if is_column_names(cells) else self._columns

    def _add_site(self, cells: list[str], number: int) -> None:
        layout = self.layout
        if layout is None or len(cells) != self._width:
            guess = recognise(cells, self._comments, self._columns)
            if layout is not None:
                _check_layout(layout, guess)
            layout = layout or guess
        start, strand, percent = (
            _start(cells, layout),
            _strand(cells, layout),
            _percent(cells, layout),
        )
        if self.layout is None:
            self.layout, self._width = layout, len(cells)
            if self._min_percent is not None and layout.percent is None:
                message = "has no percentage of modified reads: --min-percent cannot be used"
                raise DataError(message, file=self.file)
        if percent is not None:
            self.largest_percent = max(self.largest_percent, percent)
            if percent <= 0 or percent < (self._min_percent or 0):
                self.unmodified += 1
                self.first_unmodified = self.first_unmodified or number
                return
        code = layout.cell(cells, layout.code)
        if layout.percent is not None:
            code = code.partition(",")[0]  # modkit appends a motif
        if code not in self.codes:
            self.codes[code] = len(self.codes)
            self.first_lines.append(number)
        name = self.keys.add(read_bed_name(cells[layout.sequence]))
        sequence = self.sequences.setdefault(name, len(self.sequences))
        self._rows.extend((sequence, start, strand, self.codes[code], number))


def _with_types(
    read: _Reader, modifications: Sequence[Modification], only: Modification | None, *, strict: bool
) -> KnownSites:
    """Return the sites of the types, without repeated ones; raises as :func:`read_known`."""
    layout, sites = read.layout or Layout(), read.sites()
    of_codes = _types_of_codes(
        list(read.codes), modifications, only, with_percent=layout.percent is not None
    )
    of_sites = of_codes[sites[:, 3]] if len(sites) else sites[:, 3]
    unknown = _unknown_codes(read, of_codes)
    known, types = sites[of_sites >= 0], of_sites[of_sites >= 0]
    if not len(known):
        if not (unknown or read.unmodified):
            raise read.skipped.nothing_left("sites")
        raise DataError(
            _no_sites(layout, only, unknown, read.unmodified, read.largest_percent), file=read.file
        )
    if strict and only is None:
        for code in unknown:
            if code not in OTHER_CODES:
                line = read.first_lines[read.codes[code]]
                raise DataError(f"unknown modification '{code[:40]}'", file=read.file, line=line)
    keys = np.column_stack([known[:, :2], known[:, 2] == 1, types])
    unique, index = np.unique(keys, axis=0, return_index=True)
    first = np.sort(index)
    sequence, position, reverse, of_types = keys[first].T
    malformed = read.skipped.inputs()
    skipped = [*malformed, *_skipped_by_content(read, unknown)]
    return KnownSites(
        tuple(read.sequences),
        sequence,
        position,
        reverse.astype(bool),
        of_types,
        read.file,
        known[first, 4],
        repeated=len(keys) - len(unique),
        strandless=int((known[:, 2] == 2).sum()),
        unmodified=read.unmodified,
        unknown=unknown,
        skipped=tuple(sorted(skipped, key=lambda each: each.first_line or 0)),
        malformed=malformed,
        keys=read.keys,
    )


def _unknown_codes(read: _Reader, of_codes: np.ndarray) -> dict[str, int]:
    """Return the number of lines of each code that is none of the types."""
    counts = np.bincount(read.sites()[:, 3], minlength=len(read.codes))
    return {code: int(counts[i]) for code, i in read.codes.items() if of_codes[i] < 0}


def _skipped_by_content(read: _Reader, unknown: Mapping[str, int]) -> list[SkippedInput]:
    """Return valid lines that are skipped: of other modifications, and with few modified reads."""
    skipped = [
        SkippedInput(
            read.file,
            f"modification {code[:40] or 'without a name'} {UNKNOWN}",
            count,
            read.first_lines[read.codes[code]],
        )
        for code, count in unknown.items()
    ]
    if read.unmodified:
        skipped.append(SkippedInput(read.file, UNMODIFIED, read.unmodified, read.first_unmodified))
    return skipped


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
        lines = "its only line" if unmodified == 1 else f"all {unmodified:,} lines"
        words = f"holds no modified sites: too few reads are modified in {lines}"
        fraction = (
            "; the percentages are at most 1: are they fractions?" if 0 < largest <= 1 else ""
        )
        return words + fraction
    if only is not None:
        return f"holds no sites of {only.symbol}"
    codes = _listed_codes(MODIFICATIONS)
    example = next((code for code in unknown if code not in codes), next(iter(unknown)))
    if example in ("", ".") or layout.code is None:
        return "has no column with the modifications of its sites: set one with --modification"
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
