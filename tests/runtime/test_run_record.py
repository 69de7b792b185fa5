"""The record of a run beside its results."""

import json

import pytest

import vqrna
from vqrna.runtime.files import output_files
from vqrna.runtime.inputs import protecting_inputs
from vqrna.runtime.provenance import FROM_PYTHON, running
from vqrna.runtime.run_record import (
    SkippedInput,
    add_run_record,
    read_run_record,
    record_of_file,
    write_run_record,
)


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


def write(folder, subcommand, *names):
    with output_files(folder) as files:
        for name in names:
            files.open(name).write(b"new")
        add_run_record(files, subcommand, model="beef")
    return [path.name for path in files.paths]


def test_files_that_only_an_earlier_run_of_the_command_wrote_are_removed(tmp_path):
    (tmp_path / "mine.txt").write_text("")
    write(tmp_path, "motifs", "shared.tsv")
    write(tmp_path, "evaluate", "a.csv", "b.csv", "shared.tsv")
    write(tmp_path, "atlas", "c.csv")
    assert write(tmp_path, "evaluate", "a.csv") == ["a.csv", "run.json"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "mine.txt", "a.csv", "c.csv", "shared.tsv", "run.json",
    }  # fmt: skip
    record = read_run_record(tmp_path)
    assert (record["files"], record["model"]) == (["a.csv"], "beef")
    assert set(record["previous"]) == {"motifs", "atlas"}


def test_nothing_outside_the_folder_and_no_input_is_removed(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "outside").write_text("")
    (folder / "input.tsv").write_text("")
    listed = ["../outside", "input.tsv", 5, "", ".", "run.json"]
    (folder / "run.json").write_text(json.dumps({"subcommand": "atlas", "files": listed}))
    with protecting_inputs([str(folder / "input.tsv")]):
        write(folder, "atlas", "a.csv")
    assert {path.name for path in folder.iterdir()} == {"input.tsv", "a.csv", "run.json"}
    assert (tmp_path / "outside").exists()


def test_no_file_is_removed_or_replaced_by_a_run_that_fails(tmp_path):
    write(tmp_path, "evaluate", "a.csv", "b.csv")
    (tmp_path / "a.csv").write_text("old")

    def fail():
        with output_files(tmp_path) as files:
            files.open("a.csv").write(b"new")
            add_run_record(files, "evaluate")
            raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        fail()
    assert (tmp_path / "a.csv").read_text() == "old"
    assert (tmp_path / "b.csv").exists()
    assert read_run_record(tmp_path)["files"] == ["a.csv", "b.csv"]
