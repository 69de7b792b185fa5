"""A small genome with genes on both strands over introns, and a model whose scores spread."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd

from seeded import SYMBOLS, calling_model, files_in
from tiny import random_tokens
from vqrna.model.weights import save_model
from vqrna.sequence import centre, decode, encode
from vqrna.stats.calibration import sigmoid
from vqrna.stats.scan_calibration import window_kinds

SETTINGS = {"prior": 0.5, "null_variants": 0, "jobs": 1}
"""Options of most tests: probabilities over the whole range."""

EXONS = {"+": [(20, 130), (190, 300)], "-": [(60, 170), (230, 330)]}
"""Exons of the gene on each strand of a contig (0-based, half-open)."""

LENGTH = 360


def dna(length: int, seed: int) -> str:
    """A random sequence."""
    return decode(random_tokens(1, length, seed)[0]).replace("U", "T")


def contigs(count: int, seed: int = 0) -> dict[str, str]:
    """Random contigs."""
    return {f"c{i}": dna(LENGTH, seed * 1000 + i) for i in range(count)}


def write_genome(folder: Path, sequences: dict[str, str]) -> Path:
    """Write a FASTA file."""
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{letters}\n" for name, letters in sequences.items()))
    return path


def write_gtf(folder: Path, names: list[str]) -> Path:
    """Write a gene for each strand of each contig."""
    path = folder / "genes.gtf"
    with path.open("w") as file:
        for name in names:
            for strand, exons in EXONS.items():
                gene = f"{name}{'p' if strand == '+' else 'm'}"
                for start, stop in exons:
                    file.write(
                        f"{name}\tx\texon\t{start + 1}\t{stop}\t.\t{strand}\t.\t"
                        f'gene_id "{gene}"; transcript_id "{gene}.1";\n'
                    )
    return path


def write_vcf(
    folder: Path, rows: list[tuple], name: str = "in.vcf", sequences: dict[str, str] | None = None
) -> Path:
    """Write records (chrom, pos, id, ref, alt)."""
    path = folder / name
    lengths = {k: len(v) for k, v in (sequences or {}).items()}
    contig_lines = [f"##contig=<ID={k},length={v}>" for k, v in lengths.items()]
    head = ["##fileformat=VCFv4.2", *contig_lines, "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines = ["\t".join(map(str, [*row, ".", "PASS", "."])) for row in rows]
    path.write_text("\n".join([*head, *lines]) + "\n")
    return path


def probabilities(letters: str, reverse: bool = False) -> dict[str, np.ndarray]:
    """Probabilities at even odds of every position by modification; 0 where it is no candidate.

    By the model alone: a scan of the whole sequence. In the order of `letters` on both strands.
    """
    model = calling_model()
    tokens = encode(letters)
    if reverse:
        tokens = np.array([3, 2, 1, 0, 4], dtype=np.uint8)[tokens[::-1]]
    logits = model.scan(tokens)
    at = np.arange(len(tokens))
    kind = window_kinds(np.minimum(at, at[::-1]), centre(model.length))
    columns = {}
    for k, (m, curves) in enumerate(
        zip(model.modifications, model.scan_calibration.completed(model.calibration), strict=True)
    ):
        evidence = np.array([curve(logits[:, k]) for curve in curves])[kind, at]
        each = np.where(m.candidates(tokens), sigmoid(evidence), 0.0)
        columns[m.symbol] = each[::-1] if reverse else each
    return columns


def random_record(rng: np.random.Generator, letters: str) -> tuple[int, str, str]:
    """A substitution, insertion, deletion or replacement: position from 1, REF, ALT."""
    at = int(rng.integers(1, len(letters) - 12))
    kind = rng.integers(0, 5)

    def bases(n: int) -> str:
        return "".join(rng.choice(list("ACGT"), n))

    removed = int(rng.integers(1, 9))
    if kind == 0:
        ref = letters[at]
        alt = str(rng.choice([b for b in "ACGT" if b != ref]))
    elif kind == 1:
        ref = letters[at]
        alt = ref + bases(int(rng.integers(1, 9)))
    elif kind == 2:
        ref = letters[at : at + 1 + removed]
        alt = ref[0]
    elif kind == 3:
        ref = letters[at : at + removed + 1]
        alt = bases(len(ref))
    else:
        ref = letters[at : at + removed]
        alt = bases(int(rng.integers(1, 9)))
    if ref == alt:
        return random_record(rng, letters)
    return at + 1, ref, alt


def read_table(path: Path) -> pd.DataFrame:
    """Read a table that the program wrote."""
    return pd.read_csv(io.StringIO(path.read_text()), sep="\t", keep_default_na=False)


def write_inputs(folder: Path, count: int, records: int) -> tuple[Path, list[str]]:
    """Write a genome, its genes, a VCF and a model; return the VCF, and the others as options."""
    rng = np.random.default_rng(3)
    sequences = contigs(count, seed=9)
    rows = []
    for name, letters in sequences.items():
        drawn = sorted(random_record(rng, letters) for _ in range(records // count))
        rows += [(name, p, f"{name}_{i}", r, a) for i, (p, r, a) in enumerate(drawn)]
    last = f"c{count - 1}"
    rows.append((last, 359, "two", sequences[last][358], "A,<DEL>"))
    vcf = write_vcf(folder, rows, sequences=sequences)
    save_model(calling_model(), folder / "m.safetensors")
    genome, gtf = write_genome(folder, sequences), write_gtf(folder, list(sequences))
    words = ["--fasta", genome, "--gtf", gtf, "--model", folder / "m.safetensors"]
    words += ["--device", "cpu", "--prior", "0.5", "--null-variants", "20"]
    return vcf, [str(word) for word in words]


def results(folder: Path) -> dict[str, bytes]:
    """Content of all files but run.json, which describes how the work was done."""
    return {name: (folder / name).read_bytes() for name in files_in(folder) if name != "run.json"}


__all__ = ["SYMBOLS"]
