"""The comparison of result files of two commits, and what its jobs are run with."""

import gzip
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyBigWig
import pytest
from benchmarks.compare_files import FileComparison, first_difference
from safetensors.numpy import save_file

from benchmarks import compare_commits

COMPARISON = FileComparison({"unlike": "ood", "old name": "new"}, {"command", "seconds", "vqrna"})

HEAD = "# vqrna 0.1.0\n# command: vqrna predict a.fa\n# nt: 3000\n"
PAGE = "<script>\nconst {} = {};\nlet x = 1;</script>"


@pytest.fixture
def compare(tmp_path):
    def run(name, base, head):
        paths = [tmp_path / side / name for side in ("base", "head")]
        for path, content in zip(paths, (base, head), strict=True):
            path.parent.mkdir(exist_ok=True)
            if callable(content):
                content(path)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return COMPARISON.compare_files(*paths)

    return run


def test_only_whole_words_are_renamed():
    assert COMPARISON.rename("unlike,edge unlikely n_unlike old name") == (
        "ood,edge unlikely n_unlike new"
    )
    assert FileComparison({}).rename("unlike") == "unlike"


def test_a_table_may_have_renamed_columns_and_flags_and_another_command(compare):
    base = HEAD + "sequence\tunlike\tflags\tseconds\na b\t0.5\tend,unlike\t1\n"
    head = HEAD.replace("a.fa", "b.fa") + "sequence\tood\tflags\tseconds\na b\t0.5\tend,ood\t2\n"
    assert compare("sites.tsv", base, base) == ("identical", "")
    assert compare("sites.tsv", base, head) == ("renamed", "")
    assert compare("sites.tsv", head, base) == ("renamed", "")  # listed before the change
    zipped = [gzip.compress(text.encode()) for text in (base, head)]
    assert compare("sites.tsv.gz", *zipped) == ("renamed", "")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("\t0.5\t", "\t0.50\t", "cells/ood[1]: '0.5' -> '0.50'"),
        ("a b", "a c", "cells/sequence[0]: 'a b' -> 'a c'"),
        ("flags", "notes", "cells: 'flags' only in base"),
        ("c\t0.5\t.\n", "", "2 -> 1 items"),
    ],
)
def test_the_first_difference_of_a_table_is_located(compare, old, new, where):
    base = HEAD + "sequence\tunlike\tflags\na b\t0.1\tunlike\nc\t0.5\t.\n"
    verdict, reported = compare("sites.tsv", base, base.replace(old, new))
    assert verdict == "different"
    assert where in reported


def test_comment_lines_above_a_table_of_an_earlier_version_are_left_out(compare):
    rows = 'sequence\tood\n#a\t1\n"a""b"\t2\n'
    assert compare("sites.tsv", HEAD + rows, rows) == ("renamed", "")
    assert compare("sites.csv", rows.replace("\t", ","), rows.replace("\t", ","))[0] == "identical"
    verdict, where = compare("sites.tsv", HEAD + rows, rows.replace("#a", "#b"))
    assert (verdict, where) == ("different", "cells/sequence[0]: '#a' -> '#b'")


def test_comment_lines_of_bed_are_compared_by_their_numbers(compare):
    base = HEAD + "chr1\t1\t2\n"
    assert compare("a.bed", base, base.replace("nt: 3000", "nt: 3001"))[1] == (
        "comments[0]: '3000' -> '3001'"
    )


def test_new_fields_and_new_records_of_runs_are_left_out(tmp_path):
    for side, record in (
        ("base", {"nt": 5, "vqrna": "0", "shards": [{}]}),
        ("head", {"nt": 5, "shards": [{"new": 1}], "skipped": []}),
    ):
        (tmp_path / side / "one").mkdir(parents=True)
        (tmp_path / side / "one" / "run.json").write_text(json.dumps(record))
    (tmp_path / "head" / "run.json").write_text("{}")
    sides = tmp_path / "base", tmp_path / "head"
    assert list(COMPARISON.compare_folders(*sides)) == [("one/run.json", "renamed", "")]
    (tmp_path / "head" / "one" / "run.json").write_text('{"nt": 6}')
    assert next(COMPARISON.compare_folders(*sides))[1:] == ("different", "nt: 5 -> 6")


def test_a_bigwig_may_list_sequences_without_values(compare):
    def write(lengths, value=0.5):
        def call(path):
            with pyBigWig.open(str(path), "w") as file:
                file.addHeader(lengths)
                file.addEntries(["a"], [3], ends=[4], values=[value])

        return call

    base = write([("a", 9)])
    assert compare("a.bw", base, write([("a", 9), ("b", 9)])) == ("renamed", "")
    assert compare("a.bw", base, write([("a", 9)], 0.25))[1].startswith("a[0][2]: 0.5 -> 0.25")


def test_sentences_may_change_but_not_their_numbers(compare):
    base = {"seconds": 1, "note": "scores of 12 windows, old name", "symbol": "m6A"}
    head = base | {"seconds": 2, "note": "12 windows were scored"}
    assert compare("a.json", json.dumps(base), json.dumps(head)) == ("renamed", "")
    head["note"] = "13 windows were scored"
    assert compare("a.json", json.dumps(base), json.dumps(head))[1] == "note[0]: '12' -> '13'"
    assert compare("a.json", json.dumps(base), json.dumps(base | {"symbol": "m1A"}))[0] == (
        "different"
    )


def test_numbers_must_be_equal_and_of_one_type():
    assert first_difference({"a": [math.nan, 1.0]}, {"a": [math.nan, 1.0]}) is None
    assert first_difference({"a": [1.0]}, {"a": [1]}) == "a[0]: 1.0 -> 1"
    close = math.nextafter(0.1, 1)
    assert first_difference({"a": 0.1}, {"a": close}) == f"a: 0.1 -> {close!r}"
    assert first_difference({"a": 1}, {"b": 1}) == "'a' only in base"


def test_parquet_is_compared_by_column(compare):
    def write(names, values, **facts):
        table = pa.table(dict(zip(names, values, strict=True))).replace_schema_metadata(facts)
        return lambda path: pq.write_table(table, path)

    base = write(("unlike", "flags"), ([0.5, math.nan], ["unlike", "."]), command="a", nt="3 nt")
    head = write(("ood", "flags"), ([0.5, math.nan], ["ood", "."]), command="b", nt="nt: 3")
    assert compare("sites.parquet", base, head) == ("renamed", "")
    head = write(("ood", "flags"), ([0.5, 0.25], ["ood", "."]), nt="3 nt")
    assert compare("sites.parquet", base, head)[1] == "cells/ood[1]: nan -> 0.25"


def test_tensors_and_metadata_of_weights_are_compared(compare):
    def write(value, name="head.unlike", **metadata):
        tensors = {name: np.array([[1, value]], dtype=np.float32)}
        return lambda path: save_file(tensors, path, {"model": json.dumps(metadata)})

    base = write(0.0, epochs=2, seconds=1.5)
    renamed = write(0.0, "head.ood", epochs=2, seconds=2.5)
    assert compare("model.safetensors", base, renamed) == ("renamed", "")
    verdict, where = compare("model.safetensors", base, write(-0.0, epochs=2))
    assert verdict == "different"
    assert where.startswith("tensors/head.ood[1]: ")
    where = compare("model.safetensors", base, write(0.0, epochs=3))[1]
    assert where == "metadata/model/epochs: 2 -> 3"


def test_arrays_of_npz_are_compared(compare):
    def write(**arrays):
        return lambda path: np.savez(path, **arrays)

    base = write(unlike=np.arange(3), flags=np.array(["unlike"]))
    assert compare("a.npz", base, write(ood=np.arange(3), flags=np.array(["ood"])))[0] == "renamed"
    where = compare("a.npz", base, write(ood=np.arange(3.0), flags=np.array(["ood"])))[1]
    assert where == "ood: int64 (3,) -> float64 (3,)"


def test_pages_are_compared_by_their_data(compare):
    base = PAGE.format("D", json.dumps({"unlike": [1, 2]}))
    head = PAGE.format("DATA", json.dumps({"ood": [1, 2]})).replace("let x", "let y")
    assert compare("a.html", base, head) == ("renamed", "")
    assert compare("a.html", base, head.replace("2]", "3]"))[1] == "[0]/ood[1]: 2 -> 3"
    assert "no JSON object" in compare("a.html", base, "<html>")[1]


def picture(line, left=10, width=100, label="M 1 1", marker="M 0 -3 L 3 0 z"):
    """Draw a line, in units of the axes, and a marker at its end."""
    points = [(left + x * width, 5 + y * 40) for x, y in line]
    steps = " L ".join(f"{x:.6f} {y:.6f}" for x, y in points)
    box = f"M {left} 45 L {left + width} 45 L {left + width} 5 L {left} 5 z"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 50}"><g id="axes_1">'
        f'<g id="patch_2"><path d="{box}"/></g><path d="M {steps} " style="fill: none"/>'
        f'<defs><path id="m{len(marker)}{left}" d="{marker}"/></defs>'
        f'<use x="{points[-1][0]}" y="{points[-1][1]}"/>'
        f'<g id="text_1"><path d="{label}"/></g></g></svg>'
    )


LINE = [(0, 0), (0.5, 0.25), (1, 1)]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"label": "M 2 2 L 3 3"}, "renamed"),
        ({"left": 20, "width": 90.5}, "renamed"),  # a longer label
        ({"line": [(0, 0), (0.5, 0.252), (1, 1)]}, "different"),
        ({"line": [(0, 0), (0.5, 0.25), (0.999, 1)]}, "different"),
        ({"line": [(0, 0), (1, 1)]}, "different"),
        ({"marker": "M 0 -4 L 3 0 z"}, "different"),
    ],
)
def test_pictures_are_compared_without_letters_and_the_places_of_axes(compare, change, verdict):
    assert compare("a.svg", picture(LINE), picture(**{"line": LINE} | change))[0] == verdict


def test_a_picture_of_points_follows_its_drawing_and_an_index_its_table(tmp_path):
    sides = tmp_path / "base", tmp_path / "head"
    for i, side in enumerate(sides):
        side.mkdir()
        (side / "a.svg").write_text(picture(LINE, label=f"M {i} 0"))
        (side / "a.bed.gz").write_bytes(gzip.compress(f"# command: {i}\nchr1\t1\t2".encode()))
        for name in ("a.png", "a.bed.gz.tbi"):
            (side / name).write_bytes(bytes([i]))
    assert [verdict for _, verdict, _ in COMPARISON.compare_folders(*sides)] == ["renamed"] * 4
    (sides[1] / "a.svg").write_text(picture(LINE[:2]))
    (sides[1] / "a.bed.gz").write_bytes(gzip.compress(b"chr1\t1\t3"))
    assert [verdict for _, verdict, _ in COMPARISON.compare_folders(*sides)] == ["different"] * 4
    without = COMPARISON.compare_folders(*sides, pictures=False)
    assert [name for name, _, _ in without] == ["a.bed.gz", "a.bed.gz.tbi"]


def test_files_may_be_renamed_but_not_missing(tmp_path):
    for side, names in (("base", ["unlike.bw", "a.bw"]), ("head", ["ood.bw", "b.bw"])):
        (tmp_path / side / "tracks").mkdir(parents=True)
        for name in names:
            (tmp_path / side / "tracks" / name).write_bytes(b"\0same")
    assert list(COMPARISON.compare_folders(tmp_path / "base", tmp_path / "head")) == [
        ("tracks/a.bw", "different", "only in base"),
        ("tracks/b.bw", "different", "only in head"),
        ("tracks/ood.bw", "renamed", ""),
    ]


def test_files_of_other_formats_and_broken_ones_are_compared_by_bytes(compare):
    assert compare("a.x", b"\0one", b"\0two") == ("different", "bytes differ (4 -> 4 bytes)")
    assert compare("a.bw", b"\0one", b"\0two")[0] == "different"
    verdict, where = compare("a.json", "{}", "{")
    assert (verdict, where.startswith("cannot be read: ")) == ("different", True)


def test_renamed_commands_and_options_are_used_where_a_tree_has_them():
    renamed = {"lengths": "windows", "--most": "--top"}
    old = {"lengths": "--most N  --most-of-all"}
    new = {"lengths": "", "windows": "--top N  --most-of-all"}
    arguments = ["lengths", "a.fa", "--most", "3"]
    assert compare_commits.adapt(arguments, renamed, old.__getitem__) == arguments
    adapted = compare_commits.adapt(arguments, renamed, new.__getitem__)
    assert adapted == ["windows", "a.fa", "--top", "3"]


def test_inputs_are_the_same_each_time_and_have_the_site_in_the_centre(tmp_path):
    hashes = {compare_commits.write_inputs(tmp_path / str(i), None) for i in range(2)}
    assert len(hashes) == 1
    for number, base in compare_commits.BASES.items():
        for label in "01":
            text = (tmp_path / "0" / "windows" / "valid" / f"{number}-{label}.fasta").read_text()
            windows = text.splitlines()[1::2]
            assert len(windows) == compare_commits.WINDOWS
            assert {window[250] for window in windows} == {base.replace("U", "T")}
            assert {len(window) for window in windows} == {501}


def test_inputs_can_be_the_first_windows_of_a_data_set(tmp_path):
    for split in ("train", "valid"):
        (tmp_path / "data" / split).mkdir(parents=True)
        text = "".join(f">{i}\nACG\n" for i in range(compare_commits.WINDOWS + 5))
        (tmp_path / "data" / split / "8-1.fasta.gz").write_bytes(gzip.compress(text.encode()))
    compare_commits.write_inputs(tmp_path / "in", tmp_path / "data")
    written = (tmp_path / "in" / "windows" / "train" / "8-1.fasta").read_text()
    assert written.count(">") == compare_commits.WINDOWS
    assert (tmp_path / "in" / "sites.fa").read_text() == text[: len(">0\nACG\n") * 10] + "".join(
        f">{i}\nACG\n" for i in range(10, 20)
    )


def test_jobs_and_commits_are_checked_and_listed(capsys):
    assert compare_commits.main(["--list", "--jobs", "embed"]) == 0
    assert capsys.readouterr().out.startswith("embed\n    vqrna embed ")
    with pytest.raises(SystemExit, match="2"):
        compare_commits.main(["HEAD", "--jobs", "embed,nothing"])
    assert "no job nothing" in capsys.readouterr().err
