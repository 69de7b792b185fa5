"""Full evaluations with a tiny model that calls sites: tables, files, the command."""

import json

import numpy as np
import pandas as pd
import pytest

from seeded import LENGTH, SYMBOLS, calling_model
from tiny import fresh, random_tokens, tiny
from vqrna.data.windows import Windows
from vqrna.errors import UsageError
from vqrna.evaluation import dense, evaluate, localise
from vqrna.evaluation.report import position_figures
from vqrna.modifications import modifications
from vqrna.sequence import centre, decode, encode
from vqrna.stats.tiers import TIERS

WIDE = 2 * 250 + LENGTH
N = 6
"""Windows of each type and class."""


def labelled(seed=0):
    """Windows of four types, modified and not."""
    tokens = random_tokens(2 * N * len(SYMBOLS), WIDE, seed)
    labels = np.full((len(tokens), len(SYMBOLS)), -1)
    site = centre(WIDE)
    for k in range(len(SYMBOLS)):
        rows = np.arange(2 * N) + 2 * N * k
        tokens[rows, site - 2 : site + 1] = encode("GCU" if SYMBOLS[k] == "Psi" else "GCA")
        labels[rows, k] = np.arange(2 * N) % 2
    return Windows(
        tokens,
        labels.astype(np.int8),
        np.where(labels == 0, 0, -1),
        ("random",),
        tuple(f"w{i}" for i in range(len(tokens))),
        modifications(list(SYMBOLS)),
    )


@pytest.fixture(scope="module")
def found():
    windows = labelled()
    return evaluate(
        calling_model(), windows, split="valid", reference=windows.take(slice(8)), full=True,
        resamples=30,
    )  # fmt: skip


def test_localisation_is_that_of_a_dense_scan(found):
    windows = labelled()
    alone = localise(
        dense(calling_model()), windows, reference=windows.take(slice(8)), resamples=30
    )
    pd.testing.assert_frame_equal(alone.table, found.positions.localisation.table)
    assert set(alone.table["n"]) >= {N}


def test_calls_beside_sites_are_those_of_a_scan_with_tiers(found):
    windows, model = labelled(), calling_model()
    calls = np.zeros((len(SYMBOLS), len(TIERS)), dtype=int)
    nt, half = 0, centre(WIDE)
    for tokens in windows.tokens[8:]:  # the others overlap training windows
        reached = (model.scan(tokens)[..., None] >= model.thresholds()).sum(axis=-1)
        beside = (np.abs(np.arange(WIDE) - half) <= 250) & (np.arange(WIDE) != half)
        nt += beside.sum()
        for k, m in enumerate(model.modifications):
            here = reached[beside & m.candidates(tokens), k]
            calls[k] += [(here > tier).sum() for tier in range(3)]
    table = found.positions.false_calls
    rows = table[table["sequence"] == "off-centre"].set_index(["modification", "tier"])
    assert set(rows["nt"]) == {nt}
    assert calls.sum() > 50
    for k, symbol in enumerate(SYMBOLS):
        for t, tier in enumerate(TIERS):
            assert rows.loc[(symbol, tier), "calls"] == calls[k, t]


def test_shuffled_sequence_is_another_with_another_seed_only():
    windows = labelled().take(slice(0, 24))

    def shuffled(seed):
        model = calling_model()
        table = evaluate(model, windows, full=True, resamples=0, seed=seed).positions.false_calls
        return table[table["sequence"] == "shuffled"]

    one, again, other = shuffled(1), shuffled(1), shuffled(2)
    pd.testing.assert_frame_equal(one, again)
    assert (one["nt"] == 24 * 501).all()
    assert (one["calls"] != other["calls"]).any()


def test_what_is_found_is_the_same_in_every_table(found):
    """Recall of a tier, and the diagonal of the mix-ups, from the scores of whole windows."""
    scores = found.scores
    cross = found.positions.cross_types.set_index(["site", "called", "windows", "tier"])
    rare = found.positions.prevalence.set_index(["modification", "windows", "metric", "at"])
    model = calling_model()
    for k, symbol in enumerate(SYMBOLS):
        positives = scores[(scores["modification"] == symbol) & (scores["label"] == 1)]
        for tier, cut in zip(TIERS, model.thresholds()[k], strict=True):
            share = (positives["logit"] >= cut).mean()
            assert rare.loc[(symbol, "all", "recall", tier), "value"] == pytest.approx(share)
            assert cross.loc[(symbol, symbol, "all", tier), "value"] == pytest.approx(share)
    assert ("Psi", "Am", "all", "low") not in cross.index


def test_a_limit_bounds_the_windows():
    found = evaluate(calling_model(), labelled(), full=True, limit=2, resamples=0).positions
    assert set(found.localisation.ranks.groupby("modification").size()) == {2}
    assert set(found.false_calls["nt"]) <= {8 * 500, 8 * 501}


def test_a_model_without_tiers_still_tells_where_sites_are():
    model = fresh(tiny(length=LENGTH), SYMBOLS)
    found = evaluate(model, labelled(), full=True, resamples=0)
    positions = found.positions
    assert positions.false_calls.empty
    assert positions.cross_types.empty
    assert set(positions.prevalence["metric"]) == {"auprc", "auprc_guarded"}
    assert not np.isnan(positions.localisation.value("Am", "auroc", "all").value)
    picture = position_figures(found, model.modifications)["cross_types"]
    assert "the model has no tiers" in [text.get_text() for text in picture.texts]


def test_short_windows_are_scored_with_what_there_is():
    windows = labelled()
    half = centre(WIDE)
    windows = Windows(
        np.ascontiguousarray(windows.tokens[:, half - 60 : half + 61]), windows.labels,
        windows.negative_set, windows.negative_sets, windows.names, windows.modifications,
    )  # fmt: skip
    positions = evaluate(calling_model(), windows, full=True, resamples=0).positions
    off_centre = positions.false_calls[positions.false_calls["sequence"] == "off-centre"]
    assert set(off_centre["nt"]) == {len(windows) * 120}
    assert (positions.localisation.ranks["decoys"] < 60).all()


def test_no_window_apart_leaves_nothing_to_tell_but_fails_nothing():
    windows = labelled()
    found = evaluate(calling_model(), windows, reference=windows, full=True, resamples=5)
    positions = found.positions
    assert (positions.false_calls["nt"] == 0).all()
    assert positions.false_calls["value"].isna().all()
    assert np.isnan(positions.localisation.value("Am").value)
    assert not np.isnan(positions.localisation.value("Am", windows="all").value)
    json.dumps(found.to_json(), allow_nan=False)
    assert set(position_figures(found, windows.modifications)) == {"reliability", "cross_types"}


def test_a_scorer_of_windows_alone_has_no_position_evaluation():
    class Scorer:
        modifications = modifications(["Am"])
        length = LENGTH
        hash = "x"

        def logits(self, tokens):
            return np.zeros((len(tokens), 1))

        def score(self, logits):
            return np.full(np.shape(logits), 0.5)

    with pytest.raises(UsageError, match="scores windows only"):
        evaluate(Scorer(), labelled(), full=True, resamples=0)


def test_pictures_need_a_full_evaluation(found):
    plain = evaluate(calling_model(), labelled(), resamples=0)
    assert plain.positions is None
    assert "positions" not in plain.to_json()
    with pytest.raises(ValueError, match="not a full evaluation"):
        position_figures(plain, ())
    assert set(position_figures(found, calling_model().modifications)) == {
        "reliability", "cross_types",
    }  # fmt: skip


def test_the_command_writes_all_files_and_tells_the_rest(vqrna_main, tmp_path, monkeypatch):
    windows = labelled()
    for split, rows in (("train", slice(0, 8)), ("valid", slice(None))):
        part = windows.take(rows)
        for k, m in enumerate(windows.modifications):
            for label in (0, 1):
                folder = tmp_path / "data" / split
                folder.mkdir(parents=True, exist_ok=True)
                lines = [
                    f">{part.names[i]}\n{decode(part.tokens[i])}\n"
                    for i in np.flatnonzero(part.labels[:, k] == label)
                ]
                if lines:
                    (folder / f"{m.index}-{label}.fasta").write_text("".join(lines))
    monkeypatch.setattr("vqrna.model.weights.load_model", lambda path, device: calling_model())
    out = tmp_path / "out"
    done = vqrna_main(
        "evaluate", "--data", tmp_path / "data", "--out", out, "--resamples", 20, "--no-masked",
        "--localisation", 4,
    )  # fmt: skip
    assert done.code == 0, done.err
    for words in ("Localisation and calibration", "overlap no training window", "1:1000", "m6Am"):
        assert words in done.out
    names = {path.name for path in out.iterdir()}
    assert names == {
        "evaluation.csv", "scores.tsv", "roc_pr.png", "roc_pr.svg", "localisation.csv",
        "calibration.csv", "reliability.csv", "prevalence.csv", "false_calls.csv",
        "cross_types.csv", "parts.csv", "reliability.png", "reliability.svg", "cross_types.png",
        "cross_types.svg", "run.json",
    }  # fmt: skip
    record = json.loads((out / "run.json").read_text())
    assert record["command"].startswith("vqrna evaluate --data")
    assert record["model"] == calling_model().hash
    table = pd.read_csv(out / "localisation.csv")
    assert set(table["n"][table["modification"] == "Psi"]) == {4}

    done = vqrna_main(
        "evaluate", "--data", tmp_path / "data", "--resamples", 0, "--no-masked", "--full",
        "--json", "--modifications", "Am,Psi",
    )  # fmt: skip
    told = json.loads(done.out)["positions"]
    assert set(told) == {
        "localisation", "calibration", "reliability", "prevalence", "false_calls", "cross_types",
        "parts",
    }  # fmt: skip
    assert {row["modification"] for row in told["false_calls"]} == {"Am", "Psi"}
    assert told["localisation"][0]["low"] is None


@pytest.mark.parametrize(
    ("reference", "which"),
    [(False, "all validation windows"), (True, "validation windows without overlap")],
)
def test_pictures_name_their_windows(reference, which):
    windows = labelled()
    against = windows if reference else None
    found = evaluate(
        calling_model(), windows, split="valid", reference=against, full=True, resamples=0
    )
    figures = position_figures(found, windows.modifications)
    assert figures["cross_types"].get_suptitle() == f"Called sites (percent), {which}"
    legend = figures["reliability"].legends[0]
    assert legend.get_title().get_text() == f"Reliability, {which}"


def test_ticks_of_reliability_have_a_leading_zero():
    windows = labelled()
    found = evaluate(calling_model(), windows, full=True, resamples=0)
    figure = position_figures(found, windows.modifications)["reliability"]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["0", "0.5", "1"]
