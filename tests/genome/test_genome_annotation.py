"""Transcripts of GTF and GFF3 files."""

import gzip

import numpy as np
import pytest
from toy_genome import GENES, bed12, gff3, gtf, write, write_genome

from vqrna.errors import DataError
from vqrna.genome import open_genome
from vqrna.runtime.run_record import skipped_notes

MORE = GENES | {
    "P2": ("P", "chr1", "+", [(4, 8), (10, 12), (20, 22)]),
    "A": ("A", "chr2", "-", [(0, 10)]),
}


def line(*fields: object) -> str:
    """Write a line: chromosome, feature, start, end, strand, attributes."""
    chromosome, feature, start, stop, strand, attributes = fields
    return f"{chromosome}\tx\t{feature}\t{start}\t{stop}\t.\t{strand}\t.\t{attributes}\n"


@pytest.fixture
def source(tmp_path):
    genome = write_genome(tmp_path)

    def call(text: str, name: str = "a.gtf", **options):
        return open_genome(genome, annotation=write(tmp_path, name, text), **options)

    return call


def skipped(source) -> list[tuple]:
    """List reason, count and first line of the skipped features."""
    return [(each.reason, each.count, each.first_line) for each in source.skipped]


def listed(source) -> list[tuple]:
    """List transcripts: name, gene, strand, blocks."""
    t = source.transcripts
    blocks = np.split(t.blocks & ((1 << 40) - 1), t.first[1:-1])
    strands = ["-" if reverse else "+" for reverse in t.reverse]
    return [
        (name, gene, strand, [tuple(block) for block in some.tolist()])
        for name, gene, strand, some in zip(t.names, t.genes, strands, blocks, strict=True)
    ]


EXPECTED = [
    ("P1", "P", "+", [(4, 8), (18, 22)]),
    ("P2", "P", "+", [(4, 8), (10, 12), (20, 22)]),
    ("M1", "M", "-", [(6, 9), (20, 26)]),
    ("A", "A", "-", [(0, 10)]),
]


@pytest.mark.parametrize("write_genes", [gtf, gff3])
def test_gtf_and_gff3_of_the_same_genes_give_the_same_transcripts(source, write_genes):
    found = source(write_genes(MORE))
    assert listed(found) == EXPECTED
    assert found.transcripts.known.all()
    assert found.notes == ()


def test_bed12_gives_them_without_genes(tmp_path):
    path = write(tmp_path, "r.bed", bed12(MORE))
    found = open_genome(write_genome(tmp_path), regions=path)
    assert listed(found) == [(name, "", *rest) for name, _, *rest in EXPECTED]


def test_gzip(tmp_path):
    path = tmp_path / "a.gff3.gz"
    path.write_bytes(gzip.compress(gff3(MORE).encode()))
    assert listed(open_genome(write_genome(tmp_path), annotation=path)) == EXPECTED


def test_exons_in_any_order_that_overlap_or_touch_are_joined(source):
    text = "".join(
        line("chr1", "exon", *ends, "+", 'transcript_id "t"; gene_id "g";')
        for ends in [(21, 24), (3, 6), (5, 8), (9, 10)]
    )
    assert listed(source(text)) == [("t", "g", "+", [(2, 10), (20, 24)])]


def test_without_exons_the_coding_parts_and_without_these_the_span(source):
    text = (
        line("chr1", "transcript", 1, 20, "+", 'gene_id "g"; transcript_id "coding";')
        + line("chr1", "CDS", 3, 6, "+", 'gene_id "g"; transcript_id "coding";')
        + line("chr1", "stop_codon", 7, 9, "+", 'gene_id "g"; transcript_id "coding";')
        + line("chr1", "CDS", 14, 18, "+", 'gene_id "g"; transcript_id "coding";')
        + line("chr1", "tRNA", 21, 25, "-", 'gene_id "h"; transcript_id "bare";')
        + line("chr1", "exon", 26, 30, "-", 'gene_id "h"; transcript_id "whole";')
        + line("chr1", "CDS", 27, 28, "-", 'gene_id "h"; transcript_id "whole";')
    )
    assert listed(source(text)) == [
        ("coding", "g", "+", [(2, 9), (13, 18)]),
        ("bare", "h", "-", [(20, 25)]),
        ("whole", "h", "-", [(25, 30)]),
    ]


def test_coding_parts_of_a_gene_that_has_transcripts_are_no_transcript(source):
    text = (
        line("chr1", "gene", 1, 20, "+", "ID=g1;Name=One")
        + line("chr1", "mRNA", 1, 20, "+", "ID=t1;Parent=g1")
        + line("chr1", "exon", 1, 20, "+", "Parent=t1")
        + line("chr1", "CDS", 3, 8, "+", "ID=c1;Parent=g1")
        + line("chr1", "gene", 22, 30, "+", "ID=g2;gene=two")
        + line("chr1", "CDS", 22, 30, "+", "ID=c2;Parent=g2")
    )
    assert listed(source(text)) == [("t1", "One", "+", [(0, 20)]), ("g2", "two", "+", [(21, 30)])]


def test_coding_parts_without_a_parent_are_transcripts_in_gff3(source):
    """As Prokka writes them; a part in two lines, as of a programmed frameshift, is one."""
    text = (
        "##gff-version 3\n"
        + line("chr1", "CDS", 1, 9, "+", "ID=B_1;Name=dnaA;gene=dnaA;locus_tag=B_1")
        + line("chr1", "CDS", 11, 14, "-", "ID=B_2;locus_tag=B_2")
        + line("chr1", "CDS", 14, 20, "-", "ID=B_2;locus_tag=B_2")
        + line("chr1", "tRNA", 22, 28, "+", "ID=B_3")
        + line("chr1", "start_codon", 1, 3, "+", "ID=none")
        + line("chr1", "CDS", 3, 6, "+", "locus_tag=B_4")
    )
    found = source(text)
    assert listed(found) == [
        ("B_1", "dnaA", "+", [(0, 9)]),
        ("B_2", "", "-", [(10, 20)]),
        ("B_3", "", "+", [(21, 28)]),
    ]
    assert skipped(found) == [("transcript or coding part without identifier", 2, 6)]


@pytest.mark.parametrize("write_genes", [gtf, gff3])
@pytest.mark.parametrize("feature", ["region", "CDS"])
def test_a_line_without_attributes_does_not_tell_the_dialect(source, write_genes, feature):
    found = source(line("chr1", feature, 1, 30, "+", ".") + write_genes(MORE))
    assert listed(found) == EXPECTED
    assert len(found.skipped) == (feature == "CDS")


def test_an_exon_may_have_several_parents(source):
    text = (
        line("chr1", "exon", 1, 4, "+", "ID=e;Parent=t1,t2")
        + line("chr1", "exon", 9, 10, "+", "Parent=t2")
        + line("chr1", "transcript", 1, 4, "+", "ID=t1;gene_name=n%20m%3B;gene_id=g")
        + line("chr1", "transcript", 1, 10, "+", "ID=t2;transcript_id=T.2;gene_id=g")
        + "##FASTA\n>chr1\nACGT\n"
    )
    assert listed(source(text)) == [
        ("t1", "n m;", "+", [(0, 4)]),
        ("T.2", "g", "+", [(0, 4), (8, 10)]),
    ]


def test_a_transcript_on_two_chromosomes_keeps_its_identifier_and_is_counted(source):
    """As those of the pseudoautosomal regions of X and Y."""
    text = "".join(
        line(chromosome, "exon", *ends, "-", 'transcript_id "t"; gene_id "g";')
        for chromosome in ("chr1", "chr2")
        for ends in [(2, 4), (7, 9)]
    )
    found = source(text)
    t = found.transcripts
    assert t.identifiers.tolist() == ["t", "t"]
    assert len(set(t.names)) == 2
    assert found.notes[0].startswith("a.gtf: transcripts on several chromosomes or strands: 1 (")


def test_a_transcript_on_both_strands_becomes_two(source):
    text = (
        line("chr1", "transcript", 1, 20, "+", 'transcript_id "t"; gene_id "g";')
        + line("chr1", "exon", 1, 4, "+", 'transcript_id "t"; gene_id "g";')
        + line("chr1", "exon", 11, 14, "-", 'transcript_id "t"; gene_id "g";')
        + line("chr1", "transcript", 21, 30, "-", 'transcript_id "u"; gene_id "g";')
        + line("chr1", "exon", 21, 24, "+", 'transcript_id "u"; gene_id "g";')
    )
    assert listed(source(text)) == [
        ("t::chr1:0-4(+)", "g", "+", [(0, 4)]),
        ("t::chr1:10-14(-)", "g", "-", [(10, 14)]),
        ("u", "g", "+", [(20, 24)]),
    ]


def test_attributes_as_they_are_found_in_the_wild(source):
    text = (
        line("chr1", "exon", 1, 4, "+", "gene_id g1; transcript_id t1")
        + line("chr1", "exon", 5, 9, "+", 'orig_transcript_id "no"; transcript_id "t2"; gene_id ""')
        + line("chr1", "exon", 11, 19, "+", 'gene_id "a b"; transcript_id "t3"; gene_name ""')
    )
    found = [(name, gene) for name, gene, *_ in listed(source(text))]
    assert found == [("t1", "g1"), ("t2", ""), ("t3", "a b")]


def test_without_a_strand_both_are_scanned_and_that_is_told(source):
    found = source(line("chr1", "exon", 1, 4, ".", 'transcript_id "t"; gene_id "g";'))
    assert [row[0] for row in listed(found)] == ["t(+)", "t(-)"]
    assert not found.transcripts.known.any()
    assert found.notes == (
        "a.gtf: 1 of 1 transcripts have no strand: both are scanned; as the first base is not "
        "known, m6Am is predicted at every BCA",
    )


def test_without_a_strand_first_bases_matter_only_to_types_that_are_scanned(source):
    text = line("chr1", "exon", 1, 4, ".", 'transcript_id "t"; gene_id "g";')
    found = source(text, modifications=["m6A"])
    assert found.notes == ("a.gtf: 1 of 1 transcripts have no strand: both are scanned",)


def test_notes_on_transcripts_count_all_transcripts_of_the_file(source):
    text = gtf(GENES) + gtf(
        {
            "beyond": ("x", "chr1", "+", [(1, 5), (28, 41)]),
            "beyond2": ("x", "chr1", "+", [(28, 41)]),
            "lost": ("x", "chrZ", "+", [(1, 5)]),
            "plain": ("x", "chr1", ".", [(1, 5)]),
        }
    )
    found = source(text, modifications=["m6A"])
    assert found.notes == (
        "a.gtf: 1 of 6 transcripts are left out: the genome does not have their sequences (chrZ)",
        "a.gtf: 2 of 6 transcripts are left out: lines of their exons cannot be used",
        "a.gtf: 1 of 6 transcripts have no strand: both are scanned",
    )
    lines = skipped_notes(found.skipped)
    assert len(lines) == 1  # other reasons are those of the notes
    assert "skipped 2: end beyond the sequence" in lines[0]
    assert {row[0] for row in skipped(found)} == {
        "end beyond the sequence",
        "sequence not in the genome",
        "transcript with a skipped exon",
    }


def test_transcripts_on_other_sequences_are_left_out_and_that_is_told_once(source):
    text = gtf(GENES) + gtf(
        {
            "x1": ("x", "chrUn_1", "+", [(1, 5), (8, 9)]),
            "x2": ("x", "chrUn_1", "+", [(1, 5)]),
            "x3": ("x", "chrUn_0", "+", [(1, 5)]),
        }
    )
    found = source(text)
    assert [row[0] for row in listed(found)] == ["P1", "M1"]
    assert found.notes == (
        "a.gtf: 3 of 5 transcripts are left out: the genome does not have their sequences "
        "(chrUn_0, chrUn_1)",
    )
    assert skipped(found) == [("sequence not in the genome", 7, 7)]


def test_a_sequence_with_another_usual_name_is_pointed_out(source):
    found = source(gtf(GENES) + gtf({"x": ("x", "2", "+", [(1, 5)])}))
    assert "genome.fa has 'chr2': is it the same as '2'?" in found.notes[0]


def test_none_on_a_chromosome_of_the_genome(source):
    text = gtf({"x": ("x", "1", "+", [(1, 5)]), "y": ("x", "2", "+", [(1, 5)])})
    words = r"a\.gtf: none of its 2 transcripts .* '1' .*which calls it 'chr1'"
    with pytest.raises(DataError, match=words):
        source(text)


UNUSABLE = [
    ("too few columns", "chr1\t1\t3\n", "3 columns .expected 9, tab"),
    (
        "too few columns",
        line("chr1", "exon", 1, 4, "+", "x").rpartition("\t")[0] + "\n",
        "8 columns .expected 9 in",
    ),
    (
        "invalid number",
        line("chr1", "exon", "one", 4, "+", 'transcript_id "t";'),
        "invalid start 'one'",
    ),
    (
        "invalid number",
        line("chr1", "exon", 1, "4e2", "+", 'transcript_id "t";'),
        "invalid end '4e2'",
    ),
    ("end before start", line("chr1", "exon", 5, 3, "+", 'transcript_id "t";'), "interval 5 to 3"),
    ("zero length", line("chr1", "exon", 5, 4, "+", 'transcript_id "t";'), "interval 5 to 4"),
    ("start below 1", line("chr1", "exon", 0, 4, "+", 'transcript_id "t";'), "interval 0 to 4"),
    ("start below 1", line("chr1", "exon", -3, 4, "+", 'transcript_id "t";'), "interval -3 to 4"),
    (
        "end beyond the sequence",
        line("chr1", "exon", 1, 31, "+", 'transcript_id "t";'),
        "end 31 is beyond the end of chr1",
    ),
    (
        "invalid strand",
        line("chr1", "exon", 1, 4, "x", 'transcript_id "t";'),
        r"invalid strand 'x' \(expected '\+', '-' or '\.'\)",
    ),
    (
        "sequence not in the genome",
        line("chr9", "exon", 1, 4, "+", 'transcript_id "t";'),
        "chromosome 'chr9' is not in genome.fa",
    ),
    (
        "exon without transcript",
        line("chr1", "exon", 1, 4, "+", 'gene_id "g";'),
        "exon without transcript.* transcript_id",
    ),
    (
        "exon without transcript",
        line("chr1", "exon", 1, 4, "+", 'transcript_id "";'),
        "exon without transcript",
    ),
]


@pytest.mark.parametrize(("reason", "text", "words"), UNUSABLE)
def test_unusable_features_are_skipped_or_strictly_errors(source, reason, text, words):
    lines = gtf({"P1": GENES["P1"]}) + "# two more\r\n\n" + text + text
    lenient = source(lines)
    assert [row[0] for row in listed(lenient)] == ["P1"]
    assert skipped(lenient) == [(reason, 2, 6)]
    assert lenient.skipped[0].file.endswith("a.gtf")
    with pytest.raises(DataError, match=rf"a\.gtf, line 6: .*{words}"):
        source(lines, strict=True)


def test_without_unusable_features_a_strict_reading_is_the_same(source):
    text = gtf(MORE)
    assert listed(source(text, strict=True)) == listed(source(text)) == EXPECTED


def test_a_transcript_with_an_unusable_exon_is_skipped_as_a_whole(source):
    """Without this exon it would be another sequence, numbered differently."""
    text = (
        line("chr1", "exon", 1, 4, "+", 'transcript_id "t";')
        + line("chr1", "exon", 28, 31, "+", 'transcript_id "t";')
        + line("chr1", "exon", 11, 14, "+", 'transcript_id "t";')
        + line("chr2", "exon", 1, 4, "+", 'transcript_id "t";')
        + line("chr1", "exon", 21, 24, "+", 'transcript_id "u";')
        + line("chr1", "exon", 21, 24, "+", 'transcript_id "v";')
        + line("chr1", "exon", "6 ", "8.", "+", 'transcript_id "v";')
    )
    found = source(text)
    assert [(row[0], row[3]) for row in listed(found)] == [("u", [(20, 24)]), ("t", [(0, 4)])]
    assert skipped(found) == [
        ("end beyond the sequence", 1, 2),
        ("transcript with a skipped exon", 2, 2),
        ("invalid number", 1, 7),
    ]


def test_a_byte_order_mark_alone_is_an_empty_line(source):
    assert [row[0] for row in listed(source("\ufeff\n" + gtf({"P1": GENES["P1"]})))] == ["P1"]
    with pytest.raises(DataError, match=r"a\.gtf: contains no transcripts"):
        source("\ufeff")


def test_unusable_lines_that_are_not_needed_do_not_matter(source):
    text = (
        line("chr1", "transcript", 1, 900, "+", 'transcript_id "t";')
        + line("chr1", "exon", 1, 4, "+", 'transcript_id "t";')
        + line("chr1", "CDS", 4, 1, "+", 'transcript_id "t";')
        + line("chr1", "gene", 1, 900, "x", 'gene_id "g";')
    )
    assert listed(source(text, strict=True)) == [("t", "", "+", [(0, 4)])]


def test_an_unusable_exon_with_several_parents_counts_once(source):
    text = (
        line("chr1", "mRNA", 1, 4, "+", "ID=t1")
        + line("chr1", "mRNA", 1, 4, "+", "ID=t2")
        + line("chr1", "exon", 9, 4, "+", "Parent=t1,t2")
        + line("chr1", "mRNA", 1, 4, "+", "ID=t3")
    )
    found = source(text)
    assert [row[0] for row in listed(found)] == ["t3"]
    assert skipped(found) == [("end before start", 1, 3)]


def test_nothing_that_can_be_used(source):
    text = line("chr1", "exon", 5, 4, "+", 'transcript_id "t";') * 2
    words = (
        r"a\.gtf, line 1: contains no transcripts that can be used \(2 skipped\); the first: inv"
    )
    with pytest.raises(DataError, match=words):
        source(text)


def test_an_exon_of_gff3_without_a_parent(source):
    with pytest.raises(DataError, match=r"line 1: .*exon without transcript .expected attributes"):
        source(line("chr1", "exon", 1, 4, "+", "."))
    with pytest.raises(DataError, match=r"line 1: .*exon without transcript .expected Parent"):
        source(line("chr1", "exon", 1, 4, "+", "ID=e"))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("gene_id 'g'; transcript_id 't.2';", ("t.2", "g")),
        ("transcript_id t.2; gene_id g", ("t.2", "g")),
        ('transcript_id "t.2; gene_id "g";', ("t.2", "g")),
        ('transcript_id t.2"; gene_id g";', ("t.2", "g")),
        ("transcript_id 't.2; gene_id g';", ("t.2", "g")),
        ('gene_id "g"; transcript_id "t.2', ("t.2", "g")),
        ('gene_id "g"; transcript_id " t.2 " ;', ("t.2", "g")),
        ('gene_id "5\'g"; transcript_id "t.2\'";', ("t.2'", "5'g")),
        ('gene_id "a; b"; transcript_id "t.2";', ("t.2", "a; b")),
        ('gene_id "g";\ttranscript_id "t.2";', ("t.2", "g")),
        ('ID="t.2";gene="g"', ("t.2", "g")),
    ],
)
def test_odd_quotes_are_removed(source, attributes, expected):
    rows = listed(source(line("chr1", "transcript", 1, 4, "+", attributes)))
    assert [row[:2] for row in rows] == [expected]


def test_escaped_identifiers_match_their_plain_form(source):
    text = (
        line("chr1", "mRNA", 1, 9, "+", "ID=rna a,b;Parent=gene%2C1".replace("a,b", "a%2Cb"))
        + line("chr1", "exon", 1, 4, "+", "Parent=rna%20a%2Cb")
        + line("chr1", "gene", 1, 9, "+", "ID=gene%2C1;Name=50%25")
    )
    assert listed(source(text)) == [("rna a,b", "50%", "+", [(0, 4)])]


def test_other_exons_of_gff3_are_exons(source):
    """Otherwise the span of the transcript with its introns would be scanned."""
    text = line("chr1", "pseudogenic_transcript", 1, 20, "+", "ID=t") + "".join(
        line("chr1", "pseudogenic_exon", *ends, "+", "Parent=t") for ends in [(1, 4), (17, 20)]
    )
    assert listed(source(text)) == [("t", "", "+", [(0, 4), (16, 20)])]


def test_exons_that_overlap_are_merged_with_a_note(source):
    exon = line("chr1", "exon", 1, 4, "+", 'transcript_id "t";')
    found = source(exon + exon + line("chr1", "exon", 4, 9, "+", 'transcript_id "t";'))
    assert listed(found) == [("t", "", "+", [(0, 9)])]
    assert found.notes == ("a.gtf: transcripts with exons that overlap: 1 (merged)",)
    assert source(exon + exon).notes == ()


def test_lines_of_other_programs_around_the_features(source):
    text = "\ufefftrack name=genes\nbrowser position chr1:1-9\n\n \t\n#!genome-build x\n" + line(
        "chr1 ", " exon ", " 1", "4 ", " + ", 'transcript_id "t";'
    ).replace("\n", "\r\n")
    assert listed(source(text)) == [("t", "", "+", [(0, 4)])]


def test_no_transcripts(source):
    with pytest.raises(DataError, match=r"a\.gtf: contains no transcripts"):
        source(line("chr1", "gene", 1, 4, "+", 'gene_id "g";'))
