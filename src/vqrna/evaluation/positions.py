"""Modified windows position by position: the scores of the site and of what could stand for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vqrna.data.annotated import annotated
from vqrna.data.windows import POSITIVE, Windows
from vqrna.errors import DataError
from vqrna.modifications import Modification
from vqrna.sequence import centre, recentre, windows_around

if TYPE_CHECKING:
    from vqrna.model import Model
    from vqrna.runtime.progress import Bar

REACH = 250
"""Positions up to so many nt from the site are looked at."""

_ROWS = 64
"""Windows at a time; bounds the memory of a dense scan."""

ScorePositions = Callable[[np.ndarray, Modification], np.ndarray]
"""Windows (N, L) and a type in, scores of their central W positions (N, W) out; W is odd.

The site is at ``W // 2``. Any number that rises with the evidence will do: only ranks are used.
Positions that cannot carry the type are not read and may be nan."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Modified windows of one type, with the scores of the positions about their sites.

    Parameters
    ----------
    modification : Modification
    rows : np.ndarray, shape (N,), int
        Which of the windows these are.
    scores : np.ndarray, shape (N, W), float64
        The site is at ``W // 2``.
    is_decoy : np.ndarray, shape (N, W), bool
        Positions that have the base and context of the type and are annotated for no type.
    """

    modification: Modification
    rows: np.ndarray
    scores: np.ndarray
    is_decoy: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def site(self) -> np.ndarray:
        """Scores of the sites, shape (N,)."""
        return self.scores[:, centre(self.scores.shape[1])]


def sites_of(
    windows: Windows, modification: Modification, limit: int | None = None, seed: int = 0
) -> np.ndarray:
    """Tell which windows are modified for a type, in their order; none if it has no column.

    Parameters
    ----------
    windows : Windows
    modification : Modification
    limit : int, optional
        At most so many, drawn at random; all if not given.
    seed : int
        Of the draw. A type gets the same windows whatever other types are there.
    """
    columns = [k for k, m in enumerate(windows.modifications) if m.symbol == modification.symbol]
    if not columns:
        return np.empty(0, dtype=int)
    rows = np.flatnonzero(windows.labels[:, columns[0]] == POSITIVE)
    if limit is None or len(rows) <= limit:
        return rows
    name = list(modification.symbol.encode())
    return np.sort(np.random.default_rng([seed, *name]).permutation(rows)[:limit])


def known_sites(windows: Windows, known: Sequence[Windows] = (), reach: int = REACH) -> np.ndarray:
    """Find the sites of any type about the centres of windows, the central ones too.

    Parameters
    ----------
    windows : Windows
        Where to look; their own sites are known, too.
    known : sequence of Windows
        More windows whose sites are known, such as those for training.
    reach : int

    Returns
    -------
    np.ndarray, shape (N, 2 * reach + 1), bool
    """
    # As much of the flanks as tells sites at the border from others
    near = recentre(windows.tokens, 2 * (reach + REACH) + 1)
    found = np.zeros(near.shape, dtype=bool)
    for each in (windows, *known):
        found |= annotated(near, each)
    found = recentre(found.view(np.uint8), 2 * reach + 1) > 0
    found[:, reach] |= (windows.labels == POSITIVE).any(axis=1)
    return found


def neighbours(
    scores: np.ndarray,
    tokens: np.ndarray,
    modification: Modification,
    known: np.ndarray,
    rows: np.ndarray | None = None,
) -> Neighbours:
    """Tell the site of each window from its decoys.

    Parameters
    ----------
    scores : np.ndarray, shape (N, W), float
        Of the central W positions; W is odd.
    tokens : np.ndarray, shape (N, L), uint8
        The windows, modified in the centre.
    modification : Modification
    known : np.ndarray, shape (N, K), bool
        From :func:`known_sites`: sites of any type, which are nobody's decoys.
    rows : np.ndarray, shape (N,), int, optional
        What to call the windows; 0, 1, ... if not given.

    Raises
    ------
    DataError
        If there is no score for every window, or for an odd number of positions.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or len(scores) != len(tokens) or scores.shape[1] % 2 == 0:
        raise DataError(
            f"scores of positions have the shape {scores.shape}, not ({len(tokens)}, odd)"
        )
    width = min(scores.shape[1], known.shape[1])
    at = slice(centre(scores.shape[1]) - width // 2, centre(scores.shape[1]) + width // 2 + 1)
    scores = scores[:, at]
    # A context rule reads beside a position: look before cutting
    wide = recentre(tokens, width + 2 * len(modification.context))
    beside = len(modification.context)
    is_decoy = modification.candidates(wide)[:, beside : beside + width]
    is_decoy &= ~recentre(known.view(np.uint8), width).astype(bool)
    is_decoy[:, width // 2] = False
    return Neighbours(
        modification, np.arange(len(tokens)) if rows is None else rows, scores, is_decoy
    )


class ScoreWindows(Protocol):
    """A model that is evaluated window by window."""

    def __call__(self, windows: np.ndarray, modification: Modification, /) -> np.ndarray:
        """Score the centres of windows (K, length) for a type: shape (K,)."""


def window_by_window(score: ScoreWindows, length: int, reach: int = REACH) -> ScorePositions:
    """Make a scorer of positions from one of windows: it sees a window about each candidate.

    Parameters
    ----------
    score : callable
        ``score(windows (K, length), modification) -> (K,)``, such as trees or a matrix.
    length : int
        Window length in nt that it reads, odd.
    reach : int
        Positions up to so many nt from the site are scored.

    Returns
    -------
    ScorePositions
        Gives nan where the type cannot be, except at the site.
    """

    def positions(tokens: np.ndarray, modification: Modification) -> np.ndarray:
        width = 2 * reach + 1
        shown = recentre(tokens, max(tokens.shape[1], width))
        first = centre(shown.shape[1]) - reach
        wanted = modification.candidates(shown)[:, first : first + width].copy()
        wanted[:, reach] = True
        found = np.full(wanted.shape, np.nan)
        for start in range(0, len(tokens), _ROWS):
            part = range(start, min(start + _ROWS, len(tokens)))
            cut = [
                windows_around(shown[i], first + np.flatnonzero(wanted[i]), length) for i in part
            ]
            of_part = found[start : start + _ROWS]
            of_part[wanted[start : start + _ROWS]] = score(np.concatenate(cut), modification)
        return found

    return positions


def scan_around(
    model: Model, tokens: np.ndarray, reach: int = REACH, bar: Bar | None = None
) -> np.ndarray:
    """Evaluate all positions about the centres of windows, for all types in one dense pass.

    Parameters
    ----------
    model : Model
    tokens : np.ndarray, shape (N, L), uint8
        Where they are shorter than ``2 * reach`` and the model's window together, the model sees
        nothing beyond their ends.
    reach : int
    bar : Bar, optional
        Is told how many windows more are done.

    Returns
    -------
    np.ndarray, shape (N, 2 * reach + 1, M), float32
        Log-odds before calibration.
    """
    found = np.empty((len(tokens), 2 * reach + 1, len(model.modifications)), dtype=np.float32)
    for start in range(0, len(tokens), _ROWS):
        rows = recentre(tokens[start : start + _ROWS], 2 * reach + model.length)
        found[start : start + _ROWS] = model.scan_batch(np.ascontiguousarray(rows)).logits
        if bar is not None:
            bar.advance(len(rows))
    return found


def dense(model: Model, reach: int = REACH) -> ScorePositions:
    """Make a scorer of positions from a trained model, by dense scans.

    Parameters
    ----------
    model : Model
    reach : int
    """
    column = {m.symbol: k for k, m in enumerate(model.modifications)}

    def positions(tokens: np.ndarray, modification: Modification) -> np.ndarray:
        return scan_around(model, tokens, reach)[..., column[modification.symbol]]

    return positions
