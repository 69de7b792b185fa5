"""Sequences that a Python user passes: files, text, tables, and records of other libraries."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from vqrna.data.fasta import FastaRecord, protein_hint, read_fasta
from vqrna.errors import DataError, UsageError
from vqrna.sequence import encode, first_invalid_letter

Sequences = str | PathLike[str] | Mapping[Any, Any] | Iterable[Any]
"""What :func:`read_sequences` accepts; pandas and Biopython objects are iterables."""

ACCEPTED = (
    "expected a path, a list of paths, a dict of name to sequence, (name, sequence) pairs, a "
    "pandas Series (index: names), a DataFrame with the columns name and sequence, FASTA or "
    "Biopython records, or one sequence as text"
)
"""The accepted forms, for messages."""

ONLY_NAME = "sequence"
"""Name of a sequence that is passed without one."""

_SHOWN = 30
"""Most letters of a sequence in a message."""

_LONGEST_PATH = 250
_LETTERS = re.compile(r"(?i)[ACGTUN\s]+").fullmatch
_LEAST, _SHARE = 20, 0.8
"""Text without a dot or slash is a sequence, even with other letters, if it has at least this many
letters and this share of them are bases."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def paths_of(sequences: Sequences) -> tuple[str, ...] | None:
    """Return the paths if the input is a file or a list of files, else None.

    A string is a path if a file has this name, or if it is not a sequence. Raises UsageError if it
    is both, or FASTA text.
    """
    if isinstance(sequences, PathLike):
        return (_path(sequences),)
    if isinstance(sequences, str):
        return None if _is_sequence(sequences) else (sequences,)
    if not isinstance(sequences, list | tuple) or not sequences:
        return None
    are_paths = all(isinstance(item, PathLike) or _is_file_name(item) for item in sequences)
    return tuple(_path(item) for item in sequences) if are_paths else None


def read_sequences(sequences: Sequences) -> Iterator[FastaRecord]:
    """Yield the records of anything that holds named sequences, one at a time.

    Letters are checked as those of a FASTA file are.

    Parameters
    ----------
    sequences : path, text, mapping or iterable
        A FASTA file (``-`` is standard input) or a list of them; a mapping of name to sequence;
        ``(name, sequence)`` pairs; a pandas Series with the names as index, or a DataFrame with the
        columns ``name`` and ``sequence``; :class:`vqrna.data.fasta.FastaRecord`, Biopython's
        ``SeqRecord`` or records of pysam; or one sequence as text, which is named ``sequence``.
        Sequences are text or ``Seq`` of Biopython; white space in them is ignored.

    Raises
    ------
    DataError
        If a file is missing or invalid, a sequence is missing or has an invalid letter.
    UsageError
        If the input or an item has another type.
    """
    paths = paths_of(sequences)
    if paths is not None:
        for path in paths:
            check_file(path)
            yield from read_fasta(path)
        return
    for number, item in enumerate(_items(sequences), start=1):
        if isinstance(item, FastaRecord):
            yield item
        elif isinstance(item, PathLike) or _is_file_name(item):
            check_file(_path(item))
            yield from read_fasta(_path(item))
        else:
            name, sequence = _name_and_sequence(item, number)
            yield _record(name, sequence, number)


def check_type(sequences: Sequences) -> Sequences:
    """Return the input; raises UsageError if it is of a type that holds no sequences."""
    _items(sequences)
    return sequences


def describe_sequences(sequences: Sequences) -> str | None:
    """Return the names of the files, for a message; None for sequences in memory."""
    paths = paths_of(sequences)
    return None if paths is None else ", ".join(paths)


def check_file(file: str) -> None:
    """Raise DataError if a file is missing; what may be a sequence is cut in the message."""
    if file != "-" and not _exists(file):
        is_path = any(mark in file for mark in "./\\") and len(file) <= _LONGEST_PATH
        raise DataError("no such file", file=file if is_path else shorten(file))


def _exists(file: str) -> bool:
    """Return whether a path exists; False if it cannot be one."""
    try:
        return Path(file).exists()
    except (OSError, ValueError):  # too long, or not a name on this system
        return False


def shorten(text: str) -> str:
    """Return the first letters of a text, for a message."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _path(item: str | PathLike[str]) -> str:
    path = fspath(item)
    if not isinstance(path, str):
        raise UsageError(f"a path must be text, not {type(path).__name__}")
    return path


def _is_file_name(item: object) -> bool:
    """Return whether an item of a list is the name of a file; a sequence there has no name."""
    if not isinstance(item, str):
        return False
    if _is_sequence(item):
        raise UsageError(
            f"'{shorten(item)}' is a sequence without a name: use a dict of name to sequence, or "
            "(name, sequence) pairs"
        )
    return True


def _is_sequence(text: str) -> bool:
    """Return whether a string is a sequence, not a path."""
    if not text.strip():
        raise UsageError(f"the sequence is empty ({ACCEPTED})")
    if text.lstrip().startswith(">"):
        raise UsageError(
            f"'{shorten(text.strip())}' is FASTA text: write it to a file, or use a dict of name "
            "to sequence"
        )
    letters = "".join(text.split())
    if text == "-" or (len(text) <= _LONGEST_PATH and _exists(text)):
        if _LETTERS(text):
            raise UsageError(
                f"'{shorten(text)}' is a file and also a sequence: use pathlib.Path for the file, "
                f"{{'{ONLY_NAME}': ...}} for the sequence"
            )
        return False
    if _LETTERS(text):
        return True
    if len(letters) < _LEAST or any(mark in letters for mark in "./\\"):
        return False
    return sum(letters.upper().count(base) for base in "ACGTUN") >= _SHARE * len(letters)


def _items(sequences: Any) -> Iterable[Any]:
    """Return the items of an input that is not a list of files."""
    pandas: Any = sys.modules.get("pandas")  # without it, nothing is of its types
    if isinstance(sequences, str) or _is_seq(sequences):
        return [(ONLY_NAME, sequences)]
    if pandas is not None and isinstance(sequences, pandas.DataFrame):
        missing = [name for name in ("name", "sequence") if name not in sequences.columns]
        if missing:
            names = shorten(", ".join(map(str, sequences.columns)))
            message = f"the DataFrame has no column '{missing[0]}' (columns: {names})"
            raise UsageError(f"{message}: it needs name and sequence")
        return zip(sequences["name"], sequences["sequence"], strict=True)
    if pandas is not None and isinstance(sequences, pandas.Series):
        return zip(sequences.index, sequences, strict=True)
    if isinstance(sequences, Mapping):
        return iter(sequences.items())
    if isinstance(sequences, FastaRecord) or _is_record(sequences):
        return [sequences]
    if isinstance(sequences, bytes | bytearray | np.ndarray) or not isinstance(sequences, Iterable):
        raise UsageError(f"sequences of type {type(sequences).__name__}: {ACCEPTED}")
    return sequences


def _is_seq(item: object) -> bool:
    """Return whether an object is a sequence of Biopython without a name."""
    return hasattr(item, "reverse_complement") and not hasattr(item, "seq")


def _is_record(item: object) -> bool:
    """Return whether an object is a record of Biopython or pysam."""
    return all(hasattr(item, name) for name in ("id", "seq")) or all(
        hasattr(item, name) for name in ("name", "sequence")
    )


def _name_and_sequence(item: Any, number: int) -> tuple[Any, Any]:
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    if hasattr(item, "id") and hasattr(item, "seq"):
        return item.id, item.seq
    if hasattr(item, "name") and hasattr(item, "sequence"):
        return item.name, item.sequence
    raise UsageError(f"item {number} is of type {type(item).__name__}: {ACCEPTED}")


def _record(name: Any, sequence: Any, number: int) -> FastaRecord:
    """Return a checked record."""
    if isinstance(name, bool) or not isinstance(name, str | int | np.integer):
        raise UsageError(
            f"the name of sequence {number} must be text or a number, not {type(name).__name__}"
        )
    title = str(name).strip() or f"unnamed_{number}"
    if _CONTROL.search(title):
        message = "the name of a sequence must not contain line breaks or tabs"
        raise DataError(message, record=shorten(_CONTROL.sub(" ", title)))
    if not _is_text(title):
        message = f"the name of sequence {number} is not valid Unicode text"
        raise DataError(message, record=shorten(title.encode("utf-8", "replace").decode()))
    letters = "".join(_text(sequence, title).split())
    try:
        return FastaRecord(title, "", encode(letters), None, None, "-" in letters)
    except DataError:
        raise _letter_error(letters, title) from None


def _is_text(name: str) -> bool:
    """Return whether a name can be written to a file: not with half of a surrogate pair."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(sequence: Any, name: str) -> str:
    if isinstance(sequence, str):
        return sequence
    inner = getattr(sequence, "seq", sequence)  # a record as value of a mapping
    if inner is not sequence and isinstance(inner, str):
        return inner
    if _is_seq(inner):
        try:
            return str(inner)
        except ValueError:  # a Seq of which only the length is known
            raise DataError("the sequence has no letters", record=shorten(name)) from None
    if sequence is None or sequence != sequence:
        raise DataError("the sequence is missing", record=shorten(name))
    raise UsageError(
        f"sequence '{shorten(name)}' must be text or Biopython's Seq, not {type(sequence).__name__}"
    )


def _letter_error(letters: str, name: str) -> DataError:
    """Return an error on the first letter that is not a nucleotide code."""
    at, letter = first_invalid_letter(letters)
    message = f"{letter!r} at position {at + 1} is not a nucleotide letter"
    swapped = len(name) >= _LEAST and _LETTERS(name)
    message += ": is it the name? Pairs are (name, sequence)" if swapped else protein_hint(letter)
    return DataError(message, record=shorten(name))
