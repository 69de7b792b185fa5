"""One window or every position: the helpers against plain loops."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vqrna.nn.lattice import WINDOW, Convolution, Lattice, MaxPool, _sliding_sum


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 6))
def test_a_sliding_sum_adds_what_a_loop_adds(kernel, dilation, sites):
    x = torch.arange(float(sites + (kernel - 1) * dilation)).square()[None, None]
    naive = [sum(x[0, 0, i + j * dilation].item() for j in range(kernel)) for i in range(sites)]
    assert _sliding_sum(x, kernel, dilation)[0, 0].tolist() == pytest.approx(naive)


@pytest.mark.parametrize("kernel", [1, 7, 12, 55])
def test_a_sliding_sum_does_not_depend_on_where_it_stands(kernel):
    torch.manual_seed(0)
    x = torch.randn(1, 2, 300) * 1e3
    whole = _sliding_sum(x, kernel, 3)
    part = _sliding_sum(x[..., 101 : 101 + (kernel - 1) * 3 + 1], kernel, 3)
    assert part[..., 0].equal(whole[..., 101])  # to the last bit


@pytest.mark.parametrize("lattice", [WINDOW, Lattice(5, dense=True)])
def test_tokens_on_the_sites_are_central(lattice):
    x = torch.arange(41.0)[None, None]  # the central token is 20
    beside = lattice.sites // 2
    assert lattice.at_sites(x)[0, 0].tolist() == list(range(20 - beside, 21 + beside))


@pytest.mark.parametrize("lattice", [WINDOW, Lattice(5, dense=True)])
@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("half", [0, 1, 4])
def test_means_are_about_the_sites(lattice, stride, half):
    apart = stride if lattice.dense else 1
    torch.manual_seed(0)
    x = torch.randn(2, 3, 61, dtype=torch.float64)
    beside = lattice.sites // 2
    around = [
        x[..., [30 + i + apart * j for j in range(-half, half + 1)]].mean(-1)
        for i in range(-beside, beside + 1)
    ]
    torch.testing.assert_close(lattice.mean_around(x, half, stride), torch.stack(around, dim=-1))


@pytest.mark.parametrize("tokens", range(7, 40, 2))
def test_pooling_in_a_window_is_in_line_with_the_centre(tokens):
    x = torch.randn(1, 1, tokens)
    pooled = MaxPool(3, 2, 3)(x, WINDOW)
    assert pooled.shape[-1] % 2 == 1
    middle, half = tokens // 2, pooled.shape[-1] // 2
    for i in range(-half, half + 1):
        at = middle + 2 * i
        assert pooled[0, 0, half + i] == x[0, 0, at - 1 : at + 2].max()
    assert middle - 2 * (half + 1) - 1 < 0  # no further one had room


def test_a_dense_layer_sees_what_the_strided_one_sees():
    torch.manual_seed(0)
    conv, pool = Convolution(2, 3, 5, token_stride=3), MaxPool(3, 3, token_stride=1)
    x = torch.randn(1, 2, 60, dtype=torch.float64)
    conv.double()
    dense = Lattice(2, dense=True)
    everywhere = conv.run(pool(x, dense), dense)  # (1, 3, 60 - 2 - 12)
    for start in (0, 1, 7, 40):
        window = conv.run(pool(x[..., start : start + 15], WINDOW), WINDOW)
        assert window.shape[-1] == 1
        torch.testing.assert_close(window[..., 0], everywhere[..., start])
