"""Expected duration of a codebook atlas, from the measured time of each of its steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from vqrna.data.windows import POSITIVE, UNKNOWN, Windows
from vqrna.interpret.codes import logits_from_codes, read_codes
from vqrna.interpret.contrast import contrast
from vqrna.interpret.knockout import CURVE_DRAWS, OCCLUSION_DRAWS, curve_steps
from vqrna.interpret.mutagenesis import mutate
from vqrna.model import TrainedModel
from vqrna.sequence import recentre

_T = TypeVar("_T")

WINDOWS = 16
"""Windows on which the steps are measured."""

_ROWS = 256  # rows of codes that are evaluated for the time of one
_PERMUTATIONS = 250
_ORDERS = 4  # of a deletion curve


def expected_seconds(
    model: TrainedModel, windows: Windows, *, permutations: int, sample: int, curve_windows: int
) -> float:
    """Measure each step of :func:`vqrna.interpret.atlas.atlas` and return the expected seconds.

    Reading codes, predicting from codes, mutating a window and permuting labels are timed on a few
    windows, and multiplied by how often the atlas does them. This takes a few seconds at most.

    Parameters
    ----------
    model : TrainedModel
    windows : Windows
    permutations, sample, curve_windows
        As in :func:`vqrna.interpret.atlas.atlas`.

    Raises
    ------
    UsageError
        If the model has no codebook.
    """
    labelled = np.flatnonzero((windows.labels != UNKNOWN).any(axis=1))
    if not len(labelled):
        return 0.0
    first = windows.tokens[labelled[np.linspace(0, len(labelled) - 1, WINDOWS).astype(int)]]
    read_codes(model, first[:2])  # the first call allocates memory
    strings, reading = _timed(lambda: read_codes(model, first))
    seconds = reading / len(first) * len(labelled)

    rows = np.tile(strings.codes, (-(-_ROWS // len(first)), 1))[:_ROWS]
    _, predicting = _timed(lambda: logits_from_codes(model, rows))
    window = np.ascontiguousarray(recentre(first[:1], model.length))
    _, mutating = _timed(lambda: list(mutate(model.network.eval(), window)))
    positives = [int((column == POSITIVE).sum()) for column in windows.labels.T]
    width, at_site = strings.codes.shape[1], strings.layout.at_site
    drawn = [min(curve_windows, count) for count in positives]
    codes = _knocked_out(strings.usage(), positives, sample, (width, int(at_site.sum())))
    steps = 1 + CURVE_DRAWS * (len(curve_steps(width)) - 1)
    codes += sum(drawn) * (1 + OCCLUSION_DRAWS * width + _ORDERS * steps)
    seconds += codes * predicting / len(rows) + sum(drawn) * mutating

    own = (windows.labels != UNKNOWN).sum(axis=0)
    if permutations and own.max():
        largest = int(own.max())
        codes_of_type = np.tile(strings.codes, (-(-largest // len(first)), 1))[:largest]
        labels = np.arange(largest) % 2 == 0

        def permute(number: int) -> None:
            cluster, size = np.arange(largest), strings.codebook_size
            contrast(codes_of_type, labels, cluster, at_site, size, permutations=number)

        _, counting = _timed(lambda: permute(0))
        _, both = _timed(lambda: permute(_PERMUTATIONS))
        permuting = max(both - counting, 0.0) / _PERMUTATIONS * permutations
        seconds += float((counting + permuting) * own.sum() / largest)
    return seconds


def _timed(call: Callable[[], _T]) -> tuple[_T, float]:
    start = time.monotonic()
    return call(), time.monotonic() - start


def _knocked_out(
    usage: np.ndarray, positives: list[int], sample: int, tokens: tuple[int, ...]
) -> float:
    """Return the expected number of windows in which a code is replaced.

    For each code and type these are the windows that contain it among `tokens`, at most `sample`.
    """
    return sum(
        float(np.minimum(sample, count * (1 - (1 - usage) ** n)).sum())
        for count in positives
        for n in tokens
    )
