"""Our classifier, in two parts: one reads the site, the other its region; the log-odds add up."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from vqrna.nn.context import Features


class PartedLogits(NamedTuple):
    """Log-odds of each modification, float32 at least.

    Attributes
    ----------
    logits : torch.Tensor, shape (N, M)
        Of both parts together: what the network says.
    site : torch.Tensor, shape (N, M)
        What the site part adds; the rest is the region's.
    candidates : torch.Tensor, shape (N, M, K), or None
        What the site part says of other tokens of the window.
    """

    logits: torch.Tensor
    site: torch.Tensor
    candidates: torch.Tensor | None


class Part(nn.Module):
    """A small classifier: features to one log-odds a modification.

    Parameters
    ----------
    features, hidden, modifications : int
        Channels of the input, hidden units, and types M.
    dropout_in, dropout : float
        On the normalised input and on the hidden units.
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
    """Two parts, each with its own features, whose log-odds are added.

    A window can look modified for what stands at its centre or for the region it is from. Only the
    first tells which position it is; so that it need not tell both, it has a part of its own.

    Parameters
    ----------
    site, region : Part
    """

    def __init__(self, site: Part, region: Part) -> None:
        super().__init__()
        self.site, self.region = site, region

    def forward(self, features: Features) -> PartedLogits:
        """Classify what a context tells; its candidates, if any, by the site part."""
        if features.candidates is None:
            own, others = self.site(features.site), None
        else:  # one pass: in training, the norm then is that of all positions alike
            both = self.site(torch.cat([features.site, features.candidates], dim=-1))
            own, others = both[..., :1], both[..., 1:]
        logits = own + self.region(features.region)
        return PartedLogits(logits[..., 0], own[..., 0], others)
