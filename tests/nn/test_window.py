"""Layers without padding, in line with the centre of a window."""

import pytest
import torch

from vqrna.nn.encoder import MaxPool, central, mean_around


@pytest.mark.parametrize("half", [0, 1, 20])
def test_what_is_central_has_as_much_on_either_side(half):
    x = torch.arange(41.0)[None, None]
    assert central(x, half)[0, 0].tolist() == list(range(20 - half, 21 + half))


def test_means_are_about_the_centre():
    x = torch.arange(9.0)[None, None].square()
    torch.testing.assert_close(mean_around(x, 1), torch.tensor([[[(9 + 16 + 25) / 3]]]))


@pytest.mark.parametrize("tokens", range(7, 40, 2))
def test_pooling_is_in_line_with_the_centre(tokens):
    x = torch.randn(1, 1, tokens)
    pooled = MaxPool(3, 2)(x)
    assert pooled.shape[-1] % 2 == 1
    middle, half = tokens // 2, pooled.shape[-1] // 2
    for i in range(-half, half + 1):
        at = middle + 2 * i
        assert pooled[0, 0, half + i] == x[0, 0, at - 1 : at + 2].max()
    assert middle - 2 * (half + 1) - 1 < 0  # no further one had room
