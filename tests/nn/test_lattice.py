"""One site, a grid, every position: the helpers against plain loops."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vqrna.nn.lattice import Convolution, Lattice, MaxPool, _sliding_sum


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


@pytest.mark.parametrize(("spacing", "stride"), [(12, 3), (6, 6), (1, 3), (1, 12)])
def test_tokens_on_the_sites_are_central(spacing, stride):
    lattice = Lattice(5, spacing)
    step = 1 if spacing == 1 else spacing // stride
    x = torch.arange(41.0)[None, None]  # the central token is 20
    assert lattice.at_sites(x, stride)[0, 0].tolist() == [20 + step * i for i in range(-2, 3)]


@pytest.mark.parametrize(("spacing", "stride"), [(12, 3), (6, 6), (1, 3), (1, 2)])
@pytest.mark.parametrize("half", [0, 1, 4])
def test_means_are_about_the_sites(spacing, stride, half):
    lattice = Lattice(5, spacing)
    step, apart = (1, stride) if spacing == 1 else (spacing // stride, 1)
    torch.manual_seed(0)
    x = torch.randn(2, 3, 61, dtype=torch.float64)
    around = [
        x[..., [30 + step * i + apart * j for j in range(-half, half + 1)]].mean(-1)
        for i in range(-2, 3)
    ]
    torch.testing.assert_close(lattice.mean_around(x, half, stride), torch.stack(around, dim=-1))


@pytest.mark.parametrize("tokens", range(7, 40, 2))
def test_pooling_on_a_grid_is_in_line_with_the_centre(tokens):
    x = torch.randn(1, 1, tokens)
    pooled = MaxPool(3, 2, 3)(x, Lattice(1, 12))
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
    dense = Lattice(2, 1)
    everywhere = conv.run(pool(x, dense), dense)  # (1, 3, 60 - 2 - 12)
    for start in (0, 1, 7, 40):
        window = conv.run(pool(x[..., start : start + 15], Lattice(1, 3)), Lattice(1, 3))
        assert window.shape[-1] == 1
        torch.testing.assert_close(window[..., 0], everywhere[..., start])
