"""How much of a prediction the specific codes carry: tokens are replaced, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vqrna.interpret.codes import CodeStrings, logits_of_codes
from vqrna.interpret.knockout import Substitutes, occlusion
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.runtime.progress import progress

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
