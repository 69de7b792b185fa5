"""Letters to numbers: the alphabet, tokens, one-hot columns, and where the site is in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vqrna.errors import DataError

if TYPE_CHECKING:
    import torch

ALPHABET = "ACGU"
"""Order of the bases, and of the rows of a one-hot array. Stored with every model."""

AMBIGUOUS = 4
"""Token of any letter that is no single base; an all-zero one-hot column."""

_MEANINGS = {
    "A": "A", "C": "C", "G": "G", "U": "U", "R": "AG", "Y": "CU", "S": "CG", "W": "AU",
    "K": "GU", "M": "AC", "B": "CGU", "D": "AGU", "H": "ACU", "V": "ACG", "N": "ACGU",
}  # fmt: skip

IUPAC: dict[str, np.ndarray] = {
    letter: np.array([base in meaning for base in ALPHABET] + [False])
    for letter, meaning in _MEANINGS.items()
}
"""For each IUPAC letter, which tokens (0 to 4) it admits; AMBIGUOUS is never admitted."""

INVALID = 255

_CODES = np.full(256, INVALID, dtype=np.uint8)
for _letters in ("NRYSWKMBDHVX", "-.*~"):  # ambiguity, then gaps: all keep their position
    for _letter in _letters + _letters.lower():
        _CODES[ord(_letter)] = AMBIGUOUS
for _i, _base in enumerate(ALPHABET):
    for _letter in (_base, _base.lower()) + (("T", "t") if _base == "U" else ()):
        _CODES[ord(_letter)] = _i

_LETTERS = np.frombuffer((ALPHABET + "N").encode(), dtype=np.uint8)


def encode(sequence: str | bytes) -> np.ndarray:
    """Turn a sequence into tokens.

    Upper and lower case, U and T, IUPAC ambiguity, ``X``, ``*`` and the gaps ``-``, ``.``, ``~``
    are understood; every letter keeps its position.

    Parameters
    ----------
    sequence : str or bytes
        The letters, without white space.

    Returns
    -------
    np.ndarray, shape (L,), uint8
        0 to 3 for A, C, G, U; `AMBIGUOUS` for everything else that is allowed.

    Raises
    ------
    DataError
        If a letter is no nucleotide code; the message tells letter and 1-based position.
    """
    raw = sequence.encode("utf-8", "replace") if isinstance(sequence, str) else sequence
    tokens = _CODES[np.frombuffer(raw, dtype=np.uint8)]
    wrong = np.flatnonzero(tokens == INVALID)
    if wrong.size:
        letter = chr(raw[wrong[0]])
        raise DataError(f"{letter!r} at position {wrong[0] + 1} is not a nucleotide letter")
    return tokens


def decode(tokens: np.ndarray) -> str:
    """Turn tokens back into RNA letters (``N`` for ambiguous ones)."""
    return _LETTERS[tokens].tobytes().decode()


def centre(length: int) -> int:
    """0-based index of the site in a window of `length` nt (odd)."""
    return length // 2


def windows_around(tokens: np.ndarray, sites: np.ndarray, length: int) -> np.ndarray:
    """Cut windows around sites; beyond the ends of the sequence stand ambiguous tokens.

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


def recentre(windows: np.ndarray, length: int) -> np.ndarray:
    """Bring windows to another length about the same centre, cut or padded.

    Parameters
    ----------
    windows : np.ndarray, shape (N, L), uint8
        Windows whose site is at ``L // 2``.
    length : int
        Wanted length in nt, odd.

    Returns
    -------
    np.ndarray, shape (N, length), uint8
        The site is at ``length // 2``; what was not there is `AMBIGUOUS`.
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
    """Count the nt from the first known letter of each window to its last.

    Parameters
    ----------
    windows : np.ndarray, shape (N, L), uint8

    Returns
    -------
    np.ndarray, shape (N,), int
        0 for a window without any.
    """
    known = windows != AMBIGUOUS
    outside = known.argmax(axis=1) + known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), windows.shape[1] - outside, 0)


def one_hot(tokens: torch.Tensor) -> torch.Tensor:
    """Turn tokens into one-hot columns.

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
