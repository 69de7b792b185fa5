"""Sites as BED9, as bedtools, tabix and pysam read it."""

import gzip
import re

import pysam
import pytest
from example_sites import KINDS, make_sites, random_sites
from hypothesis import given
from hypothesis import strategies as st

from vqrna.formats.description import rgb
from vqrna.formats.text import bed_name, read_bed_name


def rows(path) -> list[list[str]]:
    text = gzip.decompress(path.read_bytes()).decode()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def test_a_site_is_a_base_in_the_colour_of_its_kind(written):
    sites = make_sites(
        "chr1", [6, 9], modification_index=[0, 1], reverse=[False, True], score=[0.1236, 1.0]
    )
    bed, index = written("bed", [sites]).paths
    assert (bed.name, index.name) == ("sites.bed.gz", "sites.bed.gz.tbi")
    assert rows(bed) == [
        ["chr1", "6", "7", "m6A", "124", "+", "6", "7", "247,129,191"],
        ["chr1", "9", "10", "Psi", "1000", "-", "9", "10", "27,94,158"],
    ]
    assert rgb(KINDS[0].color) == "247,129,191"


def test_tabix_finds_the_sites_of_a_region(written, run):
    blocks = [random_sites(300, seed, f"chr{seed}") for seed in (1, 2, 3)]
    bed, _ = written("bed", blocks).paths
    assert run("tabix", "-l", bed).split() == ["chr1", "chr2", "chr3"]
    found = [line.split("\t") for line in run("tabix", bed, "chr1:101-200").splitlines()]
    assert found == [r for r in rows(bed) if r[0] == "chr1" and 100 <= int(r[1]) < 200]
    assert run("tabix", "-H", bed).startswith("# vqrna 1.2.3\n")
    run("tabix", "-f", "-p", "bed", bed)  # users may index it anew


def test_bedtools_reads_it(written, run, tmp_path):
    blocks = [random_sites(300, seed, f"chr{seed}") for seed in (1, 2)]
    bed, _ = written("bed", blocks).paths
    region = tmp_path / "region.bed"
    region.write_text("chr1\t100\t200\tx\t0\t-\n")
    want = [r for r in rows(bed) if r[0] == "chr1" and 100 <= int(r[1]) < 200 and r[5] == "-"]
    found = run("bedtools", "intersect", "-s", "-sorted", "-a", bed, "-b", region)
    assert [line.split("\t") for line in found.splitlines()] == want
    in_order = run("bedtools", "sort", "-i", bed)
    assert [line.split("\t")[:3] for line in in_order.splitlines()] == [r[:3] for r in rows(bed)]


@pytest.mark.parametrize("name", ["chr 1", "a\tb", '#"', "Ψ,é", "track", "Browser7", "chrom"])
def test_odd_names_are_made_safe(written, run, name):
    bed, _ = written("bed", [make_sites([name, "z"], [4, 4])]).paths
    assert [r[0] for r in rows(bed)] == [bed_name(name), "z"]
    shared = run("bedtools", "intersect", "-u", "-a", bed, "-b", bed, warns=True)
    assert [line.split("\t")[0] for line in shared.splitlines()] == [bed_name(name), "z"]
    assert run("tabix", "-l", bed).splitlines() == [bed_name(name), "z"]


@given(st.text(min_size=1))
def test_a_name_that_bed_cannot_hold_is_read_back(name):
    written = bed_name(name)
    assert not re.search(r'[\s#"]|\A(?i:track|browser|chrom\Z)', written)
    if written != name and not re.search(r"[\ud800-\udfff]", name):
        assert read_bed_name(written) == name


def test_names_are_told_safe():
    assert bed_name("chr1") == "chr1"
    assert bed_name("ENST0001.2|x:y") == "ENST0001.2|x:y"
    assert bed_name("a b\u00a0c") == "a%20b%C2%A0c"
    assert bed_name("trackside") == "%74rackside"
    assert bed_name("Chrom") == "%43hrom"
    for name in ("chromosome1", "backtrack1", "my_browser", "mychrom", "bracket", "a%b"):
        assert bed_name(name) == name
    assert bed_name("") == "."


def test_a_name_that_comes_twice_has_no_index_but_all_rows(written, tmp_path):
    written("bed", [make_sites("a", [1])])
    blocks = [make_sites(name, [5, 9]) for name in ("a", "b", "a")]
    out = written("bed,tsv", blocks)
    assert [path.name for path in out.paths] == ["sites.bed.gz", "sites.tsv"]
    assert out.notes == ("sites.bed.gz has no index: several sequences are named 'a'",)
    assert len(rows(out.paths[0])) == 6
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sites.bed.gz", "sites.tsv"]


def test_rows_that_go_back_have_no_index(written):
    out = written("bed", [make_sites("a", [5, 9]), make_sites("a", [2])])
    assert out.notes == (
        "sites.bed.gz has no index: the rows of 'a' are not sorted (is the name used twice?)",
    )


def test_positions_beyond_the_reach_of_tabix_get_the_newer_index(written, run, tmp_path):
    far = 1 << 29
    written("bed", [make_sites("a", [far - 1])], {"a": far})
    assert (tmp_path / "sites.bed.gz.tbi").exists()
    bed, index = written("bed", [make_sites("a", [5, far])], {"a": far + 1}).paths
    assert index.name == "sites.bed.gz.csi"
    assert not (tmp_path / "sites.bed.gz.tbi").exists()
    assert len(run("tabix", bed, f"a:{far + 1}-{far + 1}").splitlines()) == 1


def test_an_empty_scan_is_an_empty_file(written, run):
    bed, _ = written("bed", []).paths
    assert rows(bed) == []
    assert run("tabix", bed, "a:1-2") == ""
    with pysam.TabixFile(str(bed)) as file:
        assert file.contigs == []
        assert next(iter(file.header)) == "# vqrna 1.2.3"


def test_there_is_no_date_in_the_compressed_file(written):
    bed, _ = written("bed", [make_sites("a", [1])]).paths
    assert bed.read_bytes()[4:8] == bytes(4)
