"""Write ``edits/``: a synthetic transcript to edit, and a genome with variants of it.

Nothing in it is from an organism. The transcript is random sequence with the dinucleotides of human
messenger RNA around a random reading frame, in which ``GGACU`` is planted so that ``GAC`` is a
codon. It is drawn until the shipped model predicts an m6A site there. The genome holds it in two
exons, and the variants are one of each kind near the site. ``docs/design.md`` and
``docs/variants.md`` use these files.

Run from anywhere: ``python examples/make_edits.py``. The same seed and model give the same files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from make_demo import DINUCLEOTIDES
from vqrna.model.weights import load_model
from vqrna.prediction import make_settings, scan_sequence
from vqrna.sequence import ALPHABET, decode, encode

SEED = 4
BEFORE, CODONS, AFTER = 150, 150, 299
"""Length of the regions before and after the frame in nt, and of the frame in codons."""

CODON = 70
"""Index of the codon ``GAC`` in the frame."""

FLANK, INTRON = 200, 120
LEAST = 0.12
DRAWS = 2000


def background(length: int, generator: np.random.Generator) -> str:
    """Draw a first-order Markov chain with the dinucleotide shares of human mRNA."""
    follows = DINUCLEOTIDES / DINUCLEOTIDES.sum(axis=1, keepdims=True)
    tokens = np.zeros(length, dtype=np.uint8)
    for i in range(1, length):
        tokens[i] = generator.choice(4, p=follows[tokens[i - 1]])
    return decode(tokens)


def frame(generator: np.random.Generator) -> str:
    """Draw a reading frame with the planted motif."""
    codons: list[str] = []
    while len(codons) < CODONS:
        codon = "".join(generator.choice(list(ALPHABET), 3, p=[0.25, 0.26, 0.27, 0.22]))
        if codon not in ("UAA", "UAG", "UGA"):
            codons.append(codon)
    codons[0], codons[-1] = "AUG", "UGA"
    codons[CODON - 1 : CODON + 2] = ["GAG", "GAC", "UUU"]
    return "".join(codons)


def draw() -> tuple[str, int]:
    """Return a transcript, and the 0-based position of the site."""
    model = load_model(device="cpu")
    generator = np.random.default_rng(SEED)
    settings = make_settings(model.modifications, modifications="m6A", all_sites=True)
    site = BEFORE + 3 * CODON + 1
    for _ in range(DRAWS):
        letters = background(BEFORE, generator) + frame(generator) + background(AFTER, generator)
        sites = scan_sequence(model, "x", encode(letters), settings)
        if sites.probability[sites.position == site][0] >= LEAST:
            return letters, site
    raise SystemExit("no transcript has the site: draw more")


def fasta(name: str, letters: str) -> str:
    """Return a record, 60 letters a line."""
    lines = [letters[i : i + 60] for i in range(0, len(letters), 60)]
    return "\n".join([f">{name}", *lines, ""])


def main() -> None:
    """Write the files."""
    letters, site = draw()
    folder = Path(__file__).parent / "edits"
    folder.mkdir(exist_ok=True)
    frame_end = BEFORE + 3 * CODONS
    note = f"synthetic, reading frame {BEFORE + 1}-{frame_end}"
    (folder / "transcript.fa").write_text(fasta(f"synthetic_1 {note}", letters))
    generator = np.random.default_rng(SEED + 1)
    exon = site + 60  # first exon: up to 60 nt after the site
    dna = letters.replace("U", "T")
    pieces = [
        background(FLANK, generator).replace("U", "T"), dna[:exon],
        "GT" + background(INTRON - 4, generator).replace("U", "T") + "AG", dna[exon:],
        background(FLANK, generator).replace("U", "T"),
    ]  # fmt: skip
    genome = "".join(pieces)
    (folder / "genome.fa").write_text(fasta("chrS synthetic", genome))
    first = (FLANK + 1, FLANK + exon)
    second = (first[1] + INTRON + 1, FLANK + len(dna) + INTRON)
    names = 'gene_id "geneS"; transcript_id "synthetic_1";'
    rows = [("transcript", first[0], second[1]), ("exon", *first), ("exon", *second)]
    (folder / "genes.gtf").write_text(
        "".join(f"chrS\tsynthetic\t{t}\t{a}\t{b}\t.\t+\t.\t{names}\n" for t, a, b in rows)
    )
    at = FLANK + site  # 0-based, in the genome
    changed = {"A": "G", "C": "T", "G": "A", "T": "C"}
    records = [
        (at - 20, genome[at - 20 : at - 14], genome[at - 20], "upstream_deletion"),
        (at - 2, genome[at - 2], "C", "motif_G"),
        (at, genome[at], "G", "modified_base"),
        (at + 1, genome[at + 1], "T", "synonymous"),
        (at + 12, genome[at + 12], genome[at + 12] + "GAC", "downstream_insertion"),
        (at + 100, genome[at + 100], changed[genome[at + 100]], "intron"),
    ]  # fmt: skip
    head = [
        "##fileformat=VCFv4.3", f"##contig=<ID=chrS,length={len(genome)}>",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]  # fmt: skip
    body = [f"chrS\t{p + 1}\t{name}\t{r}\t{a}\t.\tPASS\t." for p, r, a, name in records]
    (folder / "variants.vcf").write_text("\n".join([*head, *body, ""]))
    print(f"site at {site + 1}, genome {at + 1}, {len(letters)} nt")


if __name__ == "__main__":
    main()
