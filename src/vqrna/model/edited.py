"""Logits of a sequence and of edited versions of it, near each edit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from vqrna.model.inference import evaluating
from vqrna.model.model_set import Model
from vqrna.model.trained_model import TrainedModel
from vqrna.nn.dense import dense_network, supports_dense
from vqrna.nn.dense.edits import AT_ONCE, Edit, EditedSequence
from vqrna.nn.dense.ensemble import EditedEnsemble, edited_sequence
from vqrna.sequence import AMBIGUOUS, centre

ROWS, GPU_ROWS = 8, 256
"""Edited sequences that are scanned at a time, on a CPU and on an accelerator."""


class TokenEdit(NamedTuple):
    """Replacement of tokens ``start`` to ``stop`` (0-based, half-open) by others."""

    start: int
    stop: int
    letters: np.ndarray  # (n,), uint8; n may be 0


class EditedScan:
    """A scan of a sequence that can be repeated for edits.

    The dense engine on a CPU computes only what an edit reaches; other models and devices scan
    the surroundings of each edit again.

    Parameters
    ----------
    model : Model
    tokens : np.ndarray, shape (W + length - 1,), uint8
        W positions with half a window of context on either side, `AMBIGUOUS` beyond the ends of the
        sequence.

    Attributes
    ----------
    logits : np.ndarray, shape (W, M), float64
        Logits at the W positions.
    """

    def __init__(self, model: Model, tokens: np.ndarray) -> None:
        self._model, self._tokens = model, np.ascontiguousarray(tokens)
        self._edited: EditedSequence | EditedEnsemble | None = None
        on_cpu = model.device.type == "cpu"
        if on_cpu and isinstance(model, TrainedModel) and supports_dense(model.network):
            with evaluating(model.network):
                letters = torch.from_numpy(self._tokens.astype(np.int64))
                self._edited = edited_sequence(dense_network(model.network), letters)
                self.logits = self._edited.logits.double().numpy()
        else:
            self.logits = model.scan_batch(self._tokens[None]).logits[0]
        self._at_once = AT_ONCE if self._edited else ROWS if on_cpu else GPU_ROWS

    def edit(self, edits: Sequence[TokenEdit]) -> Iterator[np.ndarray]:
        """Evaluate the sequence with each edit.

        Parameters
        ----------
        edits : sequence of TokenEdit
            At least ``length - 1`` letters from either end of the tokens.

        Yields
        ------
        np.ndarray, shape (n + length - 1, M), float64
            Logits of the positions from half a window before the edit to half a window after it.
        """
        for start in range(0, len(edits), self._at_once):
            part = edits[start : start + self._at_once]
            yield from self._incremental(part) if self._edited else self._rescan(part)

    def _incremental(self, edits: Sequence[TokenEdit]) -> list[np.ndarray]:
        assert self._edited is not None
        assert isinstance(self._model, TrainedModel)
        with evaluating(self._model.network):
            letters = [torch.from_numpy(edit.letters.astype(np.int64)) for edit in edits]
            converted = [Edit(e.start, e.stop, x) for e, x in zip(edits, letters, strict=True)]
            return [logits.double().numpy() for logits in self._edited.edit(converted)]

    def _rescan(self, edits: Sequence[TokenEdit]) -> list[np.ndarray]:
        beside = 2 * centre(self._model.length)
        counts = [len(edit.letters) + beside for edit in edits]
        rows = np.full((len(edits), max(counts) + beside), AMBIGUOUS, dtype=np.uint8)
        for row, edit in zip(rows, edits, strict=True):
            before = self._tokens[edit.start - beside : edit.start]
            after = self._tokens[edit.stop : edit.stop + beside]
            edited = np.concatenate([before, edit.letters, after])
            row[: len(edited)] = edited
        logits = self._model.scan_batch(rows).logits
        return [each[:count] for each, count in zip(logits, counts, strict=True)]
