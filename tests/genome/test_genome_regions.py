"""What is scanned of a genome: stretches in both contexts, worked by hand."""

import pickle

import numpy as np
import pytest
from toy_genome import CHR1, GENES, MINUS, PLUS, gtf, other_strand, rna, write, write_genome

from vqrna.errors import UsageError
from vqrna.genome import GenomeSource, open_genome, regions
from vqrna.modifications import MODIFICATIONS, Modification
from vqrna.sequence import decode

SYMBOLS = {m.symbol for m in MODIFICATIONS}


@pytest.fixture
def opened(tmp_path):
    genome = write_genome(tmp_path)

    def call(genes=GENES, bed=None, **options) -> GenomeSource:
        if genes:
            options["annotation"] = write(tmp_path, "a.gtf", gtf(genes))
        if bed:
            options["regions"] = write(tmp_path, "r.bed", bed)
        return open_genome(genome, **{"flank": 3, **options})

    return call


def told(source: GenomeSource) -> list[tuple]:
    """Write stretches as name, letters, start, stop, first, strand, m6Am's places."""
    rows = []
    for s in source.regions():
        places = s.only["m6Am"].tolist() if "m6Am" in s.only else None
        strand = "-" if s.reverse else "+"
        rows.append((s.name, decode(s.tokens), s.start, s.stop, s.first, strand, places))
    return rows


def test_exons_in_their_genome(opened):
    source = opened()
    assert told(source) == [
        # exon 4-8, with 3 nt on both sides: letters 1 to 10
        ("chr1", "GUCAGUACGU", 3, 7, 4, "+", [3]),
        # exon 18-22: letters 15 to 24
        ("chr1", "UUUGACAUGC", 3, 7, 18, "+", []),
        # exon 20-26: letters 28 down to 17
        ("chr1", other_strand(CHR1[17:29]), 3, 9, 25, "-", [3]),
        # exon 6-9: letters 11 down to 3
        ("chr1", "AACGUACUG", 3, 6, 8, "-", []),
    ]
    assert other_strand(CHR1[17:29]) == "UGCAGCAUGUCA"
    assert all(s.wanted is None for s in source.regions())
    assert source.count_positions() == 17


def test_introns_that_cost_less_than_flanks_are_evaluated_but_not_wanted(opened):
    # P1's intron has 10 nt, M1's 11: two flanks of 5 are 10.
    source = opened(flank=5)
    first, *others = source.regions()
    assert (first.start, first.stop, first.first) == (4, 22, 4)  # only 4 nt before the exon
    assert decode(first.tokens) == rna(CHR1[:27])
    assert "".join("01"[int(x)] for x in first.wanted) == "1111" + 10 * "0" + "1111"
    assert [(s.first, s.stop - s.start, s.wanted) for s in others] == [(25, 6, None), (8, 3, None)]
    assert source.count_positions() == 18 + 6 + 3
    # On the reverse strand the mask runs 5' to 3', too.
    *_, last = opened(flank=6).regions()
    assert (last.first, last.reverse) == (25, True)
    assert "".join("01"[int(x)] for x in last.wanted) == "111111" + 11 * "0" + "111"
    assert last.only["m6Am"].tolist() == [last.start]
    assert decode(last.tokens) == other_strand(CHR1[0:30])


def test_unspliced_in_the_genome(opened):
    source = opened(unspliced=True)
    assert told(source) == [
        ("chr1", rna(CHR1[1:25]), 3, 21, 4, "+", [3]),
        ("chr1", other_strand(CHR1[3:29]), 3, 23, 25, "-", [3]),
    ]
    assert source.describe()["transcripts"] == "unspliced"


def test_what_transcripts_share_is_scanned_once(opened):
    genes = GENES | {"P2": ("P", "chr1", "+", [(5, 8), (18, 20)])}
    plus = told(opened(genes))[:2]
    assert plus == [
        ("chr1", "GUCAGUACGU", 3, 7, 4, "+", [3, 4]),
        ("chr1", "UUUGACAUGC", 3, 7, 18, "+", []),
    ]


def test_each_transcript_by_itself(opened):
    source = opened(context="transcript")
    assert told(source) == [
        # The first base of P1, with what is before it in the genome: BCA is UCA
        ("chr1", "GUCAGUA", 3, 4, 4, "+", [3]),
        ("P1", PLUS, 0, 8, 0, "+", []),
        # The first base of M1: GCA
        ("chr1", "UGCAGCA", 3, 4, 25, "-", [3]),
        ("M1", MINUS, 0, 9, 0, "+", []),
    ]
    single = next(source.regions())
    assert set(single.only) == SYMBOLS
    elsewhere = [m.symbol for m in MODIFICATIONS if not m.first_base_only]
    assert all(len(single.only[symbol]) == 0 for symbol in elsewhere)
    assert source.count_positions() == 1 + 8 + 1 + 9


def test_transcripts_by_themselves_unspliced_and_without_first_bases(opened):
    source = opened(context="transcript", unspliced=True, modifications=["m6A", "Psi"])
    assert told(source) == [
        ("P1", rna(CHR1[4:22]), 0, 18, 0, "+", None),
        ("M1", other_strand(CHR1[6:26]), 0, 20, 0, "+", None),
    ]
    assert source.count_positions() == 38


def test_a_first_base_that_transcripts_share_is_given_once_before_the_first_of_them(opened):
    genes = {
        "long": ("g", "chr1", "-", [(2, 20)]),
        "short": ("g", "chr1", "-", [(9, 20)]),
        "other": ("g", "chr1", "-", [(9, 19)]),
    }
    names = [
        (name, first) for name, _, _, _, first, _, _ in told(opened(genes, context="transcript"))
    ]
    assert names == [("chr1", 19), ("long", 0), ("chr1", 18), ("other", 0), ("short", 0)]


@pytest.mark.parametrize("context", ["genome", "transcript"])
def test_regions_are_no_transcripts_and_have_m6am_anywhere(opened, context):
    source = opened(genes=None, bed="chr1\t4\t8\tx\t0\t+\n", context=context)
    (stretch,) = source.regions()
    assert stretch.only == {}


def test_m6am_where_regions_and_transcripts_meet(opened):
    # Region 6-20 covers the end of P1's first exon and the beginning of its second.
    plus = [row for row in told(opened(bed="chr1\t6\t20\tx\t0\t+\n")) if row[5] == "+"]
    ((_, letters, start, stop, first, _, places),) = plus
    assert (letters, start, stop, first) == (rna(CHR1[1:25]), 3, 21, 4)
    assert places == [3, *range(5, 19)]  # position 4, then 6 to 19, less the letters before 1


@pytest.mark.parametrize("context", ["genome", "transcript"])
def test_every_type_that_says_so_is_restricted_to_first_bases(opened, context):
    cap = Modification("capX", "mine", "N", first_base_only=True)
    source = opened(context=context, modifications=[cap, "Psi", "m6Am"])
    assert source.first_base_only == ("capX", "m6Am")
    for each in (source, open_genome(**source.spec())):
        restricted = [s.only for s in each.regions() if s.only]
        assert restricted
        for only in restricted:
            assert only["capX"].tolist() == only["m6Am"].tolist()
            assert len(only.get("Psi", [])) == 0


def test_both_strands_of_a_region(opened):
    source = opened(genes=None, bed="chr1\t4\t8\n")
    assert told(source) == [
        ("chr1", "GUCAGUACGU", 3, 7, 4, "+", None),
        ("chr1", "ACGUACUGAC", 3, 7, 7, "-", None),
    ]
    assert list(source.tables.intervals()) == [("chr1", 4, 8, False), ("chr1", 4, 8, True)]


def test_what_counts_is_told_in_order(opened):
    assert list(
        opened(bed="chr2\t2\t5\tx\t0\t-\nchr1\t8\t9\tx\t0\t+\n", flank=9).tables.intervals()
    ) == [
        ("chr1", 4, 9, False),
        ("chr1", 6, 9, True),
        ("chr1", 18, 22, False),
        ("chr1", 20, 26, True),
        ("chr2", 2, 5, True),
    ]


def test_long_regions_are_cut_into_windows_that_rise(opened, monkeypatch):
    monkeypatch.setattr(regions, "WINDOW", 10)
    source = opened(genes=None, bed="chr1\t2\t27\nchr1\t28\t30\tx\t0\t-\nchr2\t1\t3\ty\t0\t+\n")
    places = [
        (s.name, s.first, s.stop - s.start, "-" if s.reverse else "+") for s in source.regions()
    ]
    assert places == [
        ("chr1", 2, 10, "+"),
        ("chr1", 11, 10, "-"),
        ("chr1", 12, 10, "+"),
        ("chr1", 21, 10, "-"),
        ("chr1", 22, 5, "+"),
        # The last window reaches on to the next region, which is near enough to share a stretch.
        ("chr1", 29, 8, "-"),
        ("chr2", 1, 2, "+"),
    ]
    for stretch in source.regions():
        low = (
            stretch.first - (stretch.stop - stretch.start - 1) if stretch.reverse else stretch.first
        )
        left, right = max(0, low - 3), low + stretch.stop - stretch.start + 3
        letters = {"chr1": CHR1, "chr2": "ACGUNACGUN"}[stretch.name][left:right]
        expected = other_strand(letters) if stretch.reverse else rna(letters)
        assert decode(stretch.tokens) == expected


def test_the_same_every_time_and_after_a_journey(opened):
    source = opened(bed="chr1\t0\t30\n", flank=2)
    again = pickle.loads(pickle.dumps(source))
    assert told(again) == told(source) == told(source)
    assert told(open_genome(**source.spec())) == told(source)


def test_what_it_says_of_itself(opened, tmp_path):
    source = opened(bed="chr1\t4\t8\n", context="transcript")
    assert source.describe() == {
        "genome": "genome.fa",
        "regions": "r.bed",
        "annotation": "a.gtf",
        "context": "transcript",
        "transcripts": "spliced",
    }
    assert [path.name for path in source.inputs()] == ["genome.fa", "r.bed", "a.gtf"]
    assert list(source.tables.sequence_lengths()) == [("chr1", 30), ("chr2", 10)]
    assert source.transcripts.names.tolist() == ["chr1:4-8(+)", "chr1:4-8(-)", "P1", "M1"]
    assert source.transcripts.lengths.tolist() == [4, 4, 8, 9]


def test_what_cannot_be(opened, tmp_path):
    with pytest.raises(UsageError, match="unknown context 'cell'"):
        opened(context="cell")
    with pytest.raises(UsageError, match="needs regions"):
        open_genome(tmp_path / "genome.fa")


def test_the_largest_chromosome_number_and_strand_do_not_meet():
    from vqrna.genome.coordinates import MAX_SEQUENCES, genome_offset, split_strand, strand_offset

    place = genome_offset(np.array([0, MAX_SEQUENCES - 1]), np.array([5, (1 << 40) - 1]))
    key = strand_offset(place, np.array([True, True]))
    assert (key > place.max()).all()
    back, reverse = split_strand(key)
    assert back.tolist() == place.tolist()
    assert reverse.all()


@pytest.mark.parametrize("context", ["genome", "transcript"])
def test_what_lies_beyond_a_stretch_is_counted_in_its_own_direction(opened, context):
    for s in opened(context=context).regions():
        if s.name.startswith("chr"):
            length = s.before + len(s.tokens) + s.after
            assert length == len(CHR1)
            low = s.after if s.reverse else s.before
            letters = rna(CHR1)[low : low + len(s.tokens)]
            assert decode(s.tokens) == (other_strand(letters) if s.reverse else letters)
        else:
            assert (s.before, s.after) == (0, 0)
