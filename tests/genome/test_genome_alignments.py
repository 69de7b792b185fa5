"""Transcripts that differ from the genome are numbered by their alignment to it."""

import numpy as np
import pytest
from toy_genome import scan, write, write_genome

from seeded import letters
from vqrna.genome import open_genome
from vqrna.genome.alignments import AlignedPart, make_numbering
from vqrna.sites import concat_sites

NOTE = "Note=The RefSeq transcript has 1 non-frameshifting indel compared to this genomic sequence"


def line(feature: str, start: int, stop: int, strand: str, attributes: str) -> str:
    return f"NC_1\tRefSeq\t{feature}\t{start}\t{stop}\t.\t{strand}\t.\t{attributes}\n"


def transcript(strand: str, *exons: tuple[int, int], note: str = "") -> str:
    own = f"ID=rna-NM_1.1;transcript_id=NM_1.1{';' + note if note else ''}"
    rows = [line("mRNA", exons[0][0], exons[-1][1], strand, own)]
    return "".join(rows + [line("exon", *each, strand, "Parent=rna-NM_1.1") for each in exons])


def match(start: int, stop: int, strand: str, target: str, gap: str = "") -> str:
    own = f"ID=aln1;Target=NM_1.1 {target} +;gap_count=1"
    return line("cDNA_match", start, stop, strand, f"{own};Gap={gap}" if gap else own)


@pytest.fixture
def numbers(tmp_path):
    """Return the position in the transcript of each genomic position of a scan, and the notes."""
    genome = write_genome(tmp_path, {"NC_1": letters(100, seed=1).replace("U", "T")})

    def call(text: str, **options):
        source = open_genome(
            genome,
            annotation=write(tmp_path, "a.gff3", "##gff-version 3\n" + text),
            modifications=["m6A", "Psi", "Cm", "Gm"],
            flank=5,
            **options,
        )
        sites = concat_sites(source.tables.transcript_rows(scan(source)))
        genomic = sites.extra["genome_position"].tolist()
        main = concat_sites(source.tables.main_rows(scan(source)))
        numbers = dict(zip(genomic, (sites.position + 1).tolist(), strict=True))
        assert sites.position.tolist() == sorted(sites.position.tolist())
        return numbers, source.notes, (main.position + 1).tolist()

    return call


@pytest.fixture(params=["genome", "transcript"])
def context(request):
    return request.param


def test_a_base_that_the_genome_lacks(numbers, context):
    text = transcript("+", (11, 30)) + match(11, 30, "+", "1 21", "M12 I1 M8")
    at, notes, _ = numbers(text, context=context)
    assert at == {**{p: p - 10 for p in range(11, 23)}, **{p: p - 9 for p in range(23, 31)}}
    assert [note.partition(":")[0] for note in notes] == [
        "transcripts that differ from the genome by insertions or deletions"
    ]


def test_bases_that_the_transcript_lacks_are_only_in_the_main_table(numbers, context):
    text = transcript("+", (11, 30)) + match(11, 30, "+", "1 18", "M12 D2 M6")
    at, _, main = numbers(text, context=context)
    assert at == {**{p: p - 10 for p in range(11, 23)}, **{p: p - 12 for p in range(25, 31)}}
    assert main == list(range(11, 31))


def test_operations_follow_the_transcript_on_the_reverse_strand(numbers, context):
    """Two exons; the transcript begins at 50. Its first 3 bases are not aligned."""
    exons = transcript("-", (11, 20), (41, 50))
    alignment = match(41, 50, "-", "4 14", "M2 I1 M8") + match(11, 20, "-", "15 23", "M4 D1 M5")
    at, _, _ = numbers(exons + alignment, context=context)
    assert at == {
        **{50: 4, 49: 5},
        **{p: 55 - p for p in range(41, 49)},
        **{p: 35 - p for p in range(17, 21)},
        **{p: 34 - p for p in range(11, 16)},
    }


@pytest.mark.parametrize(
    "alignment",
    [
        "",  # none at all, only the note of RefSeq
        match(11, 29, "+", "1 20", "M12 I1 M7"),  # not all of the exon
        match(11, 30, "+", "1 20", "M12 I1 M8"),  # lengths that do not fit
        match(11, 30, "+", "1 21", "M12 J1 M8"),  # unknown operation
        match(11, 30, "-", "1 21", "M12 I1 M8"),  # other strand
        match(11, 30, "+", "one 21", "M12 I1 M8"),
        match(11, 20, "+", "11 20") + match(21, 30, "+", "1 10"),  # not in order
    ],
)
def test_without_an_alignment_that_fits_a_note_counts_them(numbers, alignment):
    at, notes, _ = numbers(transcript("+", (11, 30), note=NOTE) + alignment)
    assert at == {p: p - 10 for p in range(11, 31)}
    assert notes[0].endswith(
        "1 (no alignment, cDNA_match, that fits: their positions are numbered along the genome)"
    )


@pytest.mark.parametrize(
    "attributes",
    [
        "Target=NM_1.1 1 21 -;Gap=M12 I1 M8",  # other strand of the transcript
        "Target=NM_1.1 -1 21 +;Gap=M12 I1 M8",
        "Target=NM_1.1;Gap=M12 I1 M8",
        f"Target=NM_1.1 {'1' * 5000} 21 +",
        "Target=NM_1.1 1 21 +;Gap=Q3",
        f"Target=NM_1.1 1 21 +;Gap=M{'1' * 5000}",
    ],
)
def test_an_alignment_that_cannot_be_read_has_a_note_too(numbers, attributes):
    """Also without the note of RefSeq that the transcript differs from the genome."""
    text = transcript("+", (11, 30)) + line("cDNA_match", 11, 30, "+", attributes)
    at, notes, _ = numbers(text)
    assert at == {p: p - 10 for p in range(11, 31)}
    assert "1 (no alignment, cDNA_match, that fits" in notes[0]


def test_unspliced_positions_are_along_the_genome(numbers):
    text = transcript("+", (11, 30), note=NOTE) + match(11, 30, "+", "1 21", "M12 I1 M8")
    at, notes, _ = numbers(text, unspliced=True)
    assert at == {p: p - 10 for p in range(11, 31)}
    assert "1 (unspliced: their positions are numbered along the genome)" in notes[0]


def test_of_several_alignments_the_one_that_fits(numbers):
    """As of a transcript that is aligned twice on one chromosome."""
    other = match(61, 80, "+", "1 22", "M1 I2 M19").replace("aln1", "aln0")
    text = transcript("+", (11, 30)) + other + match(11, 30, "+", "1 21", "M12 I1 M8")
    assert numbers(text)[0][30] == 21


def test_a_perfect_alignment_needs_no_note(numbers):
    at, notes, _ = numbers(transcript("+", (11, 30)) + match(11, 30, "+", "1 20"))
    assert at == {p: p - 10 for p in range(11, 31)}
    assert notes == ()


def test_touching_parts_with_an_insertion_between_them():
    parts = (AlignedPart(10, 20, 0, 10, b""), AlignedPart(20, 30, 12, 22, b""))
    numbering = make_numbering(np.array([[10, 30]]), False, [parts])
    assert numbering.positions(np.arange(20)).tolist() == [*range(10), *range(12, 22)]
