"""Provenance in the header of an annotated VCF."""

import pysam

from vqrna.variation.vcf import HEADER_LINE, open_vcf

TEXT = """\
##fileformat=VCFv4.2
##contig=<ID=c0,length=1000>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
c0\t10\ta\tA\tG\t.\tPASS\t.
"""


def test_facts_are_header_lines_that_replace_earlier_ones(tmp_path):
    path = tmp_path / "a.vcf"
    path.write_text(TEXT)
    for number in (1, 2):
        facts = {"version": "0.1.0", "model": f"beef{number}", "priors": "m6A=0.002", "odd": "a\nb"}
        with open_vcf(path) as file:
            lines = b"".join(file.annotated(["G|x"], facts)).decode()
        path.write_text(lines)
        assert lines.splitlines()[2:7] == [
            "##vqrna_version=0.1.0",
            f"##vqrna_model=beef{number}",
            "##vqrna_priors=m6A=0.002",
            "##vqrna_odd=a b",
            HEADER_LINE,
        ]
    with pysam.VariantFile(str(path)) as file:
        values = {record.key: record.value for record in file.header.records if record.value}
        assert values["vqrna_model"] == "beef2"
        assert [record.info["VQRNA"] for record in file] == [("G|x",)]
