"""Read any part of a genome FASTA as tokens, through its index (pysam), and name chromosomes."""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
import pysam

from vqrna.data.names import WHOLE_NAMES, NameKeys, NameRule
from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.genome.coordinates import MAX_SEQUENCES
from vqrna.runtime.files import atomic_path
from vqrna.sequence import ALPHABET, AMBIGUOUS, COMPLEMENT, encode, first_invalid_letter

_CHUNK = 1 << 17
_BLOCK = 1 << 24
_KEPT = 48  # chunks of tokens: 6 MB, a neighbourhood as wide as the longest genes
_PRINTABLE = bytes(range(32, 127)) + b"\t\n\v\f\r"
_SKIPPED = bytes(set(range(256)) - set(_PRINTABLE))
_GZIP = b"\x1f\x8b"
_COMPLEMENT = np.array(
    [ALPHABET.index(base) for base in ALPHABET.translate(COMPLEMENT)] + [AMBIGUOUS], dtype=np.uint8
)
_MITOCHONDRIA = ("chrM", "MT", "chrMT", "M")
_PROPOSED = (NameRule("|"), NameRule(ignore_version=True), NameRule("|", ignore_version=True))


def reverse_complement(tokens: np.ndarray) -> np.ndarray:
    """Return the other strand, 5' to 3', as RNA; ambiguous tokens stay ambiguous."""
    return _COMPLEMENT[tokens[::-1]]


@dataclass(frozen=True)
class Genome:
    """A FASTA file with an index."""

    path: Path  # Plain, or compressed with bgzip
    names: tuple[str, ...]  # Names of the sequences after `rule`, in the order of the file
    lengths: tuple[int, ...]  # In nt
    records: tuple[str, ...]  # Names in the file
    rule: NameRule = WHOLE_NAMES  # How names are cut
    unnamed: int = 0  # Number of records without a name; they are left out

    @classmethod
    def open(cls, path: str | PathLike[str], rule: NameRule = WHOLE_NAMES) -> Genome:
        """Check a FASTA file and read its index, which is written if it is missing.

        Raises DataError if the file is missing, a pipe, not FASTA or gzipped (not bgzipped); if the
        index is missing and cannot be written, or does not fit the file; if names are not UTF-8, or
        the same after `rule`. Raises UsageError if `path` is standard input, which has no random
        access.
        """
        file = Path(path)
        if str(path) == "-":
            raise UsageError("a genome cannot be read from standard input: random access is needed")
        if file.exists() and not file.is_file() and not file.is_dir():
            raise DataError("is a pipe or device, but a genome needs random access", file=file)
        needed = [Path(f"{file}.fai")]
        if _is_compressed(file):
            needed.append(Path(f"{file}.gzi"))
        if not all(part.exists() for part in needed):
            _write_index(file, needed)
        elif needed[0].stat().st_mtime_ns < file.stat().st_mtime_ns:
            _compare_index(file, needed)
        with _translate_errors(file), pysam.FastaFile(str(file)) as opened:
            names, lengths = tuple(opened.references), tuple(opened.lengths)
        if not 0 < len(names) < MAX_SEQUENCES:
            words = f"{len(names)} sequences in the index (expected 1 to {MAX_SEQUENCES - 1})"
            raise DataError(words, file=file)
        if min(lengths) < 0:
            raise DataError("has an invalid length: remove it", file=needed[0])
        keys = NameKeys(rule, file)
        named = [
            (keys.add(name), length, name)
            for name, length in zip(names, lengths, strict=True)
            if name
        ]
        if not named:
            raise DataError("has no record with a name", file=file)
        keys.check(keys.names)
        cut, lengths, records = zip(*named, strict=True)
        return cls(file, cut, lengths, records, rule, len(names) - len(named))

    def reader(self) -> Reader:
        """Open the file for reading."""
        return Reader(self)


class Reader:
    """An open genome; a context manager. Not to be shared by threads.

    Parameters
    ----------
    genome : Genome
    """

    def __init__(self, genome: Genome) -> None:
        self._genome = genome
        with _translate_errors(genome.path):
            self._file = pysam.FastaFile(str(genome.path))
        self._chunks: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def tokens(self, chromosome: int, start: int, stop: int) -> np.ndarray:
        """Read a part of a sequence, forward strand.

        Raises DataError if a letter is not a nucleotide code, or the file ends too early.

        Parameters
        ----------
        chromosome : int
            Its number in the genome.
        start, stop : int
            0-based, half-open; cut to the sequence.

        Returns
        -------
        np.ndarray, shape (stop - start,), uint8
            A copy.
        """
        start, stop = max(0, start), min(stop, self._genome.lengths[chromosome])
        tokens = np.empty(max(0, stop - start), dtype=np.uint8)
        at = start
        while at < stop:
            number = at // _CHUNK
            first = number * _CHUNK
            end = min(stop, first + _CHUNK)
            chunk = self._chunk(chromosome, number)
            tokens[at - start : end - start] = chunk[at - first : end - first]
            at = end
        return tokens

    def _chunk(self, chromosome: int, number: int) -> np.ndarray:
        key = (chromosome, number)
        if key in self._chunks:
            self._chunks.move_to_end(key)
            return self._chunks[key]
        name = self._genome.records[chromosome]
        first = number * _CHUNK
        stop = min(first + _CHUNK, self._genome.lengths[chromosome])
        with _translate_errors(self._genome.path):
            letters = self._file.fetch(name, first, stop)
        if len(letters) != stop - first:
            words = "is shorter than its index says: remove the .fai to have it rewritten"
            raise DataError(words, file=self._genome.path, record=name)
        try:
            tokens = encode(letters)
        except DataError:
            raise self._letter_error(letters, name, first) from None
        self._chunks[key] = tokens
        if len(self._chunks) > _KEPT:
            self._chunks.popitem(last=False)
        return tokens

    def _letter_error(self, letters: str, name: str, first: int) -> DataError:
        """Return an error on the first letter that is not a nucleotide code."""
        at, letter = first_invalid_letter(letters)
        words = f"{letter!r} at position {first + at + 1} is not a nucleotide letter"
        line = _line_number(self._genome.path, name, first + at)
        return DataError(words, file=self._genome.path, record=name, line=line)


def _line_number(file: Path, name: str, position: int) -> int | None:
    """Locate the line of a letter by reading the file: the index does not have it."""
    left = -1  # letters of the record before the wanted one; below 0 outside the record
    with open_text(file) as lines:
        for number, line in enumerate(lines, start=1):
            if line.startswith(b">"):
                words = line[1:].split(None, 1)
                left = position if words and words[0] == name.encode() else -1
            elif left >= 0:
                left -= len(line.rstrip(b"\r\n"))
                if left < 0:
                    return number
    return None


def _is_compressed(file: Path) -> bool:
    """Return whether a FASTA file is compressed (with bgzip); raise if it is not a genome."""
    with open_text(file) as stream:  # the checks of every FASTA file, such as of the line ends
        text = stream.peek(1)
    with file.open("rb") as handle:
        start = handle.read(18)
    if start.startswith(_GZIP):
        if start[12:14] != b"BC":
            words = "is compressed with gzip, which has no random access: use bgzip or unzip it"
            raise DataError(words, file=file)
        return True
    if not text.startswith(b">"):
        raise DataError("is not a FASTA file: it does not begin with '>'", file=file)
    return False


def _write_index(file: Path, needed: list[Path]) -> None:
    if not os.access(file.parent, os.W_OK | os.X_OK):
        words = "has no index (.fai) and its folder is not writable: run 'samtools faidx' there"
        raise DataError(words, file=file)
    with tempfile.TemporaryDirectory() as folder:
        parts = _make_index(file, Path(folder))
        _check_names(file, parts[0])
        for made, path in zip(parts, needed, strict=False):
            with atomic_path(path) as temporary:
                temporary.write_bytes(made.read_bytes())


def _check_names(file: Path, index: Path) -> None:
    """Reject a file with two sequences of one name: the index has only the first."""
    known = index.read_bytes().count(b"\n")
    with open_text(file) as stream:
        count, last, odd = 0, b"\n", False
        while block := stream.read(_BLOCK):
            count += (last + block).count(b"\n>")
            last = block[-1:]
            odd = odd or len(block.translate(None, _SKIPPED)) < len(block)
    if odd:
        _check_letters(file)
    if count == known:
        return
    seen: set[bytes] = set()
    with open_text(file) as lines:
        for number, line in enumerate(lines, start=1):
            name = line[1:].split(None, 1)[:1]
            if line.startswith(b">") and name:
                if name[0] in seen:
                    record = name[0].decode("utf-8", "replace")
                    words = "has the name of an earlier sequence"
                    raise DataError(words, file=file, record=record, line=number)
                seen.add(name[0])


def _check_letters(file: Path) -> None:
    """Reject letters that htslib would skip silently, so that positions after them shift."""
    with open_text(file) as lines:
        record = ""
        for number, line in enumerate(lines, start=1):
            if line.startswith(b">"):
                record = b"".join(line[1:].split(None, 1)[:1]).decode("utf-8", "replace")
            elif odd := line.translate(None, _PRINTABLE):
                words = f"{odd[:1]!r} is not a nucleotide letter"
                raise DataError(words, file=file, record=record, line=number)


def _name_error(file: Path) -> DataError:
    """Return an error on the first record whose name is not UTF-8."""
    with open_text(file) as lines:
        for number, line in enumerate(lines, start=1):
            name = b"".join(line[1:].split(None, 1)[:1]) if line.startswith(b">") else b""
            try:
                name.decode()
            except UnicodeDecodeError:
                return DataError(f"the name {name!r} is not UTF-8", file=file, line=number)
    return DataError("a name in its index is not UTF-8", file=file)


def _compare_index(file: Path, needed: list[Path]) -> None:
    """Check an index that is older than its file, perhaps only because both were copied."""
    with tempfile.TemporaryDirectory() as folder:
        for made, path in zip(_make_index(file, Path(folder)), needed, strict=False):
            if made.read_bytes() != path.read_bytes():
                words = f"is older than {file.name} and does not fit it: remove it"
                raise DataError(words, file=path)


def _make_index(file: Path, folder: Path) -> tuple[Path, Path]:
    """Write the index to another folder: .fai, and .gzi if the file is compressed."""
    index, blocks = folder / "fai", folder / "gzi"
    with _translate_errors(file):
        pysam.faidx("--fai-idx", str(index), "--gzi-idx", str(blocks), str(file))
    return index, blocks


@contextmanager
def _translate_errors(file: Path) -> Iterator[None]:
    """Raise errors of htslib as one line, and keep it from printing its own."""
    verbosity = pysam.set_verbosity(0)
    try:
        yield
    except pysam.SamtoolsError:
        # The library prints the reason instead of raising it; this is the usual one.
        words = "cannot be indexed: all lines of a sequence but its last must be equally long"
        raise DataError(words, file=file) from None
    except UnicodeDecodeError:
        raise _name_error(file) from None
    except (OSError, ValueError) as error:
        words = f"cannot be read through its index ({str(error).splitlines()[0]})"
        raise DataError(f"{words}: remove the .fai to have it rewritten", file=file) from None
    finally:
        pysam.set_verbosity(verbosity)


def shown(name: bytes) -> str:
    """Return a name for a message, cut if it is long."""
    return name.decode("utf-8", "replace")[:60]


class Chromosomes:
    """Look up the sequences of a genome by name.

    Parameters
    ----------
    genome : Genome
    """

    def __init__(self, genome: Genome) -> None:
        self.names = genome.names
        self.lengths = genome.lengths
        self._file = genome.path.name
        self._numbers = {name.encode(): i for i, name in enumerate(genome.names)}
        self._rule = genome.rule
        self._proposals: dict[NameRule, set[str]] = {}

    def number(self, name: bytes) -> int | None:
        """Return the number of a chromosome, or None if the genome does not have it.

        White space around the name is ignored; GFF3 may have it with %XX escapes. The name is cut
        by the rule of the genome.
        """
        number = self._numbers.get(name)
        if number is None:
            name = name.strip()
            number = self._numbers.get(self._key(name))
            if number is None and b"%" in name:
                number = self._numbers.get(self._key(unquote_to_bytes(name)))
        return number

    def _key(self, name: bytes) -> bytes:
        if self._rule == WHOLE_NAMES:
            return name
        return self._rule.key(name.decode("utf-8", "replace")).encode()

    def _proposal(self, name: str) -> str:
        """Return the end of a message: options with which the genome has a name, if any."""
        if self._rule != WHOLE_NAMES:
            return ""
        for rule in _PROPOSED if not self._proposals else ():
            self._proposals[rule] = {rule.key(known) for known in self.names}
        options = [r.options() for r, keys in self._proposals.items() if r.key(name) in keys]
        return f"; they match with {options[0]}" if options else ""

    def missing_note(self, missing: Iterable[bytes]) -> str:
        """Return a note on unknown chromosomes, with the usual other name of one if it exists."""
        names = sorted(shown(name) for name in missing)
        some = ", ".join(name or "no name" for name in names[:3])
        some += ", ..." if len(names) > 3 else ""
        words = f"the genome does not have their sequences ({some})"
        for name in names:
            other = self._other_name(name)
            if other:
                return f"{words}; {self._file} has '{other}': is it the same as '{name}'?"
        return words + (self._proposal(names[0]) if names else "")

    def missing_message(self, name: bytes) -> str:
        """Return a message on an unknown chromosome, with the usual other name if that exists."""
        text = shown(name)
        words = f"chromosome '{text}' is not in {self._file}"
        other = self._other_name(text)
        if other:
            return f"{words}, which calls it '{other}': the names must be the same"
        has = f"{words} (which has {self.names[0]}{', ...' if len(self.names) > 1 else ''})"
        return has + self._proposal(text)

    def _other_name(self, name: str) -> str | None:
        """Return the usual other name of a chromosome, such as 1 for chr1, if it exists."""
        bare = name.removeprefix("chr")
        others = [bare, f"chr{bare}", *(_MITOCHONDRIA if name in _MITOCHONDRIA else ())]
        known = (other.encode() for other in others if other != name)
        return next((other.decode() for other in known if other in self._numbers), None)

    def beyond_message(self, chromosome: int, stop: int) -> str:
        """Return a message on an interval that exceeds its chromosome."""
        name, length = self.names[chromosome], self.lengths[chromosome]
        return f"end {stop} is beyond the end of {name} ({length} nt in {self._file})"
