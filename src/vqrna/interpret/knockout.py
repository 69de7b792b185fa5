"""What a prediction owes to codes: other codes are put in their places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vqrna.interpret.codes import CodeStrings, logits_of_codes
from vqrna.model import TrainedModel
from vqrna.runtime.progress import progress

SAMPLE = 16
"""Modified windows in which each code is knocked out, a type."""

_BATCH = 2048


class Knockout(NamedTuple):
    """What is lost without a code.

    Attributes
    ----------
    effect : np.ndarray, shape (K, M), float64
        Mean fall of the logit of a type; nan where no window holds the code.
    error : np.ndarray, shape (K, M), float64
        Standard error of that mean; nan for fewer than two windows.
    windows : np.ndarray, shape (K, M), int
        Windows in which it was tried.
    """

    effect: np.ndarray
    error: np.ndarray
    windows: np.ndarray


class Substitutes:
    """Draws codes to put in the place of others, as often as each is used.

    Parameters
    ----------
    usage : np.ndarray, shape (K,)
        Share of all tokens that each code takes.
    seed : int
    """

    def __init__(self, usage: np.ndarray, seed: int = 0) -> None:
        self._cumulated = np.cumsum(usage) / usage.sum()
        self._several = int((usage > 0).sum()) > 1
        self._rng = np.random.default_rng(seed)

    def other_than(self, codes: np.ndarray) -> np.ndarray:
        """Draw a code for each of `codes`, never the same one (if there is another)."""
        drawn = self._draw(codes.shape)
        while self._several and (same := drawn == codes).any():
            drawn[same] = self._draw(int(same.sum()))
        return drawn

    def _draw(self, shape: int | tuple[int, ...]) -> np.ndarray:
        found = np.searchsorted(self._cumulated, self._rng.random(shape), side="right")
        return np.minimum(found, len(self._cumulated) - 1)


def knock_out(
    model: TrainedModel,
    strings: CodeStrings,
    modified: Sequence[tuple[int, np.ndarray]],
    *,
    places: np.ndarray | None = None,
    sample: int = SAMPLE,
    seed: int = 0,
    show_progress: bool = False,
) -> Knockout:
    """Take each code out of modified windows, and see what becomes of the prediction.

    Wherever the code stands in a window, another one is put: drawn as often as each code is used
    in all windows. (Codes cannot just be left out: the network has never seen a gap. The nearest
    code would ask whether two codes are synonyms; a usual one asks what this one says.)

    Parameters
    ----------
    model : TrainedModel
    strings : CodeStrings
    modified : sequence of tuple
        For each type its column among the logits and the rows of its modified windows.
    places : np.ndarray, shape (T,), bool, optional
        Only codes at these tokens are taken out, and only windows that hold the code there are
        tried; all tokens if not given.
    sample : int
        Of the windows that hold a code so many are tried, drawn at random.
    seed : int
    show_progress : bool
    """
    k = strings.codebook_size
    width = strings.codes.shape[1]
    there = np.ones(width, dtype=bool) if places is None else places
    substitutes = Substitutes(strings.usage(), seed)
    rng = np.random.default_rng(seed)
    jobs: list[tuple[int, int, int]] = []  # code, type, row
    for t, (_, rows) in enumerate(modified):
        for code, holding in enumerate(_holders(strings.codes[rows][:, there], k)):
            few = len(holding) <= sample
            chosen = holding if few else rng.choice(holding, sample, replace=False)
            jobs += [(code, t, int(rows[i])) for i in np.sort(chosen)]
    total, squares, count = (np.zeros((k, len(modified))) for _ in range(3))
    with progress(len(jobs), "knocking out codes", unit="windows", show=show_progress) as bar:
        for start in range(0, len(jobs), _BATCH):
            code, t, row = np.array(jobs[start : start + _BATCH]).T
            before = strings.codes[row]
            out = (before == code[:, None]) & there
            after = np.where(out, substitutes.other_than(before), before)
            column = np.array([c for c, _ in modified])[t]
            lost = strings.logits[row, column]
            lost = lost - logits_of_codes(model, after)[np.arange(len(row)), column]
            np.add.at(total, (code, t), lost)
            np.add.at(squares, (code, t), lost**2)
            np.add.at(count, (code, t), 1)
            bar.advance(len(row))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / count
        error = np.sqrt(np.maximum(squares / count - mean**2, 0) / (count - 1))
    return Knockout(mean, np.where(count > 1, error, np.nan), count.astype(int))


def occlusion(
    model: TrainedModel,
    codes: np.ndarray,
    columns: np.ndarray,
    substitutes: Substitutes,
    draws: int = 2,
) -> np.ndarray:
    """Put other codes in the place of each token by itself.

    Parameters
    ----------
    model : TrainedModel
    codes : np.ndarray, shape (N, T), int
    columns : np.ndarray, shape (N,), int
        Which logit of each window is looked at.
    substitutes : Substitutes
    draws : int
        Other codes that are tried at each place.

    Returns
    -------
    np.ndarray, shape (N, T), float64
        Mean fall of the logit: above 0 where the token speaks for the modification.
    """
    n, width = codes.shape
    found = np.zeros((n, width))
    token = np.arange(width)
    for i in range(n):
        whole = logits_of_codes(model, codes[i : i + 1])[0, columns[i]]
        for _ in range(draws):
            changed = np.repeat(codes[i : i + 1], width, axis=0)
            changed[token, token] = substitutes.other_than(codes[i])
            found[i] += (whole - logits_of_codes(model, changed)[:, columns[i]]) / draws
    return found


def _holders(codes: np.ndarray, codebook_size: int) -> Iterator[np.ndarray]:
    """Give for each code the rows that hold it, rising."""
    row = np.repeat(np.arange(len(codes)), codes.shape[1])
    pairs = np.unique(codes.ravel().astype(np.int64) * max(len(codes), 1) + row)
    code, row = np.divmod(pairs, max(len(codes), 1))
    ends = np.searchsorted(code, np.arange(codebook_size + 1))
    for k in range(codebook_size):
        yield row[ends[k] : ends[k + 1]]
