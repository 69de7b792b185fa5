"""Can it learn at all: 32 windows by heart, and a planted motif beyond them."""

import pytest
import torch

from tiny import columns, planted, tiny, tiny_paper
from vqrna.config import PAPER_LENGTHS
from vqrna.nn.model import build
from vqrna.training import train_network
from vqrna.training.batches import TrainingData
from vqrna.training.epoch import train_epoch
from vqrna.training.schedule import make_optimizer
from vqrna.training.validation import validate


def silent(windows: int, means: dict[str, float]) -> None:
    pass


def test_ours_learns_32_windows_by_heart(tmp_path, no_curves):
    windows = planted(32)
    config = tiny(
        epochs=30,
        learning_rate=2e-2,
        mask_rate=0.0,
        substitution_rate=0.0,
        shuffled_weight=0.0,
        dropout=0.0,
        average_decay=0.9,
    )
    result = train_network(windows, windows, tmp_path, config, device="cpu", show_progress=False)
    assert result.history["valid_auroc"].max() > 0.95
    assert result.history["loss"].iloc[-1] < 0.6 * result.history["loss"].iloc[0]


def test_ours_finds_a_motif_of_each_type_in_new_windows(tmp_path, no_curves):
    kinds = ("Am", "Cm")
    changes = {"codebook_size": 64, "learning_rate": 2e-2, "average_decay": 0.9}
    config = tiny(epochs=10, shuffled_weight=0.0, **changes)
    valid = planted(64, seed=1, symbols=kinds)
    result = train_network(
        planted(256, symbols=kinds), valid, tmp_path, config, device="cpu", show_progress=False
    )
    scores = result.model.training["validation"]
    assert set(scores) == {"Am", "Cm", "mean"}
    assert min(scores[kind]["auroc"] for kind in kinds) > 0.95
    other = result.model.logits(valid.tokens[1:64:2])  # Am sites: nobody said what Cm is there
    assert other[:, 0].mean() > 1


def test_the_published_network_learns_32_windows_by_heart():
    """Given a classification loss that weighs more, since its own takes many epochs."""
    config = tiny_paper(batch_size=32, classification_weight=1.0, dropout=0.0)
    torch.manual_seed(0)
    made = build(config.model, 1)
    optimizer = make_optimizer(made, config.training)
    windows = planted(32)
    for epoch in range(30):
        train_epoch(made, None, optimizer, TrainingData(windows, config), epoch, silent)
    assert validate(made, windows, config)["mean"]["auroc"] > 0.95


@pytest.mark.parametrize("length", PAPER_LENGTHS)
def test_the_published_network_trains_at_all_nine_lengths(length):
    config = tiny_paper(length=length, batch_size=4)
    torch.manual_seed(config.training.seed)
    made = build(config.model, 1)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    optimizer = make_optimizer(made, config.training)
    data = TrainingData(planted(8, length), config)
    means = train_epoch(made, None, optimizer, data, 0, silent)
    assert 0 < means["loss"] < 2
    assert means["learning_rate"] == 1e-3
    still = [name for name, tensor in made.state_dict().items() if tensor.equal(before[name])]
    assert still == []  # every part has moved
    assert made.eval()(columns(data.windows.tokens)).logits.isfinite().all()
