"""Read VCF and BCF, plain, bgzipped or from standard input, and add a field to their records.

Lines of text are kept as they are, so that no other field of a record changes; pysam converts only
BCF. It is not used for text because it would round numbers, and because it reports neither line nor
record of an error.
"""

from __future__ import annotations

import gzip
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.formats.description import one_line

FIELD = "VQRNA"
"""Name of the field that is added to INFO."""

SUBFIELDS = (
    "ALLELE", "GENE", "TRANSCRIPT", "MODIFICATION", "POSITION", "REF_P", "ALT_P", "DELTA", "CLASS",
)  # fmt: skip
"""Parts of a value of the field, separated by ``|``."""

HEADER_LINE = (
    f'##INFO=<ID={FIELD},Number=.,Type=String,Description="RNA modification sites whose '
    "probability the variant changes, predicted by vqrna. Format: Consequence(name of "
    f'{SUBFIELDS[0]} in bcftools +split-vep). Format: {"|".join(SUBFIELDS)}">'
)
"""Declares the field, in the form that ``bcftools +split-vep`` reads.

Releases of bcftools insist on a subfield with the name Consequence. They read names from the first
``Format:`` on and ignore what is in a bracket, so that the first subfield has this name for them.
"""

COLUMNS = 8
"""Fewest columns of a record."""

_LAST_POS = 2**31 - 1  # POS is a 32-bit integer in BCF and in indexes

_VCF = b"##fileformat=VCF"
_NOT_VCF = "is not a VCF file: expected ##fileformat=VCF first, and #CHROM before the records"
_BCF = b"BCF\x02"
_GZIP = b"\x1f\x8b"
_REF = re.compile(rb"[A-Za-z]+").fullmatch
_OWN_HEADER = f"##INFO=<ID={FIELD},".encode()
_FACT = "##vqrna_"
_OWN_FIELD = f"{FIELD}=".encode()
_UNSAFE = re.compile(r"[\s,;=|&%]")


class VcfRecord(NamedTuple):
    """The columns of a record that determine its effects."""

    number: int  # From 0, in the order of the file
    chrom: str
    pos: int  # 1-based
    id: str
    ref: str
    alts: tuple[str, ...]  # Empty for ``.``

    @property
    def place(self) -> str:
        """Name for messages."""
        name = "" if self.id == "." else f" ({self.id})"
        return f"{self.chrom}:{self.pos}{name}"


@dataclass(frozen=True)
class VcfFile:
    """A VCF or BCF file that can be read more than once; made by :func:`open_vcf`."""

    path: Path
    shown: str  # The file as the user named it; ``-`` is standard input
    binary: bool  # Whether it is BCF

    def records(self) -> Iterator[VcfRecord]:
        """Yield the records.

        Raises DataError, with file, line and record, if the file or a record is malformed.
        """
        columns = 0
        number = 0
        with self._lines() as lines:
            for line_number, line in enumerate(lines, start=1):
                if line.startswith(b"#"):
                    columns = columns or (
                        len(line.split(b"\t")) if line.startswith(b"#CHROM") else 0
                    )
                    if line_number == 1 and not line.startswith(_VCF):
                        raise self._header_error(1)
                    continue
                if not columns:
                    raise self._header_error(line_number)
                if line.strip():
                    yield self._parse(line, line_number, number, columns)
                    number += 1
        if not columns:
            raise DataError("has no header line #CHROM", file=self.shown)

    def annotated(
        self, values: Iterable[str], facts: Mapping[str, str] | None = None
    ) -> Iterator[bytes]:
        """Yield the lines of the file as VCF, with the field in the records.

        Parameters
        ----------
        values : iterable of str
            Value of the field for each record, in order; no field where it is empty.
        facts : mapping of str to str, optional
            Provenance: header lines such as ``##vqrna_model=...``.
        """
        following = iter(values)
        with self._lines() as lines:
            for line in lines:
                line = line.rstrip(b"\r\n")
                if not line.startswith(b"#"):
                    if line.strip():
                        yield _with_field(line, next(following).encode()) + b"\n"
                    continue
                if line.startswith(b"#CHROM"):
                    for name, value in (facts or {}).items():
                        yield f"{_FACT}{name.replace(' ', '_')}={one_line(value)}\n".encode()
                    yield HEADER_LINE.encode() + b"\n"
                if not line.startswith((_OWN_HEADER, _FACT.encode())):
                    yield line + b"\n"

    def _parse(self, line: bytes, line_number: int, number: int, columns: int) -> VcfRecord:
        fields = line.rstrip(b"\r\n").split(b"\t")

        def error(message: str) -> DataError:
            place = " ".join(field.decode("utf-8", "replace")[:40] for field in fields[:5])
            return DataError(message, file=self.shown, record=place, line=line_number)

        if len(fields) != columns or columns < COLUMNS:
            expected = f"expected {max(columns, COLUMNS)}, tab-separated"
            raise error(f"has {len(fields)} columns ({expected})")
        chrom, pos, name, ref, alt = fields[:5]
        if not chrom:
            raise error("CHROM is empty")
        if not (pos.isdigit() and len(pos) <= 15 and int(pos) <= _LAST_POS):
            text_pos = pos.decode("utf-8", "replace")[:40]
            raise error(f"invalid POS '{text_pos}' (expected a whole number, 0 to {_LAST_POS})")
        if not _REF(ref):
            raise error(f"invalid REF '{ref.decode('utf-8', 'replace')[:40]}' (expected bases)")
        alts = () if alt == b"." else tuple(alt.decode("utf-8", "replace").split(","))
        if not all(alts):
            raise error("an allele in ALT is empty")
        words = (field.decode("utf-8", "replace") for field in (chrom, name, ref))
        text_chrom, text_name, text_ref = words
        return VcfRecord(number, text_chrom, int(pos), text_name, text_ref, alts)

    def _header_error(self, line: int) -> DataError:
        return DataError(_NOT_VCF, file=self.shown, line=line)

    @contextmanager
    def _lines(self) -> Iterator[Iterator[bytes]]:
        """Open the file as lines of VCF."""
        if not self.binary:
            try:
                with open_text(self.path) as lines:
                    yield iter(lines)
            except DataError as error:
                if self.shown == str(self.path):
                    raise
                # A copy of standard input or of a pipe
                raise DataError(str(error).replace(str(self.path), self.shown)) from None
            return
        import pysam

        verbosity = pysam.set_verbosity(0)
        try:
            with pysam.VariantFile(str(self.path)) as file:
                yield self._bcf_lines(file)
        except (OSError, ValueError, NotImplementedError) as error:
            words = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"cannot be read as BCF ({words})", file=self.shown) from None
        finally:
            pysam.set_verbosity(verbosity)

    def _bcf_lines(self, file: Iterable[object]) -> Iterator[bytes]:
        header = str(file.header)  # type: ignore[attr-defined]
        yield from (f"{line}\n".encode() for line in header.splitlines())
        number = 0
        try:
            for record in file:
                yield str(record).encode()
                number += 1
        except (OSError, ValueError, NotImplementedError):
            words = f"the record after record {number} is damaged"
            raise DataError(words, file=self.shown) from None


@contextmanager
def open_vcf(path: str | PathLike[str]) -> Iterator[VcfFile]:
    """Open a VCF or BCF file, plain or compressed with gzip or bgzip; ``-`` is standard input.

    What can be read only once (standard input, a pipe) is copied to a temporary file, which is
    removed after the body. Raises DataError if the file is missing, empty or not readable, and
    UsageError if `path` is not a path.
    """
    if not isinstance(path, str | PathLike):
        words = f"a VCF is given by its path, not by an object of type {type(path).__name__}"
        raise UsageError(words)
    shown = str(path)
    if shown != "-" and not Path(shown).exists():
        raise DataError("no such file", file=shown)
    if shown != "-" and Path(shown).is_dir():
        raise DataError("is a directory, not a file", file=shown)
    if shown != "-" and Path(shown).is_file():
        yield VcfFile(Path(shown), shown, _is_bcf(Path(shown)))
        return
    with tempfile.TemporaryDirectory(prefix="vqrna-") as folder:
        copy = Path(folder) / "input.vcf"
        with copy.open("wb") as file:
            if shown == "-":
                shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
            else:
                with Path(shown).open("rb") as pipe:
                    start = pipe.read(len(_VCF))  # a device may be endless
                    if start and not start.startswith((_VCF, _GZIP, _BCF)):
                        raise DataError(_NOT_VCF, file=shown, line=1)
                    file.write(start)
                    shutil.copyfileobj(pipe, file, 1 << 20)
        if not copy.stat().st_size:
            raise DataError("is empty", file=shown)
        yield VcfFile(copy, shown, _is_bcf(copy))


def _is_bcf(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(len(_BCF))
    if start.startswith(_GZIP):
        with suppress(OSError, EOFError, zlib.error), gzip.open(path, "rb") as content:
            start = content.read(len(_BCF))
    return start == _BCF


def _with_field(line: bytes, value: bytes) -> bytes:
    """Set the field of a record; an older value is dropped."""
    fields = line.split(b"\t")
    info = [part for part in fields[7].split(b";") if not part.startswith(_OWN_FIELD)]
    if value:
        info = [part for part in info if part not in (b"", b".")] + [_OWN_FIELD + value]
    if value or len(info) < fields[7].count(b";") + 1:
        fields[7] = b";".join(info) or b"."
    return b"\t".join(fields)


def safe(text: str) -> str:
    """Replace the characters that have a meaning inside INFO by _."""
    return _UNSAFE.sub("_", text)
