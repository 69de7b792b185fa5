"""Our network on windows: predicts from codes alone."""

import dataclasses

import numpy as np
import pytest
import torch

from tiny import columns, network, random_tokens, tiny
from vqrna.config import ModelConfig
from vqrna.nn.encoder import ValidEncoder
from vqrna.nn.model import SiteNetwork, build
from vqrna.sequence import AMBIGUOUS

LENGTHS = (51, 53, 55, 57, 73, 101, 149, 201, 255, 301, 387, 501, 603, 777, 999, 1001)


def doubled(length: int, seed: int = 0, **changes: object) -> SiteNetwork:
    return network(tiny(length=length, codebook_size=64, **changes), 3, seed, torch.float64)


@pytest.mark.parametrize("length", LENGTHS)
def test_every_odd_length_makes_a_network(length):
    made = build(dataclasses.replace(tiny().model, length=length), 3)
    output = made(columns(random_tokens(2, length)))
    tokens = 2 * ValidEncoder.codes_beside(length) + 1
    assert output.codes.shape == (2, tokens)
    assert output.latents.shape == (2, tokens, 8)
    assert output.logits.shape == (2, 3)
    assert output.reconstruction.shape == (2, 4, 3 * tokens)
    assert length - 24 <= 3 * tokens <= length - 18  # 11 nt at least on each end feed a latent
    assert output.class_logits is None
    assert output.attention is None
    torch.testing.assert_close(output.reconstruction.sum(1), torch.ones(2, 3 * tokens))


def test_all_odd_lengths_between_have_room():
    for length in range(51, 1002, 2):
        made = SiteNetwork(ModelConfig(length=length, stem_width=1, width=1, code_dim=1), 1)
        assert made.context.coarse_half >= 0
        assert 1 <= len(made.context.blocks) <= 3


def test_the_default_is_the_model_that_was_measured():
    made = build(ModelConfig(), 11)
    assert made.quantizer.codebook.shape == (512, 64)
    assert len(made.context.blocks) == 3
    assert 0.4e6 < sum(p.numel() for p in made.parameters()) < 1.2e6


@pytest.mark.parametrize("length", [51, 101, 237])
def test_the_prediction_reads_only_the_codes(length):
    made = doubled(length)
    tokens = random_tokens(40, length, ambiguous=0.02)
    output = made(columns(tokens, torch.float64))
    assert len(output.codes.unique()) > 40
    torch.testing.assert_close(made.logits_from_codes(output.codes), output.logits)


def test_what_changes_no_code_changes_no_prediction():
    made = doubled(101)
    one = random_tokens(1, 101)
    many = np.repeat(one, 303, axis=0)
    rows = np.arange(303)
    many[rows, rows // 3] = (many[rows, rows // 3] + 1 + rows % 3) % 4  # every substitution
    output, before = (made(columns(t, torch.float64)) for t in (many, one))
    same = (output.codes == before.codes).all(1)
    assert 0 < same.sum() < 303
    assert not output.latents[same].allclose(before.latents.expand(int(same.sum()), -1, -1))
    torch.testing.assert_close(output.logits[same], before.logits.expand(int(same.sum()), -1))
    assert (output.logits[~same] - before.logits).abs().amax(1).min() > 1e-6


@pytest.mark.parametrize("length", [51, 63, 101, 333])
def test_a_window_is_seen_evenly_on_both_sides(length):
    made = doubled(length)
    x = columns(random_tokens(200, length), torch.float64).requires_grad_()
    made.encoder(x).square().sum().backward()
    seen = np.flatnonzero(x.grad.abs().sum((0, 1)).numpy())
    assert seen[0] == length - 1 - seen[-1]
    assert seen[0] <= 2
    assert len(seen) == seen[-1] - seen[0] + 1


def test_ambiguity_everywhere_is_a_window_too():
    made = doubled(51)
    nothing = np.full((2, 51), AMBIGUOUS, dtype=np.uint8)
    output = made(columns(nothing, torch.float64))
    assert output.logits.isfinite().all()
    assert output.logits[0].equal(output.logits[1])


def test_the_decoder_gives_back_the_three_bases_of_each_code():
    """A change of one code changes the reconstruction at its own three bases only."""
    made = doubled(51)
    codes = made(columns(random_tokens(1, 51), torch.float64)).codes
    other = codes.clone()
    other[0, 4] = (other[0, 4] + 1) % 64
    one, two = (made.decoder(made.quantizer.lookup(c)) for c in (codes, other))
    changed = (one != two).any(1)[0].nonzero().flatten().tolist()
    assert changed == [12, 13, 14]  # the 27 decoded bases are central: the site is the 13th


@pytest.mark.parametrize("length", [51, 53, 101, 501])
def test_the_stem_is_pooled_alike_in_training(length):
    """Training has another way to the same numbers and slopes, ties in a pool included."""
    encoder = doubled(length).encoder
    tokens = random_tokens(6, length, ambiguous=0.05)
    tokens[0] = AMBIGUOUS  # nothing but ties
    tokens[1, :40] = 2
    seen = columns(tokens, torch.float64)
    found = []
    for pooled in (encoder.pool(encoder.stem(seen)), encoder._pooled_stem(seen)):
        encoder.zero_grad()
        (
            pooled * torch.linspace(-1, 2, pooled.numel(), dtype=pooled.dtype).view_as(pooled)
        ).sum().backward()
        found.append((pooled.detach(), encoder.stem.weight.grad.clone()))
    torch.testing.assert_close(found[0], found[1])
    assert found[0][1].abs().sum() > 0
