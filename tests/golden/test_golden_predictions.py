"""The shipped model gives its kept predictions, with any threads, parts and batches."""

import numpy as np
import pandas as pd
import pytest
import torch
from tests.golden.tables import DEMO, EVERY, EXACT, TOLERANCE, demo_sites, read_golden, thinned

from vqrna.data.fasta import read_fasta
from vqrna.model.weights import load_model
from vqrna.prediction import tiles
from vqrna.sequence import centre, decode, encode


@pytest.fixture(scope="module")
def shipped():
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def sites(shipped):
    return demo_sites(shipped)


def same(now: pd.DataFrame, other: pd.DataFrame) -> None:
    """Compare tables of sites within the tolerance."""
    pd.testing.assert_frame_equal(now[EXACT].astype(object), other[EXACT].astype(object))
    for column, tolerance in TOLERANCE.items():
        np.testing.assert_allclose(
            now[column].to_numpy(float), other[column].to_numpy(float), **tolerance
        )


def test_the_kept_table_is_of_the_shipped_model(shipped):
    model, _ = read_golden()
    assert model == shipped.hash, "the weights are new: make golden, and mark it in CHANGELOG.md"


def test_predictions_of_the_ensemble_are_the_kept_ones():
    ensemble = load_model("ensemble", device="cpu")
    model, golden = read_golden("ensemble")
    assert model == ensemble.hash, "the weights are new: make golden, and mark it in CHANGELOG.md"
    same(thinned(demo_sites(ensemble)), golden)
    assert len(golden) > 300


def test_predictions_are_the_kept_ones(sites):
    _, golden = read_golden()
    now = thinned(sites)
    same(now, golden)
    assert len(golden) > 300


def test_the_comparison_sees_a_changed_score(sites):
    """The tolerance is smaller than what a change of the network makes."""
    changed = sites.assign(score=np.clip(sites["score"] + 2e-5, 0, 1))
    _, golden = read_golden()
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(thinned(changed)["score"], golden["score"], **TOLERANCE["score"])
    assert len(sites) / len(golden) > EVERY / 2


@pytest.mark.parametrize("jobs", [2, 3])
def test_threads_change_nothing(shipped, sites, jobs):
    pd.testing.assert_frame_equal(demo_sites(shipped, jobs), sites, check_exact=True)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_of_torch_change_nothing(shipped, sites, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        pd.testing.assert_frame_equal(demo_sites(shipped), sites, check_exact=True)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("piece", "tile"), [(300, 128), (1000, 512)])
def test_sizes_of_parts_change_at_most_the_last_digit(shipped, sites, piece, tile, monkeypatch):
    """Sums of another length may round otherwise, within the tolerance; calls are the same."""
    monkeypatch.setattr(tiles, "PIECE", piece)
    monkeypatch.setattr(tiles, "TILE", tile)
    same(demo_sites(shipped), sites)


@pytest.mark.parametrize("batch", [1, 7, 32])
def test_windows_in_any_batch_score_as_the_scan(shipped, sites, batch):
    half = centre(shipped.length)
    record = next(iter(read_fasta(DEMO)))
    rows = sites[sites["sequence"] == record.name].iloc[::60]
    padded = "N" * half + decode(record.tokens) + "N" * half
    windows = np.stack([encode(padded[p - 1 : p + 2 * half]) for p in rows["position"]])
    logits = np.concatenate(
        [shipped.logits(windows[i : i + batch]) for i in range(0, len(windows), batch)]
    )
    symbols = [m.symbol for m in shipped.modifications]
    columns = [symbols.index(symbol) for symbol in rows["modification"]]
    score = shipped.score(logits)[np.arange(len(rows)), columns]
    np.testing.assert_allclose(rows["score"], score, **TOLERANCE["score"])
