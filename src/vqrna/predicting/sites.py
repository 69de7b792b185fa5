"""Score the candidate sites of one sequence and decide which are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqrna.calibration import at_prior
from vqrna.formats.tsv import COLUMNS
from vqrna.predicting.settings import Settings
from vqrna.sequence import ALPHABET, AMBIGUOUS, centre
from vqrna.tiers import EDGE, TIERS, tier_index
from vqrna.trained import Model

PIECE = 1 << 18
"""Positions of a sequence that are scored before their calls are picked out: bounds the memory."""

_NAMES = np.array(["", *TIERS], dtype=object)
_LETTERS = np.array([*ALPHABET, "N"], dtype=object)
_KINDS: dict[str, type] = {
    "position": np.int64, "score": np.float64, "probability": np.float64, "p_value": np.float64
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Called:
    """Sites of a sequence, or of several.

    Attributes
    ----------
    sites : pandas.DataFrame
        A row a site with the columns of :data:`vqrna.formats.tsv.COLUMNS`.
    candidates : np.ndarray, shape (K,), int64
        How many positions could carry each type.
    calls : np.ndarray, shape (K, 3), int64
        How many of them are called, by the highest tier they reach; with a threshold of one's
        own all calls that reach no tier are counted as ``low``.
    nt : int
        Length of sequence.
    """

    sites: pd.DataFrame
    candidates: np.ndarray
    calls: np.ndarray
    nt: int


def call_sites(model: Model, name: str, tokens: np.ndarray, settings: Settings) -> Called:
    """Score and call the candidate sites of one sequence.

    Parameters
    ----------
    model : Model
    name : str
        Of the sequence.
    tokens : np.ndarray, shape (S,), uint8
        Of any length from 0 on. Beyond its ends the model sees nothing; such sites are flagged.
    settings : Settings
    """
    parts = [_call_piece(model, name, tokens, piece, settings) for piece in _pieces(len(tokens))]
    return join(parts, len(settings.modifications), len(tokens))


def join(parts: list[Called], kinds: int, nt: int | None = None) -> Called:
    """Put the sites of several sequences, or pieces of one, together.

    Parameters
    ----------
    parts : list of Called
    kinds : int
        Number of modifications K, for no parts at all.
    nt : int, optional
        Length of sequence; the sum of the parts' if not given.
    """
    filled = [part.sites for part in parts if len(part.sites)]
    none = pd.DataFrame({c: pd.Series([], dtype=_KINDS.get(c, str)) for c in COLUMNS})
    return Called(
        pd.concat(filled, ignore_index=True) if filled else none,
        sum((part.candidates for part in parts), np.zeros(kinds, dtype=np.int64)),
        sum((part.calls for part in parts), np.zeros((kinds, len(TIERS)), dtype=np.int64)),
        sum(part.nt for part in parts) if nt is None else nt,
    )


def _pieces(length: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, PIECE):
        yield start, min(start + PIECE, length)


def _call_piece(
    model: Model, name: str, tokens: np.ndarray, piece: tuple[int, int], settings: Settings
) -> Called:
    """Score positions ``start`` to ``stop`` and pick the rows that are wanted."""
    start, stop = piece
    kinds = settings.modifications
    # Only what windows and context rules can see: work must not grow with length times pieces.
    reach = max(centre(model.length), *(len(m.context) for m in kinds))
    offset = max(0, start - reach)
    near, at = tokens[offset : stop + reach], slice(start - offset, stop - offset)
    candidate = np.stack([m.candidates(near)[at] for m in kinds], axis=1)  # (S, K)
    candidates = candidate.sum(axis=0)
    empty = Called(join([], len(kinds)).sites, candidates, np.zeros((len(kinds), 3), np.int64), 0)
    if not candidate.any():
        return empty
    logits = model.scan(near, at.start, at.stop)
    score = model.score(logits)[:, settings.columns]
    beside = np.minimum(np.arange(start, stop), len(tokens) - 1 - np.arange(start, stop))
    cut = beside < centre(model.length)
    tier = model.tiers.reached(logits, cut)[:, settings.columns]
    tier[beside < EDGE] = 0
    if settings.threshold is None:
        tier[tier <= tier_index(settings.confidence)] = 0
        called = (tier > 0) & candidate
    else:
        called = (score >= settings.threshold) & candidate
        tier = np.maximum(tier, 1) * called
    row, kind = np.nonzero(candidate if settings.all_sites else called)
    calls = np.stack([((tier == t) & called).sum(axis=0) for t in (1, 2, 3)], axis=1)
    p_value = model.p_values(logits, cut)[:, settings.columns]
    position = start + row
    sites = pd.DataFrame(
        {
            "sequence": name,
            "position": position + 1,
            "base": _LETTERS[tokens[position]],
            "modification": np.array([m.symbol for m in kinds], dtype=object)[kind],
            "score": score[row, kind],
            "probability": at_prior(score[row, kind], settings.priors[kind]),
            "p_value": p_value[row, kind],
            "call": _NAMES[tier[row, kind] * called[row, kind]],
            "flags": _flags(near, position - offset, offset, len(tokens), model.length),
        }
    )
    return Called(sites, candidates, calls, 0)


def _flags(near: np.ndarray, at: np.ndarray, offset: int, total: int, length: int) -> np.ndarray:
    """Tell what is unusual about the window of each site, comma-separated.

    ``short``: the sequence is shorter than a window; ``end``: the window reaches beyond an end;
    ``edge``: fewer than `EDGE` nt are left on one side, so that the site reaches no tier (a
    threshold of the caller's own may call it);
    ``ambiguous``: a letter in the window is no single base.

    Parameters
    ----------
    near : np.ndarray
        The part of the sequence that holds all windows.
    at : np.ndarray, shape (N,)
        Sites in that part.
    offset, total : int
        Where the part begins in the sequence, and the length of all of it.
    length : int
        Of a window.
    """
    half = centre(length)
    flags = np.full(len(at), "", dtype=object)
    if total < length:
        flags += "short,"
    flags[(at + offset < half) | (at + offset >= total - half)] += "end,"
    flags[(at + offset < EDGE) | (at + offset >= total - EDGE)] += "edge,"
    seen = np.concatenate([[0], np.cumsum(near == AMBIGUOUS)])
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(near))
    flags[seen[high] > seen[low]] += "ambiguous,"
    return np.array([flag.rstrip(",") for flag in flags], dtype=object)
