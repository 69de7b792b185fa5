"""One row a sequence: the sums of its candidates and calls."""

import numpy as np
import pandas as pd
import pytest

from seeded import calling_model, letters, write_fasta
from vqrna.prediction import make_settings, predict, predict_files, tiles

RECORDS = [
    ("a", letters(900, seed=1)),
    ("b", letters(150, seed=2)),
    ("none", ""),
    ("b", letters(40, seed=3)),
    ("b", letters(300, seed=4, ambiguous=0.2)),
    ("tiny", "A"),
]


def expected_row(sites, symbols) -> dict[str, float]:
    """Values of a row, from all candidates of one sequence."""
    row = {"called": (sites["call"] != "").sum(), "expected": sites["probability"].sum()}
    for symbol in symbols:
        own = sites[sites["modification"] == symbol]
        row |= {f"{symbol}_{t}": (own["call"] == t).sum() for t in ("low", "medium", "high")}
        row[f"{symbol}_called"] = (own["call"] != "").sum()
        row[f"{symbol}_expected"] = own["probability"].sum()
        order = ["probability", "score", "position"]
        best = own.sort_values(order, ascending=[False, False, True]).head(1)
        row[f"{symbol}_best_position"] = best["position"].max()
        row[f"{symbol}_best_probability"] = best["probability"].max()
    return row


def check(row, sites, symbols):
    for name, value in expected_row(sites, symbols).items():
        if pd.isna(value):
            assert pd.isna(row[name]), name
        else:
            assert float(row[name]) == pytest.approx(float(value), rel=1e-3, abs=1e-6), name


@pytest.mark.parametrize("piece", [100, 10**6])
def test_sums_of_all_candidates(piece, monkeypatch):
    monkeypatch.setattr(tiles, "PIECE", piece)
    model = calling_model()
    symbols = [m.symbol for m in model.modifications]
    table = predict(RECORDS, model=model, confidence="low").sequences
    assert table["sequence"].tolist() == [name for name, _ in RECORDS]
    assert table["length"].tolist() == [len(text) for _, text in RECORDS]
    assert table["called"].sum() > 10
    for row, record in zip(table.to_dict("records"), RECORDS, strict=True):
        check(row, predict([record], model=model, all_sites=True, confidence="low").sites, symbols)


def test_calls_are_those_below_the_false_discovery_rate():
    model = calling_model()
    all_sites = predict(RECORDS, model=model, confidence="low", all_sites=True).sites
    fdr = float(np.median(all_sites.loc[all_sites["call"] != "", "q_value"]))
    given = predict(RECORDS, model=model, confidence="low", fdr=fdr)
    assert 0 < given.sequences["called"].sum() == len(given.sites)
    before = predict(RECORDS, model=model, confidence="low")
    assert given.sequences["called"].sum() < before.sequences["called"].sum()
    assert given.sequences["expected"].equals(before.sequences["expected"])


def test_the_file_holds_the_table(tmp_path):
    model = calling_model()
    fasta = write_fasta(tmp_path / "a.fa", {"x y": letters(300), "NA": letters(50)})
    settings = make_settings(model.modifications)
    done = predict_files([fasta], tmp_path, model, settings, show_progress=False)
    assert [path.name for path in done.paths] == ["sites.tsv", "sequences.tsv"]
    table = pd.read_csv(
        tmp_path / "sequences.tsv", sep="\t", keep_default_na=False, na_values="nan"
    )
    memory = predict(fasta, model=model).sequences
    assert list(table) == list(memory)
    assert table["sequence"].tolist() == memory["sequence"].tolist()
    np.testing.assert_allclose(table["expected"], memory["expected"])
    assert done.summary["expected"].sum() == pytest.approx(memory["expected"].sum(), rel=1e-3)


def test_no_sequence_is_a_table_without_rows():
    table = predict({}, model=calling_model()).sequences
    assert table.empty
    assert list(table)[:4] == ["sequence", "length", "called", "expected"]
