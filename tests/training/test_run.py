"""A run: what is refused, when it stops, which epoch is kept, what it tells."""

import dataclasses

import numpy as np
import pytest

from tiny import planted, random_tokens, tiny, tiny_paper
from vqrna.config import load
from vqrna.errors import DataError
from vqrna.modifications import modifications
from vqrna.training import loop, report, train_network
from vqrna.training.source import window_warnings
from vqrna.training.validation import validate


@pytest.mark.parametrize(
    ("labels", "words"),
    [([1, 1, 1], "hold no unmodified site of Am"), ([0, 0, -1], "hold no modified site of Am")],
)
def test_one_class_alone_teaches_nothing(tmp_path, labels, words):
    whole, windows = planted(3), planted(3)
    windows.labels[:, 0] = labels
    with pytest.raises(DataError, match="the validation windows " + words):
        train_network(whole, windows, tmp_path / "run", tiny(), show_progress=False)
    with pytest.raises(DataError, match="the training windows " + words):
        train_network(windows, whole, tmp_path / "run", tiny(), show_progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("which", ["training", "validation"])
def test_sites_beside_the_centre_are_refused(tmp_path, which):
    """Cut one to the left: the commonest fault of windows of one's own."""
    right, wrong = planted(32), planted(32)
    wrong = dataclasses.replace(wrong, tokens=np.roll(wrong.tokens, 1, axis=1))
    windows = (wrong, right) if which == "training" else (right, wrong)
    message = rf"16 of 16 {which} windows of modified Am have no A in the centre, .* 'w1' .*\[G\]"
    with pytest.raises(DataError, match=message):
        train_network(*windows, tmp_path / "run", tiny(), show_progress=False)
    assert not (tmp_path / "run").exists()


def test_some_sites_of_another_base_are_a_warning():
    train, valid = planted(32), planted(32)
    train.tokens[[1, 3, 4], 25] = 1
    told = window_warnings(train, valid, tiny())
    assert told[0] == "2 of 32 windows of modified Am have no A in the centre"
    assert told[1].startswith("1 of 32 windows of unmodified Am have no A in the centre: ")
    assert window_warnings(valid, valid, tiny()) == []


@pytest.mark.parametrize(
    ("config", "length", "told"),
    [
        (tiny(length=501), 101, "--length 101 fits them best"),
        (tiny(length=501), 41, "--length 51 fits them best"),
        (tiny_paper(length=501), 131, "--length 101 fits them best"),
        (tiny(length=51), 41, "shorter than 51 nt (the longest has 41)"),
    ],
)
def test_windows_shorter_than_the_network_reads_are_a_warning(config, length, told):
    windows = planted(8, length)
    (said,) = window_warnings(windows, windows, config)
    assert told in said
    assert window_warnings(planted(8, config.model.length), windows, config) == []
    (said,) = window_warnings(windows, windows, config, fixed=True)
    assert "--length" not in said  # it is that of given weights


def test_different_types_cannot_be_compared(tmp_path):
    one, two = planted(8), planted(8, symbols=("Cm",))
    with pytest.raises(DataError, match="different modifications"):
        train_network(one, two, tmp_path, tiny(), show_progress=False)


def test_a_training_that_diverges_is_told(tmp_path, no_curves):
    windows = planted(32)
    with pytest.raises(DataError, match=r"diverged: the loss is (nan|inf) in epoch 1"):
        train_network(
            windows, windows, tmp_path, tiny(learning_rate=1e30), show_progress=False, device="cpu"
        )


def test_it_stops_when_validation_no_longer_rises(tmp_path, no_curves):
    windows = planted(32)
    config = tiny(epochs=50, patience=3, learning_rate=1e-12)  # nothing changes any more
    result = train_network(windows, windows, tmp_path, config, device="cpu", show_progress=False)
    best = result.model.training["best_epoch"]
    assert len(result.history) == best + 3 < 50
    assert result.history["best"].to_numpy()[best - 1]
    assert not result.history["best"].to_numpy()[best:].any()


def test_the_kept_epoch_is_the_one_with_the_best_score(tmp_path, no_curves):
    windows = planted(48)
    for select_by, column in (("auroc", "valid_auroc"), ("accuracy", "valid_acc")):
        config = tiny(epochs=6, learning_rate=5e-2, select_by=select_by, average_decay=0.0)
        result = train_network(
            windows, windows, tmp_path / select_by, config, device="cpu", show_progress=False
        )
        highest = result.history[result.history[column] == result.history[column].max()]
        if select_by == "auroc":
            highest = highest.sort_values("valid_loss", kind="stable")
        best = int(highest["epoch"].iloc[0])
        assert result.model.training["best_epoch"] == best
        again = validate(result.model.network, windows, config)["mean"]
        kept = result.history.loc[best - 1, column]
        assert again["auroc" if select_by == "auroc" else "acc"] == kept


@pytest.mark.parametrize(("select_by", "best"), [("auroc", 3), ("accuracy", 1)])
def test_of_epochs_with_equal_scores_the_one_with_the_lowest_loss_is_kept(
    tmp_path, no_curves, monkeypatch, select_by, best
):
    windows = planted(16)
    config = tiny(epochs=5, select_by=select_by)

    def run(folder, losses, resume=False):
        real, left = validate, iter(losses)

        def equal(*args):
            scores = real(*args)
            loss = next(left)
            if loss is None:
                raise KeyboardInterrupt
            for row in scores.values():
                row |= {"auroc": 1.0, "acc": 0.5, "loss": loss}
            return scores

        monkeypatch.setattr(loop, "validate", equal)
        return train_network(
            windows, windows, folder, config, device="cpu", show_progress=False, resume=resume
        )

    losses = [0.5, 0.4, 0.2, 0.3, 0.2]
    whole = run(tmp_path / "whole", losses)
    assert whole.model.training["best_epoch"] == best
    for done in range(1, 5):
        folder = tmp_path / str(done)
        with pytest.raises(KeyboardInterrupt):
            run(folder, [*losses[:done], None])
        resumed = run(folder, losses[done:], resume=True)
        assert resumed.model.training["best_epoch"] == best
        assert resumed.model.hash == whole.model.hash
        assert resumed.history["best"].tolist() == whole.history["best"].tolist()


def test_the_log_tells_what_the_published_one_tells(tmp_path):
    scores = dict.fromkeys(("acc", "bacc", "se", "sp", "mcc", "auroc"), 0.5) | {"acc": 0.25}
    row = {
        "epoch": 1, "loss": 0.5, "loss_quantization": 0.1, "loss_reconstruction": 0.2,
        "loss_classification": 0.3, "perplexity": 7.0, "codes_used": 9, "best": True,
        "valid": {"Am": scores},
    }  # fmt: skip
    report.write_log(tmp_path, [row], 1)
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert lines[0].startswith("epoch: 1, loss: 0.50000, vq_loss: 0.10000, recon_error: 0.20000")
    assert "Valid Performance. Epoch[1]" in lines[1]
    assert lines[2] == "[type,\tACC,\tBACC,\tSE,\tSP,\tMCC,\tAUC]"
    assert lines[3] == "Am,\t0.2500,\t0.5000,\t0.5000,\t0.5000,\t0.5000,\t0.5000"
    assert lines[-1] == "kept: epoch 1"


def test_pictures_of_the_curves_are_drawn(tmp_path):
    windows = planted(16)
    train_network(windows, windows, tmp_path, tiny(epochs=1), device="cpu", show_progress=False)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "curves.svg").read_bytes()[:1000]


def test_a_progress_line_names_the_terms(tmp_path, no_curves, capfd):
    windows = planted(16)
    train_network(windows, windows, tmp_path, tiny(epochs=1), device="cpu")
    err = capfd.readouterr().err
    for words in ("epoch 1/1: loss", "perplexity", "of 16 codes", "validation AUROC"):
        assert words in err
    assert "ACC" not in err  # of logits that are not calibrated yet
    config = tiny(epochs=1, select_by="accuracy")
    train_network(windows, windows, tmp_path / "by accuracy", config, device="cpu")
    assert ", ACC 0." in capfd.readouterr().err


def test_long_trainings_off_a_terminal_have_each_line_once(tmp_path, no_curves, capfd, monkeypatch):
    monkeypatch.setattr("vqrna.runtime.progress.INTERVAL", 0.0)
    windows = planted(16)
    train_network(windows, windows, tmp_path, tiny(epochs=1), device="cpu")
    lines = capfd.readouterr().err.splitlines()
    (whole,) = [i for i, line in enumerate(lines) if line.startswith("epoch 1/1: 16 of 16 windows")]
    assert lines[whole + 1].startswith("epoch 1/1: loss")
    (flags,) = [line for line in lines if " ood " in line and "(100%)" in line]
    assert flags.startswith("flag ood (training, shuffled and validation windows): ")


def test_short_windows_and_ambiguous_ones_train_too(tmp_path, no_curves):
    windows = planted(24, 31)  # shorter than the model's 51
    windows.tokens[:, :10] = random_tokens(24, 10, ambiguous=0.5)
    result = train_network(windows, windows, tmp_path, tiny(), device="cpu", show_progress=False)
    assert result.model.logits(windows.tokens).shape == (24, 1)
    assert result.model.modifications == modifications(["Am"])


@pytest.mark.parametrize(("fast", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_the_precision_suits_the_device_and_is_recorded(
    tmp_path, no_curves, monkeypatch, fast, precision
):
    monkeypatch.setattr(loop, "fast_bfloat16", lambda device: fast)
    config = tiny(precision="auto", epochs=1)
    result = train_network(planted(16), planted(8), tmp_path, config, show_progress=False)
    assert result.model.config.training.precision == precision
    assert load(tmp_path / "config.toml").training.precision == precision
