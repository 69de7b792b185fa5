"""A model made by hand that looks for one motif, and says so in its logits."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from tiny import tiny
from vqrna.model import TrainedModel
from vqrna.modifications import modifications
from vqrna.sequence import ALPHABET, centre, encode

LENGTH = 101


class Matcher(torch.nn.Module):
    """Codes are the letters; the first type counts matches at one place, the second at any.

    Parameters
    ----------
    motif : str
    offset : int
        Of its first letter from the site, for the first type.
    """

    def __init__(self, motif: str, offset: int) -> None:
        super().__init__()
        self.motif = torch.from_numpy(encode(motif).astype(np.int64))
        self.start = centre(LENGTH) + offset
        self.scale = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, one_hot: torch.Tensor) -> SimpleNamespace:
        letters = torch.where(one_hot.sum(1) > 0, one_hot.argmax(1), len(ALPHABET))
        return SimpleNamespace(codes=letters, logits=self.logits_from_codes(letters))

    def logits_from_codes(self, codes: torch.Tensor) -> torch.Tensor:
        same = codes.unfold(1, len(self.motif), 1) == self.motif
        matches = same.sum(2).to(self.scale.dtype)  # (N, places)
        here = matches[:, self.start]
        anywhere = torch.logsumexp(3 * matches, dim=1) / 3
        return self.scale * torch.stack([here, anywhere], dim=1)


def matcher(motif: str, offset: int) -> TrainedModel:
    """Give a model of Am (the motif at `offset`) and Cm (the motif anywhere)."""
    made = Matcher(motif, offset).eval()
    kinds = modifications(["Am", "Cm"])
    return TrainedModel.fresh(made, tiny(length=LENGTH), kinds)  # type: ignore[arg-type]


def planted_windows(motif: str, starts: np.ndarray, seed: int = 0) -> np.ndarray:
    """Random windows with a motif at columns, one a window; -1 for none."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 4, (len(starts), LENGTH)).astype(np.uint8)
    for row, start in zip(tokens, starts, strict=True):
        if start >= 0:
            row[start : start + len(motif)] = encode(motif)
    return tokens
