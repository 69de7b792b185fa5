"""The logit of one modification at the centre of a window, with many substitutions."""

from __future__ import annotations

import copy
import threading

import numpy as np

from vqrna.interpret.attributions import model_and_column
from vqrna.interpret.mutagenesis import LocalMutagenesis
from vqrna.model import Model
from vqrna.modifications import Modification
from vqrna.nn.dense import supports_dense
from vqrna.nn.model import EnsembleNetwork, SiteNetwork
from vqrna.sequence import IUPAC, centre

BATCH = 256
"""Windows evaluated at a time by networks without incremental evaluation."""


class SiteScorer:
    """Evaluates substitutions of windows for one modification; threads may share it.

    Parameters
    ----------
    model : Model
    modification : Modification
        One that the model predicts.
    """

    def __init__(self, model: Model, modification: Modification) -> None:
        self._single, self._column = model_and_column(model, modification)
        self.length = self._single.length
        self._dense: SiteNetwork | EnsembleNetwork | None = None
        self._of_thread = threading.local()  # a `LocalMutagenesis` holds the window of its thread
        network = self._single.network.eval()
        if supports_dense(network):
            on_cpu = self._single.device.type == "cpu"
            self._dense = network if on_cpu else copy.deepcopy(network).cpu()
        first = centre(self.length) - modification.offset
        # Columns that the context constrains, with the letters that match
        self._context = [
            (first + i, IUPAC[letter])
            for i, letter in enumerate(modification.context)
            if letter != "N" or i == modification.offset
        ]

    @property
    def context_size(self) -> int:
        """Number of columns that the context of the modification constrains."""
        return len(self._context)

    def logits(self, window: np.ndarray, columns: np.ndarray, bases: np.ndarray) -> np.ndarray:
        """Return the logit with each substitution.

        Parameters
        ----------
        window : np.ndarray, shape (L,), uint8
        columns, bases : np.ndarray, shape (N,), int64
            Sorted by column.

        Returns
        -------
        np.ndarray, shape (N,), float64
        """
        if self._dense is not None:
            if not len(columns):
                return np.empty(0)
            if not hasattr(self._of_thread, "local"):
                self._of_thread.local = LocalMutagenesis(self._dense)
            local: LocalMutagenesis = self._of_thread.local
            return local.substitute(window, columns, bases)[1][:, self._column]
        logits = np.empty(len(columns))
        for start in range(0, len(columns), BATCH):
            part = slice(start, start + BATCH)
            rows = np.repeat(window[None], len(columns[part]), axis=0)
            rows[np.arange(len(rows)), columns[part]] = bases[part]
            logits[part] = self._single.logits(rows)[:, self._column]
        return logits

    def logit(self, window: np.ndarray) -> float:
        """Return the logit of a window."""
        return float(self._single.logits(window[None])[0, self._column])

    def matches(self, window: np.ndarray, columns: np.ndarray, bases: np.ndarray) -> np.ndarray:
        """Return how many columns match the context with each substitution, (N,), int64.

        The site can carry the modification if all `context_size` do.
        """
        before = {column: bool(allowed[window[column]]) for column, allowed in self._context}
        matches = np.full(len(columns), sum(before.values()), dtype=np.int64)
        for column, allowed in self._context:
            own = columns == column
            matches[own] += allowed[bases[own]].astype(np.int64) - before[column]
        return matches
