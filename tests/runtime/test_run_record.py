"""The record of a run beside its results."""

import json

import pytest

import vqrna
from vqrna.runtime.provenance import FROM_PYTHON, running
from vqrna.runtime.run_record import SkippedInput, read_run_record, record_of_file, write_run_record


def test_a_record_says_what_ran_and_what_it_wrote(tmp_path):
    skipped = SkippedInput("a.gtf", "beyond the end of the sequence", 3, 17)
    with running(["compare", "a b.tsv"]):
        path = write_run_record(
            tmp_path,
            "compare",
            [tmp_path / "agreement.tsv", tmp_path / "pictures" / "a.png"],
            model="beef",
            settings={"within": 2},
            results={"nt": 5},
            skipped=[skipped],
            notes=["a note"],
        )
    record = json.loads(path.read_text())
    assert record.pop("seconds") >= 0
    assert record == {
        "schema_version": 1,
        "version": vqrna.__version__,
        "subcommand": "compare",
        "command": "vqrna compare 'a b.tsv'",
        "model": "beef",
        "settings": {"within": 2},
        "nt": 5,
        "skipped": [
            {
                "file": "a.gtf",
                "reason": "beyond the end of the sequence",
                "count": 3,
                "first_line": 17,
            }
        ],
        "notes": ["a note"],
        "files": ["agreement.tsv", "pictures/a.png"],
    }


def test_the_time_of_a_call_from_python_is_unknown(tmp_path):
    write_run_record(tmp_path, "atlas", [])
    record = read_run_record(tmp_path)
    assert (record["command"], record["seconds"]) == (FROM_PYTHON, None)


def test_the_records_of_other_commands_in_a_folder_are_kept(tmp_path):
    write_run_record(tmp_path, "predict", ["sites.tsv"], model="one")
    write_run_record(tmp_path, "motifs", ["motifs.tsv"])
    write_run_record(tmp_path, "motifs", ["motifs.tsv", "tomtom.tsv"])
    record = read_run_record(tmp_path)
    assert record["files"] == ["motifs.tsv", "tomtom.tsv"]
    assert list(record["previous"]) == ["predict"]
    assert record_of_file(tmp_path / "sites.tsv")["model"] == "one"
    assert record_of_file(tmp_path / "tomtom.tsv")["subcommand"] == "motifs"
    assert record_of_file(tmp_path / "other.tsv") == {}
    write_run_record(tmp_path, "predict", ["sites.bed.gz"])
    record = read_run_record(tmp_path)
    assert (record["subcommand"], list(record["previous"])) == ("predict", ["motifs"])
    assert "previous" not in record["previous"]["motifs"]
    assert record_of_file(tmp_path / "sites.tsv") == {}


@pytest.mark.parametrize(
    "content",
    ["", "[1, 2]", "{", "[" * 100_000, '{"files": 3, "previous": [1]}', '{"previous": {"a": 1}}'],
    ids=["empty", "list", "cut", "deep", "wrong types", "wrong records"],
)
def test_an_invalid_record_is_no_record(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    assert record_of_file(tmp_path / "sites.tsv") == {}
    write_run_record(tmp_path, "predict", ["sites.tsv"])
    assert record_of_file(tmp_path / "sites.tsv")["subcommand"] == "predict"
