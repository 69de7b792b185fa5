import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tiny import columns, network, random_tokens, tiny, tiny_paper
from vqrna.training.batches import Batch
from vqrna.training.losses import (
    classification_loss,
    compute_loss,
    reconstruction_loss,
    unlabelled_loss,
)


def test_unknown_labels_have_no_part():
    logits = torch.randn(6, 3, requires_grad=True)
    labels = torch.tensor([[1, 0, -1], [-1, -1, -1], [0, -1, 1], [-1, 1, -1], [1, 1, 1], [0, 0, 0]])
    loss = classification_loss(logits, labels.to(torch.int8), smoothing=0.1)
    loss.backward()
    assert (logits.grad[labels == -1] == 0).all()
    assert (logits.grad[labels >= 0] != 0).all()
    known = labels >= 0
    target = labels[known] * 0.9 + 0.05
    expected = F.binary_cross_entropy_with_logits(logits[known], target)
    torch.testing.assert_close(loss, expected)


def test_where_nothing_is_known_the_loss_is_zero():
    logits = torch.randn(4, 2, requires_grad=True)
    loss = classification_loss(logits, torch.full((4, 2), -1))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_on_the_difference_of_two_logits_it_is_the_cross_entropy_over_two_classes():
    torch.manual_seed(0)
    two = torch.randn(32, 1, 2, requires_grad=True)
    labels = torch.randint(0, 2, (32, 1))
    ours = classification_loss(two[..., 1] - two[..., 0], labels)
    published = F.cross_entropy(two[:, 0], labels[:, 0])
    torch.testing.assert_close(ours, published)
    (one,) = torch.autograd.grad(ours, two)
    (other,) = torch.autograd.grad(published, two)
    torch.testing.assert_close(one, other)


def test_reconstruction_by_hand():
    # Site A of three letters; the decoder speaks of the central one only
    one_hot = columns(random_tokens(1, 3))
    one_hot[0, :, 1] = torch.tensor([1.0, 0, 0, 0])
    decoded = torch.tensor([0.7, 0.1, 0.1, 0.1]).view(1, 4, 1)
    squared = reconstruction_loss(decoded, one_hot, squared=True)
    assert squared.item() == pytest.approx((0.3**2 + 3 * 0.1**2) / 4)
    entropy = reconstruction_loss(decoded, one_hot, squared=False)
    assert entropy.item() == pytest.approx(-math.log(0.7))


def test_bases_that_are_not_known_need_no_reconstruction():
    one_hot = columns(random_tokens(2, 9))
    one_hot[:, :, 2:6] = 0
    decoded = torch.rand(2, 4, 9).softmax(1).requires_grad_()
    reconstruction_loss(decoded, one_hot, squared=False).backward()
    assert (decoded.grad[:, :, 2:6] == 0).all()
    empty = reconstruction_loss(decoded, torch.zeros_like(one_hot), squared=False)
    assert empty.item() == 0


@pytest.mark.parametrize("config", [tiny(), tiny_paper()], ids=["vqrna", "paper"])
def test_the_total_is_the_weighted_sum(config):
    paper = config.model.architecture == "paper"
    x = columns(random_tokens(6, 51))
    output = network(config, types=1)(x)
    labels = torch.tensor([[1], [0], [1], [0], [-1], [1]])
    loss = compute_loss(output, x, Batch(torch.empty(0), labels, 6), config)
    training = config.training
    expected = (
        training.classification_weight
        * classification_loss(output.logits, labels, training.label_smoothing)
        + training.quantization_weight * output.quantization_loss
        + training.reconstruction_weight
        * reconstruction_loss(output.reconstruction, x, squared=paper)
    )
    torch.testing.assert_close(loss.total, expected)
    assert loss.classification > 0
    assert loss.reconstruction > 0


def test_unlabelled_negatives_count_where_they_are_chosen():
    logits = torch.randn(6, 5, requires_grad=True)
    chosen = torch.rand(6, 5) < 0.4
    loss = unlabelled_loss(logits, chosen)
    torch.testing.assert_close(loss, F.softplus(logits[chosen]).mean())
    loss.backward()
    assert (logits.grad[~chosen] == 0).all()
    assert (logits.grad[chosen] > 0).all()
    assert unlabelled_loss(logits, torch.zeros_like(chosen)).item() == 0


def test_unlabelled_loss_divides_by_a_given_count():
    logits = torch.tensor([[0.0, 3.0], [-1.0, 2.0]])
    chosen = torch.tensor([[True, False], [True, False]])
    expected = (np.log(2) + np.log1p(np.exp(-1))) / 5
    assert unlabelled_loss(logits, chosen, 0.0, torch.tensor(5)).item() == pytest.approx(expected)
