"""Flags of sites in a scan are those of their windows, however the scan is cut and run."""

import dataclasses
import functools

import numpy as np
import pytest
import torch

from seeded import LENGTH, calling_model, files_in, write_fasta
from tiny import random_tokens
from vqrna.model import ModelSet, TrainedModel
from vqrna.model.familiarity import Familiarity
from vqrna.model.training_sketch import TrainingSketch
from vqrna.model.weights import load_model, save_model
from vqrna.prediction import Output, make_settings, predict_files, scan_sequence, scoring, tiles
from vqrna.sequence import AMBIGUOUS, centre, decode, windows_around
from vqrna.sites import FLAGS, flag_names

UNLIKE, IN_TRAINING = (1 << FLAGS.index(name) for name in ("ood", "in_training"))
KNOWN = np.array([300, 620, 1111])
SEQUENCE = random_tokens(1, 1600, seed=12, ambiguous=0.002)[0]


@functools.cache
def flagging_model() -> TrainedModel:
    """Finds about half of random windows unlike; knows three sites of `SEQUENCE`."""
    rng = np.random.default_rng(0)
    evidence = rng.integers(-99, 99, (64, 64)).astype(np.int8)
    sizes = np.array([10, LENGTH - 22])
    return dataclasses.replace(
        calling_model(),
        familiarity=Familiarity(evidence, sizes, np.array([-5.0, 0.0]), np.array([4, 5])),
        sketch=TrainingSketch.of(windows_around(SEQUENCE, KNOWN, 301)),
    )


def flags_of(model):
    settings = make_settings(model.modifications, all_sites=True)
    sites = scan_sequence(model, "a", SEQUENCE, settings)
    return sites.position, sites.flags


@pytest.fixture(scope="module")
def expected():
    """Window by window."""
    windows = windows_around(SEQUENCE, np.arange(len(SEQUENCE)), 301)
    return flagging_model().flags(windows)


def test_a_scan_flags_as_its_windows_do(expected):
    position, flags = flags_of(flagging_model())
    assert (((flags & UNLIKE) > 0) == expected["ood"][position]).all()
    assert (((flags & IN_TRAINING) > 0) == expected["in_training"][position]).all()
    assert 0.2 < expected["ood"].mean() < 0.8
    near = np.abs(np.arange(len(SEQUENCE))[:, None] - KNOWN).min(axis=1)
    assert expected["in_training"][KNOWN].all()
    assert not expected["in_training"][near > 120].any()


@pytest.mark.parametrize(("piece", "tile"), [(97, 97), (512, 160), (1600, 333)])
def test_pieces_and_tiles_change_no_flag(monkeypatch, piece, tile):
    whole = flags_of(flagging_model())
    monkeypatch.setattr(tiles, "PIECE", piece)
    monkeypatch.setattr(tiles, "TILE", tile)
    monkeypatch.setattr(scoring, "TILE", tile)
    cut = flags_of(flagging_model())
    assert all(np.array_equal(*pair) for pair in zip(whole, cut, strict=True))


def test_jobs_change_no_byte(monkeypatch, tmp_path):
    monkeypatch.setattr(tiles, "PIECE", 400)
    fasta = write_fasta(tmp_path / "a.fa", {"a": decode(SEQUENCE), "b": decode(SEQUENCE[::-1])})
    model = flagging_model()
    settings = make_settings(model.modifications, all_sites=True)
    output, found = Output(("tsv", "parquet")), []
    for jobs in (1, 3):
        out = tmp_path / str(jobs)
        predict_files([fasta], out, model, settings, output=output, jobs=jobs, show_progress=False)
        found.append({n: (out / n).read_bytes() for n in files_in(out) if n != "run.json"})
    assert found[0] == found[1]
    assert b"in_training" in found[0]["sites.tsv"]
    assert b"ood" in found[0]["sites.tsv"]


def test_rows_that_are_evaluated_together_are_flagged_one_by_one():
    """As on an accelerator, where rows lie end to end."""
    from vqrna.nn.dense import dense_network

    model = flagging_model()
    half = centre(LENGTH)
    rows = torch.from_numpy(np.stack([SEQUENCE[:400], SEQUENCE[700:1100]]))
    network = dense_network(model.network)
    apart, together = network(rows), network._evaluate_together(rows)
    assert together.codes.equal(apart.codes)
    assert apart.codes.shape == (2, 400 - 22)
    told = model.familiarity.out_of_distribution(together.codes, rows, LENGTH)
    assert told.shape == (2, 400 - 2 * half)
    assert told.numpy().tolist() == model.scan_batch(rows.numpy()).ood.tolist()


def test_nothing_is_flagged_without_tables(tmp_path):
    """Weights from before there were any."""
    _, flags = flags_of(calling_model())
    assert not (flags & (UNLIKE | IN_TRAINING)).any()
    assert calling_model().flags(SEQUENCE[None, :301]) == {}
    assert set("".join(flag_names(flags)).split(",")).isdisjoint({"ood", "in_training"})
    save_model(calling_model(), tmp_path / "a.safetensors")
    loaded = load_model(tmp_path / "a.safetensors", "cpu")
    assert loaded.familiarity is None
    assert loaded.sketch is None


def test_tables_survive_on_disk(tmp_path, expected):
    save_model(flagging_model(), tmp_path / "a.safetensors")
    loaded = load_model(tmp_path / "a.safetensors", "cpu")
    assert (loaded.sketch.words, loaded.sketch.windows) == (flagging_model().sketch.words, 3)
    for name, column in loaded.flags(windows_around(SEQUENCE, KNOWN, 301)).items():
        assert column.tolist() == expected[name][KNOWN].tolist()
    _, flags = flags_of(loaded)
    assert np.array_equal(flags, flags_of(flagging_model())[1])


def test_a_set_of_models_flags_what_any_of_them_does():
    plain, model = calling_model(), flagging_model()
    both = ModelSet((plain, model))
    windows = windows_around(SEQUENCE, np.arange(280, 320), 301)
    told, alone = both.flags(windows), model.flags(windows)
    assert {name: x.tolist() for name, x in told.items()} == {
        name: x.tolist() for name, x in alone.items()
    }
    row = SEQUENCE[None, :300]
    assert both.scan_batch(row).ood.tolist() == model.scan_batch(row).ood.tolist()
    assert ModelSet((plain, plain)).scan_batch(row).ood is None
    assert both.sketches == (model.sketch,)


def test_ambiguous_letters_alone_are_not_judged():
    model = flagging_model()
    nothing = np.full((1, LENGTH), AMBIGUOUS, dtype=np.uint8)
    assert [x.tolist() for x in model.flags(nothing).values()] == [[False], [False]]
