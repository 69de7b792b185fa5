"""Scores of modified windows position by position: those of the sites and of their decoys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vqrna.data.annotated import annotated
from vqrna.data.windows import POSITIVE, Windows
from vqrna.errors import DataError
from vqrna.modifications import Modification
from vqrna.runtime.threads import map_in_order, torch_jobs
from vqrna.sequence import centre, recentre, windows_around

if TYPE_CHECKING:
    from vqrna.model import Model
    from vqrna.runtime.progress import Bar

REACH = 250
"""Largest distance from the site, in nt, of the positions that are scored."""

_ROWS = 64
"""Windows per batch; bounds the memory of a dense scan."""

ScorePositions = Callable[[np.ndarray, Modification], np.ndarray]
"""Takes windows (N, L) and a type; returns scores (N, W) of the central W positions, W odd.

The site is at ``W // 2``. Only the ranks of scores are used. Positions that cannot carry the type
are not read and may be nan."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Modified windows of one type, with the scores of the positions around their sites."""

    modification: Modification
    rows: np.ndarray  # (N,), int: Indices of the windows
    scores: np.ndarray  # (N, W), float64: The site is at ``W // 2``
    # (N, W), bool: Positions that have the base and context of the type and are annotated for no
    # type
    is_decoy: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: np.ndarray) -> Neighbours:
        """Return some of the windows, by mask."""
        arrays = (self.rows[chosen], self.scores[chosen], self.is_decoy[chosen])
        return Neighbours(self.modification, *arrays)

    @property
    def site(self) -> np.ndarray:
        """Scores of the sites, shape (N,)."""
        return self.scores[:, centre(self.scores.shape[1])]


def sites_of(
    windows: Windows, modification: Modification, limit: int | None = None, seed: int = 0
) -> np.ndarray:
    """Return the rows of the windows that are modified for a type; none if it has no column.

    Parameters
    ----------
    limit : int, optional
        Largest number of windows, drawn at random; all by default.
    seed : int
        Seed of the draw, which does not depend on the other types.
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
    """Return the known sites of any type around the centres of windows, including the centres.

    Parameters
    ----------
    windows : Windows
        Windows to search; their own sites are known, too.
    known : sequence of Windows
        More windows whose sites are known, for example those for training.

    Returns
    -------
    np.ndarray, shape (N, 2 * reach + 1), bool
    """
    # With enough flank to recognise sites at the border
    near = recentre(windows.tokens, 2 * (reach + REACH) + 1)
    sites = np.zeros(near.shape, dtype=bool)
    for each in (windows, *known):
        sites |= annotated(near, each)
    sites = recentre(sites.view(np.uint8), 2 * reach + 1) > 0
    sites[:, reach] |= (windows.labels == POSITIVE).any(axis=1)
    return sites


def neighbours(
    scores: np.ndarray,
    tokens: np.ndarray,
    modification: Modification,
    known: np.ndarray,
    rows: np.ndarray | None = None,
) -> Neighbours:
    """Return the scores of windows with their decoys marked.

    Raises DataError if the scores do not have the shape (N, odd).

    Parameters
    ----------
    scores : np.ndarray, shape (N, W), float
        Scores of the central W positions; W is odd.
    tokens : np.ndarray, shape (N, L), uint8
        The windows, modified in the centre.
    known : np.ndarray, shape (N, K), bool
        Sites of any type, from :func:`known_sites`; they are not decoys.
    rows : np.ndarray, shape (N,), int, optional
        Indices of the windows; 0, 1, ... by default.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or len(scores) != len(tokens) or scores.shape[1] % 2 == 0:
        raise DataError(
            f"scores of positions have the shape {scores.shape} (expected ({len(tokens)}, odd))"
        )
    width = min(scores.shape[1], known.shape[1])
    at = slice(centre(scores.shape[1]) - width // 2, centre(scores.shape[1]) + width // 2 + 1)
    scores = scores[:, at]
    # A context reaches beyond the position: match before cutting
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
    """Return a scorer of positions that applies a scorer of windows to each candidate.

    Parameters
    ----------
    score : callable
        ``score(windows (K, length), modification) -> (K,)``, for example of trees or a matrix.
    length : int
        Length of its windows in nt, odd.
    reach : int
        Largest distance from the site, in nt, of the positions to score.

    Returns
    -------
    ScorePositions
        Returns nan where the context does not match, except at the site.
    """

    def positions(tokens: np.ndarray, modification: Modification) -> np.ndarray:
        width = 2 * reach + 1
        shown = recentre(tokens, max(tokens.shape[1], width))
        first = centre(shown.shape[1]) - reach
        wanted = modification.candidates(shown)[:, first : first + width].copy()
        wanted[:, reach] = True
        scores = np.full(wanted.shape, np.nan)
        for start in range(0, len(tokens), _ROWS):
            part = range(start, min(start + _ROWS, len(tokens)))
            cut = [
                windows_around(shown[i], first + np.flatnonzero(wanted[i]), length) for i in part
            ]
            of_part = scores[start : start + _ROWS]
            of_part[wanted[start : start + _ROWS]] = score(np.concatenate(cut), modification)
        return scores

    return positions


def scan_around(
    model: Model, tokens: np.ndarray, reach: int = REACH, bar: Bar | None = None
) -> np.ndarray:
    """Evaluate all positions around the centres of windows, for all types in one dense pass.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
        Beyond their ends the model sees ambiguous letters.
    bar : Bar, optional
        Advanced by the number of windows.

    Returns
    -------
    np.ndarray, shape (N, 2 * reach + 1, M), float32
        Log-odds before calibration.
    """
    logits = np.empty((len(tokens), 2 * reach + 1, len(model.modifications)), dtype=np.float32)

    def evaluate(start: int, _: Event) -> None:
        rows = recentre(tokens[start : start + _ROWS], 2 * reach + model.length)
        logits[start : start + _ROWS] = model.scan_batch(np.ascontiguousarray(rows)).logits

    starts = range(0, len(tokens), _ROWS)
    for start, _ in map_in_order(starts, evaluate, torch_jobs(model.device)):
        if bar is not None:
            bar.advance(min(_ROWS, len(tokens) - start))
    return logits


def dense(model: Model, reach: int = REACH) -> ScorePositions:
    """Return a scorer of positions that scans with a trained model."""
    column = {m.symbol: k for k, m in enumerate(model.modifications)}

    def positions(tokens: np.ndarray, modification: Modification) -> np.ndarray:
        return scan_around(model, tokens, reach)[..., column[modification.symbol]]

    return positions
