"""Cells: stable names, whole files, clear words about damaged ones."""

import dataclasses
import json

import pytest

import vqrna
from tiny import planted, tiny
from vqrna.errors import DataError
from vqrna.runtime.provenance import without_places
from vqrna.studies.cells import (
    CellStore,
    Identity,
    StudyCell,
    config_of,
    data_name,
    network_identity,
    read_cell,
)

SCORES = [
    {
        "modification": "Am",
        "windows": "all",
        "negatives": "random",
        "flanks": "none",
        "n_pos": 3,
        "n_neg": 4,
        "auroc": {"value": 0.75, "low": 0.5, "high": None},
    }
]


def identity(**changes: object) -> Identity:
    base = Identity("lengths", "vqrna", "51 nt", {"a": {"b": 1}}, 3, ("Am", "Cm"), "windows-1")
    return dataclasses.replace(base, **changes)


def test_a_cell_comes_back_as_it_was_put(tmp_path):
    store = CellStore(tmp_path / "cells")
    cell = StudyCell(
        identity(), SCORES, 1.5, {"cores": 2}, "0.1", "abc", "vqrna x", "2026-01-01", {}
    )
    assert store.get(cell.identity) is None
    assert store.all() == []
    path = store.put(cell)
    assert store.get(cell.identity) == cell
    assert store.all() == [cell]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    value, low, high = cell.score("Am")
    assert (value, low) == (0.75, 0.5)
    assert high != high
    with pytest.raises(KeyError):
        cell.score("Cm")


def test_the_name_is_the_same_everywhere_and_every_part_changes_it():
    assert identity().name == "lengths-vqrna-51-nt-seed3-54fb6ac846ae"
    others = [
        identity(study="x"),
        identity(model="x"),
        identity(variant="x"),
        identity(config={"a": {"b": 2}}),
        identity(seed=4),
        identity(types=("Am",)),
        identity(data="windows-2"),
        identity(split="fold-0"),
        identity(joint=False),
    ]
    assert len({i.digest for i in [identity(), *others]}) == len(others) + 1
    assert identity(config={"b": 1, "a": 2}).name == identity(config={"a": 2, "b": 1}).name
    assert "/" not in identity(variant="../x y/#").name


def test_a_networks_identity_gives_its_configuration_back():
    config = tiny(seed=7, epochs=3)
    found = network_identity("lengths", "51 nt", config, ["Am"], "windows-1")
    assert (found.seed, found.epochs, found.model) == (7, 3, "vqrna")
    assert "seed" not in found.config["training"]
    assert config_of(found) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "the cell is damaged: "),
        ("[1]", "the cell is damaged: "),
        ("{}", "its schema_version is not 1"),
        ('{"schema_version": 1, "identity": 3}', "the cell is damaged: "),
    ],
)
def test_a_damaged_cell_is_named_in_one_line(tmp_path, text, words):
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(DataError, match=words) as told:
        CellStore(tmp_path).all()
    assert str(file) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_cell_that_was_changed_by_hand_is_noticed(tmp_path):
    path = CellStore(tmp_path).put(StudyCell(identity(), SCORES, 1.0))
    told = json.loads(path.read_text())
    told["identity"]["config"]["a"]["b"] = 9
    path.write_text(json.dumps(told))
    with pytest.raises(DataError, match="does not match its name"):
        read_cell(path)


def test_data_are_named_by_their_content():
    a, b = planted(8), planted(8, seed=1)
    assert data_name(a, b) == data_name(planted(8), b)
    assert data_name(a, b) != data_name(b, a)
    labels = b.labels.copy()
    labels[0] = 1 - labels[0]
    assert data_name(a, b) != data_name(a, dataclasses.replace(b, labels=labels))


def test_facts_tell_version_and_machine_but_no_host(tmp_path, monkeypatch):
    import socket

    from vqrna.evaluation import Evaluation, evaluate

    class Half:
        modifications, hash, length = planted(8).modifications, "h", 51

        def logits(self, tokens):
            return tokens[:, 24:25].astype(float)

        def score(self, logits):
            return 1 / (1 + 2.0**-logits)

    found = evaluate(Half(), planted(8), resamples=5)
    assert isinstance(found, Evaluation)
    cell = StudyCell.measured(identity(), found, 2.0, note="x")
    assert cell.version == vqrna.__version__
    assert cell.more == {"note": "x"}
    assert {"cores", "torch", "processor", "threads"} <= cell.machine.keys()
    text = CellStore(tmp_path).put(cell).read_text()
    assert socket.gethostname() not in text


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("vqrna x --data /a/b/c --out runs/x", "vqrna x --data c --out runs/x"),
        ("vqrna x --data=/a/b", "vqrna x --data=b"),
        ("vqrna x --data ../b ~/c", "vqrna x --data b c"),
        ("called from Python", "called from Python"),
        ("vqrna x 'a b' --y=1", "vqrna x 'a b' --y=1"),
        ("it's no command", "it's no command"),
    ],
)  # fmt: skip
def test_kept_commands_tell_no_places(given, kept):
    assert without_places(given) == kept
