"""Codes that do not hang on rounding."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tiny import columns, network, random_tokens, tiny
from vqrna.nn import ties
from vqrna.nn.dense import dense_network
from vqrna.nn.ties import resolve_near_ties
from vqrna.sequence import windows_around

LENGTH = 71


def shaken(latents: torch.Tensor, seed: int) -> torch.Tensor:
    """Latents with other last digits."""
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed))
    return latents * (1 + 3e-7 * noise)


@pytest.fixture
def made():
    """A network all of whose codes lie close together: near ties abound."""
    made = network(tiny(length=LENGTH, codebook_size=64), types=3)
    first = made.quantizer.codebook[:1]
    noise = 3e-4 * torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    made.quantizer.codebook.copy_(torch.nn.functional.normalize(first + noise, dim=-1))
    return made


def test_rounding_chooses_no_code(made):
    one_hot = columns(random_tokens(400, LENGTH))
    with torch.no_grad():
        latents = made.encoder(one_hot)
        hasty = [made.quantizer.assign(shaken(latents, seed)) for seed in range(2)]
        calm = [
            resolve_near_ties(made.encoder, made.quantizer, one_hot, shaken(latents, seed))
            for seed in range(2)
        ]
    assert (hasty[0] != hasty[1]).any()
    assert (calm[0] == calm[1]).all()


@pytest.mark.parametrize("seed", [2, 3])  # rounding chose other codes here
def test_a_scan_is_window_by_window_even_where_codes_tie(seed):
    made = network(tiny(codebook_size=64), types=4, seed=seed)
    tokens = random_tokens(1, 3000, seed=9)[0]
    windows = columns(windows_around(tokens, np.arange(25, 3000 - 25), 51))
    with torch.inference_mode():
        expected = made(windows).logits
        found = dense_network(made)(torch.from_numpy(tokens[None])).logits[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_where_nothing_ties_the_nearest_code_is_taken(monkeypatch):
    made = network(tiny(length=LENGTH, codebook_size=16))
    one_hot = columns(random_tokens(4, LENGTH))
    monkeypatch.setattr(ties, "NEAR", 0.0)
    with torch.no_grad():
        latents = made.encoder(one_hot)
        codes = resolve_near_ties(made.encoder, made.quantizer, one_hot, latents)
        assert (codes == made.quantizer.assign(latents)).all()
        monkeypatch.setattr(ties, "NEAR", 9.0)  # every token is decided anew, to the same end
        again = resolve_near_ties(made.encoder, made.quantizer, one_hot, latents)
    assert (again == codes).float().mean() > 0.99


def test_threads_share_a_network(made):
    """Two threads that both meet near ties get what one gets."""
    inputs = [columns(random_tokens(20, LENGTH, seed)) for seed in range(8)]

    @torch.inference_mode()
    def logits(one_hot):
        return made(one_hot).logits

    alone = [logits(one_hot) for one_hot in inputs]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(logits, inputs * 4))
    finally:
        sys.setswitchinterval(interval)
    assert all(one.equal(two) for one, two in zip(alone * 4, together, strict=True))


def test_gradients_pass_as_before(made):
    """Attributions need the gradient of an evaluated window with respect to its input."""
    one_hot = columns(random_tokens(2, LENGTH)).requires_grad_()
    made(one_hot).logits.sum().backward()
    assert one_hot.grad.abs().sum() > 0
