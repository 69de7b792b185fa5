"""Files of known sites of other tools: bedMethyl, bedRMod, BED; and names that differ."""

import pytest

from vqrna.data.names import NameRule, matching_rule
from vqrna.errors import DataError
from vqrna.evaluation.known_sites import read_known
from vqrna.modifications import MODIFICATIONS, modification

NAMES = [
    "chrom", "chromStart", "chromEnd", "name", "score", "strand", "thickStart", "thickEnd", "color",
    "valid_coverage", "percent_modified", *"abcdefg",
]  # fmt: skip

CALLS = [("a", 10, "75.00"), ("a", 12, "0.00"), ("17802", 15, "20.5"), ("17596", 10, "50.00"),
         ("m,CG,0", 20, "5"), ("19227", 22, "100.0"), ("h", 20, "3.00")]  # fmt: skip

EXPECTED = {("m6A", 10), ("Psi", 15), ("m5C", 20), ("Um", 22)}


def methyl(code, start, percent):
    head = ["tx", start, start + 1, code, 30, "+", start, start + 1, "255,0,0"]
    return [str(x) for x in [*head, 30, percent, 1, 2, 0, 0, 0, 0, 0]]


def write(tmp_path, rows, separator="\t"):
    path = tmp_path / "known.bed"
    path.write_text("".join(separator.join(map(str, row)) + "\n" for row in rows))
    return path


def sites(known):
    types = [MODIFICATIONS[i].symbol for i in known.modification_index]
    return set(zip(types, known.position.tolist(), strict=True))


ROWS = [methyl(*call) for call in CALLS]
FORMS = {
    "plain": (ROWS, "\t"),
    "blanks": (ROWS, " "),
    "mixed, as old modkit": ([[*row[:9], " ".join(row[9:])] for row in ROWS], "\t"),
    "names": ([NAMES, *ROWS], "\t"),
    "# names": ([["#" + NAMES[0], *NAMES[1:]], *ROWS], "\t"),
    "ENCODE": ([row[:11] for row in ROWS], "\t"),
    "bedRMod": ([["#fileformat=bedRModv1.8"], *([*row[:11], "more"] for row in ROWS)], "\t"),
}


@pytest.mark.parametrize("form", FORMS)
def test_bedmethyl_is_recognised(tmp_path, form):
    rows, separator = FORMS[form]
    known = read_known(write(tmp_path, rows, separator), MODIFICATIONS)
    assert sites(known) == EXPECTED
    assert known.unknown == {"17596": 1, "h": 1}
    assert known.unmodified == 1


def test_a_position_without_reads_is_not_a_site(tmp_path):
    rows = [methyl("a", 5, "nan"), *ROWS]
    known = read_known(write(tmp_path, rows), MODIFICATIONS)
    assert sites(known) == EXPECTED
    assert known.unmodified == 2


@pytest.mark.parametrize("percent", ["0.00", "nan", "80"])
def test_bedmethyl_behind_bed_is_not_taken_for_bed(tmp_path, percent):
    rows = [["tx", 1, 2, "m6A", 0, "+"], ["tx", 3, 4, "m6A"], methyl("a", 5, percent)]
    path = write(tmp_path, rows)
    known = read_known(path, MODIFICATIONS)
    assert sites(known) == {("m6A", 1), ("m6A", 3)}
    assert [(x.reason, x.first_line) for x in known.malformed] == [
        ("format unlike the first site", 3)
    ]
    with pytest.raises(DataError, match="line 3: has a percentage of modified reads, unlike"):
        read_known(path, MODIFICATIONS, strict=True)


def test_min_percent_is_the_lowest_percentage(tmp_path):
    path = write(tmp_path, ROWS)
    known = read_known(path, MODIFICATIONS, min_percent=20.5)
    assert sites(known) == {("m6A", 10), ("Psi", 15), ("Um", 22)}
    assert known.unmodified == 3
    assert sites(read_known(path, MODIFICATIONS, min_percent=0)) == EXPECTED
    with pytest.raises(DataError, match="too few reads are modified in its only line"):
        read_known(write(tmp_path, ROWS[1:2]), MODIFICATIONS)
    with pytest.raises(DataError, match=r"line 2: .*: invalid percentage '101' in column 11"):
        read_known(write(tmp_path, [NAMES, methyl("a", 1, "101")]), MODIFICATIONS)
    with pytest.raises(DataError, match="--min-percent cannot be used"):
        read_known(write(tmp_path, [["tx", 1, 2, "m6A", 0, "+"]]), MODIFICATIONS, min_percent=1)


def test_one_type_of_bedmethyl_leaves_the_others_out(tmp_path):
    known = read_known(write(tmp_path, ROWS), MODIFICATIONS, modification("m6A"))
    assert sites(known) == {("m6A", 10)}


def test_bed_may_have_codes_or_three_columns(tmp_path):
    rows = [["tx", 1, 2, "a", 0, "+"], ["tx", 3, 4, "17802", 0, "+"], ["tx", 5, 6, "17596", 0, "+"]]
    assert sites(read_known(write(tmp_path, rows), MODIFICATIONS)) == {("m6A", 1), ("Psi", 3)}
    short = write(tmp_path, [["tx", 1, 2], ["tx", 8, 9]])
    assert sites(read_known(short, MODIFICATIONS, modification("m6A"))) == {("m6A", 1), ("m6A", 8)}


def test_numbered_sites_of_bed_are_not_codes(tmp_path):
    rows = [["tx", n, n + 1, n, 0, "+"] for n in (17801, 17802, 17803)]
    known = read_known(write(tmp_path, rows), MODIFICATIONS, modification("m6A"))
    assert sites(known) == {("m6A", 17801), ("m6A", 17802), ("m6A", 17803)}


NAMED = {
    "any order": ("strand modType end score chr start", "+ m6A 8 0 tx 7", "- Psi 4 0 tx 3"),
    "more columns": ("#chrom start stop id strand name", "tx 7 8 x + a", "tx 3 4 y - Y"),
    "RMBase": (
        "#chromosome modStart modEnd modId score strand modName modType",
        "tx 7 8 s_1 0 + m6A_1 m6A", "tx 3 4 s_2 0 - Psi_1 Y",
    ),
    "R, 1-based": (
        "seqnames start end width strand mod", "tx 8 8 1 + m6A", "tx 4 4 1 - Psi", "tx 5 6 1 + m6A",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", NAMED)
def test_columns_are_located_by_their_names(tmp_path, form):
    rows = [line.split() for line in NAMED[form]]
    known = read_known(write(tmp_path, rows), MODIFICATIONS)
    assert sites(known) == {("m6A", 7), ("Psi", 3)}
    assert known.reverse.tolist() == [False, True]
    assert [x.first_line for x in known.skipped] == ([4] if form == "R, 1-based" else [])


def test_named_columns_without_a_modification_or_with_a_percentage(tmp_path):
    plain = write(tmp_path, [["chr", "start", "end", "gene", "strand"], ["tx", 7, 8, "a", "-"]])
    with pytest.raises(DataError, match=r"no column with the modifications.*--modification"):
        read_known(plain, MODIFICATIONS)
    known = read_known(plain, MODIFICATIONS, modification("m6A"))
    assert sites(known) == {("m6A", 7)}
    assert known.reverse.tolist() == [True]
    names = ["percent_modified", "end", "start", "chrom", "name"]
    rows = [names, ["0", 8, 7, "tx", "a"], ["x", 9, 8, "tx", "a"], ["50.5", 10, 9, "tx", "a"]]
    known = read_known(write(tmp_path, rows), MODIFICATIONS)
    assert sites(known) == {("m6A", 9)}
    assert [(x.reason, x.first_line) for x in known.skipped] == [
        ("too few modified reads", 2),
        ("invalid percentage", 3),
    ]


def test_the_layout_is_that_of_the_first_valid_line(tmp_path):
    rows = [["seq", "position", "kind"], ["tx", "7.5", "8", "m6A", "0", "+"], *ROWS]
    known = read_known(write(tmp_path, rows), MODIFICATIONS)
    assert sites(known) == EXPECTED
    assert known.malformed[0].count == 2


def test_a_byte_order_mark_is_not_part_of_a_name(tmp_path):
    path = write(tmp_path, [["tx", 7, 8, "m6A", 0, "+"]])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_known(path, MODIFICATIONS).names == ("tx",)


@pytest.mark.parametrize(
    ("rule", "name", "key"),
    [
        (NameRule(), "ENST1.4|g", "ENST1.4|g"),
        (NameRule("|"), "ENST1.4|g|h", "ENST1.4"),
        (NameRule("|"), "|g", "|g"),
        (NameRule("|", ignore_version=True), "ENST1.4|g", "ENST1"),
        (NameRule(ignore_version=True), "ENST1.5_PAR_Y", "ENST1_PAR_Y"),
        (NameRule(ignore_version=True), "chr1.a", "chr1.a"),
    ],
)
def test_names_are_cut(rule, name, key):
    assert rule.key(name) == key


def test_the_simplest_rule_with_a_common_name_is_proposed():
    assert matching_rule(["E1.4|g"], ["E1.4"]).options() == "--name-until '|'"
    assert matching_rule(["E1.4"], ["E1"]).options() == "--ignore-version"
    assert matching_rule(["E1.4|g"], ["E1.5"]).options() == "--name-until '|' --ignore-version"
    assert matching_rule(["E1"], ["E2"]) is None


def test_fractions_in_place_of_percentages_are_named(tmp_path):
    path = write(tmp_path, [methyl("a", 5, "0.9"), methyl("a", 7, "0.5")])
    with pytest.raises(DataError, match="in all 2 lines; the percentages are at most 1: are they"):
        read_known(path, MODIFICATIONS, min_percent=50)


def test_the_unknown_code_is_named(tmp_path):
    path = write(tmp_path, [["tx", 5, 6, "21891"], ["tx", 7, 8, "999"]])
    with pytest.raises(DataError, match="unknown modifications in column 4, such as '999'"):
        read_known(path, MODIFICATIONS)
