"""VCF and BCF files, valid and changed, and how they are read."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.documents import GENOME, Document, letters, text_document

_INFO = (".", "DP=7", "DP=7;AF=0.500", "VQRNA=A|g|t|m6A|7|.|.|.|loss", "SVTYPE=DEL")
_SAMPLES = ("", "", "\tGT\t0/1")


def _text(r: Random) -> tuple[str, list[tuple[str, int, str, tuple[str, ...]]]]:
    """Return a VCF file, and chromosome, position, REF and ALT of each record."""
    samples = r.choice(_SAMPLES)
    lines = ["##fileformat=VCFv4.2", '##FILTER=<ID=PASS,Description="all">']
    lines += [f"##contig=<ID={name},length={len(bases)}>" for name, bases in GENOME.items()]
    for name, number, kind in (
        ("DP", 1, "Integer"), ("AF", "A", "Float"), ("VQRNA", ".", "String"),
        ("SVTYPE", 1, "String"),
    ):  # fmt: skip
        lines.append(f'##INFO=<ID={name},Number={number},Type={kind},Description="x">')
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    header = "CHROM POS ID REF ALT QUAL FILTER INFO" + (" FORMAT s1" if samples else "")
    lines.append("#" + header.replace(" ", "\t"))
    truth = []
    for i in range(r.randrange(5)):
        chrom = r.choice(list(GENOME))
        pos = r.randrange(1, len(GENOME[chrom]))
        ref = letters(r, r.choice((1, 1, 2, 5)), "ACGT")
        alts = [letters(r, r.choice((1, 1, 3)), "ACGT") for _ in range(r.choice((0, 1, 1, 2)))]
        if alts and r.random() < 0.2:
            alts[0] = r.choice(("*", "<DEL>", "<*>"))
        name = r.choice((".", f"rs{i}"))
        cells = [chrom, str(pos), name, ref, ",".join(alts) or ".", ".", "PASS", r.choice(_INFO)]
        lines.append("\t".join(cells) + samples)
        truth.append((chrom, pos, ref, tuple(alts)))
    return "\n".join(lines) + "\n", truth


def vcf(r: Random) -> Document:
    """VCF; the truth is chromosome, position, REF and ALT of each record."""
    text, truth = _text(r)
    return text_document(r, "a.vcf", text, truth)


@cache
def _binary(number: int) -> tuple[bytes, Any]:
    """Return one of some BCF files, which take longer to write than to read."""
    import pysam.bcftools

    text, truth = _text(Random(number))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "a.vcf", Path(folder) / "a.bcf"
        source.write_text(text)
        # Without compression: a changed byte would only fail the check of its block
        pysam.bcftools.view("-Ou", "-o", str(target), str(source), catch_stdout=False)
        return target.read_bytes(), truth


def bcf(r: Random) -> Document:
    """BCF, mostly with some changed bytes or cut."""
    data, truth = _binary(r.randrange(100))
    if r.random() < 0.2:
        return Document({"a.bcf": data}, truth)
    for _ in range(r.choice((1, 1, 2, 5))):
        at = r.randrange(len(data))
        data = data[:at] + bytes([r.randrange(256)]) * r.choice((1, 1, 4)) + data[at + 1 :]
    return Document({"a.bcf": data[: r.randrange(len(data))] if r.random() < 0.2 else data})


def read(path: Path) -> list[tuple[str, int, str, tuple[str, ...]]]:
    """Read the records, and write them with an empty field."""
    from vqrna.variation.vcf import open_vcf

    with open_vcf(path) as file:
        records = [(x.chrom, x.pos, x.ref, x.alts) for x in file.records()]
        written = list(file.annotated([""] * len(records)))
    assert sum(not line.startswith(b"#") for line in written) == len(records)
    return records


def compare(document: Document, value: Any, path: Path) -> None:
    """Compare the records with the truth, or with the lines of the file."""
    if document.truth is not None:
        assert value == document.truth
        return
    if path.suffix == ".bcf" or document.data[:2] == b"\x1f\x8b":
        return
    lines = document.data.decode("utf-8", "replace").split("\n")
    cells = [line.rstrip("\r").split("\t") for line in lines if not line.startswith("#")]
    rows = {(c[0], c[1].lstrip("0"), c[3]) for c in cells if len(c) > 4}
    assert all((chrom, str(pos) if pos else "", ref) in rows for chrom, pos, ref, _ in value)
