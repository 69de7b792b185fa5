"""The command `vqrna compare`: table, picture, notes, and one line where it fails."""

import pandas as pd
import pytest

from seeded import files_in
from small_scan import KNOWN, write_scan
from vqrna.runtime.run_record import read_run_record


@pytest.fixture
def scan(tmp_path):
    return write_scan(tmp_path / "scan")


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "known.bed"
    path.write_text(KNOWN)
    return path


def test_table_picture_and_summary(vqrna_main, scan, known, out):
    done = vqrna_main("compare", scan / "sites.parquet", known, "--out", out)
    assert (done.code, done.err) == (0, "")
    assert files_in(out) == ["agreement.png", "agreement.svg", "agreement.tsv", "run.json"]
    assert all(f"wrote {out / name}" in done.out for name in files_in(out))
    for words in ("m6A", "low +", "0.600 0.231–0.882", "0.500 0.188–0.812", "10 3.85–14.7"):
        assert words in done.out
    record = read_run_record(out)
    assert record["command"] == f"vqrna compare {scan / 'sites.parquet'} {known} --out {out}"
    assert record["model"] == "beef"
    assert record["settings"] == {
        "sites": str(scan / "sites.parquet"),
        "known_sites": str(known),
        "within": "0 nt",
        "scanned": str(scan / "scanned.bed"),
        "called": "confidence low or higher",
    }
    table = pd.read_csv(out / "agreement.tsv", sep="\t")
    assert table.iloc[0].to_dict() == {
        "modification": "m6A", "tier": "low", "called": 5, "known": 6, "found": 3,
        "precision": 0.6, "precision_low": 0.2307, "precision_high": 0.8824,
        "recall": 0.5, "recall_low": 0.1876, "recall_high": 0.8124, "candidates": 100,
        "enrichment": 10, "enrichment_low": 3.845, "enrichment_high": 14.71,
        "p_value": 0.00118,
    }  # fmt: skip


def test_what_is_not_known_is_nan_in_the_file_and_a_dash_on_the_terminal(vqrna_main, tmp_path, out):
    scan = write_scan(tmp_path / "scan", candidates="", scanned="")
    known = tmp_path / "known.bed"
    known.write_text("chr1\t10\t11\n")
    done = vqrna_main(
        "compare", scan / "sites.tsv", known, "--out", out, "--modification", "m6A", "--within", 2
    )
    assert done.code == 0
    notes = [line for line in done.err.splitlines() if line.startswith("vqrna: note: ")]
    assert len(notes) == 3
    assert "without a strand" in notes[0]
    assert "no scanned.bed beside sites.tsv" in notes[1]
    assert "enrichment is left blank" in notes[2]
    assert "–" in done.out
    record = read_run_record(out)
    assert (record["settings"]["within"], record["settings"]["modification"]) == ("2 nt", "m6A")
    assert len(record["notes"]) == 3
    table = pd.read_csv(out / "agreement.tsv", sep="\t")
    assert table[["candidates", "enrichment", "p_value"]].isna().all(axis=None)
    assert table["recall"].tolist() == [1, 1, 1]


def test_the_same_call_gives_the_same_bytes(vqrna_main, scan, known, tmp_path):
    seen = []
    for _ in range(2):
        assert vqrna_main("compare", scan / "sites.tsv", known, "--out", tmp_path / "o").code == 0
        seen.append(
            {
                name: (tmp_path / "o" / name).read_bytes()
                for name in files_in(tmp_path / "o")
                if name != "run.json"
            }
        )
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("chr1\t10\t11\tpeak\t0\t+\n", ["known.bed", "'peak'", "--modification"]),
        ("1\t10\t11\tm6A\t0\t+\n", ["known.bed", "'chr'"]),
        ("chr1\t10\t15\tm6A\t0\t+\n", ["known.bed, line 1", "one nt wide"]),
    ],
)
def test_wrong_known_sites(fails, scan, known, out, body, told):
    known.write_text(body)
    fails(1, "compare", scan / "sites.tsv", known, "--out", out, told=told)


def test_wrong_files(fails, scan, known, out, tmp_path):
    fails(1, "compare", tmp_path / "no.tsv", known, "--out", out, told=["no.tsv", "no such file"])
    fails(1, "compare", scan / "sites.tsv", tmp_path / "no.bed", "--out", out, told="no.bed")
    fails(1, "compare", known, known, "--out", out, told=["known.bed", "is not a table of sites"])
    arguments = ("compare", scan / "sites.tsv", known, "--out", out)
    fails(1, *arguments, "--scanned", tmp_path / "x.bed", told=["x.bed", "no such file"])
    fails(2, *arguments, "--within", -1, told="tolerance")
    fails(2, *arguments, "--modification", "m9Z", told="unknown modification 'm9Z'")
    fails(2, "compare", scan / "sites.tsv", "--out", out, told="BED")


def test_an_output_that_cannot_be(vqrna_main, scan, known, tmp_path):
    (tmp_path / "file").write_text("x")
    done = vqrna_main("compare", scan / "sites.tsv", known, "--out", tmp_path / "file")
    assert done.code == 1
    assert "is a file" in done.err
