"""Sites back in the genome and in its transcripts: by hand, and against a plain count."""

import random
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_genome import CHR1, GENES, gtf, other_strand, rna, scan, score, write, write_genome

from vqrna.genome import liftover, open_genome, regions
from vqrna.modifications import MODIFICATIONS
from vqrna.sites import concat_sites

ISOFORMS = GENES | {
    "P2": ("P", "chr1", "+", [(5, 8), (10, 12)]),
    "P0": ("P", "chr1", "+", [(7, 8), (18, 20)]),
}
KINDS = ("m6A", "m6Am", "Psi")


@pytest.fixture
def opened(tmp_path):
    genome = write_genome(tmp_path)

    def call(genes=ISOFORMS, bed=None, **options):
        if bed:
            options["regions"] = write(tmp_path, "r.bed", bed)
        annotation = write(tmp_path, "a.gtf", gtf(genes))
        options = {"flank": 3, "modifications": KINDS} | options
        return open_genome(genome, annotation=annotation, **options)

    return call


def rows(blocks, *columns: str) -> list[tuple]:
    kinds = [m for symbol in KINDS for m in MODIFICATIONS if m.symbol == symbol]
    table = concat_sites(blocks).table(kinds)
    return list(table[list(columns)].itertuples(index=False, name=None))


PLACE = ("sequence", "position", "strand", "base", "modification")


def test_the_genome_is_told_once_and_in_order(opened):
    source = opened()
    found = rows(source.tables.main_rows(scan(source)), *PLACE, "transcript", "transcripts", "gene")
    assert found == [
        # P1 is AGUA..GACA at 5-8 and 19-22 (1-based), P2 GUA..GU at 6-8 and 11-12
        ("chr1", 5, "+", "A", "m6A", "P1", 1, "P"),
        ("chr1", 5, "+", "A", "m6Am", "P1", 1, "P"),
        ("chr1", 7, "+", "U", "Psi", "P1", 2, "P"),
        # M1's last three, GUA, are 9 to 7
        ("chr1", 7, "-", "A", "m6A", "M1", 1, "M"),
        ("chr1", 8, "+", "A", "m6A", "P0", 3, "P"),
        ("chr1", 8, "-", "U", "Psi", "M1", 1, "M"),
        ("chr1", 11, "+", "U", "Psi", "P2", 1, "P"),
        ("chr1", 12, "+", "U", "Psi", "P2", 1, "P"),
        ("chr1", 20, "+", "A", "m6A", "P0", 2, "P"),
        # M1's first six, AGCAUG, are 26 to 21
        ("chr1", 22, "+", "A", "m6A", "P1", 1, "P"),
        ("chr1", 22, "-", "U", "Psi", "M1", 1, "M"),
        ("chr1", 23, "-", "A", "m6A", "M1", 1, "M"),
        ("chr1", 26, "-", "A", "m6A", "M1", 1, "M"),
        ("chr1", 26, "-", "A", "m6Am", "M1", 1, "M"),
    ]


def test_a_genome_is_given_back_to_its_transcripts(opened):
    source = opened(GENES)
    columns = (*PLACE, "chromosome", "genome_position", "genome_strand", "gene")
    assert rows(source.tables.transcript_rows(scan(source)), *columns) == [
        ("P1", 1, "+", "A", "m6A", "chr1", 5, "+", "P"),
        ("P1", 1, "+", "A", "m6Am", "chr1", 5, "+", "P"),
        ("P1", 3, "+", "U", "Psi", "chr1", 7, "+", "P"),
        ("P1", 4, "+", "A", "m6A", "chr1", 8, "+", "P"),
        ("P1", 6, "+", "A", "m6A", "chr1", 20, "+", "P"),
        ("P1", 8, "+", "A", "m6A", "chr1", 22, "+", "P"),
        ("M1", 1, "+", "A", "m6A", "chr1", 26, "-", "M"),
        ("M1", 1, "+", "A", "m6Am", "chr1", 26, "-", "M"),
        ("M1", 4, "+", "A", "m6A", "chr1", 23, "-", "M"),
        ("M1", 5, "+", "U", "Psi", "chr1", 22, "-", "M"),
        ("M1", 8, "+", "U", "Psi", "chr1", 8, "-", "M"),
        ("M1", 9, "+", "A", "m6A", "chr1", 7, "-", "M"),
    ]


def test_both_contexts_have_the_same_sites(opened):
    for unspliced in (False, True):
        inside = opened(unspliced=unspliced)
        alone = opened(unspliced=unspliced, context="transcript")
        for method in ("main_rows", "transcript_rows"):
            one, two = (
                rows(getattr(source.tables, method)(scan(source)), *PLACE)
                for source in (inside, alone)
            )
            assert one == two
            assert len(one) >= 14


def test_the_highest_of_several_transcripts_is_told_with_the_lowest(opened):
    source = opened(context="transcript")
    columns = ("score", "lowest_score", "transcript", "transcripts", "reported_in")
    found = rows(source.tables.main_rows(scan(source)), "position", "modification", *columns)
    # Letter 8 of the genome, A, is 4th of P1, 3rd of P2 and 1st of P0.
    scores = {
        name: score(name, position, False, "m6A")
        for name, position in [("P1", 3), ("P2", 2), ("P0", 0)]
    }
    best = max(scores, key=scores.__getitem__)
    expected = (8, "m6A", scores[best], min(scores.values()), best, 3, 3)
    assert len(set(scores.values())) == 3
    assert expected in found


def test_what_is_not_reported_in_some_transcript_is_counted(opened):
    source = opened(context="transcript")
    scores = sorted(
        score(name, position, False, "m6A") for name, position in [("P1", 3), ("P2", 2), ("P0", 0)]
    )
    columns = ("position", "modification", "lowest_score", "transcripts", "reported_in")
    found = rows(source.tables.main_rows(scan(source, least=scores[1])), *columns)
    assert (8, "m6A", scores[1], 3, 2) in found


def test_of_equal_scores_the_transcript_first_by_name_is_told(opened):
    source = opened(context="transcript")
    found = rows(
        source.tables.main_rows(scan(source, levels=1)), "position", "modification", "transcript"
    )
    assert (8, "m6A", "P0") in found
    assert (7, "Psi", "P1") in found


def test_m6am_of_transcripts_that_begin_together(opened):
    genes = {
        "long": ("g", "chr1", "+", [(4, 30)]),
        "inside": ("h", "chr1", "+", [(1, 9)]),
        "brief": ("i", "chr1", "+", [(4, 9)]),
    }
    for context in ("genome", "transcript"):
        source = opened(genes, context=context, modifications=["m6Am"])
        columns = ("position", "transcript", "transcripts", "reported_in", "gene")
        assert rows(source.tables.main_rows(scan(source)), *columns) == [(5, "brief", 3, 2, "i")]
        found = rows(
            source.tables.transcript_rows(scan(source)), "sequence", "position", "genome_position"
        )
        assert found == [("brief", 1, 5), ("long", 1, 5)]


def test_no_sites_at_all(opened):
    for context in ("genome", "transcript"):
        source = opened(context=context)
        assert list(source.tables.main_rows(iter([]))) == []
        assert list(source.tables.transcript_rows(scan(source, least=2))) == []


@pytest.mark.parametrize("context", ["genome", "transcript"])
@pytest.mark.parametrize("method", ["main_rows", "transcript_rows"])
def test_rows_are_given_before_all_have_come(opened, monkeypatch, context, method):
    monkeypatch.setattr(liftover, "BATCH", 4)
    monkeypatch.setattr(regions, "WINDOW", 6)
    source = opened(bed="chr2\t0\t4\nchr2\t4\t8\n", context=context)
    taken = 0

    def counted():
        nonlocal taken
        for block in scan(source, size=1):
            taken += 1
            yield block

    next(getattr(source.tables, method)(counted()))
    assert 4 <= taken < sum(1 for _ in scan(source, size=1))


def test_the_page_tells_the_columns(opened, root):
    text = (root / "docs" / "genome.md").read_text(encoding="utf-8")
    source = opened()
    for method, title in [("main_rows", "The main table"), ("transcript_rows", "The table by")]:
        section = text.partition(f"## {title}")[2].partition("\n## ")[0]
        told = [row.split("`")[1] for row in section.splitlines() if row.startswith("| `")]
        assert told == list(concat_sites(getattr(source.tables, method)(scan(source))).extra)


# A plain count, position by position, of what the rows should be.


def expected_rows(source, world, levels, least):
    """Give the main table and the table by transcript, from strings and loops."""
    sequences, entries = world
    order = list(sequences)
    genomic = source.context == "genome"
    held = defaultdict(list)
    for name, gene, chromosome, strand, blocks, known in entries:
        if source.unspliced:
            blocks = [(blocks[0][0], blocks[-1][1])]
        places = [p for start, stop in blocks for p in range(start, stop)]
        places = places[::-1] if strand == "-" else places
        own = [letter(sequences[chromosome], p, strand) for p in places]
        for i, p in enumerate(places):
            chrom = sequences[chromosome]
            back = -1 if strand == "+" else 1
            before = [letter(chrom, p + 2 * back, strand), letter(chrom, p + back, strand)]
            if not genomic and not known:
                before = ([""] * 2 + own)[i : i + 2]
            for k, symbol in enumerate(KINDS):
                where = (chromosome, p, strand == "-")
                by_itself = not genomic and not (symbol == "m6Am" and known)
                about = (name, i, False) if by_itself else where
                if symbol == "m6Am":
                    fits = own[i] == "A" and before[1] == "C" and before[0] in ("C", "G", "U")
                    fits = fits and (i == 0 or not known)
                else:
                    fits = own[i] == {"m6A": "A", "Psi": "U"}[symbol]
                value = score(*about, symbol, levels=levels)
                held[where].append(name)
                if fits and value >= least:
                    site = (order.index(chromosome), p, strand == "-", k)
                    yield site, (name, i, k, value, gene)
    source.held = {where: len(names) // len(KINDS) for where, names in held.items()}


def letter(sequence: str, place: int, strand: str) -> str:
    if not 0 <= place < len(sequence):
        return ""
    return rna(sequence[place]) if strand == "+" else other_strand(sequence[place])


class Told:
    """What a test needs of a source, and a place for counts."""

    def __init__(self, source):
        self.context, self.unspliced = source.context, source.unspliced
        self.held: dict = {}


@settings(max_examples=40)
@given(
    st.integers(0, 10_000),
    st.sampled_from(["genome", "transcript"]),
    st.booleans(),
    st.sampled_from([2, 1000]),
    st.sampled_from([0.0, 0.5]),
)
def test_rows_are_those_of_a_plain_count(tmp_path_factory, seed, context, unspliced, levels, least):
    rng = random.Random(seed)
    folder = tmp_path_factory.mktemp("world")
    sequences = {n: "".join(rng.choices("ACGTN", [4, 4, 4, 4, 1], k=60)) for n in ("one", "two")}
    entries = []
    for number in range(rng.randrange(1, 9)):
        chromosome, strand = rng.choice(["one", "two"]), rng.choice("+-")
        bounds = sorted(rng.sample(range(61), 2 * rng.randrange(1, 4)))
        blocks = list(zip(bounds[::2], bounds[1::2], strict=True))
        known = rng.random() < 0.7
        blocks = blocks if known else [(bounds[0], bounds[-1])]
        gene = f"g{number % 2}" if known else ""
        entries.append(
            (f"t{rng.randrange(10**6)}.{number}", gene, chromosome, strand, blocks, known)
        )
    genes = {e[0]: (e[1], e[2], e[3], e[4]) for e in entries if e[5]}
    bed = "".join(
        f"{e[2]}\t{e[4][0][0]}\t{e[4][-1][1]}\t{e[0]}\t0\t{e[3]}\n" for e in entries if not e[5]
    )
    source = open_genome(
        write_genome(folder, sequences),
        annotation=write(folder, "a.gtf", gtf(genes)) if genes else None,
        regions=write(folder, "r.bed", bed) if bed else None,
        context=context,
        unspliced=unspliced,
        flank=rng.choice([2, 5]),
        modifications=KINDS,
    )
    told = Told(source)
    found = list(expected_rows(told, (sequences, entries), levels, least))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(liftover, "BATCH", rng.choice([1, 7, 1000]))
        patch.setattr(regions, "WINDOW", rng.choice([9, 25, 1000]))
        blocks = list(scan(source, size=rng.choice([1, 4, 50]), levels=levels, least=least))
        main = concat_sites(source.tables.main_rows(iter(blocks)))
        each = concat_sites(source.tables.transcript_rows(iter(blocks)))
    check_main(main, found, told, list(sequences))
    names = source.transcripts.names.tolist()
    expected = sorted((names.index(n), i, k, value, gene) for _, (n, i, k, value, gene) in found)
    genes_told = each.extra.get("gene", [])
    assert expected == [
        (names.index(n), i, k, value, gene)
        for n, i, k, value, gene in zip(
            each.sequence,
            each.position,
            each.modification_index,
            each.score,
            genes_told,
            strict=True,
        )
    ]


def check_main(main, found, told, order):
    sites = defaultdict(list)
    for site, row in found:
        sites[site].append(row)
    assert len(main) == len(sites)
    for at, (site, held) in enumerate(sorted(sites.items())):
        chromosome, place, reverse, kind = site
        best = min(held, key=lambda row: (-row[3], row[0]))
        row = main.take(np.array([at]))
        extra = {name: column[0] for name, column in row.extra.items()}
        assert (order.index(row.sequence[0]), row.position[0]) == (chromosome, place)
        assert (row.reverse[0], row.modification_index[0], row.score[0]) == (reverse, kind, best[3])
        assert extra == {
            "lowest_score": min(value for _, _, _, value, _ in held),
            "transcript": best[0],
            "transcripts": told.held[order[chromosome], place, reverse],
            "reported_in": len(held),
            "gene": best[4],
        }


def test_chr1_is_what_the_comments_say():
    assert CHR1[4:8] + CHR1[18:22] == "AGTAGACA"
    assert other_strand(CHR1[20:26]) + other_strand(CHR1[6:9]) == "AGCAUGGUA"
