"""From files to ``sites.tsv`` or standard output."""

import gzip
import io
import json
import os
import threading

import pandas as pd
import pytest

import vqrna
from seeded import files_in, letters, read_table, write_fasta
from vqrna.errors import DataError
from vqrna.prediction import Output, PartStore, Prediction, make_settings, predict, predict_files
from vqrna.runtime.provenance import running
from vqrna.sites import COLUMNS

SEQUENCES = {
    "first": letters(700),
    "tiny": "A",
    "empty": "",
    "n|o.de/d": letters(90, seed=1, ambiguous=0.05).lower(),
    "last": letters(400, seed=2),
}


FILES = ["run.json", "scanned.bed", "sequences.tsv", "sites.tsv"]


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "in.fa", SEQUENCES)


def run(fasta, out, model, **settings) -> Prediction:
    settings = make_settings(model.modifications, **settings)
    inputs = fasta if isinstance(fasta, list) else [fasta]
    return predict_files(inputs, out, model, settings, show_progress=False)


@pytest.mark.parametrize("settings", [{}, {"all_sites": True, "confidence": "low"}])
def test_the_file_holds_what_is_found_in_memory(model, fasta, tmp_path, settings):
    done = run(fasta, tmp_path / "out", model, **settings)
    assert done.path == tmp_path / "out" / "sites.tsv"
    assert done.sites is None
    expected = predict(fasta, model=model, **settings)
    told = read_table(done.path.read_text())
    wanted = expected.sites.replace({"call": {"": "."}, "warnings": {"": "."}})
    pd.testing.assert_frame_equal(told, wanted, check_dtype=False, rtol=1e-3, atol=1e-6)
    pd.testing.assert_frame_equal(done.summary, expected.summary)
    assert (done.records, done.nt) == (expected.records, expected.nt) == (5, 1191)
    assert files_in(tmp_path / "out") == FILES


def test_scores_are_told_closely_enough(model, fasta, tmp_path):
    told = read_table(run(fasta, tmp_path, model, all_sites=True).path.read_text())
    exact = predict(fasta, model=model, all_sites=True).sites
    assert (told["score"] - exact["score"]).abs().max() <= 5.1e-7


def test_the_record_and_the_head_of_a_bed_file_say_where_they_come_from(model, fasta, tmp_path):
    with running(["predict", "in.fa", "--out", "a b"]):
        done = run(fasta, tmp_path, model, prior={"Psi": 0.0123456789})
    assert done.path.read_text().splitlines()[0] == "\t".join(COLUMNS)
    assert (tmp_path / "scanned.bed").read_text().splitlines()[:9] == [
        f"# vqrna {vqrna.__version__}",
        "# command: vqrna predict in.fa --out 'a b'",
        "# model: seeded0",
        "# called: confidence medium or higher",
        "# reported: called sites",
        "# priors: Am=0.0003 m6A=0.002 m6Am=0.003 Psi=0.0123456789",
        "# sequences: 5",
        "# nt: 1191",
        "# candidates: Am=273 m6A=273 m6Am=51 Psi=317",
    ]
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["schema_version"] == 1
    assert record["version"] == vqrna.__version__
    assert record["command"] == record["scan_command"] == "vqrna predict in.fa --out 'a b'"
    assert record["model"] == "seeded0"
    assert record["settings"] == {
        "called": "confidence medium or higher",
        "reported": "called sites",
        "priors": {"Am": 0.0003, "m6A": 0.002, "m6Am": 0.003, "Psi": 0.0123456789},
        "confidence": "medium",
        "threshold": None,
        "min_probability": None,
        "fdr": None,
        "top": None,
        "all_sites": False,
    }
    rows = done.summary.set_index("modification")
    assert list(record["calls"]) == ["Am", "m6A", "m6Am", "Psi"]
    assert record["tiers"] == {"low": 1 / 50, "medium": 1 / 10, "high": 1 / 3}
    for symbol, counts in record["calls"].items():
        labels = ["candidates", "called", "low", "medium", "high", "threshold"]
        assert counts == rows.loc[symbol, labels].to_dict()
        assert counts["called"] == sum(counts[label] for label in labels[2:])
    assert record["skipped"] == []
    assert record["seconds"] >= 0
    done = run(fasta, tmp_path, model, threshold=0.75, all_sites=True, modifications="Am")
    lines = (tmp_path / "scanned.bed").read_text().splitlines()
    assert lines[1] == "# command: called from Python"
    assert lines[3:6] == [
        "# called: score 0.75 or higher",
        "# reported: all candidate sites",
        "# priors: Am=0.0003",
    ]


def test_two_runs_give_the_same_bytes(model, fasta, tmp_path):
    first = run(fasta, tmp_path / "one", model, all_sites=True).path.read_bytes()
    assert run(fasta, tmp_path / "two", model, all_sites=True).path.read_bytes() == first
    assert run(fasta, tmp_path / "two", model, all_sites=True).path.read_bytes() == first


@pytest.mark.parametrize("chunk", [100, 750])
def test_parts_make_no_difference(model, fasta, tmp_path, monkeypatch, chunk):
    whole = run(fasta, tmp_path / "whole", model, all_sites=True)
    monkeypatch.setattr("vqrna.prediction.tiles.PIECE", chunk)
    parts = run(fasta, tmp_path / "parts", model, all_sites=True)
    assert parts.path.read_bytes() == whole.path.read_bytes()
    pd.testing.assert_frame_equal(parts.summary, whole.summary)
    assert (parts.records, parts.nt) == (whole.records, whole.nt)


def test_several_files_follow_one_another(model, fasta, tmp_path):
    other = tmp_path / "b.fa.gz"
    other.write_bytes(gzip.compress(b">b\nGGACUGGACU\n"))
    done = run([fasta, other, fasta], tmp_path / "out", model, all_sites=True)
    names = read_table(done.path.read_text())["sequence"]
    order = names[names != names.shift()].tolist()
    there = [name for name in SEQUENCES if name != "empty"]
    assert order == [*there, "b", *there]
    assert done.records == 11


def test_standard_output_holds_the_same_rows(model, fasta, tmp_path, capsys, monkeypatch):
    expected = read_table(run(fasta, tmp_path, model, all_sites=True).path.read_text())
    monkeypatch.setattr("vqrna.prediction.tiles.PIECE", 400)
    done = run(fasta, "-", model, all_sites=True)
    found = read_table(capsys.readouterr().out)
    assert set(found["q_value"]) == {"nan"}  # which would have to wait for the last sequence
    pd.testing.assert_frame_equal(
        found.drop(columns="q_value"), expected.drop(columns="q_value"), check_exact=True
    )
    assert done.path is None
    assert done.records == 5


def test_what_was_scanned_and_how_lies_beside_the_sites(model, fasta, tmp_path):
    with running(["predict", "in.fa", "--out", "o", "--jobs", "1"]):
        run(fasta, tmp_path, model)
    rows = [
        line.split("\t")
        for line in (tmp_path / "scanned.bed").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert rows == [
        [name, "0", str(len(text)), ".", "0", "+"] for name, text in SEQUENCES.items() if text
    ]
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["command"] == "vqrna predict in.fa --out o --jobs 1"
    assert (told["model"], told["nt"], told["sequences"]) == ("seeded0", 1191, 5)
    assert told["files"] == ["sites.tsv", "sequences.tsv", "scanned.bed"]


def test_a_fault_in_the_first_lines_prints_nothing(model, tmp_path, capsys):
    wrong = write_fasta(tmp_path / "a.fa", {"a": "ACGU", "protein": "MEEPQ"})
    with pytest.raises(DataError, match=r"a\.fa, record 'protein', line 4"):
        run(wrong, "-", model)
    assert capsys.readouterr().out == ""


def test_a_pipe_is_read_once_and_leaves_no_parts(model, fasta, tmp_path):
    expected = run(fasta, tmp_path / "one", model, all_sites=True).path.read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(fasta.read_bytes()))
    writer.start()
    done = run(pipe, tmp_path / "two", model, all_sites=True)
    writer.join()
    assert done.path == tmp_path / "two" / "sites.tsv"
    assert done.path.read_bytes() == expected
    assert files_in(tmp_path / "two") == FILES


def test_a_pipe_that_fails_leaves_the_parts_of_others(model, tmp_path, monkeypatch):
    other = PartStore(tmp_path / "out", "other")
    other.write_plan({})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b">a\nMEEPQ\n")))
    with pytest.raises(DataError, match="standard input, record 'a', line 2"):
        run("-", tmp_path / "out", model)
    assert [store.key for store in PartStore.list_in(tmp_path / "out")] == ["other"]


def test_the_last_of_several_files_is_looked_for_first(model, fasta, tmp_path, monkeypatch):
    monkeypatch.setattr(type(model), "scan_batch", lambda *_: pytest.fail("worked already"))
    with pytest.raises(DataError, match=r"nowhere\.fa: no such file"):
        run([fasta, tmp_path / "nowhere.fa"], tmp_path / "out", model)
    assert not (tmp_path / "out").exists()


def test_an_error_leaves_what_was_there(model, tmp_path):
    good = write_fasta(tmp_path / "good.fa", {"a": letters(100)})
    wrong = write_fasta(tmp_path / "wrong.fa", {"a": letters(100), "b": "ACGE"})
    out = tmp_path / "out"
    before = run(good, out, model).path.read_bytes()
    with pytest.raises(DataError, match=r"wrong\.fa, record 'b', line 4"):
        run(wrong, out, model)
    assert files_in(out) == FILES
    assert (out / "sites.tsv").read_bytes() == before
    with pytest.raises(DataError):
        run(wrong, tmp_path / "new" / "deep", model)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("names", [("b", "a", "a"), ("a", "b", "a")], ids=["adjacent", "apart"])
def test_tracks_leave_out_repeated_names(model, tmp_path, names):
    path = tmp_path / "repeated.fa"
    # The sites of the second 'a' are behind those of the first: together they seem to be in order
    sequences = {"b": iter([letters(200)]), "a": iter(["GGACT", letters(300)])}
    path.write_text("".join(f">{name}\n{next(sequences[name])}\n" for name in names))
    settings = make_settings(model.modifications, top=1)
    output = Output(formats=("tsv", "bedgraph"))
    done = predict_files(
        [path], tmp_path / "out", model, settings, output=output, show_progress=False
    )
    assert set(read_table((tmp_path / "out" / "sites.tsv").read_text())["sequence"]) == set(names)
    tracks = [each for each in done.paths if "bedgraph" in each.name]
    assert tracks
    for track in tracks:
        assert b"\na\t" not in gzip.decompress(track.read_bytes())
    assert any("more than once" in note for note in done.notes)
