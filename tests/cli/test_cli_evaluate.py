"""The command `vqrna evaluate` on a small data set and a model of a few lines."""

import json

import numpy as np
import pytest

from vqrna.modifications import modifications
from vqrna.sequence import decode


class Model:
    """Knows Am and m6A by the number of C in the window."""

    modifications = modifications(["Am", "m6A"])
    length = 101
    hash = "beef"

    def logits(self, tokens):
        return np.repeat(((tokens == 1).sum(axis=1) - 30.0)[:, None], 2, axis=1)

    def score(self, logits):
        return 1 / (1 + np.exp(-logits / 4))


@pytest.fixture
def data(tmp_path):
    """Windows of Am, m6A (two sets of negatives) and m7G; training windows that none overlaps."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 4), ("valid", 24)):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        for name in ("1-0", "1-1", "8-0", "8-1", "8-hard0", "11-0", "11-1"):
            lines = []
            for i in range(n):
                tokens = rng.integers(0, 4, 101).astype(np.uint8)
                if name.endswith("-1"):
                    tokens[rng.integers(0, 101, 12)] = 1
                tokens[50] = 2 if name.startswith("11") else 0
                lines += [f">{split}_{name}_{i}", decode(tokens)]
            (folder / f"{name}.fasta").write_text("\n".join(lines) + "\n")
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def loaded(monkeypatch):
    """Load our model in place of any other; remember what was asked for."""
    asked = []

    def load_model(path=None, device="auto"):
        asked.append((path, device))
        return Model()

    monkeypatch.setattr("vqrna.model.weights.load_model", load_model)
    return asked


def _against_random(out):
    """Give the results of Am and m6A on all windows, against random negatives."""
    wanted = {"windows": "all", "negatives": "random", "flanks": "none"}
    found = [r for r in json.loads(out)["results"] if wanted.items() <= r.items()]
    return [next(r for r in found if r["modification"] == s) for s in ("Am", "m6A")]


def test_tables_on_the_terminal(vqrna_main, data, loaded):
    done = vqrna_main("evaluate", "--data", data, "--resamples", 50, "--device", "cpu")
    assert done.code == 0
    assert loaded == [(None, "cpu")]
    for words in (
        "Model beef, validation windows",
        "All windows, random negatives",
        "Windows that overlap no training window, hard negatives",
        "AUROC, flanks masked beyond 25 nt",
        "24/24",
    ):
        assert words in done.out
    assert done.out.count("mean ") == 3  # all, apart and masked; hard negatives are of one type
    assert "note: m7G: not predicted by this model, skipped" in done.err
    assert max(map(len, done.out.splitlines())) <= 82


def test_json_and_nothing_else(vqrna_main, data):
    done = vqrna_main("evaluate", "--data", data, "--json", "--resamples", 20, "--no-masked")
    told = json.loads(done.out)
    assert told["split"] == "valid"
    assert {r["flanks"] for r in told["results"]} == {"none"}
    assert {r["modification"] for r in told["results"]} == {"Am", "m6A", "mean"}


def test_files_with_out(vqrna_main, data, tmp_path):
    out = tmp_path / "deep" / "out"
    done = vqrna_main("evaluate", "--data", data, "--out", out, "--resamples", 0)
    assert done.code == 0
    there = {path.name for path in out.iterdir()}
    assert there == {"evaluation.csv", "scores.tsv", "roc_pr.png", "roc_pr.svg", "run.json"}
    assert all(f"wrote {out / name}" in done.out for name in there)


def test_chosen_types_only(vqrna_main, data):
    done = vqrna_main(
        "evaluate", "--data", data, "--json", "--modifications", "m6A", "--resamples", 0
    )
    assert {r["modification"] for r in json.loads(done.out)["results"]} == {"m6A"}


def test_a_missing_file_is_named_and_the_others_go_on(vqrna_main, data):
    (data / "valid" / "1-1.fasta").unlink()
    done = vqrna_main("evaluate", "--data", data, "--json", "--resamples", 0)
    assert done.code == 0
    assert "note:" in done.err
    assert "1-1.fasta" in done.err
    am, m6a = _against_random(done.out)
    assert am["auroc"]["value"] is None
    assert am["sp"]["value"] is not None
    assert m6a["auroc"]["value"] is not None


def test_without_training_windows_overlap_is_not_told(vqrna_main, data):
    for path in (data / "train").iterdir():
        path.unlink()
    done = vqrna_main("evaluate", "--data", data, "--json", "--resamples", 0)
    assert "non_overlapping is not reported" in done.err
    assert {r["windows"] for r in json.loads(done.out)["results"]} == {"all"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--split", "vaild"], 2, "unknown split 'vaild'"),
        (["--modifications", "m9Z"], 2, "unknown modification 'm9Z'"),
        (["--resamples", "-1"], 2, "resamples"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(vqrna_main, data, arguments, code, words):
    done = vqrna_main("evaluate", "--data", data, *arguments)
    assert done.code == code
    assert words in done.err
    assert "Traceback" not in done.err


def test_an_output_that_cannot_be_is_told_before_the_work(vqrna_main, data, tmp_path, loaded):
    (tmp_path / "file").write_text("x")
    done = vqrna_main("evaluate", "--data", data, "--out", tmp_path / "file")
    assert done.code == 1
    assert "is a file" in done.err
    assert not loaded


def test_missing_data_are_told(vqrna_main, tmp_path):
    done = vqrna_main("evaluate", "--data", tmp_path / "nowhere")
    assert done.code == 1
    assert "nowhere" in done.err
