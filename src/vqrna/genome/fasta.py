"""Read any part of a genome FASTA as tokens, through its index (pysam).

Find chromosomes by name, and say helpfully what is wrong where one is not there.
"""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from types import TracebackType

import numpy as np
import pysam

from vqrna.data.text_files import open_text
from vqrna.errors import DataError, UsageError
from vqrna.genome.coordinates import MOST
from vqrna.runtime.files import atomic_path
from vqrna.sequence import ALPHABET, AMBIGUOUS, encode

_CHUNK = 1 << 17
_BLOCK = 1 << 24
_KEPT = 48  # chunks of tokens: 6 MB, a neighbourhood as wide as the longest genes
_GZIP = b"\x1f\x8b"
_COMPLEMENT = np.array([ALPHABET.index(base) for base in "UGCA"] + [AMBIGUOUS], dtype=np.uint8)


def reverse_complement(tokens: np.ndarray) -> np.ndarray:
    """Give the other strand, 5' to 3', as RNA; ambiguous tokens stay ambiguous."""
    return _COMPLEMENT[tokens[::-1]]


@dataclass(frozen=True)
class Genome:
    """A FASTA file with an index.

    Attributes
    ----------
    path : pathlib.Path
        Plain, or compressed with bgzip.
    names : tuple of str
        Of the sequences, in the file's order.
    lengths : tuple of int
        In nt.
    """

    path: Path
    names: tuple[str, ...]
    lengths: tuple[int, ...]

    @classmethod
    def open(cls, path: str | PathLike[str]) -> Genome:
        """Look at a FASTA file and its index, which is made where it is missing.

        Raises
        ------
        DataError
            If the file is missing, no FASTA or gzipped (not bgzipped); if the index is missing
            and cannot be made, or does not fit the file.
        UsageError
            If standard input is meant: it cannot be read at random.
        """
        file = Path(path)
        if str(path) == "-":
            raise UsageError("a genome cannot come from standard input: it is read at random")
        compressed = _looked_at(file)
        index = Path(f"{file}.fai")
        needed = [index, Path(f"{file}.gzi")] if compressed else [index]
        if not all(part.exists() for part in needed):
            _make_index(file, needed)
        elif index.stat().st_mtime_ns < file.stat().st_mtime_ns:
            _compare_index(file, needed)
        with _quiet(), _errors_told(file), pysam.FastaFile(str(file)) as opened:
            names, lengths = tuple(opened.references), tuple(opened.lengths)
        if not names or len(names) >= MOST:
            raise DataError(f"has {len(names)} sequences in its index", file=file)
        return cls(file, names, lengths)

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
        with _quiet(), _errors_told(genome.path):
            self._file = pysam.FastaFile(str(genome.path))
        self._kept: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def tokens(self, chromosome: int, start: int, stop: int) -> np.ndarray:
        """Read a part of a sequence, forward strand.

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

        Raises
        ------
        DataError
            If a letter is no nucleotide code, or the file ends too early.
        """
        start, stop = max(0, start), min(stop, self._genome.lengths[chromosome])
        found = np.empty(max(0, stop - start), dtype=np.uint8)
        at = start
        while at < stop:
            number = at // _CHUNK
            first = number * _CHUNK
            end = min(stop, first + _CHUNK)
            found[at - start : end - start] = self._chunk(chromosome, number)[
                at - first : end - first
            ]
            at = end
        return found

    def _chunk(self, chromosome: int, number: int) -> np.ndarray:
        """Give one chunk, of those kept or from the file."""
        key = (chromosome, number)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        name = self._genome.names[chromosome]
        first = number * _CHUNK
        stop = min(first + _CHUNK, self._genome.lengths[chromosome])
        with _quiet(), _errors_told(self._genome.path):
            letters = self._file.fetch(name, first, stop)
        if len(letters) != stop - first:
            words = "is shorter than its index says: remove the .fai, and it is made anew"
            raise DataError(words, file=self._genome.path, record=name)
        try:
            tokens = encode(letters)
        except DataError:
            raise self._wrong_letter(letters, name, first) from None
        self._kept[key] = tokens
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return tokens

    def _wrong_letter(self, letters: str, name: str, first: int) -> DataError:
        """Find the first letter that is no nucleotide code, and say where it is."""
        places = []
        for letter in set(letters):
            try:
                encode(letter)
            except DataError:
                places.append((letters.index(letter), letter))
        at, letter = min(places)
        words = f"{letter!r} at position {first + at + 1} is not a nucleotide letter"
        line = _line_of(self._genome.path, name, first + at)
        return DataError(words, file=self._genome.path, record=name, line=line)


def _line_of(file: Path, name: str, position: int) -> int | None:
    """Find the line of a letter: the whole file up to it is read, for the index does not tell."""
    left = -1  # letters of the record before the wanted one; below 0 outside of it
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


def _looked_at(file: Path) -> bool:
    """Make sure that a file can be a genome; tell whether it is compressed (with bgzip)."""
    try:
        with file.open("rb") as handle:
            start = handle.read(18)
    except FileNotFoundError:
        raise DataError("there is no such file", file=file) from None
    except IsADirectoryError:
        raise DataError("is a directory, not a file", file=file) from None
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}", file=file) from None
    if not start:
        raise DataError("is empty", file=file)
    if start.startswith(_GZIP):
        if start[12:14] != b"BC":
            words = "is compressed with gzip, which cannot be read at random: use bgzip or unzip it"
            raise DataError(words, file=file)
        return True
    if not start.startswith(b">"):
        raise DataError("is no FASTA file: it does not begin with '>'", file=file)
    return False


def _make_index(file: Path, needed: list[Path]) -> None:
    """Write the index beside the file, whole or not at all."""
    if not os.access(file.parent, os.W_OK | os.X_OK):
        words = "has no index (.fai) and none can be written beside it: run 'samtools faidx' there"
        raise DataError(words, file=file)
    with tempfile.TemporaryDirectory() as folder:
        parts = _indexed(file, Path(folder))
        _check_names(file, parts[0])
        for made, place in zip(parts, needed, strict=False):
            with atomic_path(place) as temporary:
                temporary.write_bytes(made.read_bytes())


def _check_names(file: Path, index: Path) -> None:
    """Refuse a file with two sequences of one name: the index leaves out all but the first."""
    known = index.read_bytes().count(b"\n")
    with open_text(file) as stream:
        count, last = 0, b"\n"
        while block := stream.read(_BLOCK):
            count += (last + block).count(b"\n>")
            last = block[-1:]
    if count == known:
        return
    seen: set[bytes] = set()
    with open_text(file) as lines:
        for number, line in enumerate(lines, start=1):
            name = line[1:].split(None, 1)[:1]
            if line.startswith(b">") and name:
                if name[0] in seen:
                    told = name[0].decode("utf-8", "replace")
                    words = "has the name of an earlier sequence"
                    raise DataError(words, file=file, record=told, line=number)
                seen.add(name[0])


def _compare_index(file: Path, needed: list[Path]) -> None:
    """Make sure that an index that is older than its file, maybe from copying, fits it."""
    with tempfile.TemporaryDirectory() as folder:
        for made, place in zip(_indexed(file, Path(folder)), needed, strict=False):
            if made.read_bytes() != place.read_bytes():
                words = f"is older than {file.name} and does not fit it: remove it"
                raise DataError(words, file=place)


def _indexed(file: Path, folder: Path) -> tuple[Path, Path]:
    """Make the index in another folder: .fai, and .gzi where the file is compressed."""
    index, blocks = folder / "fai", folder / "gzi"
    with _quiet(), _errors_told(file):
        pysam.faidx("--fai-idx", str(index), "--gzi-idx", str(blocks), str(file))
    return index, blocks


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep htslib from writing to standard error what we tell ourselves."""
    before = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(before)


@contextmanager
def _errors_told(file: Path) -> Iterator[None]:
    """Tell errors of the library about a genome as one line."""
    try:
        yield
    except pysam.SamtoolsError:
        # The library prints the reason and does not hand it on; this is the usual one.
        words = "cannot be indexed: all lines of a sequence but its last must be equally long"
        raise DataError(words, file=file) from None
    except (OSError, ValueError) as error:
        words = f"cannot be read through its index ({str(error).splitlines()[0]})"
        raise DataError(f"{words}: remove the .fai, and it is made anew", file=file) from None


_MITOCHONDRIA = ("chrM", "MT", "chrMT", "M")


class Chromosomes:
    """Names of a genome's sequences, as files have them (bytes).

    Parameters
    ----------
    genome : Genome
    """

    def __init__(self, genome: Genome) -> None:
        self.names = genome.names
        self.lengths = genome.lengths
        self._file = genome.path.name
        self._numbers = {name.encode(): i for i, name in enumerate(genome.names)}

    def number(self, name: bytes) -> int | None:
        """Give a chromosome's number, or None where the genome has none of this name."""
        return self._numbers.get(name)

    def missing(self, name: bytes) -> str:
        """Say that a chromosome is not there, with a hint where it goes by another name."""
        told = name.decode("utf-8", "replace")[:60]
        words = f"chromosome '{told}' is not in {self._file}"
        bare = told.removeprefix("chr")
        others = [bare, f"chr{bare}"]
        if told in _MITOCHONDRIA:
            others.extend(_MITOCHONDRIA)
        for other in others:
            if other != told and other in self.names:
                return f"{words}, which calls it '{other}': the names must be the same"
        return f"{words} (which has {self.names[0]}{', ...' if len(self.names) > 1 else ''})"

    def beyond(self, chromosome: int, stop: int) -> str:
        """Say that an interval leaves its chromosome."""
        name, length = self.names[chromosome], self.lengths[chromosome]
        return f"end {stop} is beyond the end of {name} ({length} nt in {self._file})"
