"""Transcripts that cross the origin of a circular chromosome."""

import numpy as np
import pandas as pd
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_genome import gtf, other_strand, rna, scan, write, write_genome

from seeded import calling_model, letters, read_table
from vqrna.errors import DataError
from vqrna.genome import open_genome
from vqrna.prediction import Output, make_settings, predict_files
from vqrna.sequence import centre, decode
from vqrna.sites import concat_sites

#          0         10
#          01234567890123456789
CIRCLE = "ACGTTGCAAGGCTTACCGAT"
LENGTH = len(CIRCLE)
REGION = f"chrM\tx\tregion\t1\t{LENGTH}\t.\t+\t.\tID=r;Is_circular=true\n"


def exons(name: str, strand: str, *ends: tuple[int, int], chromosome: str = "chrM") -> str:
    """Write a transcript of GFF3 with exons, 1-based."""
    place = f"{chromosome}\tx\t%s\t%d\t%d\t.\t{strand}\t.\t"
    rows = [place % ("ncRNA", ends[0][0], ends[-1][1]) + f"ID={name}\n"]
    rows += [place % ("exon", *each) + f"Parent={name}\n" for each in ends]
    return "".join(rows)


@pytest.fixture
def opened(tmp_path):
    genome = write_genome(tmp_path, {"chrM": CIRCLE, "chr1": CIRCLE})

    def call(text: str, **options):
        return open_genome(genome, annotation=write(tmp_path, "a.gff3", text), **options)

    return call


def spliced(source) -> dict[str, str]:
    """Return the scanned transcripts of context ``transcript``, without their first bases."""
    regions = [region for region in source.regions() if region.name not in ("chrM", "chr1")]
    return {region.name: decode(region.tokens) for region in regions}


@pytest.mark.parametrize("order", ["before", "after"])
def test_an_exon_across_the_origin(opened, order):
    plus, minus = exons("p", "+", (18, 24)), exons("m", "-", (18, 24))
    text = REGION + plus + minus if order == "before" else plus + minus + REGION
    source = opened(text, context="transcript")
    expected = rna(CIRCLE[17:] + CIRCLE[:4])
    assert spliced(source) == {"p": expected, "m": other_strand(CIRCLE[17:] + CIRCLE[:4])}
    assert source.skipped == ()
    t = source.transcripts
    at = {name: t.genome_offsets(np.full(7, i), np.arange(7)) for i, name in enumerate(t.names)}
    assert at["p"].tolist() == [17, 18, 19, 0, 1, 2, 3]
    assert at["m"].tolist() == [3, 2, 1, 0, 19, 18, 17]
    assert t.first_bases.tolist()[list(t.names).index("p")] == 17


def test_introns_across_the_origin_and_a_whole_turn(opened):
    text = REGION + exons("i", "+", (15, 16), (23, 24)) + exons("w", "+", (11, 30))
    source = opened(text, context="transcript")
    assert spliced(source)["i"] == rna(CIRCLE[14:16] + CIRCLE[2:4])
    assert spliced(source)["w"] == rna(CIRCLE[10:] + CIRCLE[:10])
    source = opened(text, context="transcript", unspliced=True)
    assert spliced(source)["i"] == rna(CIRCLE[14:] + CIRCLE[:4])
    assert spliced(source)["w"] == rna(CIRCLE[10:] + CIRCLE[:10])
    source = opened(REGION + exons("b", "-", (23, 24)), context="transcript")
    assert spliced(source)["b"] == other_strand(CIRCLE[2:4])


def test_context_continues_across_the_origin(opened):
    source = opened(REGION + exons("p", "+", (2, 4)) + exons("m", "-", (19, 20)), flank=5)
    rows = {
        decode(r.tokens): (r.start, r.stop, r.first, r.before, r.after) for r in source.regions()
    }
    assert rows == {
        rna(CIRCLE[16:] + CIRCLE[:9]): (5, 8, 1, 0, 0),
        other_strand(CIRCLE[13:] + CIRCLE[:5]): (5, 7, 19, 0, 0),
    }
    # More context than sequence
    source = opened(REGION + exons("p", "+", (2, 4)), flank=LENGTH + 3)
    (region,) = source.regions()
    before = (1 - (LENGTH + 3)) % LENGTH
    assert decode(region.tokens) == rna((CIRCLE * 5)[before:][: 2 * (LENGTH + 3) + 3])


@pytest.mark.parametrize(
    ("span", "ends"),
    [
        ((12, 24), [(12, 14), (18, 20), (1, 4)]),
        ((12, 28), [(12, 14), (18, 24), (7, 8)]),  # one exon across the origin
        ((32, 44), [(12, 14), (18, 20), (1, 4)]),  # a turn later
    ],
)
@pytest.mark.parametrize("strand", ["+", "-"])
def test_exons_numbered_from_the_origin_again(opened, strand, span, ends):
    place = f"chrM\tx\t%s\t%d\t%d\t.\t{strand}\t.\t%s\n"
    text = REGION + place % ("ncRNA", *span, "ID=p")
    text += "".join(place % ("exon", *each, "Parent=p") for each in ends)
    onwards = [(a, b) if a >= 12 else (a + LENGTH, b + LENGTH) for a, b in ends]
    expected = spliced(opened(REGION + exons("p", strand, *onwards), context="transcript"))
    assert spliced(opened(text, context="transcript")) == expected


def test_a_sequence_that_is_not_circular_ends(opened):
    source = opened(REGION + exons("p", "+", (2, 4), chromosome="chr1"), flank=5)
    (region,) = source.regions()
    assert decode(region.tokens) == rna(CIRCLE[:9])


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        ("", "end beyond the sequence"),
        (REGION.replace("true", "false"), "end beyond the sequence"),
        # Not the whole sequence, so its length is another
        (REGION.replace(f"\t{LENGTH}\t", f"\t{LENGTH + 1}\t"), "end beyond the sequence"),
        (REGION.replace("chrM", "chr1"), "end beyond the sequence"),
    ],
)
def test_beyond_the_end_of_what_is_not_circular(opened, region, reason):
    source = opened(region + exons("p", "+", (18, 24)) + exons("q", "+", (1, 4)))
    assert source.transcripts.names.tolist() == ["q"]
    assert [each.reason for each in source.skipped] == [reason]


def test_longer_than_the_circle(opened):
    text = REGION + exons("p", "+", (5, 25)) + exons("q", "+", (1, 4))
    source = opened(text)
    assert source.transcripts.names.tolist() == ["q"]
    assert [(s.reason, s.first_line) for s in source.skipped] == [
        ("longer than its circular sequence", 3)
    ]
    with pytest.raises(DataError, match=r"a\.gff3, line 3: longer than its circular sequence"):
        opened(text, strict=True)


KINDS = ("m6A", "m6Am", "Psi")


@settings(max_examples=40)
@given(st.integers(8, 40), st.data())
def test_as_in_the_same_sequence_three_times(tmp_path_factory, length, data):
    """A linear genome with three copies holds every transcript and its context in one piece."""
    folder = tmp_path_factory.mktemp("circle")
    sequence = data.draw(st.text("ACGT", min_size=length, max_size=length))
    start = data.draw(st.integers(0, length - 1))
    size = data.draw(st.integers(1, length))
    cuts = data.draw(st.sets(st.integers(1, size), max_size=6).map(sorted))
    bounds = [0, *cuts] if len(cuts) % 2 else [0, *cuts, size + 1][: 2 * (len(cuts) // 2 + 1)]
    blocks = [(start + a, start + b) for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
    blocks = [(a, min(b, start + size)) for a, b in blocks if a < min(b, start + size)]
    strand, flank = data.draw(st.sampled_from("+-")), data.draw(st.integers(2, length))
    options = {
        "context": data.draw(st.sampled_from(["genome", "transcript"])),
        "unspliced": data.draw(st.booleans()),
        "flank": flank,
        "modifications": KINDS,
    }
    circle = write_genome(folder, {"chrM": sequence})
    ends = [(a + 1, b) for a, b in blocks]
    region = REGION.replace(f"\t{LENGTH}\t", f"\t{length}\t")
    text = region + exons("t", strand, *ends)
    one = open_genome(circle, annotation=write(folder, "a.gff3", text), **options)
    (folder / "linear").mkdir()
    line = write_genome(folder / "linear", {"chrM": sequence * 4})
    moved = {"t": ("", "chrM", strand, [(a + length, b + length) for a, b in blocks])}
    two = open_genome(line, annotation=write(folder, "a.gtf", gtf(moved)), **options)
    assert one.transcripts.lengths.tolist() == two.transcripts.lengths.tolist()
    rows = []
    for source in (one, two):
        sites = concat_sites(source.tables.transcript_rows(scan(source)))
        genomic = (sites.extra.get("genome_position", np.zeros(0)) - 1) % length
        rows.append(
            list(zip(sites.position, sites.base, sites.modification_index, genomic, strict=True))
        )
    assert rows[0] == rows[1]
    main = concat_sites(one.tables.main_rows(scan(one)))
    other = concat_sites(two.tables.main_rows(scan(two)))
    columns = zip(other.position % length, other.base, other.modification_index, strict=True)
    assert sorted(columns) == list(
        zip(main.position, main.base, main.modification_index, strict=True)
    )


def test_all_output_formats_hold_coordinates_on_the_circle(tmp_path):
    length = 400
    genome = write_genome(tmp_path, {"chrM": letters(length, seed=3).replace("U", "T")}, 60)
    region = REGION.replace(f"\t{LENGTH}\t", f"\t{length}\t")
    annotation = write(tmp_path, "a.gff3", region + exons("t", "+", (301, 500)))
    model = calling_model()
    source = open_genome(
        genome, annotation=annotation, flank=centre(model.length), modifications=model.modifications
    )
    chosen = make_settings(model.modifications, all_sites=True)
    output = Output(("tsv", "bed", "bedrmod", "bigwig"), by_transcript=True)
    out = tmp_path / "out"
    predict_files(source, out, model, chosen, output=output, show_progress=False)
    main = read_table((out / "sites.tsv").read_text())
    positions = main["position"].astype(int)
    assert positions.between(1, length).all()
    assert set(positions) <= {*range(1, 101), *range(301, 401)}
    assert positions.is_monotonic_increasing
    assert not main.to_string().count("end,")  # a circle has no ends
    each = read_table((out / "transcripts.tsv").read_text())
    along, genomic = each["position"].astype(int), each["genome_position"].astype(int)
    assert ((along + 299) % length + 1 == genomic).all()
    scanned = [x.split("\t")[:3] for x in (out / "scanned.bed").read_text().splitlines()]
    assert [row for row in scanned if row[0] == "chrM"] == [
        ["chrM", "0", "100"],
        ["chrM", "300", "400"],
    ]
    bed = pd.read_csv(out / "sites.bedrmod", sep="\t", comment="#", header=None)
    assert (bed[1].to_numpy() + 1 == positions).all()
    for path in out.glob("*.bw"):
        with pyBigWig.open(str(path)) as track:
            assert track.chroms() == {"chrM": length}
            spans = track.intervals("chrM") or ()
            assert all(0 <= a < b <= length for a, b, _ in spans)
