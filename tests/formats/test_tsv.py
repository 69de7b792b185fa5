"""Sites as tab-separated text."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from example_sites import KINDS, make_sites, random_sites
from hypothesis import given
from hypothesis import strategies as st

from vqrna.errors import DataError
from vqrna.formats.text import decimals
from vqrna.formats.tsv import column_line, lines
from vqrna.sites import COLUMNS, DECIMALS, flag_names, round_significant


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(
        io.StringIO(text), sep="\t", keep_default_na=False, dtype={"sequence": object}
    )


def test_the_columns_are_named():
    assert column_line() == (
        "sequence\tposition\tstrand\tbase\tmodification\tscore\tprobability\tp_value\tq_value"
        "\tcall\twarnings\n"
    )
    assert column_line(["transcript", "lowest_score"]).endswith(
        "\twarnings\ttranscript\tlowest_score\n"
    )


def test_a_site_is_a_line():
    sites = make_sites(
        "chr1",
        [6, 999_999],
        score=[0.123457, 1.0],
        probability=[1.235e-7, 1.0],
        p_value=[0.5, 3.1e-12],
        reverse=[False, True],
        base=[0, 4],
        modification_index=[0, 1],
        tier=[1, 3],
        flags=[0b1010, 0],
    )
    assert lines(sites, KINDS) == (
        "chr1\t7\t+\tA\tm6A\t0.123457\t1.235e-07\t0.5\t0.001\tlow\tend,ambiguous\n"
        "chr1\t1000000\t-\tN\tPsi\t1.000000\t1\t3.1e-12\t0.001\thigh\t.\n"
    )


def test_no_cell_is_ever_empty():
    sites = make_sites("", [6], tier=0, q_value=np.nan, extra={"a": np.array([None])})
    assert lines(sites, KINDS) == ".\t7\t+\tA\tm6A\t0.500000\t0.25\t1e-05\tnan\t.\t.\t.\n"


def test_no_site_is_no_line():
    assert lines(make_sites("a", []), KINDS) == ""


def test_further_columns_are_written_by_what_they_hold():
    extra = {
        "transcript": np.array(["ENST1.2", "a\tb"], dtype=object),
        "lowest_score": np.array([0.25, np.nan]),
        "share": np.array([0.123456, 0.0]),
        "transcripts": np.array([3, 12]),
        "spliced": np.array([True, False]),
    }
    text = lines(make_sites("a", [0, 1], extra=extra), KINDS)
    assert [line.split("\t")[11:] for line in text.splitlines()] == [
        ["ENST1.2", "0.250000", "0.1235", "3", "true"],
        ["a%09b", "nan", "0", "12", "false"],
    ]


fractions = st.one_of(
    st.just(np.nan), st.just(0.0), st.just(1.0), st.floats(1e-300, 1.0), st.floats(1e-9, 1e-3)
)
anything = st.text(min_size=1)


@given(
    st.lists(st.tuples(anything, st.integers(0, 1 << 40), fractions, fractions), min_size=1),
    st.randoms(use_true_random=False),
)
def test_what_is_read_back_is_what_was_there(rows, chance):
    names, positions, scores, shares = zip(*rows, strict=True)
    count = len(rows)
    sites = make_sites(
        names,
        positions,
        score=np.round(scores, 6),
        p_value=round_significant(np.array(shares)),
        reverse=[chance.random() < 0.5 for _ in rows],
        modification_index=[chance.randrange(3) for _ in rows],
        flags=[chance.randrange(16) for _ in rows],
        tier=[chance.randrange(5) for _ in rows],
    )
    text = column_line() + lines(sites, KINDS)
    found = read(text)
    kept = [name if name.isprintable() else None for name in names]
    for read_names in (
        found["sequence"].tolist(),
        [row["sequence"] for row in csv.DictReader(io.StringIO(text, ""), delimiter="\t")],
    ):
        assert [a if b else None for a, b in zip(read_names, kept, strict=True)] == kept
    assert len(found) == count
    assert tuple(found.columns) == COLUMNS
    assert found.position.tolist() == [p + 1 for p in positions]
    np.testing.assert_array_equal(found.score.astype(float), sites.score)
    np.testing.assert_allclose(found.p_value.astype(float), sites.p_value, rtol=1e-12)
    table = sites.table(KINDS)
    for column in ("strand", "base", "modification"):
        assert found[column].tolist() == table[column].tolist()
    assert found["warnings"].replace(".", "").tolist() == flag_names(sites.flags).tolist()
    assert found["call"].replace(".", "").tolist() == table["call"].tolist()


def test_numbers_are_written_as_python_writes_them():
    sites = random_sites(2000)
    for line, site in zip(
        lines(sites, KINDS).splitlines(), sites.table(KINDS).to_dict("records"), strict=True
    ):
        cells = line.split("\t")
        assert cells[5] == f"{site['score']:.6f}"
        assert cells[6:9] == [f"{site[c]:.4g}" for c in ("probability", "p_value", "q_value")]


@pytest.mark.parametrize(
    ("name", "written_as"),
    [
        ("chr 1", "chr 1"),
        ("a#b", "a#b"),
        ("#a", "#a"),
        ("5'-x", "5'-x"),
        ("Ψ,é", "Ψ,é"),
        ("a%20b", "a%20b"),
        ('a"b', '"a""b"'),
        ("a\tb\nc", "a%09b%0Ac"),
        ("5%\t", "5%25%09"),
        ("\udc80", "%ED%B2%80"),
    ],
)
def test_names_are_kept_unless_they_would_break_a_line(name, written_as):
    assert lines(make_sites(name, [0]), KINDS).split("\t")[0] == written_as


def test_names_that_differ_in_one_character_stay_different(written):
    names = ["a#b", 'a"b', "a_b", "#a", '"a']
    out = written("tsv", [make_sites(names, range(5))])
    assert pd.read_csv(out.paths[0], sep="\t")["sequence"].tolist() == names
    assert out.notes == ()


def test_r_reads_the_same_names_with_its_defaults(written, run):
    names = ["a#b", 'a"b', "a'b", "a_b", "#a", '"a', "NAME"]
    (path,) = written("tsv", [make_sites(names, range(len(names)))]).paths
    code = "t <- read.delim(commandArgs(TRUE)); cat(names(t), t$sequence, t$position, sep='\\n')"
    printed = run("Rscript", "-e", code, path).splitlines()
    columns = column_line().split()
    assert printed == [*columns, *names, *(str(i + 1) for i in range(len(names)))]


def test_an_escaped_name_is_reported(written):
    out = written("tsv,bed", [make_sites(["a\x01", "b c", "d", "b c"], [1, 1, 1, 2])])
    assert out.notes[-2:] == (
        "sequence names with characters that tsv cannot hold: 1 ('a\x01' is written as 'a%01')",
        "sequence names with characters that bed cannot hold: 2 ('a\x01' is written as 'a%01')",
    )


def test_two_names_that_would_be_written_alike_are_refused(written, tmp_path):
    with pytest.raises(DataError, match=r"'b c' and 'b%20c' would have the same name in bed"):
        written("tsv,bed", [make_sites(["b c"], [1])], {"b%20c": 9, "b c": 9})
    assert list(tmp_path.iterdir()) == []


def test_a_site_called_by_the_threshold_alone_says_so(written):
    (path,) = written("tsv", [make_sites("a", [1], tier=4)]).paths
    assert pd.read_csv(path, sep="\t")["call"].tolist() == ["threshold"]


def test_the_file_begins_with_the_names_of_the_columns(written):
    out = written("tsv", [make_sites("chr1", [6])])
    (path,) = out.paths
    assert path.name == "sites.tsv"
    assert path.read_text().splitlines()[0] == column_line().rstrip()
    assert pd.read_csv(path, sep="\t").position.tolist() == [7]


def test_an_empty_scan_has_a_header_with_the_columns_there_would_be(written):
    nothing = make_sites("a", [], extra={"transcript": np.array([], dtype=object)})
    (path,) = written("tsv", [nothing]).paths
    assert path.read_text().splitlines()[-1] == column_line(["transcript"]).rstrip()
    (path,) = written("tsv", []).paths
    assert path.read_text().splitlines()[-1] == column_line().rstrip()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_decimals_are_those_of_python(values):
    written = decimals(np.array(values)).to_pylist()
    for value, text in zip(values, written, strict=True):
        assert abs(float(text) - value) <= 0.5000001e-6
        assert len(text.partition(".")[2]) == DECIMALS


def test_decimals_have_the_sign_of_the_number():
    values = np.array([-0.5, 0.5, np.nan, -12.25, -1e-9, -0.0])
    assert decimals(values).to_pylist() == [
        "-0.500000", "0.500000", "nan", "-12.250000", "0.000000", "0.000000",
    ]  # fmt: skip
