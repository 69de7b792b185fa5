"""Effects of codes on predictions: codes are replaced by others and the logit is compared.

A code is replaced by a random code drawn with its usage frequency, never left out: the network
was not trained with gaps. `knock_out` replaces one code everywhere, `occlusion` one token at a
time, `deletion_curve` more and more tokens in several orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from vqrna.interpret.codes import CodedWindows, logits_from_codes
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.runtime.progress import progress

SAMPLE = 16  # modified windows of each type in which a code is knocked out
CURVE_WINDOWS = 24  # modified windows of each type in a deletion curve
_BATCH = 2048
CURVE_DRAWS = 3  # replacements tried at each step of a deletion curve
OCCLUSION_DRAWS = 2  # replacements tried at each token


class Knockout(NamedTuple):
    """Effect of replacing each code.

    Attributes
    ----------
    effect : np.ndarray, shape (K, M), float64
        Mean decrease of the logit of a type; nan where no window contains the code.
    error : np.ndarray, shape (K, M), float64
        Standard error of the mean; nan for fewer than two windows.
    windows : np.ndarray, shape (K, M), int
        Number of windows tested.
    """

    effect: np.ndarray
    error: np.ndarray
    windows: np.ndarray


class Substitutes:
    """Random replacement codes, drawn with their usage frequencies.

    Parameters
    ----------
    usage : np.ndarray, shape (K,)
        Share of all tokens that each code takes.
    seed : int
    """

    def __init__(self, usage: np.ndarray, seed: int = 0) -> None:
        self._cumulative = np.cumsum(usage) / usage.sum()
        self._several = int((usage > 0).sum()) > 1
        self._rng = np.random.default_rng(seed)

    def draw(self, codes: np.ndarray) -> np.ndarray:
        """Draw a replacement for each of `codes`, different from it if several codes are in use."""
        drawn = self._random(codes.shape)
        while self._several and (same := drawn == codes).any():
            drawn[same] = self._random(int(same.sum()))
        return drawn

    def _random(self, shape: int | tuple[int, ...]) -> np.ndarray:
        drawn = np.searchsorted(self._cumulative, self._rng.random(shape), side="right")
        return np.minimum(drawn, len(self._cumulative) - 1)


def knock_out(
    model: TrainedModel,
    strings: CodedWindows,
    modified: Sequence[tuple[int, np.ndarray]],
    *,
    places: np.ndarray | None = None,
    sample: int = SAMPLE,
    seed: int = 0,
    show_progress: bool = False,
) -> Knockout:
    """Measure the effect of replacing each code in modified windows.

    Parameters
    ----------
    modified : sequence of tuple
        For each type its column in the logits and the rows of its modified windows.
    places : np.ndarray, shape (T,), bool, optional
        Tokens at which codes are replaced, and at which a tested window must contain the code;
        all tokens if not given.
    sample : int
        Maximum number of windows tested for each code and type, drawn at random.
    """
    k = strings.codebook_size
    width = strings.codes.shape[1]
    replaced = np.ones(width, dtype=bool) if places is None else places
    substitutes = Substitutes(strings.usage(), seed)
    rng = np.random.default_rng(seed)
    jobs: list[tuple[int, int, int]] = []  # code, type, row
    for t, (_, rows) in enumerate(modified):
        for code, holding in enumerate(_rows_by_code(strings.codes[rows][:, replaced], k)):
            few = len(holding) <= sample
            picked = holding if few else rng.choice(holding, sample, replace=False)
            jobs += [(code, t, int(rows[i])) for i in np.sort(picked)]
    total, squares, count = (np.zeros((k, len(modified))) for _ in range(3))
    with progress(len(jobs), "knocking out codes", unit="windows", show=show_progress) as bar:
        for start in range(0, len(jobs), _BATCH):
            code, t, row = np.array(jobs[start : start + _BATCH]).T
            before = strings.codes[row]
            out = (before == code[:, None]) & replaced
            after = np.where(out, substitutes.draw(before), before)
            column = np.array([c for c, _ in modified])[t]
            lost = strings.logits[row, column]
            lost = lost - logits_from_codes(model, after)[np.arange(len(row)), column]
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
    draws: int = OCCLUSION_DRAWS,
) -> np.ndarray:
    """Measure the effect of replacing each token on its own.

    Parameters
    ----------
    codes : np.ndarray, shape (N, T), int
    columns : np.ndarray, shape (N,), int
        Column of the logit of each window.
    draws : int
        Replacements tried at each token.

    Returns
    -------
    np.ndarray, shape (N, T), float64
        Mean decrease of the logit: positive where the token supports the modification.
    """
    n, width = codes.shape
    effects = np.zeros((n, width))
    token = np.arange(width)
    for i in range(n):
        whole = logits_from_codes(model, codes[i : i + 1])[0, columns[i]]
        for _ in range(draws):
            changed = np.repeat(codes[i : i + 1], width, axis=0)
            changed[token, token] = substitutes.draw(codes[i])
            effects[i] += (whole - logits_from_codes(model, changed)[:, columns[i]]) / draws
    return effects


def _rows_by_code(codes: np.ndarray, codebook_size: int) -> Iterator[np.ndarray]:
    """Yield for each code the rows that contain it, ascending."""
    row = np.repeat(np.arange(len(codes)), codes.shape[1])
    pairs = np.unique(codes.ravel().astype(np.int64) * max(len(codes), 1) + row)
    code, row = np.divmod(pairs, max(len(codes), 1))
    ends = np.searchsorted(code, np.arange(codebook_size + 1))
    for k in range(codebook_size):
        yield row[ends[k] : ends[k + 1]]


def curve_steps(width: int) -> np.ndarray:
    """Return the numbers of replaced tokens along a deletion curve: 0, 1, 2, 4, ..., `width`."""
    powers = 2 ** np.arange(int(np.log2(max(width, 1))) + 1)
    return np.unique([0, *powers, width])


def deletion_curve(
    model: TrainedModel,
    strings: CodedWindows,
    modified: Sequence[tuple[Modification, int, np.ndarray]],
    weights: Mapping[str, np.ndarray],
    *,
    importance: Mapping[str, np.ndarray] | None = None,
    windows: int = CURVE_WINDOWS,
    seed: int = 0,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Replace more and more tokens of modified windows, in several orders.

    The orders are ``specific`` (codes most specific to the type first, all tokens of a code
    together), ``random`` (codes in random order, likewise together), ``occlusion`` (tokens with
    the largest effect on their own first), and ``mutagenesis`` if `importance` is given.

    Parameters
    ----------
    modified : sequence of tuple
        Type, its column in the logits, and the rows of its modified windows; the rows that
        :func:`curve_rows` selects are used.
    weights : mapping of str to np.ndarray, shape (T, K)
        For each symbol the specificity of each code at each token.
    importance : mapping of str to np.ndarray, shape (n, T), optional
        For each symbol the importance of each token from saturation mutagenesis, for the rows
        that :func:`curve_rows` selects.
    windows : int
        Maximum number of windows of each type.

    Returns
    -------
    pandas.DataFrame
        One row per type, order and step: ``modification``, ``order``, ``tokens``, ``windows``,
        ``logit`` (mean), ``lost`` (share of the decrease when all tokens are replaced).
    """
    substitutes = Substitutes(strings.usage(), seed)
    rng = np.random.default_rng(seed)
    rows = []
    with progress(len(modified), "deletion curve", unit="types", show=show_progress) as bar:
        for m, column, candidates in modified:
            codes = strings.codes[curve_rows(strings, column, candidates, windows)]
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


def curve_rows(
    strings: CodedWindows, column: int, candidates: np.ndarray, windows: int = CURVE_WINDOWS
) -> np.ndarray:
    """Return the first `windows` rows of `candidates` with a logit above 0."""
    return candidates[strings.logits[candidates, column] > 0][:windows]


def _curve(
    model: TrainedModel,
    codes: np.ndarray,
    weight: np.ndarray,
    column: int,
    substitutes: Substitutes,
) -> list[tuple[int, float]]:
    """Return each step n and the mean logit of windows (N, T) without their n heaviest tokens."""
    width = codes.shape[1]
    rank = np.argsort(np.argsort(-weight, axis=1, kind="stable"), axis=1)
    curve = []
    for step in curve_steps(width):
        repeats = 1 if step == 0 else CURVE_DRAWS
        before = np.tile(codes, (repeats, 1))
        out = np.tile(rank < step, (repeats, 1))
        after = np.where(out, substitutes.draw(before), before)
        curve.append((int(step), float(logits_from_codes(model, after)[:, column].mean())))
    return curve
