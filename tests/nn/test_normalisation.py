"""Rows beside the windows of a batch: normalised as these are, and without a trace."""

import copy

import pytest
import torch

from tiny import columns, network, random_tokens, tiny
from vqrna.nn.normalisation import Normalisation, statistics_of


@pytest.fixture
def layer():
    torch.manual_seed(0)
    made = Normalisation(3).double()
    torch.nn.init.uniform_(made.weight, 0.5, 2)
    torch.nn.init.uniform_(made.bias)
    return made


def test_rows_beside_are_normalised_by_the_statistics_of_the_windows(layer):
    x = torch.randn(6, 3, 5, dtype=torch.float64) * 3 + 1
    with statistics_of(layer, 4):
        found = layer(x)
    mean, spread = x[:4].mean((0, 2)), x[:4].var((0, 2), correction=0)
    expected = (x - mean[:, None]) / torch.sqrt(spread + layer.eps)[:, None]
    expected = expected * layer.weight[:, None] + layer.bias[:, None]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_windows_see_nothing_of_what_stands_beside(layer):
    alone = copy.deepcopy(layer)
    x = torch.randn(6, 3, 5, dtype=torch.float64)
    x[4:] += 100
    with statistics_of(layer, 4):
        found = layer(x)
    torch.testing.assert_close(found[:4], alone(x[:4]))
    torch.testing.assert_close(layer.running_mean, alone.running_mean)
    torch.testing.assert_close(layer.running_var, alone.running_var)


def test_gradients_flow_through_the_statistics(layer):
    x = torch.randn(4, 3, 2, dtype=torch.float64, requires_grad=True)
    with statistics_of(layer, 3):
        assert torch.autograd.gradcheck(lambda x: layer(x)[3:], x, atol=1e-3, eps=1e-3)


def test_outside_of_it_all_rows_count(layer):
    plain = torch.nn.BatchNorm1d(3).double()
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(6, 3, 5, dtype=torch.float64)
    with statistics_of(layer, 2):
        layer.eval()(x)
    layer.train()
    torch.testing.assert_close(layer(x), plain(x))
    torch.testing.assert_close(layer.running_mean, plain.running_mean)


def test_every_normalisation_of_the_network_takes_part():
    alone = network(tiny(dropout=0.0, region_dropout=0.0)).train()
    beside = copy.deepcopy(alone)
    windows, odd = columns(random_tokens(8, 51, 1)), columns(random_tokens(3, 51, 2) * 0)
    expected = alone(windows).logits
    with statistics_of(beside, 8):
        found = beside(torch.cat([windows, odd])).logits
    torch.testing.assert_close(found[:8], expected)
    for (name, one), two in zip(alone.named_buffers(), beside.buffers(), strict=True):
        if "running" in name:
            torch.testing.assert_close(one, two, msg=name)
