"""Every position at once gets the numbers of its window, wherever it stands."""

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch

from tiny import columns, network, random_tokens, tiny
from vqrna.nn.dense import DenseOutput, dense_network, head
from vqrna.nn.dense import network as engine
from vqrna.nn.model import SiteNetwork
from vqrna.nn.ties import nearest_codes
from vqrna.sequence import AMBIGUOUS, windows_around

TYPES = 11


def with_context(sequence: np.ndarray, length: int) -> torch.Tensor:
    """One row of a sequence with nothing beyond its ends."""
    return torch.from_numpy(np.pad(sequence, length // 2, constant_values=AMBIGUOUS)[None])


@torch.inference_mode()
def window_by_window(made: SiteNetwork, sequence: np.ndarray) -> torch.Tensor:
    """Logits (S, M) of the window around each position."""
    length, dtype = made.config.length, made.quantizer.codebook.dtype
    found = []
    for sites in np.array_split(np.arange(len(sequence)), len(sequence) // 200 + 1):
        windows = windows_around(sequence, sites, length)
        found.append(made(columns(windows, dtype)).logits)
    return torch.cat(found)


def scan(
    one: SiteNetwork, tokens: torch.Tensor, context_dtype: torch.dtype | None = None
) -> DenseOutput:
    """Evaluate every position of rows of tokens."""
    return dense_network(one, context_dtype)(tokens)


def made(length: int = 101, seed: int = 0, dtype: torch.dtype = torch.float64, **changes: object):
    return network(tiny(length=length, codebook_size=64, **changes), TYPES, seed, dtype)


@pytest.mark.parametrize("length", [51, 57, 101, 195, 333, 501, 1001])
@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_a_scan_gives_every_position_the_numbers_of_its_window(length, dtype, most):
    one = made(length, length, dtype)
    sequence = random_tokens(1, 80, seed=length, ambiguous=0.03)[0]
    found = scan(one, with_context(sequence, length))
    expected = window_by_window(one, sequence)
    assert found.logits.shape == (1, 80, TYPES)
    assert found.logits.dtype == dtype
    assert found.near_ties.shape == (1, 80)
    assert (found.logits[0] - expected).abs().max() < most
    assert expected.std(0).min() > 1e-4


LENGTHS = [1, 2, 49, 50, 51, *np.random.default_rng(7).integers(52, 5000, 6), 5000]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_sequences_of_any_length(length, dtype, most):
    one = made(51, 3, dtype)
    sequence = random_tokens(1, length, seed=int(length), ambiguous=0.02)[0]
    sequence[length // 3 : length // 3 + 40] = AMBIGUOUS
    found = scan(one, with_context(sequence, 51)).logits[0]
    expected = window_by_window(one, sequence)
    assert (found - expected).abs().max() < most
    # The probability that a logit stands for
    assert (found.sigmoid() - expected.sigmoid()).abs().max() < most


@pytest.mark.parametrize("steps", [(1 << 10, 1 << 10, 1 << 10), (7, 11, 13)])
@pytest.mark.parametrize("codebook_size", [2, 37, 128, 144])
def test_pieces_that_fit_a_cache_make_no_difference(monkeypatch, steps, codebook_size):
    one = network(tiny(codebook_size=codebook_size), TYPES, dtype=torch.float64)
    sequence = random_tokens(1, 150, seed=5)[0]
    entries, rows, sites = steps
    for module, name, step in (
        (engine, "ENTRIES", entries),
        (engine, "ROWS", rows),
        (head, "PROJECTED", rows),
        (head, "SITES", sites),
    ):
        monkeypatch.setattr(module, name, step)
    monkeypatch.setattr(engine, "SIMILARITIES", steps[0] * codebook_size)
    found = scan(one, with_context(sequence, 51)).logits[0]
    assert (found - window_by_window(one, sequence)).abs().max() < 1e-9


@pytest.mark.parametrize("context_dtype", [None, torch.bfloat16])
def test_a_position_is_the_same_to_the_last_bit_wherever_it_stands(context_dtype):
    """Not by its place, by the width of its row, by its neighbours or by other rows."""
    one = made(101, 1, torch.float32, width=32)
    rng = np.random.default_rng(2)
    sequence = rng.integers(0, 5, 160).astype(np.uint8)
    first = scan(one, torch.from_numpy(sequence[None]), context_dtype).logits[0]
    for width, at in ((60, 0), (61, 1), (200, 77), (512, 100), (1500, 1023), (5000, 4096)):
        rows = rng.integers(0, 5, (2, width + 100)).astype(np.uint8)
        rows[1, at : at + 160] = sequence
        found = scan(one, torch.from_numpy(rows), context_dtype).logits[1]
        assert found[at : at + 60].equal(first)


def test_threads_share_a_network():
    """Two threads, both of which meet near ties, get what one gets."""
    one = made(51, 0, torch.float32)
    first = one.quantizer.codebook[:1]
    noise = 1e-3 * torch.randn(64, 8, generator=torch.Generator().manual_seed(0))
    one.quantizer.codebook.copy_(torch.nn.functional.normalize(first + noise, dim=-1))
    inputs = [torch.from_numpy(random_tokens(1, 150 + 40 * seed, seed)) for seed in range(8)]
    alone = [scan(one, tokens) for tokens in inputs]
    assert any(found.near_ties.any() for found in alone)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(partial(scan, one), inputs * 3))
    finally:
        sys.setswitchinterval(interval)
    for expected, found in zip(alone * 3, together, strict=True):
        assert found.logits.equal(expected.logits)
        assert found.near_ties.equal(expected.near_ties)


def test_near_ties_are_counted_where_they_are():
    """Two codes on either side of one latent: only this token is nearly tied."""
    one = network(tiny(codebook_size=3), TYPES, 4, torch.float64)
    sequence = random_tokens(1, 101, seed=4)[0]
    with torch.no_grad():
        # The central latent of the window about the position
        latent = one.encoder(columns(sequence[None, 35:86], torch.float64))[0, 4]
        side = torch.randn(8, dtype=torch.float64)
        side -= latent * (side @ latent) / latent.square().sum()
        codes = torch.stack([latent + 0.01 * side, latent - 0.01 * side, -latent])
        one.quantizer.codebook.copy_(torch.nn.functional.normalize(codes, dim=-1))
    found = scan(one, torch.from_numpy(sequence[None]))
    assert found.near_ties[0].nonzero().flatten().tolist() == [35]


def test_single_precision_is_settled_as_double_is():
    """Codes so close together that rounding would choose: float32 finds those of float64."""
    one, two = made(51, 2, torch.float32), made(51, 2, torch.float64)
    two.load_state_dict(one.state_dict())
    tokens = torch.from_numpy(random_tokens(2, 3000, seed=9))
    single, double = scan(one, tokens), scan(two, tokens)
    assert (single.logits - double.logits).abs().max() < 1e-5
    assert single.near_ties.equal(double.near_ties)


def test_changed_weights_are_seen():
    one = made(51)
    tokens = torch.from_numpy(random_tokens(1, 80))
    before = scan(one, tokens).logits
    assert scan(one, tokens).logits.equal(before)
    with torch.no_grad():
        one.head.region.logits.bias += 1
    torch.testing.assert_close(scan(one, tokens).logits, before + 1)
    one.load_state_dict(made(51, seed=1).state_dict())
    assert scan(one, tokens).logits.equal(scan(made(51, seed=1), tokens).logits)
    one.float()
    assert scan(one, tokens).logits.dtype == torch.float32


def test_modes_of_torch_can_change_between_scans():
    one = made(51)
    tokens = torch.from_numpy(random_tokens(1, 80))
    with torch.inference_mode():
        first = scan(one, tokens).logits
    again = scan(one, tokens).logits
    assert again.equal(first)
    again += 1  # what is given outside of inference mode is a tensor like any other
    with torch.inference_mode():
        assert scan(one, tokens).logits.equal(first)


def test_bfloat16_reads_the_same_codes():
    one = made(51, 1, torch.float32)
    tokens = torch.from_numpy(random_tokens(1, 400))
    exact, fast = scan(one, tokens), scan(one, tokens, torch.bfloat16)
    assert fast.near_ties.equal(exact.near_ties)
    assert fast.logits.dtype == torch.float32
    difference = (fast.logits - exact.logits).abs()
    assert 0 < difference.mean() < 0.02 * exact.logits.std()


@pytest.mark.parametrize("size", [2, 16, 100, 128, 512, 520])
def test_the_two_nearest_are_those_of_a_sort(size):
    torch.manual_seed(size)
    cosines = torch.randn(50, size)
    expected = cosines.topk(2, dim=1)
    code, gap = nearest_codes(cosines.clone())
    assert code.equal(expected.indices[:, 0])
    torch.testing.assert_close(gap, expected.values[:, 0] - expected.values[:, 1])


def test_rows_can_be_evaluated_as_one_sequence():
    """As on a GPU, to which many small matrices are slow."""
    one = made(101, 1, torch.float32)
    tokens = torch.from_numpy(random_tokens(4, 333, ambiguous=0.02))
    together = dense_network(one)._evaluate_together(tokens)
    expected = scan(one, tokens)
    assert together.logits.equal(expected.logits)
    assert together.near_ties.equal(expected.near_ties)


def test_on_every_device(device):
    one = made(101, 1, torch.float32)
    tokens = torch.from_numpy(random_tokens(3, 400, ambiguous=0.02))
    expected = scan(one, tokens)
    found = scan(one.to(device), tokens.to(device))
    torch.testing.assert_close(found.logits.cpu(), expected.logits, rtol=0, atol=1e-5)
    assert found.near_ties.cpu().equal(expected.near_ties)
