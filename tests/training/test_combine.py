"""Combine trained networks into an ensemble."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from tiny import fresh, planted, random_tokens, tiny, tiny_paper
from vqrna.data.windows import Windows
from vqrna.errors import DataError, UsageError
from vqrna.model.model_card import describe
from vqrna.model.weights import FORMAT, load_model, save_model, tensor_checksum
from vqrna.sequence import decode
from vqrna.training import WindowSource, combine, train

SYMBOLS = ("Am", "Cm")


def write_data(folder: Path, parts: dict[str, Windows]) -> None:
    """Write windows of Am and Cm in the benchmark layout."""
    for split, windows in parts.items():
        (folder / split).mkdir(parents=True)
        for number, column in ((1, 0), (2, 1)):
            for label in (0, 1):
                rows = np.flatnonzero(windows.labels[:, column] == label)
                lines = [f">{windows.names[i]}\n{decode(windows.tokens[i])}\n" for i in rows]
                (folder / split / f"{number}-{label}.fasta").write_text("".join(lines))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Data, and two networks that were trained on them with different seeds."""
    folder = tmp_path_factory.mktemp("ensemble")
    parts = {
        "train": planted(64, seed=1, symbols=SYMBOLS),
        "valid": planted(64, seed=2, symbols=SYMBOLS),
    }
    write_data(folder / "data", parts)
    for seed in (0, 1):
        source = WindowSource(parts["train"], parts["valid"])
        train(source, folder / f"seed{seed}", tiny(seed=seed), show_progress=False)
    return folder


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_ensemble_is_calibrated_saved_and_loaded(trained, tmp_path):
    paths = [trained / "seed0", trained / "seed1"]
    made = combine(paths, trained / "data", tmp_path / "both.safetensors", show_progress=False)
    loaded = load_model(tmp_path / "both.safetensors", "cpu")
    windows = random_tokens(7, 51)
    each = [load_model(path, "cpu").logits(windows) for path in paths]
    np.testing.assert_allclose(loaded.logits(windows), np.mean(each, axis=0), atol=1e-5)
    assert loaded.hash == made.hash
    assert loaded.calibration.fitted_on
    assert loaded.off_site
    card = describe(loaded)
    assert card.networks == 2
    assert "2 networks" in card.to_markdown()
    assert [m["network"] for m in loaded.training["members"]] == [
        tensor_checksum(load_model(path, "cpu").network.state_dict())[:12] for path in paths
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_network_is_added_to_an_ensemble(trained, tmp_path):
    both, data = tmp_path / "both.safetensors", trained / "data"
    combine([trained / "seed0", trained / "seed1"], data, both, show_progress=False)
    network = fresh(tiny(seed=7), SYMBOLS).network
    third = dataclasses.replace(load_model(trained / "seed0", "cpu"), network=network)
    save_model(third, tmp_path / "third.safetensors")
    made = combine(
        [both, tmp_path / "third.safetensors"], data, tmp_path / "all.safetensors",
        show_progress=False,
    )  # fmt: skip
    earlier = load_model(both, "cpu").training["members"]
    assert made.training["members"][:2] == earlier
    assert len(made.training["members"]) == 3
    with pytest.raises(UsageError, match="are the same network"):
        combine([both, trained / "seed1"], data, tmp_path / "again.safetensors")


def test_one_network_is_written_as_before(trained, tmp_path):
    single = load_model(trained / "seed0", "cpu")
    save_model(single, tmp_path / "one.safetensors")
    with safe_open(tmp_path / "one.safetensors", framework="pt") as file:
        facts = json.loads(file.metadata()[FORMAT])
    assert facts["format_version"] == 4
    assert "members" not in facts


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_networks_that_do_not_fit_are_rejected(trained, tmp_path):
    data, out = trained / "data", tmp_path / "out.safetensors"
    one = trained / "seed0"
    with pytest.raises(UsageError, match="2 to 16 networks, not 1"):
        combine([one], data, out)
    with pytest.raises(UsageError, match="are the same network"):
        combine([one, one], data, out)
    for name, other in {
        "differ in the settings": fresh(tiny(width=16), SYMBOLS),
        "predict different modifications": fresh(tiny(), ["Am", "Um"]),
    }.items():
        save_model(other, tmp_path / "other.safetensors")
        with pytest.raises(UsageError, match=name):
            combine([one, tmp_path / "other.safetensors"], data, out)
    save_model(fresh(tiny_paper()), tmp_path / "other.safetensors")
    with pytest.raises(UsageError, match="not a single network of the architecture vqrna"):
        combine([one, tmp_path / "other.safetensors"], data, out)
    model = load_model(trained / "seed1", "cpu")
    labels = {s: {"train": [1, 1], "valid": [1, 1]} for s in SYMBOLS}
    changed = dataclasses.replace(model, training=model.training | {"labels": labels})
    save_model(changed, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="trained on other windows"):
        combine([one, tmp_path / "other.safetensors"], data, out)
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_an_error_before_the_work(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("vqrna.training.ensemble.training_source", None)  # fails if it is called
    paths = [trained / "seed0", trained / "seed1"]
    for out in (tmp_path / "missing" / "out.safetensors", tmp_path):
        with pytest.raises(DataError, match=str(tmp_path)):
            combine(paths, trained / "data", out)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_ensemble_is_no_start_of_a_training(trained, tmp_path):
    paths = [trained / "seed0", trained / "seed1"]
    combine(paths, trained / "data", tmp_path / "both.safetensors", show_progress=False)
    windows = planted(64, seed=1, symbols=SYMBOLS)
    with pytest.raises(UsageError, match="averages several networks"):
        train(
            WindowSource(windows, windows),
            tmp_path / "run",
            tiny(),
            start=tmp_path / "both.safetensors",
        )
