"""Several networks at every position of a sequence, with the mean of their logits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from vqrna.nn.dense.edits import Edit, EditedSequence
from vqrna.nn.dense.network import DenseNetwork, DenseOutput
from vqrna.nn.model import average


class DenseEnsemble:
    """The networks of an ensemble at every position; threads may share it.

    Parameters
    ----------
    members : sequence of DenseNetwork
        In the order of the ensemble.
    """

    def __init__(self, members: Sequence[DenseNetwork]) -> None:
        self.members = tuple(members)

    def __call__(self, tokens: torch.Tensor, letters_only: bool = False) -> DenseOutput:
        """Evaluate the central W positions of rows (see :class:`DenseNetwork`).

        Codes are those of the first network; a position is a near tie if it is one in any.
        """
        outputs = [member(tokens, letters_only) for member in self.members]
        ties = torch.stack([output.near_ties for output in outputs]).any(dim=0)
        logits = average([output.logits for output in outputs])
        return DenseOutput(logits, ties, outputs[0].codes)

    def codes(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return codes and near ties of the first network (see :meth:`DenseNetwork.codes`)."""
        return self.members[0].codes(tokens)


class EditedEnsemble:
    """A reference sequence in each network of an ensemble, to evaluate edits of it.

    Parameters
    ----------
    dense : DenseEnsemble
        On the CPU.
    tokens : torch.Tensor, shape (W + length - 1,), int64
        As in :class:`vqrna.nn.dense.edits.EditedSequence`.

    Attributes
    ----------
    logits : torch.Tensor, shape (W, M)
        Logits of the reference at the W positions.
    """

    def __init__(self, dense: DenseEnsemble, tokens: torch.Tensor) -> None:
        self._each = [EditedSequence(member, tokens) for member in dense.members]
        self.logits = average([each.logits for each in self._each])

    def edit(self, edits: Sequence[Edit]) -> Iterator[torch.Tensor]:
        """Evaluate the sequence with each edit (see :meth:`EditedSequence.edit`)."""
        for logits in zip(*(each.edit(edits) for each in self._each), strict=True):
            yield average(logits)


def edited_sequence(
    dense: DenseNetwork | DenseEnsemble, tokens: torch.Tensor
) -> EditedSequence | EditedEnsemble:
    """Keep the layers of a sequence in a network or an ensemble, to evaluate edits of it."""
    if isinstance(dense, DenseEnsemble):
        return EditedEnsemble(dense, tokens)
    return EditedSequence(dense, tokens)
