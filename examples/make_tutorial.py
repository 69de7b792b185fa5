"""Write the inputs of the tutorials to ``examples/tutorial``: all synthetic, from no organism.

- ``genome.fa``, ``genes.gtf``: two chromosomes with three transcripts, one of them spliced and
  one on the reverse strand. Their exons hold records of ``demo.fasta``, so that sites are called.
- ``known.bed``: the planted sites of these records, in genomic coordinates.
- ``variants.vcf``: substitutions at and near the planted sites, an insertion and a deletion.
- ``sites.fa``, ``controls.fa``: windows of 101 nt of an invented modification of A in ``GGACU``,
  and of other adenosines. ``lab2_sites.fa`` and ``lab2_controls.fa`` are a second study, of 81 nt.

Run from anywhere: ``python examples/make_tutorial.py``. The same files are written each time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent / "tutorial"
DEMO = Path(__file__).parent / "demo.fasta"
LETTERS = np.array(list("ACGT"))
COMPLEMENT = str.maketrans("ACGT", "TGCA")
MOTIF, CENTRE = "GGACT", 2  # index of the site in the motif
WINDOWS = 150


def random_dna(generator: np.random.Generator, length: int) -> str:
    """Draw letters, all as frequent."""
    return "".join(generator.choice(LETTERS, length))


def reverse_complement(sequence: str) -> str:
    """Return the other strand, from its 5' end."""
    return sequence.translate(COMPLEMENT)[::-1]


def read_demo() -> dict[str, tuple[str, int | None]]:
    """Return sequence and planted site (1-based; None for the control) of the demo records."""
    records: dict[str, tuple[str, int | None]] = {}
    for entry in DEMO.read_text(encoding="utf-8").split(">")[1:]:
        head, *lines = entry.splitlines()
        site = head.partition("site at ")[2].split()
        records[head.split()[0]] = (
            "".join(lines).upper().replace("U", "T"),
            int(site[0].strip(",;.")) if site else None,
        )
    return records


def fasta(records: list[tuple[str, str]]) -> str:
    """Return records as FASTA, 60 letters a line."""
    lines = []
    for name, sequence in records:
        lines += [f">{name}", *(sequence[i : i + 60] for i in range(0, len(sequence), 60))]
    return "\n".join(lines) + "\n"


def gtf_row(chromosome: str, kind: str, start: int, end: int, strand: str, number: int) -> str:
    """Return a line of GTF; positions are 1-based and inclusive."""
    names = f'gene_id "gene{number}"; transcript_id "transcript{number}";'
    return "\t".join([chromosome, "tutorial", kind, str(start), str(end), ".", strand, ".", names])


def write_genome(generator: np.random.Generator) -> None:
    """Write genome, annotation, known sites and variants."""
    demo = read_demo()
    (one, site1), (two, site2), (three, site3) = (
        demo[name] for name in ("planted_Gm", "planted_m5U", "planted_Um")
    )
    assert site1
    assert site2
    assert site3
    gap, intron = random_dna(generator, 500), "GT" + random_dna(generator, 396) + "AG"
    cut = 150  # of the first transcript, before its site
    chr1 = gap + one[:cut] + intron + one[cut:] + random_dna(generator, 300)
    chr2 = gap + reverse_complement(two) + random_dna(generator, 400) + three + gap
    start1, start2 = len(gap), len(gap)
    start3 = start2 + len(two) + 400
    rows = [
        gtf_row("chr1", "exon", start1 + 1, start1 + cut, "+", 1),
        gtf_row("chr1", "exon", start1 + cut + 401, start1 + 400 + len(one), "+", 1),
        gtf_row("chr2", "exon", start2 + 1, start2 + len(two), "-", 2),
        gtf_row("chr2", "exon", start3 + 1, start3 + len(three), "+", 3),
    ]
    sites = [
        ("chr1", start1 + 400 + site1, "Gm", "+"),
        ("chr2", start2 + len(two) - site2 + 1, "m5U", "-"),
        ("chr2", start3 + site3, "Um", "+"),
    ]
    chromosomes = {"chr1": chr1, "chr2": chr2}
    (FOLDER / "genome.fa").write_text(fasta(list(chromosomes.items())), encoding="utf-8")
    (FOLDER / "genes.gtf").write_text("\n".join(rows) + "\n", encoding="utf-8")
    bed = [f"{c}\t{p - 1}\t{p}\t{name}\t0\t{strand}" for c, p, name, strand in sites]
    (FOLDER / "known.bed").write_text("\n".join(bed) + "\n", encoding="utf-8")
    write_variants(chromosomes, [(c, p) for c, p, _, _ in sites])


def write_variants(chromosomes: dict[str, str], sites: list[tuple[str, int]]) -> None:
    """Write a VCF with variants at the sites and beside them."""
    lines = ["##fileformat=VCFv4.3"]
    lines += [f"##contig=<ID={name},length={len(s)}>" for name, s in chromosomes.items()]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    rows = []
    for number, (chromosome, site) in enumerate(sites, 1):
        sequence = chromosomes[chromosome]
        for offset, name in ((-3, "near"), (0, "site"), (120, "far")):
            base = sequence[site + offset - 1]
            other = LETTERS["ACGT".index(base) - 2]
            rows.append((chromosome, site + offset, f"{name}{number}", base, other))
    chromosome, site = sites[0]
    sequence = chromosomes[chromosome]
    at = site - 1
    rows.append((chromosome, at, "insertion", sequence[at - 1], sequence[at - 1] + "TTT"))
    at = site + 1
    rows.append((chromosome, at, "deletion", sequence[at - 1 : at + 3], sequence[at - 1]))
    rows.sort(key=lambda row: (row[0], row[1]))
    lines += ["\t".join(map(str, (*row, ".", ".", "."))) for row in rows]
    (FOLDER / "variants.vcf").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_windows(generator: np.random.Generator, prefix: str, length: int) -> None:
    """Write modified and unmodified windows with an A in the centre."""
    half = length // 2
    modified, unmodified = [], []
    for number in range(1, WINDOWS + 1):
        flanks = random_dna(generator, half), random_dna(generator, half)
        left, right = MOTIF[:CENTRE], MOTIF[CENTRE + 1 :]
        window = flanks[0][:-CENTRE] + left + "A" + right + flanks[1][len(right) :]
        modified.append((f"site_{number}", window))
        other = random_dna(generator, half) + "A" + random_dna(generator, half)
        while other[half - CENTRE :].startswith(MOTIF):
            other = random_dna(generator, half) + "A" + random_dna(generator, half)
        unmodified.append((f"control_{number}", other))
    (FOLDER / f"{prefix}sites.fa").write_text(fasta(modified), encoding="utf-8")
    (FOLDER / f"{prefix}controls.fa").write_text(fasta(unmodified), encoding="utf-8")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    write_genome(np.random.default_rng(1))
    write_windows(np.random.default_rng(2), "", 101)
    write_windows(np.random.default_rng(3), "lab2_", 81)
