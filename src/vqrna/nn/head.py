"""Our classifier: the sum of the log-odds of a site part and a region part."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from vqrna.nn.context import WindowFeatures


class HeadOutput(NamedTuple):
    """Log-odds of each modification, float32 at least."""

    logits: torch.Tensor  # (N, M): Sum of both parts
    site: torch.Tensor  # (N, M): The share of the site part
    # (N, M, K), or None: Logits of the site part at other tokens of the window
    candidates: torch.Tensor | None


class HeadPart(nn.Module):
    """A small classifier, from features to one log-odds per modification.

    Parameters
    ----------
    features, hidden, modifications : int
        Channels of the input (F), hidden units (H), and types (M).
    dropout_in, dropout : float
        Rates on the normalised input and on the hidden units.
    """

    def __init__(
        self, features: int, hidden: int, modifications: int, dropout_in: float, dropout: float
    ) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.dropout_in = nn.Dropout(dropout_in)
        self.hidden = nn.Conv1d(features, hidden, 1)
        self.dropout = nn.Dropout(dropout)
        self.logits = nn.Conv1d(hidden, modifications, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Classify (N, F, K) to logits (N, M, K)."""
        x = torch.relu(self.hidden(self.dropout_in(self.norm(features))))
        logits = self.logits(self.dropout(x))
        return logits.to(torch.promote_types(logits.dtype, torch.float32))


class TwoPartHead(nn.Module):
    """Two classifiers with features of their own, whose log-odds are added.

    A window can look modified because of its centre or because of its region. Only the centre
    says which position is modified; a part of its own need not recognise regions as well.

    Parameters
    ----------
    site, region : HeadPart
    """

    def __init__(self, site: HeadPart, region: HeadPart) -> None:
        super().__init__()
        self.site, self.region = site, region

    def forward(self, features: WindowFeatures) -> HeadOutput:
        """Classify features; those of candidates, if any, by the site part."""
        if features.candidates is None:
            own, others = self.site(features.site), None
        else:  # one pass: in training, the norm is over all positions alike
            both = self.site(torch.cat([features.site, features.candidates], dim=-1))
            own, others = both[..., :1], both[..., 1:]
        logits = own + self.region(features.region)
        return HeadOutput(logits[..., 0], own[..., 0], others)
