"""The table of models on other studies."""

from __future__ import annotations

import json

import pytest
from benchmarks.studies.__main__ import is_kept, measured
from benchmarks.studies.table import rows, table

from vqrna.data.benchmark import benchmark_modifications
from vqrna.data.studies import read_studies
from vqrna.model.weights import load_model


def result(*values: tuple[str, str, float]):
    """A kept result with made-up counts."""
    return {
        "rows": [
            {
                "study": study,
                "modification": symbol,
                "n_pos": 10,
                "n_neg": 20,
                "value": value,
                "low": value - 0.1,
                "high": value + 0.1,
            }
            for study, symbol, value in values
        ]
    }


RESULTS = {
    "ours": result(("s1", "Am", 0.9), ("s2", "Cm", 0.8)),
    "without-s1": result(("s1", "Am", 0.7), ("s2", "Cm", 0.99)),
    "m6aformer": result(("s2", "Cm", 0.6)),
    "unlisted": result(("s1", "Am", 0.1)),
}


def test_a_model_trained_without_a_study_counts_for_that_study_only():
    first, second = rows(RESULTS)
    assert (first["study"], first["values"]["without"]["value"]) == ("s1", 0.7)
    assert "without" not in second["values"]


def test_means_are_over_all_rows_or_missing():
    lines = table(RESULTS).splitlines()
    assert lines[0].split("|")[4:7] == [
        " vqrna ",
        " vqrna, trained without the study ",
        " M6AFormer ",
    ]
    assert lines[-1] == "| **mean** | | | **0.850** | – | – |"
    assert lines[2] == "| Am | s1 | 10 / 20 | 0.900 (0.80–1.00) | 0.700 | – |"


def test_the_shipped_network_is_one_of_the_kept_trainings(root):
    trials = (root / "benchmarks" / "results" / "studies" / "trials").glob("*.json")
    kept = [json.loads(path.read_text(encoding="utf-8"))["benchmark"] for path in trials]
    validation = load_model(device="cpu").training["validation"]
    assert {m: row["auroc"] for m, row in validation.items() if m != "mean"} in kept


def test_the_text_has_the_numbers_of_the_table(root):
    """What to expect of an unknown study: mean, lowest and highest of the trainings without it."""
    folder = root / "benchmarks" / "results" / "studies"
    ours = json.loads((folder / "ours.json").read_text("utf-8"))["rows"]
    seen = [row["value"] for row in ours]
    values = [
        row["value"]
        for study in sorted({row["study"] for row in ours})
        for row in json.loads((folder / f"without-{study}.json").read_text("utf-8"))["rows"]
    ]
    assert len(values) == len(seen)
    mean, known = (sum(each) / len(each) for each in (values, seen))
    text = " ".join((root / "docs" / "studies.md").read_text(encoding="utf-8").split())
    assert f"AUROC of about {mean:.2f} ({min(values):.2f} to {max(values):.2f}, by study)" in text
    assert f"instead of {known:.2f} on sites of a study that it has seen" in text
    limits = (root / "docs" / "limits.md").read_text(encoding="utf-8")
    assert f"study that the model has not seen, the AUROC is about {mean:.2f}" in limits


def test_the_shipped_network_scores_a_study_as_the_table_says(root, benchmark_data):
    path = root / "benchmarks" / "results" / "studies" / "ours.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["rows"]
    types = benchmark_modifications(benchmark_data)
    studies = read_studies(benchmark_data / "studies", types, on_missing=lambda line: None)
    study = next(each for each in studies if each.name == "psi-pulse-human")
    (row,) = measured(load_model(device="cpu"), study)
    (expected,) = [each for each in kept if each["study"] == study.name]
    assert row["value"] == pytest.approx(expected["value"], abs=1e-3)


def test_a_result_of_other_weights_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.studies.__main__.RESULTS", tmp_path)
    assert not is_kept("ours", "a")
    (tmp_path / "ours.json").write_text('{"model": "a"}')
    (tmp_path / "trees.json").write_text("{}")
    assert is_kept("ours", "a")
    assert not is_kept("ours", "b")
    assert is_kept("trees")
    assert not is_kept("trees", "a")
