"""Scores along sequences: bedGraph and what is common to it and bigWig."""

import gzip

import numpy as np
import pandas as pd
import pyBigWig
import pytest
from example_sites import KINDS, describe, make_sites, random_sites

from vqrna.formats.text import bed_name


def rows(path) -> list[tuple[str, int, int, float]]:
    text = gzip.decompress(path.read_bytes()).decode()
    cells = [line.split("\t") for line in text.splitlines() if line[:1] != "#"]
    assert cells[0][0].startswith("track type=bedGraph ")
    return [(name, int(start), int(end), float(value)) for name, start, end, value in cells[1:]]


def wanted(blocks, kind: int, reverse: bool | None = None) -> list[tuple[str, int, int, float]]:
    found = []
    for sites in blocks:
        rows = zip(sites.sequence, sites.position.tolist(), sites.score.tolist(), strict=True)
        kept = (sites.modification_index == kind) & (
            True if reverse is None else sites.reverse == reverse
        )
        found += [(n, p, p + 1, s) for (n, p, s), ok in zip(rows, kept, strict=True) if ok]
    return found


def names(out) -> list[str]:
    return [path.name for path in out.paths]


def test_one_file_a_modification(written):
    sites = make_sites("chr1", [6, 9, 9], modification_index=[0, 0, 1], score=[0.123456, 1.0, 0.25])
    out = written("bedgraph", [sites])
    assert names(out) == [
        "sites.m6A.bedgraph.gz",
        "sites.m6A.bedgraph.gz.tbi",
        "sites.Psi.bedgraph.gz",
        "sites.Psi.bedgraph.gz.tbi",
    ]
    text = gzip.decompress(out.paths[0].read_bytes()).decode()
    assert text.startswith("# vqrna 1.2.3\n")
    assert text.endswith(
        'track type=bedGraph name="m6A" description="m6A, score of vqrna" '
        "color=247,129,191 viewLimits=0:1 autoScale=off\n"
        "chr1\t6\t7\t0.123456\nchr1\t9\t10\t1.000000\n"
    )


def test_strands_never_meet_in_one_file(written):
    blocks = [random_sites(400, name="chr1"), random_sites(300, 1, "chr2")]
    out = written("bedgraph", blocks)
    files = {path.name: path for path in out.paths if path.suffix == ".gz"}
    assert len(files) == 2 * len(KINDS)
    for kind, modification in enumerate(KINDS):
        for reverse, strand in ((False, "plus"), (True, "minus")):
            path = files[f"sites.{modification.symbol}.{strand}.bedgraph.gz"]
            assert rows(path) == wanted(blocks, kind, reverse)


def test_a_genome_has_its_strands_told_even_where_one_is_empty(written):
    out = written("bigwig", [make_sites("chr1", [3])], stranded=True)
    assert names(out) == ["sites.m6A.plus.bw"]


def test_files_of_an_earlier_run_that_would_not_fit_are_gone(written, tmp_path):
    other = tmp_path / "other.m6A.bw"
    other.write_text("mine")
    written("bedgraph,bigwig", [random_sites(50)])
    out = written("bigwig", [make_sites("chr1", [3])])
    assert names(out) == ["sites.m6A.bw"]
    there = {path.name for path in tmp_path.iterdir() if path.suffix == ".bw"}
    assert there == {"sites.m6A.bw", "other.m6A.bw"}
    out = written("bedgraph", [make_sites("chr1", [3])])
    there = {path.name for path in tmp_path.iterdir() if "bedgraph" in path.name}
    assert there == set(names(out)) == {"sites.m6A.bedgraph.gz", "sites.m6A.bedgraph.gz.tbi"}


def test_no_site_is_no_file(written, tmp_path):
    assert names(written("bedgraph,bigwig", [])) == []
    assert names(written("bigwig", [make_sites("a", [3], score=np.nan)])) == []
    assert list(tmp_path.iterdir()) == []


def test_tabix_and_bedtools_read_it(written, run, tmp_path):
    blocks = [random_sites(300, seed, f"chr{seed}") for seed in (1, 2)]
    path = written("bedgraph", blocks).paths[0]
    want = [r for r in wanted(blocks, 0, False) if r[0] == "chr2" and 50 <= r[1] < 90]
    found = [line.split("\t") for line in run("tabix", path, "chr2:51-90").splitlines()]
    assert [(a, int(b), int(c), float(d)) for a, b, c, d in found] == want
    (tmp_path / "region.bed").write_text("chr2\t50\t90\n")
    found = run("bedtools", "intersect", "-a", path, "-b", tmp_path / "region.bed").splitlines()
    assert len(found) == len(want)


def test_both_formats_hold_the_same(written):
    blocks = [random_sites(200, seed, f"chr{seed}") for seed in range(3)]
    paths = {path.name: path for path in written("bigwig,bedgraph", blocks).paths}
    with pyBigWig.open(str(paths["sites.Psi.minus.bw"])) as file:
        found = [(c, a, b, round(x, 6)) for c in file.chroms() for a, b, x in file.intervals(c)]
    assert sorted(found) == sorted(rows(paths["sites.Psi.minus.bedgraph.gz"]))


@pytest.mark.parametrize(
    "blocks",
    [
        [make_sites("a", [3, 5]), make_sites("b", [3]), make_sites("a", [1])],
        [make_sites("a", [3, 5]), make_sites("a", [4]), make_sites("b", [3])],
        [make_sites("a", [3, 3]), make_sites("b", [3])],
    ],
    ids=["apart", "side by side", "one place twice"],
)
def test_names_that_come_twice_are_left_out_and_told(written, blocks):
    out = written("bedgraph,bigwig,tsv", blocks)
    told = [note for note in out.notes if note.startswith("'a' left out of bedGraph and bigWig: ")]
    assert len(told) == len(out.notes) == 1
    paths = {path.name: path for path in out.paths}
    assert rows(paths["sites.m6A.bedgraph.gz"]) == [("b", 3, 4, 0.5)]
    with pyBigWig.open(str(paths["sites.m6A.bw"])) as file:
        assert file.chroms() == {"a": 1 << 20, "b": 1 << 20}
        assert file.intervals("a") is None
    assert len(pd.read_csv(paths["sites.tsv"], sep="\t")) == sum(map(len, blocks))


def test_names_that_come_twice_are_known_from_the_sequences_too(written):
    lengths = [("a", 10), ("b", 10), ("a", 10)]
    out = written("bigwig", [make_sites(["a", "b"], [3, 3])], lengths)
    assert len(out.notes) == 1
    with pyBigWig.open(str(out.paths[0])) as file:
        assert file.chroms() == {"a": 10, "b": 10}
        assert file.intervals("a") is None


def test_names_that_differ_in_a_blank_stay_different(written):
    out = written("bigwig,bedgraph", [make_sites(["a b", "a_b"], [3, 3])])
    (path,) = (path for path in out.paths if path.suffix == ".bw")
    with pyBigWig.open(str(path)) as file:
        assert sorted(file.chroms()) == ["a%20b", "a_b"] == sorted([bed_name("a b"), "a_b"])
    assert out.notes == (
        "sequence names with characters that bigwig, bedgraph cannot hold: 1 "
        "('a b' is written as 'a%20b')",
    )


def test_a_sequence_without_a_letter_is_not_listed(written):
    (path,) = written("bigwig", [make_sites("a", [3])], {"a": 10, "empty": 0}).paths
    with pyBigWig.open(str(path)) as file:
        assert file.chroms() == {"a": 10}


def test_a_sequence_nobody_told_of_is_a_fault(written):
    with pytest.raises(ValueError, match="'b' has sites, but is not among"):
        written("bigwig", [make_sites("b", [1])], {"a": 10})


def test_names_of_files_tell_kind_and_strand():
    told = describe({})
    assert told.file_name(1, "bw") == "sites.Psi.bw"
    assert told.file_name(0, "bw", reverse=True) == "sites.m6A.minus.bw"
    assert told.file_name(0, "bedgraph.gz", reverse=False) == "sites.m6A.plus.bedgraph.gz"
