"""The picture of a training run shows what was recorded and says what was not."""

import numpy as np
import pandas as pd
import pytest

from vqrna.plots.curves import training_curves
from vqrna.plots.style import save_figure


@pytest.fixture
def history():
    epoch = np.arange(1, 13)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": 0.3 + 0.4 / epoch,
            "loss_classification": 0.2 + 0.4 / epoch,
            "loss_reconstruction": 0.17 - 0.001 * epoch,
            "loss_quantization": 0.03 / epoch,
            "perplexity": 400 - 300 / epoch,
            "codes_used": 512 - 100 / epoch,
            "learning_rate": 1.5e-3 * np.sin(epoch / 4),
            "valid_loss": 0.4 + 0.3 / epoch,
            "valid_auroc": 0.95 - 0.002 * (epoch - 9.0) ** 2,
            "valid_acc": 0.88 - 0.1 / epoch,
            "seconds": np.full(12, 241.0),
        }
    )


def words(figure):
    return {text.get_text() for ax in figure.axes for text in ax.texts}


def test_every_line_is_named_at_its_end(history, tmp_path):
    figure = training_curves(history, "a run")
    assert {"total", "validation", "classification", "reconstruction", "quantisation",
            "codes used", "perplexity"} <= words(figure)  # fmt: skip
    assert [len(ax.lines) for ax in figure.axes] == [5, 4, 2, 1]
    assert figure.axes[2].get_xlabel() == "epoch (4.0 min each)"
    assert figure.axes[3].get_title(loc="left") == "Learning rate (×10⁻³)"
    save_figure(figure, tmp_path / "x")


def test_the_best_epoch_is_told(history):
    assert "AUROC 0.950\nepoch 9" in words(training_curves(history))
    assert "ACC 0.872\nepoch 12" in words(training_curves(history))


def test_names_do_not_lie_on_one_another(history):
    texts = training_curves(history.assign(valid_loss=history["loss"])).axes[0].texts
    heights = sorted(text.get_position()[1] for text in texts)
    assert min(np.diff(heights)) >= 0.064


@pytest.mark.parametrize("epochs", [1, 2, 300])
def test_any_number_of_epochs(history, tmp_path, epochs):
    long = pd.concat([history] * 30, ignore_index=True).head(epochs)
    long["epoch"] = np.arange(1, epochs + 1)
    save_figure(training_curves(long), tmp_path / "x")


def test_what_is_missing_is_said(history, tmp_path):
    history["valid_auroc"] = np.nan
    figure = training_curves(
        history.drop(columns=["perplexity", "codes_used", "valid_acc", "seconds"])
    )
    assert [("not recorded" in {t.get_text() for t in ax.texts}) for ax in figure.axes] == [
        False, True, True, False,
    ]  # fmt: skip
    save_figure(figure, tmp_path / "x")
