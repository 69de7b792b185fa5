"""What a prediction owes to codes: other codes are put in their places.

How much of a prediction the specific codes carry: tokens are replaced, best first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from vqrna.interpret.codes import CodeStrings, logits_of_codes
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
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


WINDOWS = 24
"""Modified windows of each type that are looked at."""

_DRAWS = 3


def steps(width: int) -> np.ndarray:
    """Tell how many of `width` tokens are replaced along the curve: none, 1, 2, 4, ... all."""
    powers = 2 ** np.arange(int(np.log2(max(width, 1))) + 1)
    return np.unique([0, *powers, width])


def deletion(
    model: TrainedModel,
    strings: CodeStrings,
    modified: Sequence[tuple[Modification, int, np.ndarray]],
    weights: Mapping[str, np.ndarray],
    *,
    importance: Mapping[str, np.ndarray] | None = None,
    windows: int = WINDOWS,
    seed: int = 0,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Replace more and more tokens of modified windows, in several orders.

    The orders are: ``specific`` (tokens whose codes are most specific to the type first, all of
    one code together), ``random`` (codes in random order, likewise together), ``occlusion`` (the
    tokens that matter most by themselves), and ``mutagenesis`` where `importance` is given.

    Parameters
    ----------
    model : TrainedModel
    strings : CodeStrings
    modified : sequence of tuple
        Type, its column among the logits, and its windows, from which the first that the model
        predicts (logit above 0) are taken.
    weights : mapping of str to np.ndarray, shape (T, K)
        For each symbol how specific a code is in each place.
    importance : mapping of str to np.ndarray, shape (n, T), optional
        For each symbol what saturation mutagenesis says of the tokens of the windows that
        :func:`chosen` gives.
    windows : int
        So many of each type.
    seed : int
    show_progress : bool

    Returns
    -------
    pandas.DataFrame
        One row a type, order and step: ``modification``, ``order``, ``tokens``, ``windows``,
        ``logit`` (mean), ``lost`` (share of what replacing all tokens takes away).
    """
    substitutes = Substitutes(strings.usage(), seed)
    rng = np.random.default_rng(seed)
    rows = []
    with progress(len(modified), "deletion curve", unit="types", show=show_progress) as bar:
        for m, column, candidates in modified:
            took = chosen(strings, column, candidates, windows)
            codes = strings.codes[took]
            if len(codes):
                code_rank = rng.random((len(codes), strings.codebook_size))
                orders = {
                    "specific": weights[m.symbol][np.arange(codes.shape[1]), codes],
                    "random": np.take_along_axis(code_rank, codes.astype(np.int64), axis=1),
                    "occlusion": occlusion(model, codes, np.full(len(codes), column), substitutes),
                }
                if importance is not None:
                    orders["mutagenesis"] = importance[m.symbol]
                for name, weight in orders.items():
                    curve = _curve(model, codes, weight, column, substitutes)
                    rows += [(m.symbol, name, n, len(codes), logit) for n, logit in curve]
            bar.advance(1)
    table = pd.DataFrame(rows, columns=["modification", "order", "tokens", "windows", "logit"])
    whole = table[table.tokens == 0].groupby("modification").logit.mean()
    nothing = table[table.tokens == table.tokens.max()].groupby("modification").logit.mean()
    first, last = table.modification.map(whole), table.modification.map(nothing)
    return table.assign(lost=(first - table.logit) / (first - last))


def chosen(
    strings: CodeStrings, column: int, candidates: np.ndarray, windows: int = WINDOWS
) -> np.ndarray:
    """Rows that a deletion curve is made of: the first that the model predicts."""
    return candidates[strings.logits[candidates, column] > 0][:windows]


def _curve(
    model: TrainedModel,
    codes: np.ndarray,
    weight: np.ndarray,
    column: int,
    substitutes: Substitutes,
) -> list[tuple[int, float]]:
    """Mean logits of windows (N, T) with their n heaviest tokens replaced, for each step n."""
    width = codes.shape[1]
    rank = np.argsort(np.argsort(-weight, axis=1, kind="stable"), axis=1)
    found = []
    for step in steps(width):
        repeats = 1 if step == 0 else _DRAWS
        before = np.tile(codes, (repeats, 1))
        out = np.tile(rank < step, (repeats, 1))
        after = np.where(out, substitutes.other_than(before), before)
        found.append((int(step), float(logits_of_codes(model, after)[:, column].mean())))
    return found
