"""The networks, ours and the published one: encoder, quantiser, decoder, context and head.

Both predict from the codes alone, except without a quantiser.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from vqrna.config import ModelConfig
from vqrna.nn.context import ConvolutionalContext, PaperContext
from vqrna.nn.decoder import PaperDecoder, TripletDecoder
from vqrna.nn.encoder import PaperEncoder, ValidEncoder
from vqrna.nn.head import HeadOutput, HeadPart, TwoPartHead
from vqrna.nn.quantizer import CosineQuantizer, Quantized, SeveralCodebooks, make_quantizer
from vqrna.nn.ties import resolve_near_ties


@dataclass(frozen=True)
class ModelOutput:
    """Output for a batch of windows.

    Attributes
    ----------
    logits : torch.Tensor, shape (N, M)
        Log-odds of each modification at the site.
    class_logits : torch.Tensor, shape (N, M, 2), or None
        The two logits per type of the published network (unmodified, modified); `logits` is their
        difference.
    codes : torch.Tensor, shape (N, T), int64
    latents : torch.Tensor, shape (N, T, D)
        Output of the encoder, before quantisation.
    reconstruction : torch.Tensor, shape (N, 4, R)
        Base probabilities decoded from the codes, for the central R nt.
    quantization_loss, codebook_loss, commitment_loss, perplexity : torch.Tensor, scalar
        See :class:`vqrna.nn.quantizer.Quantized`.
    attention : torch.Tensor, shape (N, layers, heads, T, T), or None
        Attention weights of the published network.
    site_logits : torch.Tensor, shape (N, M), or None
        The share of the site part of our head in `logits`.
    candidate_logits : torch.Tensor, shape (N, M, K), or None
        Logits of the site part at other tokens, if requested.
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
    def combine(
        cls,
        logits: torch.Tensor,
        latents: torch.Tensor,
        quantized: Quantized,
        reconstruction: torch.Tensor,
        class_logits: torch.Tensor | None = None,
        attention: torch.Tensor | None = None,
        parts: HeadOutput | None = None,
    ) -> ModelOutput:
        """Combine the outputs of the parts of a network."""
        return cls(
            logits,
            class_logits,
            quantized.codes,
            latents,
            reconstruction,
            quantized.loss,
            quantized.codebook_loss,
            quantized.commitment_loss,
            quantized.perplexity,
            attention,
            parts and parts.site,
            parts and parts.candidates,
        )


class PaperHead(nn.Module):
    """The published classifier of one token: two logits per modification."""

    def __init__(self, dim: int, modifications: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, 32)
        self.norm = nn.LayerNorm(32)
        self.logits = nn.Linear(32, 2 * modifications)

    def forward(self, token: torch.Tensor) -> torch.Tensor:
        """Classify (N, D) to class logits (N, M, 2)."""
        x = nn.functional.silu(self.norm(self.hidden(token)))
        return self.logits(x).view(len(token), -1, 2)  # (N, 2 * M) -> (N, M, 2)


class SiteNetwork(nn.Module):
    """Our network, for all modifications at once.

    :mod:`vqrna.nn.dense` evaluates it at every position of a sequence.

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
            HeadPart(
                self.context.site_features, config.head_width, modifications, dropout, dropout
            ),
            HeadPart(
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
            Other tokens for the site part to classify (see :class:`ConvolutionalContext`).
        """
        latents = self.encoder(one_hot)  # (N, T, D)
        output = self.quantizer(latents)
        if not self.training and isinstance(self.quantizer, CosineQuantizer):
            codes = resolve_near_ties(self.encoder, self.quantizer, one_hot, latents)
            moved = (self.quantizer.lookup(codes) - output.quantized).detach()
            output = output._replace(codes=codes, quantized=output.quantized + moved)
        parts = self.head(self.context(output.quantized, candidates))
        decoded = self.decoder(output.quantized)
        return ModelOutput.combine(parts.logits, latents, output, decoded, parts=parts)

    def logits_from_codes(self, codes: torch.Tensor) -> torch.Tensor:
        """Predict logits (N, M) from the codes (N, T) of windows."""
        return self.parts_from_codes(codes).logits

    def parts_from_codes(self, codes: torch.Tensor) -> HeadOutput:
        """Predict from the codes (N, T) of windows, with the share of the site part."""
        parts: HeadOutput = self.head(self.context(self.quantizer.lookup(codes)))
        return parts


class PaperNetwork(nn.Module):
    """The published network; for one type, or with a head for several.

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
        latents = self.encoder(one_hot)  # (N, T, D)
        output = self.quantizer(latents)
        tokens, attention = self.context(output.quantized)
        class_logits = self.head(tokens[:, self.site_token])
        logits = class_logits[..., 1] - class_logits[..., 0]
        decoded = self.decoder(output.quantized)
        return ModelOutput.combine(logits, latents, output, decoded, class_logits, attention)

    def logits_from_codes(self, codes: torch.Tensor) -> torch.Tensor:
        """Predict logits (N, M) from the codes (N, T) of windows."""
        tokens, _ = self.context(self.quantizer.lookup(codes))
        class_logits = self.head(tokens[:, self.site_token])
        return class_logits[..., 1] - class_logits[..., 0]


class EnsembleNetwork(nn.Module):
    """Several networks of ours, whose logits are averaged; each predicts from its own codes.

    An average of networks that differ in their random start predicts better than each of them
    (Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles, 2017). Codes, latents and the reconstruction in outputs are those of the first
    network; :attr:`quantizer` refuses to be read as one codebook.

    Parameters
    ----------
    members : sequence of SiteNetwork
        Two or more, with the same settings and types.
    """

    def __init__(self, members: Sequence[SiteNetwork]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.config = members[0].config
        # No tensors of its own, so that the weights are those of the members
        self.quantizer = SeveralCodebooks(len(members))

    @property
    def networks(self) -> tuple[SiteNetwork, ...]:
        """The members."""
        return tuple(m for m in self.members if isinstance(m, SiteNetwork))

    def forward(self, one_hot: torch.Tensor) -> ModelOutput:
        """Evaluate windows of shape (N, 4, length) at their central site."""
        outputs = [network(one_hot) for network in self.networks]
        logits = average([output.logits for output in outputs])
        return dataclasses.replace(outputs[0], logits=logits, site_logits=None)

    def logits_from_codes(self, codes: torch.Tensor) -> torch.Tensor:
        """Raise UsageError: there are several codebooks."""
        return self.quantizer.codebook


def average(logits: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the mean of tensors of the same shape, always summed in the same order."""
    total = logits[0]
    for each in logits[1:]:
        total = total + each
    return total / len(logits)


Network = SiteNetwork | PaperNetwork | EnsembleNetwork


def site_networks(network: Network) -> tuple[SiteNetwork, ...]:
    """Return the networks of ours in a network: itself, its members, or none."""
    if isinstance(network, EnsembleNetwork):
        return network.networks
    return (network,) if isinstance(network, SiteNetwork) else ()


def build(config: ModelConfig, modifications: int, members: int = 1) -> Network:
    """Build a network with new weights for a number of modifications.

    Parameters
    ----------
    members : int
        Networks of an ensemble; 1 for a single network.

    Raises
    ------
    ValueError
        If an ensemble is of another architecture than ours.
    """
    if members > 1:
        if config.architecture != "vqrna":
            raise ValueError(f"no ensemble of the architecture {config.architecture}")
        return EnsembleNetwork([SiteNetwork(config, modifications) for _ in range(members)])
    network = PaperNetwork if config.architecture == "paper" else SiteNetwork
    return network(config, modifications)
