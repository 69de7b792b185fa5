"""VCF and BCF are read from every source, and written without changes to other fields."""

import gzip
import io

import pysam
import pysam.bcftools
import pytest

from vqrna.errors import DataError, UsageError
from vqrna.variation.vcf import HEADER_LINE, open_vcf, safe

TEXT = """\
##fileformat=VCFv4.2
##FILTER=<ID=q10,Description="low">
##INFO=<ID=DP,Number=1,Type=Integer,Description="depth">
##INFO=<ID=AF,Number=A,Type=Float,Description="share">
##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">
##contig=<ID=c0,length=1000>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1
c0\t10\ta\tA\tG\t29.50\tPASS\tDP=3;AF=0.1234567890\tGT\t0/1
c0\t20\t.\tAC\tA,<DEL>\t.\tq10\t.\tGT\t1/1
c0\t30\tb\tT\t.\t1e2\tPASS\tDP=7\tGT\t0/0
"""


def records_of(path):
    with open_vcf(path) as file:
        return [(r.number, r.chrom, r.pos, r.id, r.ref, r.alts) for r in file.records()]


EXPECTED = [
    (0, "c0", 10, "a", "A", ("G",)),
    (1, "c0", 20, ".", "AC", ("A", "<DEL>")),
    (2, "c0", 30, "b", "T", ()),
]


def test_an_endless_device_is_refused_at_once():
    with pytest.raises(DataError, match="/dev/zero, line 1: is not a VCF file"):
        records_of("/dev/zero")


@pytest.mark.parametrize("form", ["plain", "windows", "gzip", "bgzip", "bcf", "plain-bcf"])
def test_every_form_has_the_same_records(tmp_path, form):
    plain = tmp_path / "a.vcf"
    plain.write_text(TEXT)
    path = tmp_path / f"b.{form}"
    if form == "plain":
        path = plain
    elif form == "windows":
        path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    elif form == "gzip":
        path.write_bytes(gzip.compress(TEXT.encode()))
    elif form == "bgzip":
        pysam.tabix_compress(str(plain), str(path))
    else:
        form = "-Ob" if form == "bcf" else "-Ou"
        pysam.bcftools.view(form, "-o", str(path), str(plain), catch_stdout=False)
    assert records_of(path) == EXPECTED


@pytest.mark.parametrize("compressed", [False, True])
def test_standard_input_can_be_read_twice(monkeypatch, compressed):
    data = gzip.compress(TEXT.encode()) if compressed else TEXT.encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    with open_vcf("-") as file:
        assert [r.pos for r in file.records()] == [r.pos for r in file.records()] == [10, 20, 30]


def test_other_fields_stay_as_they_are(tmp_path):
    path = tmp_path / "a.vcf"
    path.write_text(TEXT)
    with open_vcf(path) as file:
        lines = b"".join(file.annotated(["G|x|y", "", "Z"])).decode().splitlines()
    before = TEXT.splitlines()
    assert [line for line in lines if line != HEADER_LINE][:7] == before[:7]
    assert lines[6] == HEADER_LINE
    assert lines[8] == before[7].replace("0.1234567890", "0.1234567890;VQRNA=G|x|y")
    assert lines[9] == before[8]
    assert lines[10] == before[9].replace("DP=7", "DP=7;VQRNA=Z")


def test_an_annotated_file_can_be_annotated_again(tmp_path):
    path = tmp_path / "a.vcf"
    path.write_text(TEXT)
    with open_vcf(path) as file:
        once = b"".join(file.annotated(["G|x|y", "Q", "Z"]))
    again = tmp_path / "b.vcf"
    again.write_bytes(once)
    with open_vcf(again) as file:
        assert b"".join(file.annotated(["G|x|y", "Q", "Z"])) == once
        assert b"".join(file.annotated(["", "", ""])).count(b"VQRNA=") == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("c0\t10\ta\tA\tG\t.\tPASS", "has 7 columns (expected 10, tab-separated)"),
        (
            "c0\tten\ta\tA\tG\t.\tPASS\t.\tGT\t0/1",
            "invalid POS 'ten' (expected a whole number, 0 to 2147483647)",
        ),
        ("c0\t2147483648\ta\tA\tG\t.\tPASS\t.\tGT\t0/1", "invalid POS '2147483648'"),
        ("c0\t-5\ta\tA\tG\t.\tPASS\t.\tGT\t0/1", "invalid POS '-5'"),
        ("c0\t10\ta\t.\tG\t.\tPASS\t.\tGT\t0/1", "invalid REF '.' (expected bases)"),
        ("c0\t10\ta\tA\tG,,T\t.\tPASS\t.\tGT\t0/1", "an allele in ALT is empty"),
        ("\t10\ta\tA\tG\t.\tPASS\t.\tGT\t0/1", "CHROM is empty"),
    ],
)
def test_a_malformed_record_is_reported_with_its_line(tmp_path, line, message):
    path = tmp_path / "a.vcf"
    path.write_text(TEXT + line + "\n")
    with pytest.raises(DataError) as error:
        records_of(path)
    assert "line 11: " in str(error.value)
    assert "record '" in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"chrom\tpos\n", "is not a VCF file"),
        (b">a\nACGT\n", "is not a VCF file"),
        (b"##fileformat=VCFv4.2\nc0\t1\t.\tA\tG\t.\t.\t.\n", "#CHROM before the records"),
        (b"##fileformat=VCFv4.2\n", "has no header line #CHROM"),
        (gzip.compress(TEXT.encode())[:-20], "truncated"),
    ],
)
def test_other_files_are_rejected(tmp_path, content, message):
    path = tmp_path / "a.vcf"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        records_of(path)


def test_a_damaged_bcf_is_rejected(tmp_path):
    plain, path = tmp_path / "a.vcf", tmp_path / "a.bcf"
    plain.write_text(TEXT)
    pysam.bcftools.view("-Ou", "-o", str(path), str(plain), catch_stdout=False)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 30])
    with pytest.raises(DataError) as error:
        records_of(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(TEXT.encode())[:10] + b"\xff" * 40, b"\x1f\x8b" + gzip.compress(b"x")],
    ids=["content", "header"],
)
def test_a_damaged_archive_is_rejected(tmp_path, content):
    path = tmp_path / "a.vcf.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.vcf\.gz"):
        records_of(path)


def test_what_is_not_a_path_is_a_usage_error():
    with (
        pytest.raises(UsageError, match="by its path, not by an object of type list"),
        open_vcf(["a.vcf"]),
    ):
        pass


def test_a_missing_file_is_reported():
    with pytest.raises(DataError, match="no such file"), open_vcf("nowhere.vcf"):
        pass


def test_names_cannot_break_the_field():
    assert safe("a,b;c=d|e f&g%") == "a_b_c_d_e_f_g_"
