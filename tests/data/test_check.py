from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vqrna.data.benchmark import load_benchmark
from vqrna.data.check import check_data
from vqrna.errors import DataError


@pytest.fixture
def root(lay_out: Callable[..., Path], draw: Callable[..., str]) -> Path:
    shared, odd = draw(201, "A"), draw(201, "A")
    return lay_out(
        {
            "train/8-1.fasta": {
                "a": draw(201, "A"),
                "again": odd[:5] + "N" + odd[6:],
                "twice": odd[:5] + "N" + odd[6:],
                "wrong": draw(201, "C"),
            },
            "train/8-0.fasta": {"b": draw(201, "A"), "both": shared, "short": draw(101, "A")},
            "train/8-hard0.fasta.gz": {"h": draw(201, "A")},
            "train/1-1.fasta": {"c": draw(201, "A"), "several": shared},
            "train/1-0.fasta": {"even": draw(200), "d": draw(201, "A")},
            "valid/8-1.fasta": {"e": shared, "f": shared[70:] + draw(70), "g": draw(201, "A")},
            "valid/8-0.fasta": {"i": draw(201, "A")},
        }
    )


def test_tells_what_is_in_each_file(root: Path) -> None:
    report = check_data(root)
    files = report.files.set_index(["split", "modification", "label", "negatives"])
    modified = files.loc[("train", "m6A", 1, "")]
    assert modified["windows"] == 4
    assert (modified["site_A"], modified["site_C"], modified["wrong_site"]) == (3, 1, 1)
    assert (modified["odd_letters"], modified["repeated"]) == (2, 1)
    unmodified = files.loc[("train", "m6A", 0, "random")]
    assert (unmodified["shortest"], unmodified["longest"]) == (101, 201)
    assert unmodified["odd_letters"] == 0  # padding is not in the file
    assert (unmodified["other_type"], unmodified["other_split"], unmodified["other_label"]) == (
        1,
        1,
        0,
    )
    assert files.loc[("train", "m6A", 0, "hard"), "windows"] == 1
    even = files.loc[("train", "Am", 0, "random")]
    assert (even["even"], even["windows"], even["site_A"]) == (1, 2, 1)
    assert (report.n_windows, report.n_distinct) == (15, 12)


def test_tells_overlaps_between_splits(root: Path) -> None:
    (modified, unmodified) = check_data(root).overlaps.to_dict("records")[::-1]
    assert (modified["split"], modified["against"], modified["label"]) == ("valid", "train", 1)
    assert (modified["windows"], modified["overlapping"]) == (3, 2)
    assert (unmodified["overlapping"], unmodified["share"]) == (0, 0.0)


def test_conflicting_labels_are_told(lay_out: Callable[..., Path], draw: Callable) -> None:
    window = draw(101, "A")
    root = lay_out({"train/8-1.fasta": {"p": window}, "train/8-0.fasta": {"n": window}})
    assert check_data(root).files["other_label"].tolist() == [1, 1]


def test_missing_foreign_and_broken_files_are_told_and_the_rest_goes_on(root: Path) -> None:
    (root / "valid" / "10-1.fasta").write_text(">a\nPROTEIN\n")
    (root / "valid" / "77-1.fasta").write_text(">a\nACG\n")
    report = check_data(root)
    assert len(report.files) == 7
    assert sorted(report.problems) == [
        f"{root}/train/1-0.fasta, record 'even', line 1: the window is 200 nt long, so it has no "
        "centre",
        f"{root}/train: no unmodified and no modified sites of Psi",
        f"{root}/valid/10-1.fasta, record 'a', line 2: 'P' (column 1) is not a nucleotide letter; "
        "is this a protein?",
        f"{root}/valid/77-1.fasta: no known modification has the number 77; skipped",
        f"{root}/valid: no unmodified and no modified sites of Am",
        f"{root}/valid: no unmodified sites of Psi",
    ]


def test_a_broken_file_of_ones_own_type_is_told_once_and_the_rest_goes_on(root: Path) -> None:
    (root / "train" / "ownC-1.fasta").write_text(">a\nPROTEIN\n")
    (root / "valid" / "ownC-1.fasta").write_text(">a\nACG\n")
    (root / "train" / "a b-1.fasta").write_text(">a\nACG\n")
    report = check_data(root)
    assert len(report.files) == 8
    told = [line for line in report.problems if "ownC-1.fasta" in line or "a b-1.fasta" in line]
    assert sorted(line.split(": ")[1].split(" ")[0] for line in told) == ["'P'", "'a"]
    with pytest.raises(DataError, match=r"a b-1\.fasta: 'a b' cannot name a modification"):
        load_benchmark(root, "train")


def test_a_data_set_with_nothing_in_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no benchmark files"):
        check_data(tmp_path)
    with pytest.raises(DataError, match="not a folder"):
        check_data(tmp_path / "nowhere")


def test_a_data_set_of_broken_files_alone_is_told(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "8-1.fasta").write_text("")
    report = check_data(tmp_path)
    assert len(report.files) == 0
    assert "8-1.fasta: is empty" in report.problems[1]
