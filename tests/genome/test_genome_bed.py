"""Regions of a BED file."""

import gzip

import pytest
from toy_genome import GENES, bed12, gtf, write, write_genome

from vqrna.errors import DataError
from vqrna.genome import open_genome
from vqrna.runtime.run_record import SkippedInput


@pytest.fixture
def opened(tmp_path):
    """Open regions on the toy genome and list what they are."""
    genome = write_genome(tmp_path)

    def call(text: str):
        transcripts = open_genome(genome, regions=write(tmp_path, "r.bed", text)).transcripts
        rows = []
        for i, name in enumerate(transcripts.names):
            blocks = transcripts.blocks[transcripts.first[i] : transcripts.first[i + 1]]
            chromosome, blocks = int(blocks[0, 0]) >> 40, blocks & ((1 << 40) - 1)
            strand = "-" if transcripts.reverse[i] else "+"
            known = bool(transcripts.known[i])
            rows.append((name, chromosome, strand, blocks.tolist(), known))
        return rows

    return call


def test_strands_and_names(opened):
    text = (
        "# a comment\n"
        "track name=x\n"
        "browser position chr1:1-2\n"
        "\n"
        "chr2\t0\t4\n"
        "chr1\t6\t9\tb\t0\t-\t6\t9\t1,2,3\n"
        "chr1\t4\t8\ta\t0\t+\n"
        "chr1\t20\t30\tc\t0\t.\n"
        "chr1\t10\t12\t.\t0\t-\n"
    )
    assert opened(text) == [
        ("a", 0, "+", [[4, 8]], False),
        ("b", 0, "-", [[6, 9]], False),
        ("chr1:10-12(-)", 0, "-", [[10, 12]], False),
        ("c(+)", 0, "+", [[20, 30]], False),
        ("c(-)", 0, "-", [[20, 30]], False),
        ("chr2:0-4(+)", 1, "+", [[0, 4]], False),
        ("chr2:0-4(-)", 1, "-", [[0, 4]], False),
    ]


def test_twelve_columns_are_transcripts(opened):
    assert opened(bed12(GENES)) == [
        ("P1", 0, "+", [[4, 8], [18, 22]], True),
        ("M1", 0, "-", [[6, 9], [20, 26]], True),
    ]


def test_a_blocked_region_without_a_strand_has_no_known_first_base(opened):
    text = bed12({"x": ("", "chr1", ".", [(1, 3), (5, 7)])})
    assert opened(text) == [
        ("x(+)", 0, "+", [[1, 3], [5, 7]], False),
        ("x(-)", 0, "-", [[1, 3], [5, 7]], False),
    ]


def test_blocks_that_touch_are_one(opened):
    text = bed12({"x": ("", "chr1", "+", [(1, 3), (3, 7)])})
    assert opened(text) == [("x", 0, "+", [[1, 7]], True)]


def test_narrow_peaks_and_bedrmod_have_more_columns_that_are_not_blocks(opened):
    assert opened("chr1\t1\t3\tx\t0\t+\t1\t2\t3\t4\t5\n") == [("x", 0, "+", [[1, 3]], False)]


def test_bedmethyl_has_no_blocks_and_big_gene_predictions_have(opened):
    counts = "12\t91.67\t11\t1\t0\t0\t0\t0\t0"  # of modkit: coverage, percent, modified, ...
    assert opened(f"chr1\t1\t3\tm\t12\t+\t1\t3\t255,0,0\t{counts}\n") == [
        ("m", 0, "+", [[1, 3]], False)
    ]
    blocks = "2\t2,2,\t0,4,\tgene\tcmpl"
    assert opened(f"chr1\t1\t7\tx\t0\t+\t1\t7\t0\t{blocks}\n") == [
        ("x", 0, "+", [[1, 3], [5, 7]], True)
    ]


def test_names_become_unique(opened):
    text = (
        "chr1\t1\t3\tx\t0\t+\n"
        "chr1\t1\t3\tx\t0\t+\n"  # the same in all: once
        "chr1\t1\t3\tx\t0\t-\n"
        "chr1\t5\t8\tchr2\t0\t+\n"  # would be taken for the chromosome
        "chr1\t9\t11\ty\t0\t+\n"
    )
    assert [row[0] for row in opened(text)] == [
        "x::chr1:1-3(+)",
        "x::chr1:1-3(-)",
        "chr2::chr1:5-8(+)",
        "y",
    ]


def test_blocked_regions_of_one_name_and_span_are_counted(opened):
    one = bed12({"x": ("", "chr1", "+", [(1, 3), (5, 9)])})
    two = bed12({"x": ("", "chr1", "+", [(1, 4), (5, 9)])})
    assert [(row[0], row[3]) for row in opened(one + two + one)] == [
        ("x::chr1:1-9(+)", [[1, 3], [5, 9]]),
        ("x::chr1:1-9(+)_2", [[1, 4], [5, 9]]),
    ]


def test_white_space_and_gzip(tmp_path):
    genome = write_genome(tmp_path)
    path = tmp_path / "r.bed.gz"
    path.write_bytes(gzip.compress(b"chr1 4 8 a 0 +\r\n"))
    source = open_genome(genome, regions=path)
    assert source.transcripts.names.tolist() == ["a"]
    assert source.transcripts.lengths.tolist() == [4]


UNKNOWN = "sequence not in the genome"
BLOCKS = "invalid blocks"
BLOCKED = "chr1\t4\t22\tx\t0\t+\t4\t4\t0\t"


@pytest.mark.parametrize(
    ("reason", "line", "words"),
    [
        ("too few columns", "chr1\t4", "2 columns \\(expected at least 3"),
        ("invalid number", "chr1\tx\t8", "invalid start 'x' .expected a whole number"),
        ("invalid number", "chr1\t4\t8.5", "invalid end '8.5'"),
        ("invalid number", "chr1\t4\t\t\t8", "invalid end ''"),  # not 4 to 8
        ("invalid number", "chr1\t4\t²", "invalid end '²'"),
        ("invalid number", BLOCKED + "x\t4,4\t0,14", "invalid block count 'x'"),
        ("invalid number", BLOCKED + "2\t4,y\t0,14", "invalid block size 'y'"),
        (
            UNKNOWN,
            "chr3\t4\t8",
            r"chromosome 'chr3' is not in genome.fa \(which has chr1, \.\.\.\)",
        ),
        (UNKNOWN, "1\t4\t8", "which calls it 'chr1': the names must be the same"),
        ("end before start", "chr1\t4\t-8", "invalid interval 4 to -8"),
        ("start below 0", "chr1\t-1\t8", "invalid interval -1 to 8"),
        ("zero length", "chr1\t8\t8", "invalid interval 8 to 8"),
        ("end before start", "chr1\t9\t8", "invalid interval 9 to 8"),
        (
            "end beyond the sequence",
            "chr1\t4\t31",
            r"end 31 is beyond the end of chr1 \(30 nt in genome.fa\)",
        ),
        (
            "invalid strand",
            "chr1\t4\t8\tx\t0\t*",
            r"invalid strand '\*' \(expected '\+', '-' or '\.'\)",
        ),
        (BLOCKS, BLOCKED + "3\t4,4\t0,14", "2 block sizes and 2 starts .expected 3"),
        (BLOCKS, BLOCKED + "2\t4,4\t0", "2 block sizes and 1 starts .expected 2"),
        (BLOCKS, BLOCKED + "2\t-1,4\t0,14", "invalid block size -1"),
        (BLOCKS, BLOCKED + "2\t15,4\t0,14", "blocks overlap or are not sorted"),
        (BLOCKS, BLOCKED + "2\t4,4\t14,0", "blocks overlap or are not sorted"),
        (BLOCKS, BLOCKED + "2\t4,4\t0,13", "blocks cover 4 to 21 .expected 4 to 22"),
        (BLOCKS, BLOCKED + "2\t4,4\t1,14", "blocks cover 5 to 22 .expected 4 to 22"),
        (BLOCKS, BLOCKED + "2\t4,4\t0,15", "blocks cover 4 to 23 .expected 4 to 22"),
        ("zero length", BLOCKED + "2\t0,0\t0,18", "all blocks have size 0"),
    ],
)
def test_unusable_features_are_skipped_or_strictly_errors(tmp_path, reason, line, words):
    genome = write_genome(tmp_path)
    path = write(tmp_path, "r.bed", f"# head\nchr1\t0\t3\n{line}\nchr2\t0\t3\n{line}\n")
    source = open_genome(genome, regions=path)
    assert len(source.transcripts) == 4
    assert source.skipped == (SkippedInput(str(path), reason, 2, 3),)
    with pytest.raises(DataError, match=rf"r\.bed, line 3: .*{words}"):
        open_genome(genome, regions=path, strict=True)


def test_blocks_of_size_zero_are_skipped(tmp_path):
    path = write(tmp_path, "r.bed", BLOCKED + "3\t4,0,4\t0,6,14\n")
    source = open_genome(write_genome(tmp_path), regions=path)
    assert source.transcripts.lengths.tolist() == [8]
    assert source.skipped == (SkippedInput(str(path), "zero-size block", 1, 1),)
    with pytest.raises(DataError, match=r"r\.bed, line 1: block of size 0"):
        open_genome(source.genome.path, regions=path, strict=True)


@pytest.mark.parametrize(
    "line",
    [
        "chr1 \t 4\t8 \ta b \t0\t+ ",
        "chr1 4\t8\ta b\t0\t+",
        "chr1 4 8\ta b\t0\t+",
        "chr1\t4\t8\ta b\t0\t+\t\r",
        "\ufeffchr1\t4\t8\ta b\t0\t+",
    ],
)
def test_blanks_around_tabs_or_in_their_place(opened, line):
    assert opened(f"{line}\n") == [("a b", 0, "+", [[4, 8]], False)]


def test_lines_of_column_names_are_skipped(tmp_path):
    genome = write_genome(tmp_path)
    path = write(tmp_path, "r.bed", "chrom\tchromStart\tchromEnd\nchr1\t0\t3\n")
    source = open_genome(genome, regions=path)
    assert source.skipped == (SkippedInput(str(path), "line of column names", 1, 1),)
    path = write(tmp_path, "r.bed", "chr1\t0\t3\nchrom\tchromStart\tchromEnd\n")
    source = open_genome(genome, regions=path)
    assert source.skipped == (SkippedInput(str(path), "invalid number", 1, 2),)


def test_sequences_with_another_usual_name_are_pointed_out(tmp_path):
    path = write(tmp_path, "r.bed", "chr1\t0\t3\n2\t0\t3\n")
    source = open_genome(write_genome(tmp_path), regions=path)
    assert source.notes == (
        "r.bed: some regions are left out: the genome does not have their sequences (2); "
        "genome.fa has 'chr2': is it the same as '2'?",
    )


def test_no_regions_at_all(opened):
    with pytest.raises(DataError, match=r"r\.bed: contains no regions"):
        opened("# nothing\n")
    words = (
        r"r\.bed, line 1: contains no regions that can be used \(2 skipped\); the first: chromos"
    )
    with pytest.raises(DataError, match=words):
        opened("chr3\t0\t4\nchr1\t4\t4\n")


def test_an_annotation_in_place_of_regions_is_named(opened):
    with pytest.raises(DataError, match="contains no regions that can be used") as error:
        opened(gtf(GENES))
    assert error.value.__notes__ == ["it looks like GTF or GFF3: use --gtf"]
    with pytest.raises(DataError) as error:
        opened(">chr1 some words\nGGACU\n")
    assert error.value.__notes__ == ["it looks like FASTA, and not BED"]
