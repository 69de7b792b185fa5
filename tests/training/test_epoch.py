"""One pass over the windows: rows, cutting, unlabelled negatives, loss terms."""

import numpy as np
import pytest
import torch

from tiny import columns, network, planted, tiny
from vqrna.sequence import recentre
from vqrna.training import epoch
from vqrna.training.batches import TrainingData
from vqrna.training.epoch import train_epoch
from vqrna.training.losses import unlabelled_loss
from vqrna.training.negatives import UnlabelledNegatives
from vqrna.training.ranking import Decoys
from vqrna.training.schedule import WeightAverage, make_optimizer

PLAIN = {"substitution_rate": 0.0, "mask_rate": 0.0}


def one_epoch(data, number: int = 0, on_step=lambda windows, means: None):
    made = network(data.config, len(data.windows.modifications))
    optimizer = make_optimizer(made, data.config.training)
    average = WeightAverage(made, 0.9)
    return train_epoch(made, average, optimizer, data, number, on_step)


@pytest.fixture
def losses(monkeypatch):
    """Record the arguments and the result of each `compute_loss`."""
    calls = []
    compute_loss = epoch.compute_loss

    def record(output, one_hot, batch, config):
        calls.append((output, one_hot, batch, compute_loss(output, one_hot, batch, config)))
        return calls[-1][-1]

    monkeypatch.setattr(epoch, "compute_loss", record)
    return calls


@pytest.mark.parametrize(
    ("n", "size", "steps"), [(64, 16, 4), (66, 16, 5), (65, 16, 4), (5, 16, 1)]
)
def test_every_window_once_in_random_order(n, size, steps):
    data = TrainingData(planted(n), tiny(batch_size=size))
    batches = list(data.batch_rows(torch.Generator().manual_seed(0)))
    assert len(batches) == data.steps == steps
    rows = np.concatenate(batches)
    assert len(set(rows)) == len(rows) == n - (n % size == 1)  # one alone has no statistics
    assert rows.tolist() != sorted(rows)
    other = np.concatenate(list(data.batch_rows(torch.Generator().manual_seed(1))))
    assert rows.tolist() != other.tolist()


def test_windows_are_cut_about_their_sites(losses):
    windows = planted(16, 101)
    one_epoch(TrainingData(windows, tiny(**PLAIN)))
    ((_, one_hot, _, _),) = losses
    expected = {row.tobytes() for row in columns(recentre(windows.tokens, 51)).numpy()}
    assert {row.tobytes() for row in one_hot.numpy()} == expected


def test_unlabelled_negatives_are_rows_without_labels(losses):
    config = tiny(shuffled_weight=0.5, unlabelled_share=0.25, **PLAIN)
    windows = planted(16, symbols=("Am", "Cm")).take(np.arange(8, 24))
    unlabelled = UnlabelledNegatives.from_windows(windows, 51, config.training)
    means = one_epoch(TrainingData(windows, config, unlabelled))
    ((output, one_hot, batch, _),) = losses
    assert len(one_hot) == len(batch.labels) == 16 + 4
    assert one_hot.equal(columns(batch.tokens.numpy()))
    assert (batch.labels[16:] == -1).all()
    assert (batch.labels[:16] >= 0).any(dim=1).all()
    assert batch.unlabelled_terms == {"shuffled": slice(0, 4)}
    expected = unlabelled_loss(output.logits[16:], batch.unlabelled, 0.05).item()
    assert means["loss_shuffled"] == pytest.approx(expected)
    parts = sum(
        getattr(config.training, f"{name}_weight") * means[f"loss_{name}"]
        for name in ("classification", "quantization", "reconstruction", "shuffled")
    )
    assert means["loss"] == pytest.approx(parts, rel=1e-5)


def test_ranks_and_other_types_are_terms_of_the_loss(losses):
    """Compare the terms with values computed from the network's output in the only step."""
    config = tiny(length=201, shuffled_weight=0.5, unlabelled_share=0.25, **PLAIN)
    windows = planted(16, 201, symbols=("Am", "Cm")).take(np.arange(8, 24))
    others = np.zeros((16, 2), dtype=bool)
    others[3, 1] = others[5, 0] = True
    reach = network(config, 2).context.reach
    decoys = Decoys.from_windows(windows, reach, config.training)
    unlabelled = UnlabelledNegatives.from_windows(windows, 201, config.training)
    data = TrainingData(windows, config, unlabelled, decoys, others)
    generator = torch.Generator().manual_seed(config.training.seed * 1_000_003)
    (rows,) = data.batch_rows(generator)
    means = one_epoch(data)
    ((output, _, batch, _),) = losses
    drawn = batch.decoys
    assert output.candidate_logits.shape == (20, 2, 15)
    ranks = []
    for n, row in enumerate(rows):
        if (windows.labels[row] == 1).any() and drawn.present[n].any():
            m = int(np.flatnonzero(windows.labels[row] == 1)[0])
            others = output.candidate_logits[n, m][drawn.present[n]]
            both = torch.cat([output.site_logits[n, m][None], others])
            ranks.append(-torch.log_softmax(both, 0)[0].item())
    assert len(ranks) > 4
    assert means["loss_ranking"] == pytest.approx(np.mean(ranks), rel=1e-5)
    logits = {row: output.logits[n] for n, row in enumerate(rows)}
    target = torch.tensor(0.025)
    one, two = (
        torch.nn.functional.binary_cross_entropy_with_logits(logits[row][m], target)
        for row, m in ((3, 1), (5, 0))
    )
    known = int((batch.labels >= 0).sum())
    assert means["loss_other_types"] == pytest.approx((one + two).item() / known, rel=1e-5)
    names = ("classification", "quantization", "reconstruction", "shuffled", "ranking")
    parts = sum(
        getattr(config.training, f"{name}_weight") * means[f"loss_{name}"] for name in names
    )
    assert means["loss"] == pytest.approx(parts + 0.5 * means["loss_other_types"], rel=1e-5)


def test_steps_report_the_means_so_far():
    steps = []
    data = TrainingData(planted(48), tiny(learning_rate=1e-3))
    means = one_epoch(data, on_step=lambda windows, so_far: steps.append((windows, so_far)))
    assert [windows for windows, _ in steps] == [16, 16, 16]
    assert steps[-1][1]["loss"] == pytest.approx(means["loss"])
    assert 1 <= means["perplexity"] <= 16
    assert 1 <= means["codes_used"] <= 16
    assert 0 < means["learning_rate"] <= 1e-3


def test_an_epoch_follows_from_the_seed_and_its_number():
    data = TrainingData(planted(32), tiny())
    first, again, second = (one_epoch(data, number) for number in (0, 0, 1))
    assert first == again
    assert first["loss"] != second["loss"]
