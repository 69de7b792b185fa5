"""The quantisers, on cases that can be worked out by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from tiny import columns, random_tokens, tiny, tiny_paper
from vqrna.errors import DataError, UsageError
from vqrna.model import TrainedModel
from vqrna.model.weights import load_model, save_model
from vqrna.modifications import modifications
from vqrna.nn.dense import supports_dense
from vqrna.nn.model import build
from vqrna.nn.quantizer import (
    QUANTIZERS,
    CosineQuantizer,
    EuclideanQuantizer,
    Quantizer,
    usage_perplexity,
)

UNIT_CODES = torch.eye(2)


def euclidean() -> EuclideanQuantizer:
    quantizer = EuclideanQuantizer(2, 2)
    quantizer.codebook.data = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    return quantizer


def cosine(decay: float = 0.5, revive_below: float = 0.0) -> CosineQuantizer:
    """Codes (1, 0) and (0, 1), each as if it had had one latent a step so far."""
    quantizer = CosineQuantizer(2, 2, decay, revive_below)
    quantizer.codebook.copy_(UNIT_CODES)
    quantizer.vector_sum.copy_(UNIT_CODES)
    quantizer.started.fill_(True)
    return quantizer


@pytest.mark.parametrize(
    ("codes", "size", "expected"),
    [
        ([3, 3, 3, 3], 8, 1.0),
        ([0, 1, 2, 3], 4, 4.0),
        ([[0, 1], [2, 3]], 512, 4.0),
        ([0, 0, 1, 2], 4, 2**1.5),  # entropy 1/2 log 2 + 1/2 log 4
    ],
)
def test_perplexity_counts_the_codes_in_use(codes, size, expected):
    assert usage_perplexity(torch.tensor(codes), size).item() == pytest.approx(expected, rel=1e-5)


def test_the_two_loss_terms_by_hand():
    # Squared distances .04 + .16 to the first code and .16 + 0 to the second, over 4 entries
    found = euclidean()(torch.tensor([[[0.2, 0.4], [0.6, 1.0]]]))
    assert found.codes.tolist() == [[0, 1]]
    assert found.quantized.tolist() == [[[0, 0], [1, 1]]]
    assert found.codebook_loss.item() == pytest.approx(0.09)
    assert found.commitment_loss.item() == pytest.approx(0.09)
    assert found.loss.item() == pytest.approx(0.09 + 0.25 * 0.09)
    assert found.perplexity.item() == pytest.approx(2, rel=1e-5)


def test_each_loss_term_moves_its_own_side():
    quantizer = euclidean()
    latents = torch.tensor([[[0.2, 0.4], [0.6, 1.0]]], requires_grad=True)
    quantizer(latents).loss.backward()
    # Codes move by the first term, 2 (e - z) / 4; latents by a quarter of 2 (z - e) / 4
    torch.testing.assert_close(quantizer.codebook.grad, torch.tensor([[-0.1, -0.2], [0.2, 0.0]]))
    torch.testing.assert_close(latents.grad, torch.tensor([[[0.025, 0.05], [-0.05, 0.0]]]))


def test_gradients_pass_straight_through():
    quantizer = euclidean()
    latents = torch.randn(3, 5, 2, requires_grad=True)
    found = quantizer(latents)
    weight = torch.randn(3, 5, 2)
    (at_codes,) = torch.autograd.grad((found.quantized.sin() * weight).sum(), latents)
    # sin' is taken at the code, and then handed on as it is
    torch.testing.assert_close(at_codes, quantizer.lookup(found.codes).cos() * weight)
    found = quantizer(latents)
    (found.quantized * weight).sum().backward()
    torch.testing.assert_close(latents.grad, weight)
    assert quantizer.codebook.grad is None


def test_the_nearest_code_is_found():
    torch.manual_seed(0)
    quantizer = EuclideanQuantizer(512, 64)
    quantizer.codebook.data.normal_()
    latents = torch.randn(4, 42, 64)
    nearest = torch.cdist(latents.flatten(0, 1), quantizer.codebook.detach()).argmin(1)
    assert quantizer.assign(latents).flatten().equal(nearest)


def test_the_published_codebook_starts_small_and_even():
    codebook = EuclideanQuantizer(512, 64).codebook
    assert codebook.shape == (512, 64)
    assert codebook.abs().max() <= 1 / 512
    assert codebook.abs().max() > 0.99 / 512
    assert abs(codebook.mean()) < 0.05 / 512


def test_the_length_of_a_latent_does_not_change_its_code():
    torch.manual_seed(0)
    quantizer = CosineQuantizer(32, 8).eval()
    latents = torch.randn(2, 50, 8)
    scaled = latents * torch.rand(2, 50, 1).add(0.01).mul(100)
    assert quantizer.assign(scaled).equal(quantizer.assign(latents))
    assert quantizer(scaled).codes.equal(quantizer.assign(latents))
    by_angle = F.cosine_similarity(latents.unsqueeze(2), quantizer.codebook, dim=-1).argmax(-1)
    assert quantizer.assign(latents).equal(by_angle)


def test_the_commitment_to_a_direction_by_hand():
    # (3, 4) points to (.6, .8): cosine .8 with the second code, and 2 - 2 * .8
    found = cosine().eval()(torch.tensor([[[3.0, 4.0]]]))
    assert found.codes.tolist() == [[1]]
    torch.testing.assert_close(found.quantized, torch.tensor([[[0.0, 1.0]]]))
    assert found.loss.item() == pytest.approx(0.4)
    assert found.commitment_loss.item() == pytest.approx(0.4)
    assert found.codebook_loss.item() == 0


def test_gradients_pass_straight_through_to_directions():
    quantizer = CosineQuantizer(16, 4).eval()
    latents = torch.randn(2, 6, 4, requires_grad=True)
    weight = torch.randn(2, 6, 4)
    (quantizer(latents).quantized * weight).sum().backward()
    (expected,) = torch.autograd.grad((F.normalize(latents, dim=-1) * weight).sum(), latents)
    torch.testing.assert_close(latents.grad, expected)


def test_a_moving_average_by_hand():
    quantizer = cosine(decay=0.5).train()
    quantizer(torch.tensor([[[7.0, 0.0], [3.0, 4.0]]]))
    # The second sum is the mean of (0, 1) and (.6, .8)
    torch.testing.assert_close(quantizer.vector_sum, torch.tensor([[1.0, 0.0], [0.3, 0.9]]))
    torch.testing.assert_close(
        quantizer.codebook, torch.tensor([[1.0, 0.0], [1 / math.sqrt(10), 3 / math.sqrt(10)]])
    )
    torch.testing.assert_close(quantizer.usage, torch.tensor([1.0, 1.0]))


def test_a_code_that_is_not_used_is_revived():
    quantizer = cosine(decay=0.5, revive_below=0.02).train()
    latents = torch.tensor([1.0, 0.1]).expand(1, 4, 2)  # all nearest to the first code
    for _ in range(5):  # its usage halves from 1, and an even one is 2: below .04 at 1/32
        assert quantizer.usage[1] >= 0.04
        torch.testing.assert_close(quantizer.codebook[1], UNIT_CODES[1])
        quantizer(latents)
    torch.testing.assert_close(quantizer.codebook[1], F.normalize(latents[0, 0], dim=0))
    assert quantizer.usage[1] == 2


def test_codes_start_where_the_data_are():
    torch.manual_seed(0)
    quantizer = CosineQuantizer(8, 4, decay=1.0).train()
    latents = torch.randn(1, 100, 4)
    quantizer(latents)
    nearest = (F.normalize(latents[0], dim=-1) @ quantizer.codebook.T).amax(0)
    torch.testing.assert_close(nearest, torch.ones(8))


def test_an_adopted_codebook_is_kept():
    quantizer = CosineQuantizer(8, 4, decay=1.0).train()
    other = F.normalize(torch.randn(8, 4), dim=-1)
    quantizer.adopt(other)
    quantizer(torch.randn(1, 100, 4))
    torch.testing.assert_close(quantizer.codebook, other)
    torch.testing.assert_close(quantizer.usage, torch.full((8,), 100 / 8))


def test_codes_stay_on_the_sphere():
    quantizer = CosineQuantizer(16, 4).train()
    for _ in range(20):
        quantizer(torch.randn(2, 30, 4))
    torch.testing.assert_close(quantizer.codebook.norm(dim=1), torch.ones(16))


def test_evaluation_changes_nothing():
    quantizer = CosineQuantizer(16, 4).train()
    quantizer(torch.randn(2, 30, 4))
    quantizer.eval()
    before = {name: buffer.clone() for name, buffer in quantizer.named_buffers()}
    assert set(before) == {"codebook", "usage", "vector_sum", "started"}
    quantizer(torch.randn(2, 30, 4))
    for name, buffer in quantizer.named_buffers():
        assert buffer.equal(before[name]), name


def test_automatic_bfloat16_does_not_change_codes():
    torch.manual_seed(0)
    quantizer = CosineQuantizer(256, 16).eval()
    latents = torch.randn(4, 500, 16)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = quantizer(latents)
    assert rounded.codes.equal(quantizer(latents).codes)
    assert rounded.quantized.dtype == torch.float32


@pytest.mark.parametrize("kind", [EuclideanQuantizer, CosineQuantizer])
def test_shapes(kind):
    found = kind(16, 8)(torch.randn(3, 7, 8))
    assert found.quantized.shape == (3, 7, 8)
    assert found.codes.shape == (3, 7)
    assert found.codes.dtype == torch.int64
    assert {found[i].ndim for i in range(2, 6)} == {0}


@pytest.mark.parametrize("make", [tiny, tiny_paper])
@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_entry_builds_a_quantizer_that_a_network_can_use(make, name):
    config = make(quantizer=name)
    network = build(config.model, 2).eval()
    assert isinstance(network.quantizer, Quantizer)
    output = network(columns(random_tokens(2, 51)))
    assert output.logits.shape == (2, 2)
    if network.quantizer.has_codebook:
        size, width = network.quantizer.codebook.shape
        assert size <= config.model.codebook_size
        assert width == config.model.code_dim
        assert ((output.codes >= 0) & (output.codes < size)).all()
        torch.testing.assert_close(network.logits_from_codes(output.codes), output.logits)


def test_vq_is_the_own_quantizer_of_each_architecture():
    ours, published = (build(make().model, 1) for make in (tiny, tiny_paper))
    assert type(ours.quantizer) is CosineQuantizer
    assert type(published.quantizer) is EuclideanQuantizer
    assert supports_dense(ours)
    assert not supports_dense(published)
    assert not supports_dense(build(tiny(quantizer="euclidean").model, 1))


def test_an_entry_can_be_added_at_run_time(monkeypatch, tmp_path):
    class Mine(CosineQuantizer):
        pass

    monkeypatch.setitem(QUANTIZERS, "mine", Mine.from_config)
    config = tiny(quantizer="mine")
    network = build(config.model, 1)
    assert type(network.quantizer) is Mine
    assert supports_dense(network)
    path = tmp_path / "m.safetensors"
    save_model(TrainedModel.fresh(network, config, modifications(["Am"])), path)
    assert type(load_model(path).network.quantizer) is Mine
    monkeypatch.delitem(QUANTIZERS, "mine")
    with pytest.raises(DataError, match=r"m\.safetensors.*unknown quantizer 'mine' \(known: vq, "):
        load_model(path)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"unknown quantizer 'x' \(known: vq, cosine, euclidean,"):
        build(tiny(quantizer="x").model, 1)
