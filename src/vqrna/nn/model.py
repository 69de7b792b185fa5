"""The whole network: encoder, quantiser, decoder, context and heads; predicts from codes alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vqrna.config import ModelConfig
from vqrna.nn.context import ConvolutionalContext, PaperContext
from vqrna.nn.decoder import PaperDecoder, TripletDecoder
from vqrna.nn.encoder import PaperEncoder, ValidEncoder
from vqrna.nn.head import Part, PartedLogits, TwoPartHead
from vqrna.nn.quantizer import CosineQuantizer, Quantized, make_quantizer
from vqrna.nn.ties import resolve_near_ties


@dataclass(frozen=True)
class ModelOutput:
    """What the network says of a batch of windows.

    Attributes
    ----------
    logits : torch.Tensor, shape (N, M)
        Log-odds of each modification at the site.
    class_logits : torch.Tensor, shape (N, M, 2), or None
        The published two logits a type (unmodified, modified); `logits` is their difference.
    codes : torch.Tensor, shape (N, T), int64
        Codes of the window: all that the prediction has read.
    latents : torch.Tensor, shape (N, T, D)
        What the codes were nearest to.
    reconstruction : torch.Tensor, shape (N, 4, R)
        Base probabilities decoded from the codes, for the central R nt.
    quantization_loss, codebook_loss, commitment_loss : torch.Tensor, scalar
        Weighted sum and its two terms (see :mod:`vqrna.nn.quantizer`).
    perplexity : torch.Tensor, scalar
        Exponential of the entropy of code usage in the batch.
    attention : torch.Tensor, shape (N, layers, heads, T, T), or None
        Where the context has attention.
    site_logits : torch.Tensor, shape (N, M), or None
        What the part of our head that reads the site adds to `logits`.
    candidate_logits : torch.Tensor, shape (N, M, K), or None
        What it says of other tokens, where it was asked.
    """

    logits: torch.Tensor
    class_logits: torch.Tensor | None
    codes: torch.Tensor
    latents: torch.Tensor
    reconstruction: torch.Tensor
    quantization_loss: torch.Tensor
    codebook_loss: torch.Tensor
    commitment_loss: torch.Tensor
    perplexity: torch.Tensor
    attention: torch.Tensor | None
    site_logits: torch.Tensor | None = None
    candidate_logits: torch.Tensor | None = None

    @classmethod
    def of(
        cls,
        logits: torch.Tensor,
        latents: torch.Tensor,
        found: Quantized,
        reconstruction: torch.Tensor,
        class_logits: torch.Tensor | None = None,
        attention: torch.Tensor | None = None,
        parts: PartedLogits | None = None,
    ) -> ModelOutput:
        """Put together what the parts of a network gave, `found` being the quantiser's."""
        return cls(
            logits,
            class_logits,
            found.codes,
            latents,
            reconstruction,
            found.loss,
            found.codebook_loss,
            found.commitment_loss,
            found.perplexity,
            attention,
            parts and parts.site,
            parts and parts.candidates,
        )


class PaperHead(nn.Module):
    """The published classifier on one token: two logits a modification."""

    def __init__(self, dim: int, modifications: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, 32)
        self.norm = nn.LayerNorm(32)
        self.logits = nn.Linear(32, 2 * modifications)

    def forward(self, token: torch.Tensor) -> torch.Tensor:
        """Classify (N, D) to class logits (N, M, 2)."""
        x = nn.functional.silu(self.norm(self.hidden(token)))
        return self.logits(x).view(len(token), -1, 2)


class SiteNetwork(nn.Module):
    """Our network: one for all modifications, evaluated on windows or at every position.

    Parameters
    ----------
    config : ModelConfig
        Architecture ``vqrna``.
    modifications : int
        Number of types M.
    """

    def __init__(self, config: ModelConfig, modifications: int) -> None:
        super().__init__()
        self.config = config
        self.encoder = ValidEncoder(config.stem_width, config.width, config.code_dim)
        self.quantizer = make_quantizer(config)
        self.decoder = TripletDecoder(config.code_dim, config.width)
        half = ValidEncoder.codes_beside(config.length)
        self.context = ConvolutionalContext(half, config.code_dim, config.width)
        dropout = config.dropout
        self.head = TwoPartHead(
            Part(self.context.site_features, config.head_width, modifications, dropout, dropout),
            Part(
                self.context.region_features,
                config.region_width,
                modifications,
                config.region_dropout,
                dropout,
            ),
        )

    def forward(self, one_hot: torch.Tensor, candidates: torch.Tensor | None = None) -> ModelOutput:
        """Evaluate windows at their central site.

        Parameters
        ----------
        one_hot : torch.Tensor, shape (N, 4, length)
        candidates : torch.Tensor, shape (N, K), int64, optional
            Other tokens that the site part is to judge (see :class:`ConvolutionalContext`).
        """
        latents = self.encoder(one_hot)
        found = self.quantizer(latents)
        if not self.training and isinstance(self.quantizer, CosineQuantizer):
            codes = resolve_near_ties(self.encoder, self.quantizer, one_hot, latents)
            moved = (self.quantizer.lookup(codes) - found.quantized).detach()
            found = found._replace(codes=codes, quantized=found.quantized + moved)
        parts = self.head(self.context(found.quantized, candidates))
        decoded = self.decoder(found.quantized)
        return ModelOutput.of(parts.logits, latents, found, decoded, parts=parts)

    def logits_from_codes(self, codes: torch.Tensor) -> torch.Tensor:
        """Predict from the codes of windows alone: (N, T) to logits (N, M)."""
        return self.parts_from_codes(codes).logits

    def parts_from_codes(self, codes: torch.Tensor) -> PartedLogits:
        """Predict from the codes of windows (N, T) alone, what the site part says apart."""
        parts: PartedLogits = self.head(self.context(self.quantizer.lookup(codes)))
        return parts


class PaperNetwork(nn.Module):
    """The published network (one binary type), or the same with heads for several types.

    Parameters
    ----------
    config : ModelConfig
        Architecture ``paper``.
    modifications : int
        Number of types M; 1 as published.
    """

    def __init__(self, config: ModelConfig, modifications: int) -> None:
        super().__init__()
        self.config = config
        self.encoder = PaperEncoder(config.code_dim)
        self.quantizer = make_quantizer(config)
        self.decoder = PaperDecoder(config.length, config.code_dim)
        self.context = PaperContext(config.code_dim, dropout=config.dropout)
        self.head = PaperHead(config.code_dim, modifications)
        # As published: 21 of 42, one beyond the middle
        self.site_token = (PaperEncoder.tokens(config.length) + 1) // 2

    def forward(self, one_hot: torch.Tensor) -> ModelOutput:
        """Evaluate windows of shape (N, 4, length) at their central site."""
        latents = self.encoder(one_hot)
        found = self.quantizer(latents)
        tokens, attention = self.context(found.quantized)
        class_logits = self.head(tokens[:, self.site_token])
        logits = class_logits[..., 1] - class_logits[..., 0]
        decoded = self.decoder(found.quantized)
        return ModelOutput.of(logits, latents, found, decoded, class_logits, attention)

    def logits_from_codes(self, codes: torch.Tensor) -> torch.Tensor:
        """Predict from the codes of windows alone: (N, T) to logits (N, M)."""
        tokens, _ = self.context(self.quantizer.lookup(codes))
        class_logits = self.head(tokens[:, self.site_token])
        return class_logits[..., 1] - class_logits[..., 0]


Network = SiteNetwork | PaperNetwork


def build(config: ModelConfig, modifications: int) -> Network:
    """Make a network with fresh weights for a number of modifications."""
    kind = PaperNetwork if config.architecture == "paper" else SiteNetwork
    return kind(config, modifications)
