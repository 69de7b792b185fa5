"""The published network: shapes, numbers of parameters, and its layers against torch's own."""

import dataclasses

import pytest
import torch
from torch import nn

from tiny import columns, network, random_tokens, tiny_paper
from vqrna.config import PAPER_LENGTHS, preset
from vqrna.nn.context import PaperContext, PaperLayer
from vqrna.nn.encoder import PaperEncoder
from vqrna.nn.model import build

PUBLISHED_PARAMETERS = 1_572_326
UNUSED_RESIDUAL_STACK = 65_536
TOKENS = dict(zip(PAPER_LENGTHS, (5, 9, 17, 26, 34, 42, 59, 76, 84), strict=True))


@pytest.fixture(scope="module")
def paper():
    return network(tiny_paper(length=101), types=1)


def test_it_has_the_published_parameters_less_those_never_used():
    made = build(preset("paper").model, 1)
    count = sum(p.numel() for p in made.parameters())
    assert count == PUBLISHED_PARAMETERS - UNUSED_RESIDUAL_STACK


@pytest.mark.parametrize("length", PAPER_LENGTHS)
def test_shapes_at_all_nine_lengths(length):
    made = build(dataclasses.replace(preset("paper").model, length=length), 1).eval()
    with torch.inference_mode():
        output = made(columns(random_tokens(2, length)))
    assert PaperEncoder.tokens(length) == TOKENS[length]
    assert output.codes.shape == (2, TOKENS[length])
    assert output.latents.shape == (2, TOKENS[length], 64)
    assert output.reconstruction.shape == (2, 4, length)
    assert output.logits.shape == (2, 1)
    assert output.class_logits.shape == (2, 1, 2)
    assert output.attention.shape == (2, 6, 8, TOKENS[length], TOKENS[length])
    torch.testing.assert_close(output.reconstruction.sum(1), torch.ones(2, length))
    torch.testing.assert_close(output.attention.sum(-1), torch.ones(output.attention.shape[:-1]))


def test_the_token_of_the_site_is_one_beyond_the_middle():
    made = build(preset("paper").model, 1)
    assert (TOKENS[501], made.site_token) == (42, 21)


def test_only_the_token_of_the_site_is_classified(paper):
    codes = torch.randint(0, 512, (1, 9))
    tokens, _ = paper.context(paper.quantizer.lookup(codes))
    expected = paper.head(tokens[:, 5])
    torch.testing.assert_close(paper.logits_from_codes(codes), expected[..., 1] - expected[..., 0])


def test_the_prediction_reads_only_the_codes(paper):
    output = paper(columns(random_tokens(8, 101)))
    assert len(output.codes.unique()) > 5
    torch.testing.assert_close(paper.logits_from_codes(output.codes), output.logits)
    torch.testing.assert_close(
        output.logits, output.class_logits[..., 1] - output.class_logits[..., 0]
    )


def test_a_layer_is_post_norm_as_in_attention_is_all_you_need():
    """The same weights in torch's own layer give the same numbers."""
    torch.manual_seed(0)
    ours = PaperLayer(64, 8, dropout=0.2).eval()
    theirs = nn.TransformerEncoderLayer(64, 8, 64, batch_first=True, layer_norm_eps=1e-12).eval()
    state = {name.replace("attention.", "self_attn."): t for name, t in ours.state_dict().items()}
    theirs.load_state_dict(state)
    x = torch.randn(3, 42, 64)
    torch.testing.assert_close(ours(x)[0], theirs(x), rtol=1e-4, atol=1e-5)


def test_there_is_no_positional_encoding():
    torch.manual_seed(0)
    context = PaperContext().eval()
    x, order = torch.randn(2, 9, 64), torch.randperm(9)
    torch.testing.assert_close(
        context(x[:, order])[0], context(x)[0][:, order], rtol=1e-4, atol=1e-5
    )


def test_dropout_is_where_it_was_published():
    context = PaperContext()
    dropouts = [m for m in context.modules() if isinstance(m, nn.Dropout)]
    assert [m.p for m in dropouts] == [0.2] * 6
    assert all(layer.attention.dropout == 0 for layer in context.layers)


def test_a_joint_network_has_two_logits_a_type():
    made = build(tiny_paper().model, 3).eval()
    output = made(columns(random_tokens(2, 51)))
    assert output.class_logits.shape == (2, 3, 2)
    torch.testing.assert_close(
        output.logits, output.class_logits[..., 1] - output.class_logits[..., 0]
    )
