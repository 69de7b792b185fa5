"""Measure how high unmodified positions score: in whole windows, and in short sequences."""

from __future__ import annotations

import dataclasses

import numpy as np

from vqrna.data.annotated import annotated
from vqrna.data.overlap import overlapping
from vqrna.data.windows import Windows
from vqrna.model import TrainedModel
from vqrna.runtime.progress import progress
from vqrna.sequence import AMBIGUOUS, centre
from vqrna.shuffling import dinucleotide_shuffle
from vqrna.stats.null_distribution import NullSketch
from vqrna.stats.tiers import EDGE

WINDOWS = {"vqrna": 6000, "paper": 40}
"""At most so many windows for a null; the paper's network cannot be evaluated densely."""

STRETCHES = 3
"""So many stretches of each shuffled window: calls cluster in few windows of odd composition."""


def with_nulls(
    model: TrainedModel, train: Windows, valid: Windows, *, show_progress: bool = True
) -> TrainedModel:
    """Give a model the nulls that validation windows provide.

    Off-site positions are those beside the central one that are annotated for no type in any of
    the windows given, not within half a model's window (a quarter of theirs, at most) of the
    ends; real sites that nobody annotated are among them. Cut
    nulls are made of stretches of the same windows, from 51 nt to the model's length, each taken
    for a sequence of its own, without the `EDGE` nt at its ends. Shuffled are all windows: with
    their order gone, none of them overlaps a training window.

    Parameters
    ----------
    model : TrainedModel
    train : Windows
        Windows that overlap these have no part in the off-site nulls; their sites are known, too.
    valid : Windows
    show_progress : bool
    """
    generator = np.random.default_rng(model.config.training.seed)
    fresh = valid.tokens[~overlapping(valid.tokens, train.tokens)]
    most = WINDOWS[model.config.model.architecture]
    real = fresh[np.sort(generator.permutation(len(fresh))[:most])]
    known = annotated(real, train) | annotated(real, valid)
    known[:, centre(real.shape[1])] = True
    shuffled = valid.tokens[np.sort(generator.permutation(len(valid))[:most])]
    shuffled = np.stack([dinucleotide_shuffle(window, generator) for window in shuffled])
    material = {
        "off_site": real,
        "shuffled": shuffled,
        "off_site_cut": real,
        "shuffled_cut": np.repeat(shuffled, STRETCHES, axis=0),
    }
    found = {}
    total = sum(windows.size for windows in material.values())
    with progress(total, "nulls", unit="nt", show=show_progress) as bar:
        for name, windows in material.items():
            stretches = _stretches(model, windows, generator) if "cut" in name else None
            found[name] = _null(model, windows, stretches, known if "off_site" in name else None)
            bar.advance(windows.size)
    return dataclasses.replace(
        model,
        off_site=found["off_site"],
        shuffled=found["shuffled"],
        off_site_cut=found["off_site_cut"],
        shuffled_cut=found["shuffled_cut"],
    )


def cut_windows(tokens: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Hide both flanks of windows from a random distance of `EDGE` nt or more on.

    Parameters
    ----------
    tokens : np.ndarray, shape (N, L), uint8
    generator : np.random.Generator

    Returns
    -------
    np.ndarray, shape (N, L), uint8
        A copy, ambiguous where hidden.
    """
    half = centre(tokens.shape[1])
    kept = generator.integers(min(EDGE, half), half + 1, (2, len(tokens), 1))
    offset = np.arange(tokens.shape[1]) - half
    return np.where((offset < -kept[0]) | (offset > kept[1]), np.uint8(AMBIGUOUS), tokens)


def _stretches(
    model: TrainedModel, windows: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Draw a stretch of each window, short ones as often as long ones: (N, 2) start and stop."""
    length = windows.shape[1]
    shortest, longest = min(2 * EDGE + 1, length), min(model.length, length)
    extent = np.exp(generator.uniform(np.log(shortest), np.log(longest + 1), len(windows)))
    extent = extent.astype(int).clip(shortest, longest)
    start = (generator.random(len(windows)) * (length - extent + 1)).astype(int)
    return np.stack([start, start + extent], axis=1)


def _null(
    model: TrainedModel,
    windows: np.ndarray,
    stretches: np.ndarray | None,
    known: np.ndarray | None,
) -> tuple[NullSketch, ...]:
    """Score the candidates of windows, or of stretches of them, but not those that are `known`."""
    length = windows.shape[1]
    margin = min(centre(model.length), length // 4)
    found: list[list[np.ndarray]] = [[np.empty(0)] for _ in model.modifications]
    nt = 0
    for row, window in enumerate(windows):
        start, stop = (0, length) if stretches is None else stretches[row]
        low, high = (margin, length - margin) if stretches is None else (start + EDGE, stop - EDGE)
        wanted = np.ones(max(high - low, 0), dtype=bool)
        if known is not None:
            wanted &= ~known[row, low : max(low, high)]
        if not wanted.any():
            continue
        shown = window[start:stop]
        logits = model.scan(shown, low - start, high - start)
        for m, kind in enumerate(model.modifications):
            candidates = kind.candidates(shown)[low - start : high - start]
            found[m].append(logits[candidates & wanted, m])
        nt += int(wanted.sum())
    return tuple(NullSketch.of(np.concatenate(each), nt) for each in found)
