"""One pass over the windows: each once, about its site, weak negatives as rows of their own."""

import numpy as np
import pytest
import torch

from tiny import columns, network, planted, tiny
from vqrna.sequence import recentre
from vqrna.training import epoch
from vqrna.training.epoch import TrainingData, train_epoch
from vqrna.training.schedule import WeightAverage, make_optimizer
from vqrna.training.weak import SHUFFLED, WeakNegatives

PLAIN = {"substitution_rate": 0.0, "mask_rate": 0.0}


def one_epoch(config, data, number: int = 0, tell=lambda windows, means: None):
    made = network(config, len(data.windows.modifications))
    optimizer = make_optimizer(made, config.training)
    average = WeightAverage(made, 0.9)
    return train_epoch(made, average, optimizer, data, config, number, tell)


@pytest.mark.parametrize(
    ("n", "size", "steps"), [(64, 16, 4), (66, 16, 5), (65, 16, 4), (5, 16, 1)]
)
def test_every_window_once_in_random_order(n, size, steps):
    data = TrainingData(planted(n))
    batches = list(data.batches(size, torch.Generator().manual_seed(0)))
    assert len(batches) == data.steps(size) == steps
    rows = np.concatenate(batches)
    assert len(set(rows)) == len(rows) == n - (n % size == 1)  # one alone has no statistics
    assert rows.tolist() != sorted(rows)
    other = np.concatenate(list(data.batches(size, torch.Generator().manual_seed(1))))
    assert rows.tolist() != other.tolist()


def test_windows_are_cut_about_their_sites(monkeypatch):
    seen = []

    def listen(output, one_hot, labels, *rest, **more):
        seen.append(one_hot)
        return total_loss(output, one_hot, labels, *rest, **more)

    total_loss = epoch.total_loss
    monkeypatch.setattr(epoch, "total_loss", listen)
    windows = planted(16, 101)
    one_epoch(tiny(**PLAIN), TrainingData(windows))
    (one_hot,) = seen
    expected = {row.tobytes() for row in columns(recentre(windows.tokens, 51)).numpy()}
    assert {row.tobytes() for row in one_hot.numpy()} == expected


def test_weak_negatives_are_rows_of_which_nothing_else_is_known(monkeypatch):
    config = tiny(shuffled_weight=0.5, weak_share=0.25, **PLAIN)
    windows = planted(16, symbols=("Am", "Cm")).take(np.arange(8, 24))
    weak = WeakNegatives.of(windows, 51, config.training)
    drawn, outputs, judged = [], [], []
    draw, total_loss, weak_loss = WeakNegatives.draw, epoch.total_loss, epoch.weak_loss

    def listen_to_draw(self, rows, generator):
        drawn.append(draw(self, rows, generator))
        return drawn[-1]

    def listen_to_total(output, one_hot, labels, *rest, **more):
        outputs.append((output, one_hot, labels))
        return total_loss(output, one_hot, labels, *rest, **more)

    def listen_to_weak(logits, negative, smoothing):
        judged.append((logits, negative))
        return weak_loss(logits, negative, smoothing)

    monkeypatch.setattr(WeakNegatives, "draw", listen_to_draw)
    monkeypatch.setattr(epoch, "total_loss", listen_to_total)
    monkeypatch.setattr(epoch, "weak_loss", listen_to_weak)
    means = one_epoch(config, TrainingData(windows, weak))
    ((output, one_hot, labels),), (rows,), ((logits, negative),) = outputs, drawn, judged
    assert len(one_hot) == len(labels) == 16 + 4
    assert one_hot[16:].equal(columns(rows.tokens))
    assert (labels[16:] == -1).all()
    assert (labels[:16] >= 0).any(dim=1).all()
    assert logits.equal(output.logits[16:])
    assert negative.tolist() == rows.negative.tolist()
    parts = sum(
        getattr(config.training, f"{name}_weight") * means[f"loss_{name}"]
        for name in ("classification", "quantization", "reconstruction", "shuffled")
    )
    assert means["loss"] == pytest.approx(parts, rel=1e-5)
    assert means[SHUFFLED] == pytest.approx(weak_loss(logits, negative, 0.05).item())


def test_what_is_told_are_means_so_far():
    told = []
    data = TrainingData(planted(48))
    config = tiny(learning_rate=1e-3)
    means = one_epoch(config, data, tell=lambda windows, so_far: told.append((windows, so_far)))
    assert [windows for windows, _ in told] == [16, 16, 16]
    assert told[-1][1]["loss"] == pytest.approx(means["loss"])
    assert 1 <= means["perplexity"] <= 16
    assert 1 <= means["codes_used"] <= 16
    assert 0 < means["learning_rate"] <= 1e-3


def test_an_epoch_follows_from_the_seed_and_its_number():
    data = TrainingData(planted(32))
    first, again, second = (one_epoch(tiny(), data, number) for number in (0, 0, 1))
    assert first == again
    assert first["loss"] != second["loss"]
