"""Agreement of a small scan with known sites: every number by hand, whatever the format."""

import gzip
import json
import math
import os
import re

import numpy as np
import pandas as pd
import pytest

from small_scan import CALLED, KNOWN, SCANNED, UNCALLED, as_earlier, write_scan
from vqrna.errors import DataError, UsageError
from vqrna.evaluation import compare, predicted_sites
from vqrna.evaluation.agreement import COLUMNS
from vqrna.evaluation.known_sites import read_known
from vqrna.modifications import MODIFICATIONS

HEADER = "sequence\tposition\tstrand\tmodification\tcall\n"
FILES = ("sites.tsv", "sites.parquet", "sites.bed.gz", "sites.bedrmod")


def row(agreement, modification: str, tier: str) -> dict:
    table = agreement.table
    (only,) = table[(table.modification == modification) & (table.tier == tier)].to_dict("records")
    return only


def counts(agreement) -> dict[tuple[str, str], tuple[int, int, int]]:
    rows = agreement.table.to_dict("records")
    return {(r["modification"], r["tier"]): (r["called"], r["known"], r["found"]) for r in rows}


def test_counts_by_hand(scan, known):
    assert counts(compare(scan / "sites.tsv", known)) == {
        # of chr1 10 +, 30 +, 40 -, 41 +, 20 - and chr2 11 + the first three are called
        ("m6A", "low"): (5, 6, 3),
        ("m6A", "medium"): (4, 6, 2),
        ("m6A", "high"): (2, 6, 2),
        ("Psi", "low"): (2, 1, 1),
        ("Psi", "medium"): (1, 1, 1),
        ("Psi", "high"): (0, 1, 0),
    }


def test_measures_by_hand(scan, known):
    agreement = compare(scan / "sites.tsv", known)
    low = row(agreement, "m6A", "low")
    assert low["precision"] == 3 / 5
    assert low["recall"] == 3 / 6
    # Wilson: (0.6 + 1.9208 / 5 -+ 1.96 sqrt(0.24 / 5 + 0.9604 / 25)) / (1 + 3.8415 / 5)
    assert low["precision_low"] == pytest.approx(0.2307, abs=1e-4)
    assert low["precision_high"] == pytest.approx(0.8824, abs=1e-4)
    assert (low["recall_low"], low["recall_high"]) == pytest.approx((0.1876, 0.8124), abs=1e-4)
    # 3 of 5 called ones are known, and 6 of 100 candidates
    assert low["candidates"] == 100
    assert low["enrichment"] == pytest.approx(0.6 / 0.06)
    assert low["enrichment_low"] == pytest.approx(0.2307 / 0.06, rel=1e-3)
    assert low["enrichment_high"] == pytest.approx(0.8824 / 0.06, rel=1e-3)
    drawn = [math.comb(6, k) * math.comb(94, 5 - k) / math.comb(100, 5) for k in (3, 4, 5)]
    assert low["p_value"] == pytest.approx(sum(drawn))
    high = row(agreement, "Psi", "high")
    assert math.isnan(high["precision"])
    assert math.isnan(high["enrichment"])
    assert high["recall"] == 0
    assert high["p_value"] == 1


def test_a_tolerance(scan, known):
    agreement = compare(scan / "sites.tsv", known, within=1)
    assert counts(agreement)["m6A", "low"] == (5, 6, 4)  # chr2 11 is called at 10
    assert counts(agreement)["m6A", "high"] == (2, 6, 2)  # 40 - and 41 + are no neighbours
    low = row(agreement, "m6A", "low")
    # up to 18 of 100 candidates lie at a known site or beside one
    assert low["enrichment"] == pytest.approx((4 / 5) / 0.18)
    drawn = [math.comb(18, k) * math.comb(82, 5 - k) / math.comb(100, 5) for k in (4, 5)]
    assert low["p_value"] == pytest.approx(sum(drawn))
    assert counts(compare(scan / "sites.tsv", known, within=0)) == counts(
        compare(scan / "sites.tsv", known)
    )


def test_a_known_site_is_matched_once_and_so_is_a_called_one(tmp_path):
    def called(*positions):
        return [("chr1", at, False, 0, 2) for at in positions]

    known = tmp_path / "known.bed"
    known.write_text("".join(f"chr1\t{at}\t{at + 1}\tm6A\t0\t+\n" for at in (10, 20, 21, 30)))
    for number, (positions, expected) in enumerate(
        [((9, 11), 1), ((20,), 1), ((20, 21), 2), ((19, 20), 2), ((8, 32, 23), 0), ((22,), 1)]
    ):
        scan = write_scan(tmp_path / str(number), called(*positions))
        low = row(compare(scan / "sites.tsv", known, within=1), "m6A", "low")
        assert (low["called"], low["found"]) == (len(positions), expected)


@pytest.mark.parametrize("within", [0, 1])
def test_all_formats_agree(scan, known, within):
    expected = compare(scan / "sites.tsv", known, within=within)
    parquet = compare(scan / "sites.parquet", known, within=within)
    pd.testing.assert_frame_equal(parquet.table, expected.table)
    assert parquet.notes == expected.notes == ()
    lowest = expected.table[expected.table.tier == "low"].reset_index(drop=True)
    for file in ("sites.bed.gz", "sites.bedrmod"):  # which do not tell the tiers
        other = compare(scan / file, known, within=within)
        pd.testing.assert_frame_equal(other.table, lowest)
        assert other.facts["called"] == "confidence low or higher"


@pytest.mark.parametrize("file", FILES)
def test_the_head_of_each_format_tells_what_is_needed(scan, known, file):
    (scan / "scanned.bed").unlink()
    agreement = compare(scan / file, known)
    assert row(agreement, "m6A", "low")["enrichment"] == pytest.approx(10)
    assert agreement.facts["model"] == "beef"
    assert [note[:24] for note in agreement.notes] == ["no scanned.bed beside si"]


def test_blocks_make_no_difference(scan, known, monkeypatch):
    expected = compare(scan / "sites.tsv", known).table
    monkeypatch.setattr(predicted_sites, "ROWS", 2)
    for file in ("sites.tsv", "sites.parquet"):
        pd.testing.assert_frame_equal(compare(scan / file, known).table, expected)


@pytest.mark.parametrize("within", [0, 3])
def test_the_order_of_sites_makes_no_difference(tmp_path, known, within):
    one = write_scan(tmp_path / "one")
    other = write_scan(tmp_path / "other", CALLED[::-1])
    lines = known.read_text().splitlines(keepends=True)
    (tmp_path / "back.bed").write_text("".join(lines[::-1]))
    pd.testing.assert_frame_equal(
        compare(one / "sites.tsv", known, within=within).table,
        compare(other / "sites.tsv", tmp_path / "back.bed", within=within).table,
    )


def test_known_sites_of_all_kinds_of_files(scan, known, tmp_path):
    expected = compare(scan / "sites.tsv", known).table
    (tmp_path / "known.bed.gz").write_bytes(gzip.compress(known.read_bytes()))
    pd.testing.assert_frame_equal(
        compare(scan / "sites.tsv", tmp_path / "known.bed.gz").table, expected
    )
    body = KNOWN.partition("\n")[2].replace("N6-methyladenosine", "m6A")
    more = "".join(
        "\t".join([*line.split("\t"), *line.split("\t")[1:3], "0,0,0", "12", "50"]) + "\n"
        for line in body.splitlines()
    )
    (tmp_path / "known.bedrmod").write_text(f"#fileformat=bedRModv1.8\n#organism=9606\n{more}")
    agreement = compare(scan / "sites.tsv", tmp_path / "known.bedrmod")
    pd.testing.assert_frame_equal(agreement.table, expected)
    assert agreement.notes == ()


def test_our_own_bedrmod_as_known_sites(scan):
    agreement = compare(scan / "sites.tsv", scan / "sites.bedrmod")
    low = row(agreement, "m6A", "low")
    assert (low["called"], low["known"], low["found"]) == (5, 5, 5)
    assert (low["precision"], low["recall"]) == (1, 1)


def test_names_that_are_no_types_want_a_modification(scan, tmp_path):
    for number, body in enumerate(
        ("chr1\t10\t11\nchr1\t20\t21\n", "chr1\t10\t11\t8\t0\t+\nchr1\t20\t21\tpeak\t0\t.\n")
    ):
        path = tmp_path / f"{number}.bed"
        path.write_text(body)
        with pytest.raises(DataError, match="--modification"):
            compare(scan / "sites.tsv", path)
        agreement = compare(scan / "sites.tsv", path, modification="m6A")
        assert counts(agreement)["m6A", "low"] == (5, 2, 2)
        assert "strand" in agreement.notes[0]
        assert agreement.facts["modification"] == "m6A"


def test_a_modification_leaves_other_types_out(scan, known):
    agreement = compare(scan / "sites.tsv", known, modification="pseudouridine")
    assert set(agreement.table.modification) == {"Psi"}
    (note,) = agreement.notes
    assert note.startswith("known.bed: skipped lines with an unknown or other modification: 6 (")


def test_odd_lines_are_told(scan, known):
    known.write_text(KNOWN + "chr1\t10\t11\tm6A\t5\t+\nchr1\t50\t51\townC\t0\t+\n")
    agreement = compare(scan / "sites.tsv", known)
    assert counts(agreement)["m6A", "low"] == (5, 6, 3)
    assert agreement.notes == (
        "known.bed: skipped lines with an unknown or other modification: 1 (ownC 1) "
        f"(first: line {KNOWN.count(chr(10)) + 2})",
        "known.bed: repeated lines, counted once: 1",
    )


ODD = (
    "chr1\t10\n"
    "chr1\t11\t13\tm6A\t0\t+\n"
    "chr1\t12\t12\tm6A\t0\t+\n"
    "chr1\t+5\t6\tm6A\t0\t+\n"
    "chr1\t14\t15\tm6A\t0\t?\n"
    "chr1\t50\t51\tinosine\t0\t+\n"
)
SKIPPED = {
    "too few columns": (1, 1),
    "not one nt wide": (2, 2),
    "invalid start or end": (1, 4),
    "invalid strand": (1, 5),
    "modification inosine is unknown or not compared": (1, 6),
}


def test_lines_that_cannot_be_used_are_skipped_and_counted(scan, known):
    expected = compare(scan / "sites.tsv", known)
    known.write_text(ODD + KNOWN)
    agreement = compare(scan / "sites.tsv", known)
    pd.testing.assert_frame_equal(agreement.table, expected.table)
    assert {x.reason: (x.count, x.first_line) for x in agreement.skipped} == SKIPPED
    assert {x.file for x in agreement.skipped} == {str(known)}
    assert "known.bed: skipped 2: not one nt wide (first: line 2)" in agreement.notes


@pytest.mark.parametrize("line", range(6))
def test_strict_makes_each_of_them_an_error(scan, known, line):
    known.write_text(KNOWN + ODD.splitlines(keepends=True)[line])
    number = KNOWN.count("\n") + 1
    with pytest.raises(DataError, match=f"known.bed, line {number}: "):
        compare(scan / "sites.tsv", known, strict=True)


def test_a_record_with_thousands_of_types_is_refused_at_once(scan, known):
    path = scan / "run.json"
    record = json.loads(path.read_text())
    record["calls"] = {f"x{n}": {"candidates": 5} for n in range(10_000)}
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"sites.tsv: lists 10,000 modifications"):
        compare(scan / "sites.tsv", known)


def test_scanned_regions_that_cannot_be_used_are_skipped(scan, known, tmp_path):
    path = tmp_path / "regions.bed"
    path.write_text("chr1\t7\t7\n" + (scan / "scanned.bed").read_text())
    agreement = compare(scan / "sites.tsv", known, scanned=path)
    pd.testing.assert_frame_equal(agreement.table, compare(scan / "sites.tsv", known).table)
    assert [(x.reason, x.first_line) for x in agreement.skipped] == [("zero length", 1)]
    with pytest.raises(DataError, match=r"regions.bed, line 1: invalid interval 7 to 7"):
        compare(scan / "sites.tsv", known, scanned=path, strict=True)


def test_known_sites_that_were_not_scanned_do_not_count(tmp_path, known):
    scanned = "chr1\t5\t41\t.\t0\t+\nchr1\t35\t41\t.\t0\t-\n"
    scan = write_scan(tmp_path / "scan", scanned=scanned)
    agreement = compare(scan / "sites.tsv", known)
    # 41 + lies just behind the end; 20 - and 12 - on a strand that begins at 35; chr2 is not there
    assert counts(agreement) == {
        ("m6A", "low"): (5, 3, 3),
        ("m6A", "medium"): (4, 3, 2),
        ("m6A", "high"): (2, 3, 2),
    }
    assert agreement.notes == (
        "known.bed: skipped 1: end beyond the sequence (first: line 5)",
        "3 of 6 known sites were not scanned: skipped",
    )
    assert [(x.reason, x.count) for x in agreement.skipped] == [
        ("end beyond the sequence", 1),
        ("not scanned", 3),
    ]
    with pytest.raises(DataError, match=r"known.bed, line 5: the site is beyond the end"):
        compare(scan / "sites.tsv", known, strict=True)
    two = tmp_path / "two.bed"
    two.write_text("chr1\t10\t11\tm6A\t0\t+\nchr1\t20\t21\tm6A\t0\t-\n")
    notes = compare(scan / "sites.tsv", two).notes
    assert notes == ("1 of 2 known sites was not scanned: skipped",)
    other = tmp_path / "other.bed"
    other.write_text(SCANNED)
    agreement = compare(scan / "sites.tsv", known, scanned=other)
    assert counts(agreement)["m6A", "low"] == (5, 6, 3)
    assert agreement.facts["scanned"] == str(other)


def test_stretches_that_overlap_or_lie_in_one_another(tmp_path, known):
    scanned = "chr1\t0\t50\t.\t0\t+\nchr1\t2\t5\t.\t0\t+\nchr1\t1\t20\t.\t0\t+\n"
    scan = write_scan(tmp_path / "scan", scanned=scanned)
    assert counts(compare(scan / "sites.tsv", known))["m6A", "low"] == (5, 3, 2)


@pytest.mark.parametrize(
    ("scanned", "held"),
    [
        ("chr1\t5\t41\n", 5),  # both strands: 10 +, 12 -, 20 -, 30 +, 40 -
        ("chr1 5 41 x 0 .\n", 5),
        ("chr1\t5\t41\tx\t0\t.\t5\t5\t0\t3\t6,1,1\t0,7,35\n", 3),  # 10 +, 12 -, 40 -
    ],
)
def test_what_was_scanned_is_read_as_regions_are(scan, known, tmp_path, scanned, held):
    other = tmp_path / "other.bed"
    other.write_text(scanned)
    found = counts(compare(scan / "sites.tsv", known, scanned=other))
    assert found["m6A", "low"][1] + found["Psi", "low"][1] == held


def test_types_that_were_not_looked_for_are_left_out(tmp_path, known):
    scan = write_scan(tmp_path / "scan", candidates="m6A=100")
    agreement = compare(scan / "sites.tsv", known)
    assert set(agreement.table.modification) == {"m6A"}
    assert agreement.notes == ("the scan did not include Psi: its known sites are skipped",)


def test_without_candidates_there_is_no_enrichment(tmp_path, known):
    scan = write_scan(tmp_path / "scan", candidates="")
    agreement = compare(scan / "sites.tsv", known)
    assert counts(agreement)["m6A", "low"] == (5, 6, 3)
    assert agreement.table[["enrichment", "p_value"]].isna().all(axis=None)
    assert agreement.table.candidates.isna().all()
    assert any("enrichment is left blank" in note for note in agreement.notes)


def test_tiers_below_what_was_called_have_no_row(tmp_path, known):
    higher = [site for site in CALLED if site[-1] > 1]
    scan = write_scan(tmp_path / "scan", higher, called="confidence medium or higher")
    assert list(counts(compare(scan / "sites.tsv", known))) == [
        (kind, tier) for kind in ("m6A", "Psi") for tier in ("medium", "high")
    ]
    bed = compare(scan / "sites.bed.gz", known)
    assert counts(bed) == {("m6A", "medium"): (4, 6, 2), ("Psi", "medium"): (1, 1, 1)}
    # where the head does not tell it, by what is there
    (scan / "scanned.bed").unlink()
    scan = write_scan(tmp_path / "other", higher, scanned="", called="")
    assert ("m6A", "low") not in counts(compare(scan / "sites.tsv", known))
    assert next(iter(counts(compare(scan / "sites.bed.gz", known)))) == ("m6A", "any")


def test_a_scan_of_all_candidates(tmp_path, known):
    more = [("chr1", 41, False, 0, 0), ("chr1", 20, True, 0, 0)]
    rows = sorted(CALLED[:-1] + UNCALLED + more)
    scan = write_scan(tmp_path / "scan", rows, reported="all candidate sites")
    for file in ("sites.tsv", "sites.parquet"):
        agreement = compare(scan / file, known)
        assert counts(agreement)["m6A", "low"] == (4, 6, 3)
        (note,) = agreement.notes
        assert note.startswith("1 of 6 known m6A sites is not on A: ")  # chr2 11
    known.write_text("chr1\t10\t11\tm6Am\t0\t+\n")
    for where, told in ({"genome": "g.fa"}, "only at the first base"), ({}, "not on BCA"):
        facts = {"reported": "all candidate sites", "candidates": "m6A=9 m6Am=9", **where}
        (note,) = compare(write_scan(scan, rows, **facts) / "sites.tsv", known).notes
        assert told in note
    with pytest.raises(DataError, match="without their calls"):
        compare(scan / "sites.bed.gz", known)


def test_a_scan_that_found_nothing(tmp_path, known):
    scan = write_scan(tmp_path / "scan", [])
    for file in FILES:
        agreement = compare(scan / file, known)
        assert counts(agreement)["m6A", "low"] == (0, 6, 0)
        assert math.isnan(row(agreement, "m6A", "low")["precision"])


def test_types_of_a_users_own(tmp_path, known):
    scan = write_scan(tmp_path / "scan", candidates="m6A=100 Psi=50 ownC=70")
    table = (scan / "sites.tsv").read_text()
    (scan / "sites.tsv").write_text(table + "chr1\t56\t+\tC\townC\t0.5\t0.5\t0.5\t0.5\thigh\t.\n")
    known.write_text(KNOWN + "chr1\t55\t56\townC\t0\t+\n")
    agreement = compare(scan / "sites.tsv", known)
    assert counts(agreement)["ownC", "high"] == (1, 1, 1)
    assert [m.symbol for m in agreement.modifications] == ["m6A", "Psi", "ownC"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("chr1\t10\n", r"known.bed, line 1: .*: a line of BED needs 3 columns"),
        ("chr1\ta\t11\tm6A\t0\t+\n", "line 1: .*: invalid start and end 'a' and '11'"),
        ("#x\nchr1\t10\t12\tm6A\t0\t+\n", "line 2: .*: a known site must be one nt wide, this one"),
        ("chr1\t-1\t0\tm6A\t0\t+\n", "line 1: .*: invalid start and end '-1'"),
        (f"chr1\t{10**20}\t{10**20 + 1}\tm6A\t0\t+\n", "line 1: .*: invalid start and end '1000"),
        ("chr1\t1\t2\tm6A\t0\tplus\n", "line 1: .*: invalid strand 'plus'"),
        ("#only a head\n", "contains no sites$"),
        ("", "is empty"),
        ("chr1\t1\t2\tpeak_1\t0\t+\n", "unknown modifications in column 4, such as 'peak_1'"),
        ("1\t10\t11\tm6A\t0\t+\n", "no sequence name is also in.*only one of the files.*'chr'"),
        ("x\t10\t11\tm6A\t0\t+\n", "no sequence name is also in scanned.bed: 'x' here, 'chr1'"),
        ("chr1\t900\t901\tm6A\t0\t+\n", "its only site is not in a scanned region"),
        ("chr1\t10\t11\tm5C\t0\t+\n", "the scan did not include m5C"),
    ],
)
def test_wrong_known_sites_are_told_in_one_line(scan, tmp_path, body, told):
    path = tmp_path / "known.bed"
    path.write_text(body)
    with pytest.raises(DataError, match=told) as error:
        compare(scan / "sites.tsv", path)
    assert "\n" not in str(error.value)


def test_other_names_are_told_without_what_was_scanned(tmp_path):
    scan = write_scan(tmp_path / "scan", scanned="")
    path = tmp_path / "known.bed"
    path.write_text("2\t10\t11\tm6A\t0\t+\n")
    with pytest.raises(
        DataError, match=r"in sites.tsv: '2' here, 'chr1' there; only one of the files"
    ):
        compare(scan / "sites.tsv", path)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("chr1\t10\t1.5\n", "is not a table of sites"),
        ("sequence\tposition\tstrand\tmodification\n", "has no column 'call'"),
        (HEADER + "chr1\tx\t+\tm6A\tlow\n", "sites.tsv, line 2: invalid position 'x'"),
        (HEADER + "chr1\t+5\t+\tm6A\tlow\n", "invalid position '+5'"),
        (HEADER + "chr1\t5.0\t+\tm6A\tlow\n", "invalid position '5.0'"),
        (HEADER + "chr1\t1_0\t+\tm6A\tlow\n", "invalid position '1_0'"),
        (HEADER + f"chr1\t{'9' * 16}\t+\tm6A\tlow\n", "invalid position '9999"),
        (HEADER + "chr1\t5\t+\tm6A\tlow\nchr1\n", "line 3: invalid position ''"),
        (HEADER + '"chr1\t5\t+\tm6A\tlow\n', "line 2: a quoted name has no end"),
        (HEADER + "chr1\t0\t+\tm6A\tlow\n", "has a position before the first base"),
        (HEADER + "chr1\t9\t+\tm9A\tlow\n", "line 2: unknown modification 'm9A'"),
        (HEADER + "chr1\t9\t+\tm6A\tlofty\n", "line 2: invalid call 'lofty'"),
        (HEADER + "chr1\t9\t?\tm6A\tlow\n", "invalid strand '?'"),
        (HEADER + "chr1\t9\t+\tm6A\tlow\t1\n", "more cells than the header"),
        (HEADER + "chr1\t9\t+\tm6A\tlow\nchr1\t9\t+\tm6A\n", "line 3: invalid call ''"),
        ("# x\n" + HEADER + 3 * "chr1\t9\t+\tm6A\tlow\n" + "c\t1", "line 6: unknown modific"),
        ("sequence\tposition\tmodification\tcall\tgenome_position\n", "table by transcript"),
        (HEADER + "chr1\t9\t+\tm6A\tlow\nchr1\t9", "unknown modification ''"),
        ("PAR1 and then nothing", "damaged, or not a Parquet"),
        ("", "is empty"),
    ],
)  # fmt: skip
def test_wrong_sites_are_told_in_one_line(tmp_path, known, body, told):
    path = tmp_path / "sites.tsv"
    path.write_text(body)
    with pytest.raises(DataError) as error:
        compare(path, known)
    assert told in str(error.value)
    assert "sites.tsv" in str(error.value)


def test_a_cut_parquet_file_is_told(scan, known):
    whole = (scan / "sites.parquet").read_bytes()
    (scan / "sites.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged, or not a Parquet"):
        compare(scan / "sites.parquet", known)


def test_other_wrong_files_and_settings(scan, known, tmp_path):
    for line, told in [
        ("chr1\t0\n", "has 2 columns"),
        ("chr1\t5\t5\n", "invalid interval 5 to 5"),
        (f"chr1\t5\t{10**12}\n", "is beyond any"),
        (f"chr1\t5\t{10**20}\n", "expected a whole number"),
        ("chr1\t0\t9\tx\t0\t*\n", r"invalid strand '\*'"),
    ]:
        (scan / "scanned.bed").write_text(line)
        with pytest.raises(DataError, match=rf"scanned.bed, line 1: .*{told}"):
            compare(scan / "sites.tsv", known)
    (scan / "scanned.bed").unlink()
    for wrong in (scan / "no.tsv", scan):
        with pytest.raises(DataError):
            compare(wrong, known)
    os.mkfifo(tmp_path / "pipe")
    for pipe in ("-", tmp_path / "pipe"):
        with pytest.raises(DataError, match="not a pipe"):
            compare(pipe, known)
    with pytest.raises(UsageError, match="tolerance"):
        compare(scan / "sites.tsv", known, within=-1)
    with pytest.raises(UsageError, match="unknown modification"):
        compare(scan / "sites.tsv", known, modification="m9Z")
    with pytest.raises(DataError, match="no such file"):
        compare(scan / "sites.tsv", known, scanned=tmp_path / "nothing.bed")


def test_memory_does_not_grow_with_the_scan(tmp_path, known, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [("chr1", int(at), False, 0, 2) for at in rng.integers(1000, 90_000, 4_000)]
    scan = write_scan(tmp_path / "scan", rows)
    kept = []
    add = predicted_sites.PredictedSites._block

    def watched(self, table, modifications):
        kept.append(len(table))
        return add(self, table, modifications)

    monkeypatch.setattr(predicted_sites, "ROWS", 500)
    monkeypatch.setattr(predicted_sites.PredictedSites, "_block", watched)
    for file in FILES:
        kept.clear()
        compare(scan / file, known)
        assert sum(kept) == 4_000
        assert max(kept) <= 500


def test_the_page_tells_every_column(root):
    page = (root / "docs" / "compare.md").read_text(encoding="utf-8")
    for column in COLUMNS:
        if not column.endswith(("_low", "_high")):
            assert f"`{column}`" in page


def test_the_known_sites_of_the_page_can_be_read(root, tmp_path):
    page = (root / "docs" / "compare.md").read_text(encoding="utf-8")
    path = tmp_path / "known.bed"
    path.write_text(re.findall(r"```\n(chr1\t.+?)```", page, flags=re.DOTALL)[0])
    known = read_known(path, MODIFICATIONS)
    assert [MODIFICATIONS[kind].symbol for kind in known.modification_index] == ["m6A", "Psi"]
    assert known.reverse.tolist() == [False, True]


def renamed(scan, tmp_path, names):
    """Return a copy of a scan whose sequences have longer names, and known sites with `names`."""
    out = tmp_path / "renamed"
    out.mkdir()
    for name in ("sites.tsv", "scanned.bed"):
        text = (scan / name).read_text().replace("chr1\t", "chr1.4|gene\t")
        (out / name).write_text(text)
    known = tmp_path / "renamed.bed"
    known.write_text("".join(f"{name}\t10\t11\tm6A\t0\t+\n" for name in names))
    return out / "sites.tsv", known


@pytest.mark.parametrize(
    ("name", "options", "proposed"),
    [
        ("chr1.4", {"name_until": "|"}, "--name-until '|'"),
        (
            "chr1.5",
            {"name_until": "|", "ignore_version": True},
            "--name-until '|' --ignore-version",
        ),
    ],
)
def test_names_can_be_cut_and_the_message_proposes_it(scan, tmp_path, name, options, proposed):
    sites, known = renamed(scan, tmp_path, [name])
    with pytest.raises(DataError, match="they match with ") as error:
        compare(sites, known)
    assert str(error.value).endswith(proposed)
    assert compare(sites, known, **options).table["known"].tolist()[0] == 1


def test_ambiguous_names_are_an_error(scan, tmp_path):
    sites, known = renamed(scan, tmp_path, ["chr1.4", "chr1.5"])
    message = r"renamed.bed: 'chr1.4' and 'chr1.5' are both 'chr1' with --name-until"
    with pytest.raises(DataError, match=message):
        compare(sites, known, name_until="|", ignore_version=True)


@pytest.mark.parametrize("within", [0, 1])
def test_a_table_of_an_earlier_version_is_read(scan, known, within):
    (scan / "scanned.bed").unlink()
    expected = compare(scan / "sites.tsv", known, within=within)
    earlier = compare(as_earlier(scan) / "sites.tsv", known, within=within)
    assert "\tflags\n" in (scan / "sites.tsv").read_text()
    pd.testing.assert_frame_equal(earlier.table, expected.table)
    assert earlier.facts == expected.facts
    assert earlier.notes == expected.notes


def test_calls_by_a_threshold_are_counted_apart_from_tiers(tmp_path, known):
    rows = [("chr1", 10, False, 0, 4), ("chr1", 30, False, 0, 1), ("chr1", 40, True, 0, 3)]
    scan = write_scan(tmp_path / "scan", rows, called="score 0.2 or higher")
    for file in ("sites.tsv", "sites.parquet"):
        agreement = compare(scan / file, known)
        table = agreement.table[agreement.table.modification == "m6A"]
        assert table.tier.tolist() == ["threshold", "low", "medium", "high"]
        assert table.called.tolist() == [3, 2, 1, 1]
        assert table.found.tolist() == [3, 2, 1, 1]
    agreement = compare(scan / "sites.bed.gz", known)  # which has no calls
    assert agreement.table.tier.tolist() == ["threshold", "threshold"]


@pytest.mark.parametrize("file", FILES)
def test_odd_names_are_matched_in_every_format(tmp_path, file):
    names = ["a b", 'a"b', "a#b", "a_b", "#a"]
    rows = [(name, 10 + i, False, 0, 2) for i, name in enumerate(names)]
    scan = write_scan(tmp_path / "scan", rows, scanned="", lengths=[(name, 99) for name in names])
    known = tmp_path / "known.bed"
    known.write_text("".join(f"{name}\t{at}\t{at + 1}\tm6A\t0\t+\n" for name, at, *_ in rows[:4]))
    assert row(compare(scan / file, known), "m6A", compare_tier(file))["found"] == 4


def compare_tier(file: str) -> str:
    """The tier of a table, and the lowest tier of a format without tiers."""
    return "medium" if file in ("sites.tsv", "sites.parquet") else "low"


def test_rows_that_are_repeated_count_once(scan, known):
    path = scan / "sites.tsv"
    expected = compare(path, known)
    head, *rows = path.read_text().splitlines(keepends=True)
    path.write_text(head + "".join(row * 2 for row in rows))
    agreement = compare(path, known)
    pd.testing.assert_frame_equal(agreement.table, expected.table)
    assert f"sites.tsv: repeated rows, counted once: {len(rows)}" in agreement.notes
    path.write_text(head + "".join(rows) * 2)  # all sequences twice
    assert any("repeated rows" in note for note in compare(path, known).notes)


def test_regions_of_the_user_limit_the_calls_as_well(scan, known, tmp_path):
    path = tmp_path / "mine.bed"
    path.write_text("# created: today\nchr1\t0\t12\t.\t0\t+\n")
    agreement = compare(scan / "sites.tsv", known, scanned=path)
    assert agreement.table.called.max() == 1  # of five
    assert agreement.table.enrichment.isna().all()
    assert any("called sites outside the regions, not counted" in n for n in agreement.notes)
    assert not any("beyond the sequence" in note for note in agreement.notes)


def test_blank_lines_do_not_shift_the_line_of_an_error(scan, known):
    path = scan / "sites.tsv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], "\n", *lines[2:]]))
    compare(path, known)
    lines[3] = lines[3].replace("\t", "\t+", 1)
    path.write_text("".join([*lines[:2], "\n", *lines[2:]]))
    with pytest.raises(DataError, match=r"sites.tsv, line 5: invalid position '\+"):
        compare(path, known)


def test_names_that_begin_like_a_track_line_are_read(scan, known):
    text = known.read_text()
    known.write_text("track name=x\n" + text + "track1\t5\t6\tm6A\t0\t+\n")
    agreement = compare(scan / "sites.tsv", known)
    assert any("not scanned" in x.reason and x.count for x in agreement.skipped)
