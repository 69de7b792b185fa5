"""Beginning with other weights: known types keep their heads, new ones are fresh."""

import numpy as np
import pytest
import torch

from tiny import columns, fresh, network, planted, random_tokens, tiny, tiny_paper
from vqrna.config import effective, replace
from vqrna.errors import DataError, UsageError
from vqrna.model.model_card import describe
from vqrna.model.weights import save_model
from vqrna.modifications import modifications
from vqrna.nn.model import Network
from vqrna.training import WindowSource, train, train_network
from vqrna.training.checkpoint import transfer


@pytest.mark.parametrize("config", [tiny(), tiny_paper()], ids=["vqrna", "paper"])
def test_heads_of_known_types_are_copied_wherever_they_stand(config):
    start = fresh(config, ["Am", "Um"])  # in the order of the benchmark: Am, Um
    kinds = modifications(["Am", "Cm", "Um", "Psi"])
    made = network(config, 4, seed=1)
    other = network(config, 4, seed=1)
    transfer(start, made, kinds)
    windows = random_tokens(5, 51)
    logits = made.eval()(columns(windows)).logits
    np.testing.assert_allclose(logits[:, [0, 2]].detach(), start.logits(windows), atol=1e-5)
    for ours, fresh_ones in zip(last_layers(made), last_layers(other), strict=True):
        rows = len(ours.bias) // 4
        for m in (1, 3):  # new types keep what they were initialised with
            part = slice(m * rows, (m + 1) * rows)
            assert ours.weight[part].equal(fresh_ones.weight[part])
        assert not ours.weight[:rows].equal(fresh_ones.weight[:rows])


def last_layers(made: Network) -> list[torch.nn.Module]:
    """The layers with rows of their own for each type: one a part of a head."""
    return [module for name, module in made.head.named_modules() if name.endswith("logits")]


def test_fewer_types_are_a_choice_of_heads():
    start = fresh(tiny(), ["Am", "Cm", "Um"])
    made = network(tiny(), 1, seed=1)
    transfer(start, made, modifications(["Cm"]))
    windows = random_tokens(5, 51)
    logits = made(columns(windows)).logits.detach()
    np.testing.assert_allclose(logits[:, 0], start.logits(windows)[:, 1], atol=1e-6)


def test_the_codebook_is_not_begun_anew():
    start = fresh(tiny(), ["Am"])
    made = network(tiny(), 1, seed=1)
    made.quantizer.started.fill_(False)  # as in a network that was just built
    transfer(start, made, modifications(["Am"]))
    made.train()
    made(columns(random_tokens(32, 51)))
    cosine = (made.quantizer.codebook * start.network.quantizer.codebook).sum(1)
    assert cosine.median() > 0.999  # one step of a slow moving average


@pytest.mark.parametrize(
    "other",
    [tiny(width=16), tiny(codebook_size=32), tiny(length=201), tiny_paper()],
    ids=["width", "codebook", "length", "architecture"],
)
def test_another_network_is_refused(other):
    with pytest.raises(DataError, match=r"belong to another network \(vqrna, 51 nt\)"):
        transfer(fresh(tiny(), ["Am"]), network(other, 1), modifications(["Am"]))


def test_a_start_helps_and_is_part_of_the_run(tmp_path, no_curves):
    changes = {"codebook_size": 64, "shuffled_weight": 0.0}
    long = tiny(epochs=10, learning_rate=2e-2, average_decay=0.9, **changes)
    short = tiny(epochs=1, learning_rate=1e-3, average_decay=0.0, **changes)
    kinds = ("Am", "Cm")
    data, valid = planted(256, symbols=kinds), planted(64, seed=1, symbols=kinds)
    quiet = {"device": "cpu", "show_progress": False}
    first = train_network(data, valid, tmp_path / "first", long, **quiet).model
    tuned = train_network(data, valid, tmp_path / "tuned", short, start=first, **quiet).model
    fresh = train_network(data, valid, tmp_path / "fresh", short, **quiet).model
    auroc = [m.training["validation"]["mean"]["auroc"] for m in (tuned, fresh)]
    assert auroc[0] > 0.9 > auroc[1]
    with pytest.raises(DataError, match="other settings or data"):  # without --from
        train_network(data, valid, tmp_path / "tuned", short, resume=True, **quiet)


def test_train_begins_with_a_file(tmp_path, no_curves):
    path = tmp_path / "start.safetensors"
    start = fresh(tiny(), ["Am", "Cm"])
    save_model(start, path)
    source = WindowSource(
        planted(24, symbols=("Am", "Um")), planted(24, seed=1, symbols=("Am", "Um"))
    )
    run = train(
        source,
        tmp_path / "run",
        tiny(epochs=1, learning_rate=1e-12, average_decay=0.0, weight_decay=0.0),
        start=path,
        device="cpu",
        show_progress=False,
    )
    assert [m.symbol for m in run.model.modifications] == ["Am", "Um"]
    layers = zip(last_layers(run.model.network), last_layers(start.network), strict=True)
    for ours, theirs in layers:
        torch.testing.assert_close(ours.weight[0], theirs.weight[0])


def test_a_set_is_no_start(tmp_path):
    for symbol in ("Am", "Cm"):
        (tmp_path / symbol).mkdir()
        save_model(fresh(tiny(), [symbol]), tmp_path / symbol / "model.safetensors")
    source = WindowSource(planted(8), planted(8))
    with pytest.raises(UsageError, match="is a set of models: name one of its folders"):
        train(source, tmp_path / "run", tiny(), start=tmp_path, show_progress=False)


@pytest.mark.parametrize("config", [tiny(), tiny_paper()], ids=["vqrna", "paper"])
def test_the_head_alone_is_trained(config, tmp_path, no_curves):
    start = fresh(config, ["Am", "Cm"])
    changed = replace(config, head_only=True, epochs=2, learning_rate=1e-2)
    run = {"start": start, "device": "cpu", "show_progress": False, "calibrate": False}
    windows = planted(64, length=config.model.length)
    trained = train_network(windows, windows, tmp_path, changed, **run).model
    before, after = start.network.state_dict(), trained.network.state_dict()
    moved = {name for name in before if not before[name].equal(after[name])}
    assert moved
    assert all(name.startswith("head.") for name in moved)
    assert not any("running" in name for name in moved)


def test_the_card_names_both_trainings(tmp_path, no_curves):
    windows = planted(64)
    quiet = {"device": "cpu", "show_progress": False}
    first = train_network(windows, windows, tmp_path / "1", tiny(epochs=2), **quiet).model
    config = tiny(epochs=1, head_only=True)
    second = train_network(windows, windows, tmp_path / "2", config, start=first, **quiet).model
    assert second.training["start"]["epochs"] == 2
    best = first.training["best_epoch"]
    assert describe(second).epochs == f"{best} of 2, then 1 of 1"


def test_the_head_alone_needs_a_start(tmp_path, vqrna_main):
    with pytest.raises(UsageError, match="needs weights to start from"):
        train(WindowSource(planted(8), planted(8)), tmp_path / "run", tiny(head_only=True))
    done = vqrna_main("train", "--table", "none.tsv", "--out", tmp_path / "run", "--head-only")
    assert (done.code, done.err) == (2, "vqrna: error: --head-only needs --from\n")


def test_runs_of_all_parts_keep_their_identity():
    assert "head_only" not in effective(tiny())["training"]
    assert effective(tiny(head_only=True))["training"]["head_only"] is True
