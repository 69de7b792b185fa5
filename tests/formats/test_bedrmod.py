"""Sites as bedRMod, as the package of the format's authors reads and checks it."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest
from example_sites import FACTS, describe, make_sites, random_sites
from ruamel.yaml import YAML

from vqrna.formats.bedrmod import COLUMNS, COVERAGE, FREQUENCY, header
from vqrna.modifications import MODIFICATIONS

bedrmod = pytest.importorskip("bedRMod", reason="needs the bedRMod package (make setup)")
helper = pytest.importorskip("bedRMod.helper")

GIVEN = {"organism": "9606", "assembly": "GRCh38", "annotation": "GENCODE 47"}

REQUIRED = ("fileformat", "organism", "modification_type", "assembly")
REQUIRED += ("annotation_source", "annotation_version")
OPTIONAL = ("sequencing_platform", "basecalling", "bioinformatics_workflow", "experiment")
OPTIONAL += ("external_source",)


def all_kinds():
    count = len(MODIFICATIONS)
    return make_sites(
        "chr1",
        np.arange(count) * 3,
        modification_index=np.arange(count),
        score=np.linspace(0, 1, count).round(6),
        reverse=np.arange(count) % 2 == 1,
    )


def test_the_package_reads_it(written):
    sites = all_kinds()
    out = written("bedrmod", [sites], modifications=MODIFICATIONS, **GIVEN)
    (path,) = out.paths
    assert path.name == "sites.bedrmod"
    assert out.notes == ()
    told, data = bedrmod.read_bedRMod(path)
    assert told["fileformat"] == helper.EUF_VERSION == "bedRModv1.8"
    assert tuple(data.columns) == COLUMNS
    assert data.name.tolist() == [m.modomics for m in MODIFICATIONS]
    assert data.name[9] == "Y"
    assert data.score.tolist() == [round(1000 * x) for x in sites.score.tolist()]
    assert data.chromStart.tolist() == sites.position.tolist()
    assert (data.chromEnd == data.chromStart + 1).all()
    assert data.strand.tolist() == ["-" if x else "+" for x in sites.reverse]
    first = bedrmod.read_single_data_row(path, 0)
    assert first == ["chr1", "0", "1", "Am", "0", "+", "0", "1", "228,26,28", "0", "1"]


def test_the_packages_own_checks_pass(written, capsys):
    (path,) = written("bedrmod", [all_kinds()], modifications=MODIFICATIONS, **GIVEN).paths
    for row in bedrmod.read_data_to_df(path).itertuples(index=False, name=None):
        assert helper.check_value_range(row)
        assert helper.get_modification_color(row[3]) is not None  # a MODOMICS short name
    assert capsys.readouterr().out == ""


def test_every_row_is_what_the_specification_asks_for(written):
    (path,) = written("bedrmod", [random_sites(200)], **GIVEN).paths
    lines = path.read_text().splitlines()
    for line in lines[lines.index("#" + "\t".join(COLUMNS)) + 1 :]:
        chrom, start, end, name, score, strand, thick, thin, color, coverage, share = line.split(
            "\t"
        )
        assert re.fullmatch(r"\w{1,255}", chrom)
        assert re.fullmatch(r"\w{1,255}", name)
        assert int(end) == int(start) + 1
        assert (thick, thin) == (start, end)
        assert 0 <= int(score) <= 1000
        assert strand in {"+", "-"}
        assert all(0 <= int(part) <= 255 for part in color.split(","))
        assert (int(coverage), int(share)) == (COVERAGE, FREQUENCY) == (0, 1)


def test_the_package_writes_the_same_rows(written, tmp_path, capsys):
    sites = random_sites(60, name="1")  # it takes letters off the names of chromosomes
    (path,) = written("bedrmod", [sites], **GIVEN).paths
    YAML().dump({"options": bedrmod.read_header(path)}, tmp_path / "config.yaml")
    table = pd.DataFrame(
        {
            "ref": "1",
            "pos": sites.position,
            "name": np.array(["m6A", "Y", "m5C"])[sites.modification_index],
            "score": (1000 * sites.score).round().astype(int),
            "strand": np.where(sites.reverse, "-", "+"),
        }
    )
    theirs = tmp_path / "theirs.bedrmod"
    words = {"ref_seg": "ref", "modi": "name", "modi_column": True, "score": "score"}
    words |= {"strand": "strand", "coverage": COVERAGE, "frequency": FREQUENCY}
    bedrmod.df2bedRMod(table, str(tmp_path / "config.yaml"), str(theirs), **words)
    assert "Done!" in capsys.readouterr().out
    assert bedrmod.read_header(theirs) == bedrmod.read_header(path)
    mine, other = (bedrmod.read_data_to_df(p).drop(columns="itemRgb") for p in (path, theirs))
    pd.testing.assert_frame_equal(mine.astype({"chrom": str}), other.astype({"chrom": str}))


def test_the_header_says_where_the_sites_come_from(written):
    (path,) = written("bedrmod", [make_sites("a", [0])], **GIVEN).paths
    told = bedrmod.read_header(path)
    assert set(REQUIRED + OPTIONAL) <= set(told)
    assert all(told[field] for field in REQUIRED)
    assert told["organism"] == "9606"
    assert told["modification_type"] == "RNA"
    assert (told["assembly"], told["annotation_source"]) == ("GRCh38", "GENCODE")
    assert told["annotation_version"] == "47"
    assert "no stoichiometry" in told["conversion_information"]
    assert told["vqrna_command"] == FACTS["command"].replace("=", ":")
    assert told["vqrna_model"] == "abc"


def test_functions_are_told_as_the_package_tells_them(written):
    (path,) = written("bedrmod", [make_sites("a", [0])], **GIVEN).paths
    workflow = bedrmod.read_header(path)["bioinformatics_workflow"]
    assert dict(part.split(":") for part in workflow.split(";")) == {
        "workflow": "vqrna 1.2.3",
        "score_function": "round(1000*score)",
        "coverage_function": "0",
        "frequency_function": "1",
    }


def test_what_was_not_given_is_told(written):
    given: dict[str, str] = {}
    for name, value, missing in [
        ("", "", "--organism, --assembly and --annotation"),
        ("assembly", "GRCh38", "--organism and --annotation"),
        ("organism", "9606", "--annotation"),
    ]:
        out = written("bedrmod", [make_sites("a", [0])], **given | ({name: value} if name else {}))
        given |= {name: value} if name else {}
        assert out.notes == (f"the header of sites.bedrmod is incomplete: add {missing}",)
    out = written("bedrmod", [make_sites("a", [0])])
    told = bedrmod.read_header(out.paths[0])
    assert told["organism"] == "32644"
    assert all(told[field] for field in REQUIRED)


def test_an_annotation_without_a_version():
    text = header(dataclasses.replace(describe({}), annotation="RefSeq"))
    assert "#annotation_source=RefSeq\n#annotation_version=unknown\n" in text


@pytest.mark.parametrize("value", ["a=b=c", "two\nlines", "tab\there"])
def test_no_value_breaks_the_header(written, value):
    facts = {"vqrna": "1", "odd": value}
    (path,) = written("bedrmod", [make_sites("a", [0])], facts=facts, assembly=value).paths
    told, data = bedrmod.read_bedRMod(path)
    assert told["vqrna_odd"] == told["assembly"]
    assert len(data) == 1


def test_odd_names_do_not_break_the_reader(written):
    names = ["a#b", '"q', "x y", "Ψ"]
    (path,) = written("bedrmod", [make_sites(names, [1, 2, 3, 4])], **GIVEN).paths
    data = bedrmod.read_data_to_df(path)
    assert data.chrom.tolist() == ["a%23b", "%22q", "x%20y", "Ψ"]
    assert data.chromStart.tolist() == [1, 2, 3, 4]


def test_an_empty_scan_is_a_header(written):
    (path,) = written("bedrmod", [], **GIVEN).paths
    told, data = bedrmod.read_bedRMod(path)
    assert told["assembly"] == "GRCh38"
    assert len(data) == 0


def test_bedtools_reads_it(written, run):
    (path,) = written("bedrmod", [random_sites(50)], **GIVEN).paths
    assert len(run("bedtools", "intersect", "-u", "-a", path, "-b", path).splitlines()) == 50
