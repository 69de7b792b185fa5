"""Tables for MultiQC are what predictions recorded."""

import json

import pytest
import yaml

from seeded import letters, write_fasta
from vqrna._version import __version__
from vqrna.multiqc import CALLS, GENERAL, VERSIONS


@pytest.fixture
def results(vqrna_main, tmp_path):
    """Two predictions of the shipped model."""
    folders = []
    for name, length in (("one", 300), ("two", 700)):
        fasta = write_fasta(tmp_path / f"{name}.fa", {"a": letters(length)})
        words = ("--out", tmp_path / name, "--device", "cpu", "--confidence", "low")
        assert vqrna_main("predict", fasta, *words).code == 0
        folders.append(tmp_path / name)
    return folders


def split(path):
    """Header as YAML, and rows."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = yaml.safe_load("\n".join(x[2:] for x in lines if x.startswith("#")))
    return header, [x.split("\t") for x in lines if not x.startswith("#")]


def test_tables_have_the_counts_of_the_records(vqrna_main, results, tmp_path):
    done = vqrna_main("multiqc", *results, "--out", tmp_path / "mqc")
    assert done.code == 0, done.err
    header, rows = split(tmp_path / "mqc" / CALLS)
    assert header["plot_type"] == "bargraph"
    assert [row[0] for row in rows] == ["Sample", "one", "two"]
    for folder, row in zip(results, rows[1:], strict=True):
        calls = json.loads((folder / "run.json").read_text())["calls"]
        assert dict(zip(rows[0][1:], map(int, row[1:]), strict=True)) == {
            symbol: each["called"] for symbol, each in calls.items()
        }
        sites = (folder / "sites.tsv").read_text().splitlines()
        assert sum(map(int, row[1:])) == len(sites) - 1
    header, rows = split(tmp_path / "mqc" / GENERAL)
    assert header["plot_type"] == "generalstats"
    assert [row[:3] for row in rows[1:]] == [["one", "1", "300"], ["two", "1", "700"]]
    versions = yaml.safe_load((tmp_path / "mqc" / VERSIONS).read_text())
    assert versions == {"vqrna": [__version__]}


def test_names_of_samples(vqrna_main, results, tmp_path):
    words = ("multiqc", *results, "--out", tmp_path / "mqc", "--names")
    assert vqrna_main(*words, "a,b").code == 0
    assert [row[0] for row in split(tmp_path / "mqc" / CALLS)[1]] == ["Sample", "a", "b"]
    assert vqrna_main(*words, "a").code == 2
    done = vqrna_main(*words, "a,a")
    assert done.code == 2
    assert "two samples are named 'a'" in done.err


@pytest.mark.parametrize("text", [None, "{}", "[]", '{"subcommand": "predict", "calls": {"a": 1}}'])
def test_a_folder_without_a_prediction(vqrna_main, tmp_path, text):
    (tmp_path / "other").mkdir()
    if text is not None:
        (tmp_path / "other" / "run.json").write_text(text)
    done = vqrna_main("multiqc", tmp_path / "other", "--out", tmp_path / "mqc")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "has no run.json of vqrna predict" in done.err
    assert not (tmp_path / "mqc").exists()


def test_a_folder_that_is_missing(vqrna_main, tmp_path):
    done = vqrna_main("multiqc", tmp_path / "nothere", "--out", tmp_path / "mqc")
    assert (done.code, done.err) == (1, f"vqrna: error: {tmp_path / 'nothere'}: no such folder\n")
