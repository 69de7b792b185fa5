"""Training data and the batches drawn from it, augmented and with unlabelled negatives added."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from vqrna.config import Config
from vqrna.data.studies import balanced_rows
from vqrna.data.windows import MAIN, UNKNOWN, Windows
from vqrna.nn.model import Network, SiteNetwork
from vqrna.sequence import extents, recentre
from vqrna.training.augmentation import cut, mask_flanks, substitute
from vqrna.training.negatives import UnlabelledNegatives, other_type_negatives
from vqrna.training.ranking import Decoys, DrawnDecoys


@dataclass(frozen=True, eq=False)
class Batch:
    """One training step's input: N windows, then E rows of unlabelled negatives.

    Attributes
    ----------
    tokens : torch.Tensor, shape (N + E, L), uint8
        After augmentation.
    labels : torch.Tensor, shape (N + E, M), int8
        1, 0, or -1 for unknown, as in all rows of unlabelled negatives.
    size : int
        N.
    decoys : DrawnDecoys, optional
    other_types : torch.Tensor, shape (N, M), bool, optional
        Further types that the windows are negatives of.
    teacher_logits : torch.Tensor, shape (N, M), float32, optional
    unlabelled : torch.Tensor, shape (E, M), bool, optional
        Types that the rows from N on are negatives of.
    unlabelled_terms : dict of str to slice
        Rows of `unlabelled` that belong to each loss term.
    """

    tokens: torch.Tensor
    labels: torch.Tensor
    size: int
    decoys: DrawnDecoys | None = None
    other_types: torch.Tensor | None = None
    teacher_logits: torch.Tensor | None = None
    unlabelled: torch.Tensor | None = None
    unlabelled_terms: dict[str, slice] = dataclasses.field(default_factory=dict)

    def to(self, device: torch.device) -> Batch:
        """Return the batch with all tensors on a device."""
        values = vars(self)
        moved: dict[str, Any] = {
            k: v.to(device) for k, v in values.items() if isinstance(v, torch.Tensor)
        }
        if self.decoys is not None:
            moved["decoys"] = DrawnDecoys(*(tensor.to(device) for tensor in self.decoys))
        return Batch(**(values | moved))


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Training windows, and what is drawn or looked up for each batch of them."""

    windows: Windows  # At least as long as the model's
    config: Config
    unlabelled: UnlabelledNegatives | None = None
    decoys: Decoys | None = None
    # (N, M), bool, optional: From :func:`vqrna.training.negatives.other_type_negatives`
    other_types: np.ndarray | None = None
    # (N, M), float32, optional: From :func:`vqrna.training.teacher.teacher_logits`
    teacher_logits: np.ndarray | None = None

    @classmethod
    def prepare(
        cls,
        train: Windows,
        network: Network,
        config: Config,
        teacher_logits: np.ndarray | None = None,
    ) -> TrainingData:
        """Bring windows to a length that the network can use, and prepare their negatives."""
        length, training = config.model.length, config.training
        others = other_type_negatives(train) if training.other_type_weight else None
        if not isinstance(network, SiteNetwork):
            return cls(_at_length(train, length), config, None, None, others, teacher_logits)
        windows = _at_length(train, max(length, train.length))
        # Flanks of a study's windows are hidden at the same distances from each site: positions
        # beside it would be recognised as negatives by their asymmetry
        beside = None if train.source is None else train.source == MAIN
        unlabelled = UnlabelledNegatives.from_windows(windows, length, training, beside)
        decoys = Decoys.from_windows(windows, network.context.reach, training, beside)
        if unlabelled is None:
            windows = _at_length(train, length)
        return cls(windows, config, unlabelled, decoys, others, teacher_logits)

    def batch_rows(self, generator: torch.Generator) -> Iterator[np.ndarray]:
        """Yield the rows of each batch of an epoch, in random order.

        An epoch has every window of the main data set once, and windows of studies as drawn by
        :func:`vqrna.data.studies.balanced_rows`.
        """
        size = self.config.training.batch_size
        rows = self._main_rows
        if self.windows.source is not None:
            seed = int(torch.randint(2**31, (1,), generator=generator))
            drawn = balanced_rows(self.windows, np.random.default_rng(seed))
            rows = np.concatenate([rows, drawn])
        order = rows[torch.randperm(len(rows), generator=generator).numpy()]
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            if len(batch) > 1:  # batch statistics need two
                yield batch

    @property
    def _main_rows(self) -> np.ndarray:
        source = self.windows.source
        return np.arange(len(self.windows)) if source is None else np.flatnonzero(source == MAIN)

    @cached_property
    def _extents(self) -> np.ndarray:
        """Letters of the windows of studies, at most the model's length: (S,), int."""
        assert self.windows.source is not None
        of_studies = self.windows.tokens[self.windows.source != MAIN]
        return extents(recentre(of_studies, self.config.model.length))

    @cached_property
    def windows_per_epoch(self) -> int:
        """Number of windows in an epoch."""
        drawn = balanced_rows(self.windows, np.random.default_rng(0))
        return len(self._main_rows) + len(drawn)

    @property
    def steps(self) -> int:
        """Number of batches in an epoch."""
        whole, rest = divmod(self.windows_per_epoch, self.config.training.batch_size)
        return whole + (rest > 1)

    def batch(self, rows: np.ndarray, generator: torch.Generator) -> Batch:
        """Draw the batch of some windows: unlabelled negatives, augmentation, then decoys.

        Parameters
        ----------
        rows : np.ndarray, int
            Windows of the batch, in random order.
        generator : torch.Generator
            On the CPU. The order of the draws is part of a training's reproducibility.
        """
        training = self.config.training
        tokens, labels = self.windows.tokens[rows], self.windows.labels[rows]
        beyond = (tokens.shape[1] - self.config.model.length) // 2
        tokens = tokens[:, beyond : tokens.shape[1] - beyond]
        unlabelled, terms = None, {}
        if self.unlabelled is not None:
            seed = int(torch.randint(2**31, (1,), generator=generator))
            drawn = self.unlabelled.draw(rows, np.random.default_rng(seed))
            unlabelled, terms = torch.from_numpy(drawn.negative), drawn.terms
            tokens = np.concatenate([tokens, drawn.tokens])
            labels = np.concatenate([labels, np.full(unlabelled.shape, UNKNOWN, labels.dtype)])
        shown = substitute(torch.from_numpy(tokens), training.substitution_rate, generator)
        shown = mask_flanks(shown, training.mask_rate, training.mask_min_flank, generator)
        if self.windows.source is not None:
            main = np.flatnonzero(self.windows.source[rows] == MAIN)
            shown[main] = cut(shown[main], training.study_mask_rate, self._extents, generator)
        return Batch(
            shown,
            torch.from_numpy(labels),
            len(rows),
            self.decoys.draw(rows, shown, generator) if self.decoys is not None else None,
            _rows_of(self.other_types, rows),
            _rows_of(self.teacher_logits, rows),
            unlabelled,
            terms,
        )


def _rows_of(array: np.ndarray | None, rows: np.ndarray) -> torch.Tensor | None:
    return None if array is None else torch.from_numpy(array[rows])


def _at_length(windows: Windows, length: int) -> Windows:
    return dataclasses.replace(
        windows, tokens=np.ascontiguousarray(recentre(windows.tokens, length))
    )
