"""Sequences as arrays: tokens, one-hot columns, windows around sites, and shuffling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vqrna.errors import DataError, UsageError

if TYPE_CHECKING:
    import torch

ALPHABET = "ACGU"
"""Order of the bases and of the rows of a one-hot array; stored with every model."""

AMBIGUOUS = 4
"""Token of a letter that is not a single base; an all-zero one-hot column."""

_MEANINGS = {
    "A": "A", "C": "C", "G": "G", "U": "U", "R": "AG", "Y": "CU", "S": "CG", "W": "AU",
    "K": "GU", "M": "AC", "B": "CGU", "D": "AGU", "H": "ACU", "V": "ACG", "N": "ACGU",
}  # fmt: skip

IUPAC: dict[str, np.ndarray] = {
    letter: np.array([base in meaning for base in ALPHABET] + [False])
    for letter, meaning in _MEANINGS.items()
}
"""For each IUPAC letter, which tokens (0 to 4) it matches; it never matches AMBIGUOUS."""

IUPAC_LETTERS = {meaning: letter for letter, meaning in _MEANINGS.items()}
"""IUPAC letter of each set of bases, written in the order of `ALPHABET`."""

_PAIRED = str.maketrans("ACGU", "UGCA")

COMPLEMENT = str.maketrans(
    {
        letter: IUPAC_LETTERS["".join(sorted(meaning.translate(_PAIRED)))]
        for letter, meaning in _MEANINGS.items()
    }
)
"""Complement of each IUPAC letter, for :meth:`str.translate`."""

INVALID = 255

_CODES = np.full(256, INVALID, dtype=np.uint8)
for _letters in ("NRYSWKMBDHVX", "-.*~"):  # ambiguity, then gaps: all keep their position
    for _letter in _letters + _letters.lower():
        _CODES[ord(_letter)] = AMBIGUOUS
for _i, _base in enumerate(ALPHABET):
    for _letter in (_base, _base.lower()) + (("T", "t") if _base == "U" else ()):
        _CODES[ord(_letter)] = _i

_TABLE = _CODES.tobytes()

_LETTERS = np.frombuffer((ALPHABET + "N").encode(), dtype=np.uint8)


def encode(sequence: str | bytes, ignored: bytes = b"") -> np.ndarray:
    """Convert a sequence to tokens.

    Upper and lower case, U and T, IUPAC ambiguity, ``X``, ``*`` and the gaps ``-``, ``.``, ``~``
    are allowed; every letter keeps its position.

    Raises DataError: with letter and 1-based position, if a letter is not a nucleotide code.

    Parameters
    ----------
    sequence : str or bytes
        The letters, without white space.
    ignored : bytes
        Characters to leave out, such as white space.

    Returns
    -------
    np.ndarray, shape (L,), uint8
        0 to 3 for A, C, G, U; `AMBIGUOUS` for the other allowed letters.
    """
    raw = sequence.encode("utf-8", "replace") if isinstance(sequence, str) else sequence
    # For sequences of a few nt, bytes are five times faster than arrays
    encoded = bytearray(raw.translate(_TABLE, ignored))
    if INVALID in encoded:
        at = encoded.index(INVALID)
        raw = raw.translate(None, ignored)
        raise DataError(f"{chr(raw[at])!r} at position {at + 1} is not a nucleotide letter")
    return np.frombuffer(encoded, dtype=np.uint8)


def first_invalid_letter(letters: str) -> tuple[int, str]:
    """Return index and letter of the first letter that :func:`encode` rejects; there must be one.

    Unlike the message of :func:`encode`, counts letters, not bytes.
    """
    invalid = []
    for letter in set(letters):
        try:
            encode(letter)
        except DataError:
            invalid.append((letters.index(letter), letter))
    return min(invalid)


def decode(tokens: np.ndarray) -> str:
    """Convert tokens to RNA letters (``N`` for ambiguous ones)."""
    return _LETTERS[tokens].tobytes().decode()


def centre(length: int) -> int:
    """Return the 0-based index of the site in a window of `length` nt (odd)."""
    return length // 2


def windows_around(tokens: np.ndarray, sites: np.ndarray, length: int) -> np.ndarray:
    """Cut windows around sites, with ambiguous tokens beyond the ends of the sequence.

    Parameters
    ----------
    tokens : np.ndarray, shape (S,), uint8
        One sequence.
    sites : np.ndarray, shape (N,), int
        0-based positions in it.
    length : int
        Window length in nt, odd.

    Returns
    -------
    np.ndarray, shape (N, length), uint8
    """
    half = centre(length)
    padded = np.pad(tokens, half, constant_values=AMBIGUOUS)
    views = np.lib.stride_tricks.sliding_window_view(padded, length)
    return np.ascontiguousarray(views[np.asarray(sites)])


def as_windows(value: object) -> np.ndarray:
    """Return tokens of windows that a Python caller passes: shape (N, L), uint8.

    Raises UsageError unless they are a table of tokens (0 to 4) with an odd number of columns.
    """
    windows = np.asarray(value)
    if windows.ndim != 2 or windows.shape[1] % 2 == 0 or windows.dtype.kind not in "iu":
        raise UsageError(
            "expected windows as an array of integers, one row per window, with an odd number of "
            f"columns, not {windows.dtype} of shape {windows.shape}"
        )
    if windows.size and not 0 <= windows.min() <= windows.max() <= AMBIGUOUS:
        raise UsageError(f"tokens of windows must lie between 0 and {AMBIGUOUS}")
    return windows.astype(np.uint8, copy=False)


def recentre(windows: np.ndarray, length: int) -> np.ndarray:
    """Cut or pad windows to another length around the same centre.

    Parameters
    ----------
    windows : np.ndarray, shape (N, L), uint8
        Windows whose site is at ``L // 2``.
    length : int
        Wanted length in nt, odd.

    Returns
    -------
    np.ndarray, shape (N, length), uint8
        The site is at ``length // 2``; padding is `AMBIGUOUS`.
    """
    have = windows.shape[-1]
    start = centre(have) - centre(length)
    if start >= 0 and start + length <= have:
        return windows[..., start : start + length]
    out = np.full((*windows.shape[:-1], length), AMBIGUOUS, dtype=windows.dtype)
    low, high = max(0, start), min(have, start + length)
    out[..., low - start : high - start] = windows[..., low:high]
    return out


def extents(windows: np.ndarray) -> np.ndarray:
    """Return the nt from first to last known letter of windows (N, L): shape (N,), int.

    Windows without known letters have 0.
    """
    known = windows != AMBIGUOUS
    outside = known.argmax(axis=1) + known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), windows.shape[1] - outside, 0)


def one_hot(tokens: torch.Tensor) -> torch.Tensor:
    """Convert tokens to one-hot columns.

    Parameters
    ----------
    tokens : torch.Tensor, shape (N, L), integer
        0 to 3 for A, C, G, U; anything else is an all-zero column.

    Returns
    -------
    torch.Tensor, shape (N, 4, L), float32
    """
    import torch

    bases = torch.arange(len(ALPHABET), device=tokens.device, dtype=tokens.dtype)
    return (tokens.unsqueeze(1) == bases.view(1, -1, 1)).float()


def dinucleotide_shuffle(tokens: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Shuffle a sequence so that each dinucleotide occurs as often as before.

    The result is a random Eulerian path through the multigraph whose edges are the dinucleotides
    (Altschul and Erickson, Molecular Biology and Evolution 2:526, 1985): the last exits from the
    letters form a tree towards the final letter, drawn by a loop-erased random walk (Wilson,
    1996); the other exits are in random order. All possible sequences are equally likely.

    Parameters
    ----------
    tokens : np.ndarray, shape (S,), uint8

    Returns
    -------
    np.ndarray, shape (S,), uint8
        First and last letter are those of the input.
    """
    if len(tokens) < 3:
        return tokens.copy()
    letters = int(tokens.max()) + 1
    exits = [tokens[1:][tokens[:-1] == letter] for letter in range(letters)]
    last = _last_exits(exits, int(tokens[-1]), generator)
    queues = []
    for letter, nexts in enumerate(exits):
        end = np.flatnonzero(nexts == last.get(letter))[:1]  # the drawn exit, once, is last
        order = generator.permutation(np.delete(nexts, end))
        queues.append(iter([*order.tolist(), *nexts[end].tolist()]))
    shuffled = np.empty_like(tokens)
    letter = int(tokens[0])
    shuffled[0] = letter
    for i in range(1, len(tokens)):
        letter = next(queues[letter])
        shuffled[i] = letter
    return shuffled


def _last_exits(
    exits: list[np.ndarray], final: int, generator: np.random.Generator
) -> dict[int, int]:
    """Draw, for each letter but the final one, the target of its last exit."""
    tree: dict[int, int] = {}
    for start in range(len(exits)):
        if not len(exits[start]):
            continue
        walk: dict[int, int] = {}
        letter = start
        while letter != final and letter not in tree:
            walk[letter] = int(generator.choice(exits[letter]))  # a later visit overwrites: no loop
            letter = walk[letter]
        letter = start
        while letter != final and letter not in tree:
            tree[letter] = walk[letter]
            letter = tree[letter]
    return tree
