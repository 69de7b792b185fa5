"""One pass over the windows: each once, about its site, weak negatives as rows of their own."""

import numpy as np
import pytest
import torch

from tiny import columns, network, planted, tiny
from vqrna.sequence import recentre
from vqrna.training import epoch
from vqrna.training.epoch import TrainingData, train_epoch
from vqrna.training.negatives import OTHER_TYPES, SHUFFLED, WeakNegatives
from vqrna.training.ranking import RANKING, Rivals
from vqrna.training.schedule import WeightAverage, make_optimizer

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
    config = tiny(shuffled_weight=0.5, unlabelled_share=0.25, **PLAIN)
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


def test_ranks_and_other_types_are_terms_of_the_loss(monkeypatch):
    """The terms by hand, from what the network gave in the one step of the epoch."""
    config = tiny(length=201, shuffled_weight=0.5, unlabelled_share=0.25, **PLAIN)
    windows = planted(16, 201, symbols=("Am", "Cm")).take(np.arange(8, 24))
    others = np.zeros((16, 2), dtype=bool)
    others[3, 1] = others[5, 0] = True
    reach = network(config, 2).context.reach
    decoys = Rivals.of(windows, reach, config.training)
    weak = WeakNegatives.of(windows, 201, config.training)
    outputs, drawn = [], []
    total_loss, draw = epoch.total_loss, Rivals.draw

    def listen(output, one_hot, labels, *rest, **more):
        outputs.append((output, labels))
        return total_loss(output, one_hot, labels, *rest, **more)

    def listen_to_draw(self, rows, *rest):
        drawn.append((rows, draw(self, rows, *rest)))
        return drawn[-1][1]

    monkeypatch.setattr(epoch, "total_loss", listen)
    monkeypatch.setattr(Rivals, "draw", listen_to_draw)
    means = one_epoch(config, TrainingData(windows, weak, decoys, others))
    ((output, labels),), ((rows, found),) = outputs, drawn
    assert output.candidate_logits.shape == (20, 2, 15)
    ranks = []
    for n, row in enumerate(rows):
        if (windows.labels[row] == 1).any() and found.present[n].any():
            m = int(np.flatnonzero(windows.labels[row] == 1)[0])
            rival = output.candidate_logits[n, m][found.present[n]]
            both = torch.cat([output.site_logits[n, m][None], rival])
            ranks.append(-torch.log_softmax(both, 0)[0].item())
    assert len(ranks) > 4
    assert means[RANKING] == pytest.approx(np.mean(ranks), rel=1e-5)
    logits = {row: output.logits[n] for n, row in enumerate(rows)}
    target = torch.tensor(0.025)
    one, two = (
        torch.nn.functional.binary_cross_entropy_with_logits(logits[row][m], target)
        for row, m in ((3, 1), (5, 0))
    )
    known = int((labels >= 0).sum())
    assert means[OTHER_TYPES] == pytest.approx((one + two).item() / known, rel=1e-5)
    names = ("classification", "quantization", "reconstruction", "shuffled", "ranking")
    parts = sum(
        getattr(config.training, f"{name}_weight") * means[f"loss_{name}"] for name in names
    )
    assert means["loss"] == pytest.approx(parts + 0.5 * means[OTHER_TYPES], rel=1e-5)


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
