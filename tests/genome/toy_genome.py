"""Small genomes with genes that can be worked by hand, and a scan without a network."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from vqrna.genome import GenomeSource
from vqrna.modifications import MODIFICATIONS
from vqrna.region import Region
from vqrna.sequence import encode
from vqrna.sites import Sites, concat_sites

#       0         10        20
#       012345678901234567890123456789
CHR1 = "GGTCAGTACGTTTTTTTTGACATGCTGCAA"
"""Gene P (+) has exons 4-8 and 18-22, gene M (-) has exons 6-9 and 20-26 (0-based, half-open)."""

CHR2 = "acgtNacgtR"

GENES = {
    # transcript: (gene, chromosome, strand, exons)
    "P1": ("P", "chr1", "+", [(4, 8), (18, 22)]),
    "M1": ("M", "chr1", "-", [(6, 9), (20, 26)]),
}

PLUS = "AGUA" + "GACA"
"""Spliced P1, read off `CHR1`: letters 4 to 7, then 18 to 21."""

MINUS = "AGCAUG" + "GUA"
"""Spliced M1: letters 25 down to 20 (T C G T A C), then 8 down to 6 (C A T), complemented."""

Genes = Mapping[str, tuple[str, str, str, list[tuple[int, int]]]]


def write_genome(folder: Path, sequences: Mapping[str, str] | None = None, width: int = 7) -> Path:
    """Write a FASTA file."""
    path = folder / "genome.fa"
    with path.open("w") as file:
        for name, letters in (sequences or {"chr1": CHR1, "chr2": CHR2}).items():
            file.write(f">{name} some words\n")
            file.writelines(letters[at : at + width] + "\n" for at in range(0, len(letters), width))
    return path


def gtf(genes: Genes) -> str:
    """Write genes as GTF."""
    lines = []
    for name, (gene, chromosome, strand, exons) in genes.items():
        names = f'gene_id "{gene}_id"; transcript_id "{name}"; gene_name "{gene}";'
        spans = [("transcript", exons[0][0], exons[-1][1])]
        for feature, start, stop in spans + [("exon", *exon) for exon in exons]:
            place = f"{chromosome}\ttest\t{feature}\t{start + 1}\t{stop}\t.\t{strand}\t."
            lines.append(f"{place}\t{names}\n")
    return "".join(lines)


def gff3(genes: Genes) -> str:
    """Write genes as GFF3, exons before transcripts to make it harder."""
    lines = ["##gff-version 3\n"]
    for name, (gene, chromosome, strand, exons) in genes.items():
        begin, end = exons[0][0] + 1, exons[-1][1]
        for start, stop in exons:
            place = f"{chromosome}\ttest\texon\t{start + 1}\t{stop}\t.\t{strand}\t."
            lines.append(f"{place}\tID=exon:{name}:{start};Parent=transcript:{name}\n")
        lines.append(
            f"{chromosome}\ttest\tmRNA\t{begin}\t{end}\t.\t{strand}\t."
            f"\tID=transcript:{name};Parent=gene:{gene};transcript_id={name}\n"
            f"{chromosome}\ttest\tgene\t{begin}\t{end}\t.\t{strand}\t."
            f"\tID=gene:{gene};Name={gene};gene_id={gene}_id\n"
        )
    return "".join(lines)


def bed12(genes: Genes) -> str:
    """Write genes as BED12."""
    lines = []
    for name, (_, chromosome, strand, exons) in genes.items():
        start, stop = exons[0][0], exons[-1][1]
        sizes = ",".join(str(b - a) for a, b in exons) + ","
        starts = ",".join(str(a - start) for a, _ in exons) + ","
        lines.append(
            f"{chromosome}\t{start}\t{stop}\t{name}\t0\t{strand}\t{start}\t{start}\t0"
            f"\t{len(exons)}\t{sizes}\t{starts}\n"
        )
    return "".join(lines)


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file."""
    path = folder / name
    path.write_text(text)
    return path


def score(*parts: object, levels: int = 1000) -> float:
    """Give a number that follows from what it is about; few levels make many ties."""
    return zlib.crc32(repr(parts).encode()) % levels / levels


def scan(
    source: GenomeSource, *, size: int = 1000, levels: int = 1000, least: float = 0.0
) -> Iterator[Sites]:
    """Score every candidate by its name, place and type, and hand on blocks of some size.

    Candidates under `least` are not reported, like those that are not called.
    """
    found = concat_sites(_scored(stretch, source.symbols, levels) for stretch in source.regions())
    found = found.take(found.score >= least)
    for at in range(0, len(found), size):
        yield found.take(slice(at, at + size))


def _scored(stretch: Region, symbols: tuple[str, ...], levels: int) -> Sites:
    kinds = {m.symbol: m for m in MODIFICATIONS}
    rows = []
    for i in range(stretch.start, stretch.stop):
        if stretch.wanted is not None and not stretch.wanted[i - stretch.start]:
            continue
        along = i - stretch.start
        position = stretch.first - along if stretch.reverse else stretch.first + along
        for k, symbol in enumerate(symbols):
            allowed = symbol not in stretch.only or i in stretch.only[symbol]
            if allowed and kinds[symbol].candidates(stretch.tokens)[i]:
                value = score(stretch.name, position, bool(stretch.reverse), symbol, levels=levels)
                rows.append((position, stretch.tokens[i], k, value))
    count = len(rows)
    position, base, kind, scores = zip(*rows, strict=True) if rows else ((), (), (), ())
    nan = np.full(count, np.nan)
    return Sites(
        np.full(count, stretch.name, dtype=object),
        np.array(position, dtype=np.int64),
        np.full(count, stretch.reverse),
        np.array(base, dtype=np.uint8),
        np.array(kind, dtype=np.uint8),
        np.array(scores),
        nan,
        nan,
        nan,
        np.zeros(count, dtype=np.uint8),
        np.zeros(count, dtype=np.uint8),
    )


def rna(letters: str) -> str:
    """Write letters as they are decoded from tokens."""
    return "".join("ACGUN"[token] for token in encode(letters))


def other_strand(letters: str) -> str:
    """Give the reverse complement, as RNA."""
    return rna(letters)[::-1].translate(str.maketrans("ACGU", "UGCA"))
