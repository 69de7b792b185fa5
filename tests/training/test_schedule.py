import math
from itertools import pairwise

import pytest
import torch

from tiny import columns, network, random_tokens, tiny, tiny_paper
from vqrna.config import TrainingConfig
from vqrna.training.schedule import WeightAverage, learning_rate, make_optimizer

ONE_CYCLE = TrainingConfig(learning_rate=2e-3, schedule="one-cycle")


def test_one_cycle_rises_for_a_tenth_and_falls_to_nothing():
    rates = [learning_rate(ONE_CYCLE, step, 1000) for step in range(1000)]
    assert max(rates) == rates[99] == 2e-3
    assert rates[0] == pytest.approx(2e-5)
    assert rates[49] == pytest.approx(1e-3)
    assert rates[100] == pytest.approx(2e-3)
    assert rates[550] == pytest.approx(1e-3)  # half way down the half cosine
    assert 0 < rates[-1] < 1e-8
    assert all(a < b for a, b in pairwise(rates[:100]))
    assert all(a >= b for a, b in pairwise(rates[100:]))


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_few_steps_have_a_rate_too(steps):
    rates = [learning_rate(ONE_CYCLE, step, steps) for step in range(steps)]
    assert rates[0] == 2e-3
    assert all(0 < rate <= 2e-3 and math.isfinite(rate) for rate in rates)


def test_the_published_rate_is_constant():
    config = tiny_paper().training
    assert {learning_rate(config, step, 10) for step in range(10)} == {1e-3}


def test_biases_and_normalisations_do_not_decay():
    made = network(tiny())
    optimizer = make_optimizer(made, TrainingConfig(weight_decay=0.02))
    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}
    assert len(decay) == len(list(made.parameters()))
    for name, parameter in made.named_parameters():
        wanted = 0.0 if "norm" in name or name.endswith("bias") else 0.02
        assert decay[id(parameter)] == wanted, name


def test_the_published_optimiser_is_adam():
    optimizer = make_optimizer(network(tiny_paper(), types=1), tiny_paper().training)
    assert type(optimizer) is torch.optim.Adam
    assert optimizer.param_groups[0]["weight_decay"] == 0


def test_an_average_by_hand():
    made = network(tiny())
    average = WeightAverage(made, decay=0.2)
    before = made.head.site.logits.bias.detach().clone()
    count = made.head.site.norm.num_batches_tracked.clone()
    with torch.no_grad():
        made.head.site.logits.bias += 1
        made.head.site.norm.running_mean += 10
        made.head.site.norm.num_batches_tracked += 7
    average.follow(made, step=0)  # a decay of (1 + 0) / (10 + 0) first
    torch.testing.assert_close(average.network.head.site.logits.bias, before + 0.9)
    assert average.network.head.site.norm.num_batches_tracked == count + 7
    average.follow(made, step=1000)
    torch.testing.assert_close(average.network.head.site.logits.bias, before + 1 - 0.1 * 0.2)
    assert made.head.site.logits.bias.detach().equal(before + 1)


def test_averaged_codes_are_of_unit_length():
    made = network(tiny()).train()
    average = WeightAverage(made, decay=0.5)
    made.quantizer.codebook.copy_(network(tiny(), seed=5).quantizer.codebook)
    average.follow(made, step=100)
    norm = average.network.quantizer.codebook.norm(dim=1)
    torch.testing.assert_close(norm, torch.ones(16))


def test_an_average_of_the_same_is_the_same():
    made = network(tiny())
    average = WeightAverage(made, decay=0.9)
    for step in range(5):
        average.follow(made, step)
    x = columns(random_tokens(4, 51))
    torch.testing.assert_close(average.network(x).logits, made(x).logits)
