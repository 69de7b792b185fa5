"""Which nucleotides a token sees is what the network's gradients say."""

import numpy as np
import pytest
import torch

from tiny import columns, network, random_tokens, tiny, tiny_paper
from vqrna.interpret.codes import token_layout
from vqrna.sequence import AMBIGUOUS, centre


def latents(net, x):
    net.train(False)
    return net(x).latents


@pytest.mark.parametrize("config", [tiny(), tiny(length=101), tiny_paper(length=101)])
def test_a_token_sees_the_letters_that_its_latent_depends_on(config):
    net = network(config, 1, dtype=torch.float64)
    length = config.model.length
    place = token_layout(net)
    x = columns(random_tokens(6, length), torch.float64).requires_grad_()
    found = latents(net, x)
    assert found.shape[1] == len(place.starts)
    for token in {0, 1, len(place.starts) // 2, len(place.starts) - 1}:
        (slope,) = torch.autograd.grad(found[:, token].square().sum(), x, retain_graph=True)
        felt = np.flatnonzero(slope.abs().amax(dim=(0, 1)).numpy()) - centre(length)
        first = int(place.starts[token])
        assert felt.min() >= first
        assert felt.max() < first + place.reach
        if token not in (0, len(place.starts) - 1):  # those may reach beyond the window
            assert felt.min() == first
            assert felt.max() == first + place.reach - 1


@pytest.mark.parametrize("config", [tiny(), tiny_paper()])
def test_the_letters_cut_out_are_those_at_the_places_told(config):
    net = network(config, 1)
    place = token_layout(net)
    length = config.model.length
    tokens = random_tokens(3, length + 20, seed=1)
    seen = place.segments(tokens)
    assert seen.shape == (3, len(place.starts), place.reach)
    site = centre(tokens.shape[1])
    for t, start in enumerate(place.starts):
        for i in range(place.reach):
            at = site + start + i
            wanted = tokens[:, at] if 0 <= at < tokens.shape[1] else AMBIGUOUS
            assert (seen[:, t, i] == wanted).all()


def test_the_middle_token_of_ours_is_centred_on_the_site():
    place = token_layout(network(tiny(), 1))
    assert place.middles[place.site_token] == 0
    assert place.offsets[place.reach // 2] == 0
    assert place.at_site.sum() == 7  # 23 nt, a token every 3: three on either side
