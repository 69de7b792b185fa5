"""Coordinates and sequences of transcripts, by hand, both ways, and as other programs have them."""

import random
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_genome import GENES, MINUS, PLUS, bed12, gff3, gtf, write, write_genome

from vqrna.genome import open_genome
from vqrna.genome.coordinates import expand_ranges, genome_offset, merge_intervals, position_of
from vqrna.sequence import decode


def transcripts_of(tmp_path, genes, sequences=None):
    genome = write_genome(tmp_path, sequences)
    return open_genome(genome, annotation=write(tmp_path, "a.gtf", gtf(genes)))


def test_two_exons_on_either_strand(tmp_path):
    source = transcripts_of(tmp_path, GENES)
    t = source.transcripts
    assert t.names.tolist() == ["P1", "M1"]
    assert t.lengths.tolist() == [8, 9]
    plus = t.genome_offsets(np.zeros(8, dtype=int), np.arange(8))
    assert plus.tolist() == [4, 5, 6, 7, 18, 19, 20, 21]
    minus = t.genome_offsets(np.ones(9, dtype=int), np.arange(9))
    assert minus.tolist() == [25, 24, 23, 22, 21, 20, 8, 7, 6]


def test_unspliced(tmp_path):
    source = transcripts_of(tmp_path, GENES)
    t = source.transcripts.unspliced(source.genome)
    assert t.lengths.tolist() == [18, 20]
    assert t.genome_offsets(np.array([0, 0, 1, 1]), np.array([0, 17, 0, 19])).tolist() == [
        4,
        21,
        25,
        6,
    ]


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_there_and_back(tmp_path_factory, seed, count):
    folder = tmp_path_factory.mktemp("world")
    genes = random_genes(random.Random(seed), count)
    t = transcripts_of(folder, genes, {"a": "A" * 300, "b": "C" * 200}).transcripts
    owners, positions = expand_ranges(np.zeros(len(t), dtype=np.int64), t.lengths)
    places = t.genome_offsets(owners, positions)
    # The block that holds each place, found one by one
    blocks = np.array(
        [
            next(
                b
                for b in range(t.first[owner], t.first[owner + 1])
                if t.blocks[b, 0] <= place < t.blocks[b, 1]
            )
            for owner, place in zip(owners, places, strict=True)
        ]
    )
    again = t.transcript_positions(blocks, places)
    assert again[0].tolist() == owners.tolist()
    assert again[1].tolist() == positions.tolist()
    for i, name in enumerate(t.names):
        _, chromosome, strand, exons = genes[name]
        expected = [p for start, stop in exons for p in range(start, stop)]
        expected = expected[::-1] if strand == "-" else expected
        mine = places[owners == i]
        assert position_of(mine).tolist() == expected
        assert set((mine >> 40).tolist()) == {"ab".index(chromosome)}


def test_intervals_join_within_a_chromosome_only():
    starts = genome_offset(np.array([0, 0, 0, 1]), np.array([5, 0, 20, 0]))
    stops = genome_offset(np.array([0, 0, 0, 1]), np.array([9, 5, 30, 4]))
    joined = merge_intervals(starts, stops)
    assert joined.tolist() == [[0, 9], [20, 30], [1 << 40, (1 << 40) + 4]]
    assert merge_intervals(starts, stops, gap=11).tolist() == [[0, 30], [1 << 40, (1 << 40) + 4]]
    assert merge_intervals(starts, stops, gap=10).tolist() == joined.tolist()
    assert merge_intervals(starts[:0], stops[:0]).shape == (0, 2)


def random_genes(rng: random.Random, count: int) -> dict:
    """Make transcripts with exons that do not touch, on two chromosomes of 300 and 200 nt."""
    genes = {}
    for number in range(count):
        chromosome, length = rng.choice([("a", 300), ("b", 200)])
        exons = rng.randrange(1, 6)
        # Bounds are even and differ, so that exons are 1 nt or more with 1 nt or more between.
        bounds = sorted(rng.sample(range(0, length + 1), 2 * exons))
        pairs = list(zip(bounds[::2], bounds[1::2], strict=True))
        genes[f"t{number}"] = (f"g{number % 3}", chromosome, rng.choice("+-"), pairs)
    return genes


def sequences_of(source) -> dict[str, str]:
    return {s.name: decode(s.tokens) for s in source.regions() if s.name not in "ab"}


@pytest.fixture
def random_world(tmp_path):
    rng = random.Random(5)
    sequences = {
        name: "".join(rng.choices("ACGTacgtN", k=n)) for name, n in [("a", 300), ("b", 200)]
    }
    return write_genome(tmp_path, sequences, width=60), random_genes(rng, 80)


def run(*command: object) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"needs {command[0]}")
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True)
    return done.stdout


def fasta(text: str) -> dict[str, str]:
    records = (record.partition("\n") for record in text.split(">")[1:])
    return {
        head.split()[0].removesuffix("(+)").removesuffix("(-)"): letters.replace("\n", "")
        .upper()
        .replace("T", "U")
        for head, _, letters in records
    }


def test_by_hand(tmp_path):
    genome = write_genome(tmp_path)
    path = write(tmp_path, "a.gtf", gtf(GENES))
    source = open_genome(genome, annotation=path, context="transcript", modifications=["m6A"])
    assert [decode(stretch.tokens) for stretch in source.regions()] == [PLUS, MINUS]


def test_spliced_sequences_as_bedtools_has_them(tmp_path, random_world):
    genome, genes = random_world
    path = write(tmp_path, "a.bed", bed12(genes))
    source = open_genome(genome, regions=path, context="transcript")
    expected = run("bedtools", "getfasta", "-fi", genome, "-bed", path, "-s", "-split", "-nameOnly")
    assert sequences_of(source) == fasta(expected)


def test_regions_as_bedtools_has_and_names_them(tmp_path, random_world):
    genome, genes = random_world
    lines = [
        f"{chromosome}\t{exons[0][0]}\t{exons[0][1]}\t.\t0\t{strand}\n"
        for _, chromosome, strand, exons in genes.values()
    ]
    path = write(tmp_path, "a.bed", "".join(lines))
    source = open_genome(genome, regions=path, context="transcript")
    expected = run("bedtools", "getfasta", "-fi", genome, "-bed", path, "-s")
    names = [record.partition("\n")[0] for record in expected.split(">")[1:]]
    assert {s.name for s in source.regions()} == set(names)
    trimmed = {name[:-3]: letters for name, letters in sequences_of(source).items()}
    assert trimmed == fasta(expected)


@pytest.mark.parametrize("write_genes", [gtf, gff3])
def test_spliced_sequences_as_gffread_has_them(tmp_path, random_world, write_genes):
    genome, genes = random_world
    path = write(tmp_path, "a.gff", write_genes(genes))
    source = open_genome(genome, annotation=path, context="transcript")
    run("gffread", "-w", tmp_path / "out.fa", "-g", genome, path)
    expected = fasta((tmp_path / "out.fa").read_text())
    assert sequences_of(source) == {
        name.removeprefix("transcript:"): letters for name, letters in expected.items()
    }
