"""Effects equal those of whole scans of independently edited sequences."""

import numpy as np
import pysam
import pysam.bcftools
import pytest
from genes import (
    EXONS,
    LENGTH,
    SETTINGS,
    contigs,
    dna,
    probabilities,
    random_record,
    write_genome,
    write_gtf,
    write_vcf,
)

from seeded import SYMBOLS, calling_model
from vqrna import variants
from vqrna.variation import alleles

RECORDS = 500
CLOSE = 7e-5  # probabilities have four digits


@pytest.fixture(scope="module")
def consensus(tmp_path_factory):
    """One record on each of 500 contigs, and the contigs as bcftools edits them."""
    folder = tmp_path_factory.mktemp("consensus")
    rng = np.random.default_rng(5)
    sequences = contigs(RECORDS)
    rows = []
    for name, letters in sequences.items():
        pos, ref, alt = random_record(rng, letters)
        rows.append((name, pos, f"v_{name}", ref, alt))
    genome = write_genome(folder, sequences)
    vcf = write_vcf(folder, rows, sequences=sequences)
    packed = folder / "in.vcf.gz"
    pysam.tabix_compress(str(vcf), str(packed))
    pysam.tabix_index(str(packed), preset="vcf")
    edited = folder / "edited.fa"
    pysam.bcftools.consensus("-f", str(genome), "-o", str(edited), str(packed), catch_stdout=False)
    with pysam.FastaFile(str(edited)) as file:
        changed = {name: file.fetch(name) for name in sequences}
    return folder, sequences, rows, changed


def exonic(strand):
    mask = np.zeros(LENGTH, dtype=bool)
    for start, stop in EXONS[strand]:
        mask[start:stop] = True
    return mask


def spliced(letters, strand, shift_at=None, shift=0):
    """Letters of the exons of a strand, and their positions; exon ends move after an edit."""
    moved = [
        (
            a + shift * (shift_at is not None and a > shift_at),
            b + shift * (shift_at is not None and b > shift_at),
        )
        for a, b in EXONS[strand]
    ]
    at = np.concatenate([np.arange(a, b) for a, b in moved])
    return "".join(letters[i] for i in at), at


def check_rows(rows, before, after, first, last, shift, wanted, least):
    """Compare the rows of one contig and strand with whole scans.

    `first` to `last`: reference positions (0-based, half-open) that may be aligned in several ways.
    """
    position = np.arange(len(wanted))
    outside = (position < first) | (position >= last)
    there = np.where(position < first, position, position + shift)
    for symbol in SYMBOLS:
        if symbol == "m6Am":
            continue  # only at first bases; see below
        own = rows[rows.modification == symbol].set_index("position")
        p, q = before[symbol], after[symbol]
        moved = np.flatnonzero(
            outside & wanted & (np.abs(q[np.clip(there, 0, len(q) - 1)] - p) >= least + 2 * CLOSE)
        )
        assert set(moved + 1) <= set(own.index)
        for at, row in own.iterrows():
            assert wanted[at - 1]
            if outside[at - 1] and row.distance:
                assert row.ref_probability == pytest.approx(p[at - 1], abs=CLOSE)
                assert row.alt_probability == pytest.approx(q[there[at - 1]], abs=CLOSE)
                assert row.delta == pytest.approx(q[there[at - 1]] - p[at - 1], abs=2 * CLOSE)
            else:
                local = [0.0, *q[max(first - 1, 0) : last + shift + 1]]
                assert np.abs(np.array(local) - row.alt_probability).min() < CLOSE
                # Inserted bases are at the base on their left
                assert row.ref_probability in (0, pytest.approx(p[at - 1], abs=CLOSE))


def test_500_records_equal_scans_of_sequences_that_bcftools_edited(consensus):
    folder, sequences, rows, changed = consensus
    least = 0.01
    gtf = write_gtf(folder, list(sequences))
    result = variants(
        folder / "in.vcf", fasta=folder / "genome.fa", gtf=gtf, model=calling_model(),
        min_delta=least, **SETTINGS,
    )  # fmt: skip
    assert len(result.effects) > 2000
    for name, pos, _, ref, alt in rows:
        first, last = ambiguous(sequences[name], pos - 1, ref, alt)
        own = result.effects[result.effects.chrom == name]
        for strand in "+-":
            check_rows(
                own[own.strand == strand],
                probabilities(sequences[name], strand == "-"),
                probabilities(changed[name], strand == "-"),
                first,
                last,
                len(alt) - len(ref),
                exonic(strand),
                least,
            )


def ambiguous(letters, start, ref, alt):
    """Reference positions that an alignment of the two haplotypes may place in several ways."""
    edited = letters[:start] + alt + letters[start + len(ref) :]
    count = min(len(letters), len(edited))
    same = next((i for i in range(count) if letters[i] != edited[i]), count)
    back = next((i for i in range(count) if letters[-1 - i] != edited[-1 - i]), count)
    removed = max(0, len(ref) - len(alt))  # a gap may begin from `end - removed` to `same`
    end = len(letters) - back
    return min(same, end - removed), max(same + removed, end)


def test_spliced_transcripts_equal_scans_of_edited_transcripts(consensus):
    folder, sequences, rows, changed = consensus
    gtf = write_gtf(folder, list(sequences))
    result = variants(
        folder / "in.vcf", fasta=folder / "genome.fa", gtf=gtf, context="transcript",
        model=calling_model(), min_delta=0.01, **SETTINGS,
    )  # fmt: skip
    compared = 0
    verdicts = result.records.set_index("chrom")
    for name, pos, _, ref, alt in rows:
        first, last = ambiguous(sequences[name], pos - 1, ref, alt)
        for strand in "+-":
            own = result.effects[(result.effects.chrom == name) & (result.effects.strand == strand)]
            own = own[own.modification != "m6Am"]
            inside = [exon for exon in EXONS[strand] if exon[0] + 2 < first and last < exon[1] - 2]
            if not inside:
                continue
            compared += 1
            shift = len(alt) - len(ref)
            text, at = spliced(sequences[name], strand)
            edited, _ = spliced(changed[name], strand, first, shift)
            p, q = probabilities(text, strand == "-"), probabilities(edited, strand == "-")
            number = {position: i for i, position in enumerate(at.tolist())}
            for symbol in SYMBOLS:
                if symbol == "m6Am":
                    continue
                there = np.arange(len(at)) + shift * (at >= last)
                change = np.abs(q[symbol][np.clip(there, 0, len(q[symbol]) - 1)] - p[symbol])
                certain = (at < first) | (at >= last)
                moved = at[certain & (change >= 0.01 + 2 * CLOSE)] + 1
                assert set(moved) <= set(own[own.modification == symbol].position)
            for row in own.itertuples():
                i = number[row.position - 1]
                if row.distance and (row.position - 1 < first or row.position - 1 >= last):
                    j = i if row.position - 1 < first else i + shift
                    assert row.ref_probability == pytest.approx(p[row.modification][i], abs=CLOSE)
                    assert row.alt_probability == pytest.approx(q[row.modification][j], abs=CLOSE)
                assert row.transcript == f"{name}{'p' if strand == '+' else 'm'}.1"
    assert compared > 200
    crossing = verdicts[verdicts.reason.str.contains("exon end")]
    assert 0 < len(crossing) < 100


def test_m6am_is_compared_at_annotated_first_bases_only(tmp_path):
    letters = dna(LENGTH, 3)
    letters = letters[:18] + "CCA" + letters[21:]  # BCA at the first base of the gene on +
    genome = write_genome(tmp_path, {"c0": letters})
    gtf = write_gtf(tmp_path, ["c0"])
    rows = [("c0", 21, "lost", "A", "G"), ("c0", 25, "near", letters[24], other(letters[24]))]
    vcf = write_vcf(tmp_path, rows)
    for context in ("genome", "transcript"):
        result = variants(
            vcf, fasta=genome, gtf=gtf, context=context, model=calling_model(), min_delta=1e-6,
            modifications="m6Am", **SETTINGS,
        )  # fmt: skip
        assert set(result.effects.position) == {21}
        lost = result.effects[result.effects.id == "lost"].iloc[0]
        assert lost.alt_probability == 0
        assert lost.ref_probability == pytest.approx(probabilities(letters)["m6Am"][20], abs=CLOSE)


@pytest.mark.parametrize("context", ["genome", "transcript"])
def test_random_variants_without_a_site_give_no_p_value(tmp_path, context):
    letters = dna(LENGTH, 3)
    letters = letters[:18] + "CCA" + letters[21:]
    contigs = {f"c{i}": letters if i == 0 else dna(LENGTH, i + 10) for i in range(4)}
    genome, gtf = write_genome(tmp_path, contigs), write_gtf(tmp_path, ["c0"])
    vcf = write_vcf(tmp_path, [("c0", 21, "lost", "A", "G")])
    result = variants(
        vcf, fasta=genome, gtf=gtf, context=context, model=calling_model(), min_delta=1e-6,
        modifications="m6Am", **{**SETTINGS, "null_variants": 50},
    )  # fmt: skip
    assert set(result.effects.position) == {21}
    assert result.effects.p_value.isna().all()


def other(base):
    return "ACGT"[("ACGT".index(base) + 1) % 4]


def table(tmp_path, letters, rows, **options):
    genome = write_genome(tmp_path, {"c0": letters})
    vcf = write_vcf(tmp_path, rows)
    options = SETTINGS | {"min_delta": 0.01} | options
    return variants(vcf, fasta=genome, model=calling_model(), **options)


def without_id(effects):
    return effects.drop(columns="id").reset_index(drop=True)


def test_exchanging_ref_and_alt_flips_every_delta(tmp_path):
    rng = np.random.default_rng(1)
    flipped_class = {"gain": "loss", "loss": "gain", "strengthened": "weakened",
                     "weakened": "strengthened"}  # fmt: skip
    seen = set()
    for case in range(12):
        letters = dna(300, 50 + case)
        pos, ref, alt = random_record(rng, letters)
        edited = letters[: pos - 1] + alt + letters[pos - 1 + len(ref) :]
        forth = table(tmp_path, letters, [("c0", pos, "v", ref, alt)]).effects
        (tmp_path / "genome.fa.fai").unlink()
        back = table(tmp_path, edited, [("c0", pos, "v", alt, ref)]).effects
        (tmp_path / "genome.fa.fai").unlink()
        assert len(forth) == len(back) > 0
        keys = ["strand", "modification", "distance", "ref_probability", "alt_probability"]
        back = back.rename(
            columns={"ref_probability": "alt_probability", "alt_probability": "ref_probability"}
        )
        forth, back = forth.sort_values(keys), back.sort_values(keys)
        for name in ("ref_probability", "alt_probability"):
            np.testing.assert_allclose(forth[name], back[name], atol=CLOSE)
        np.testing.assert_allclose(forth.delta, -back.delta, atol=2 * CLOSE)
        np.testing.assert_allclose(  # nan at the same rows
            forth.log_odds_delta.to_numpy(), -back.log_odds_delta.to_numpy(), atol=1e-3
        )
        assert [flipped_class[c] for c in forth["class"]] == back["class"].tolist()
        seen |= set(forth["class"])
    assert seen == set(flipped_class)


def strongest(letters, symbol, low=60, high=240):
    return low + int(np.argmax(probabilities(letters)[symbol][low:high]))


@pytest.mark.parametrize("above", [-0.001, 0.001])
def test_a_substitution_of_the_modified_base_loses_its_site(tmp_path, above):
    letters = dna(300, 8)
    at = strongest(letters, "m6A")
    p = probabilities(letters)["m6A"][at]
    # Also where its probability was below the limit for a site
    effects = table(
        tmp_path, letters, [("c0", at + 1, "v", "A", "G")], min_probability=p + above
    ).effects
    row = effects[(effects.position == at + 1) & (effects.modification == "m6A")].iloc[0]
    assert (row["class"], row.distance, row.alt_probability) == ("loss", 0, 0)
    assert np.isnan(row.log_odds_delta)
    assert row.ref_probability == pytest.approx(p, abs=1e-3)


def test_padded_and_shifted_records_give_the_same_rows(tmp_path):
    letters = dna(150, 4) + "CAGTTGCT" + dna(150, 5)
    at = 150  # C AGTTG C T
    rows = [
        ("c0", at + 1, "left", "C", "CAGTTG"),
        ("c0", at + 6, "right", "G", "GAGTTG"),
        ("c0", at + 3, "middle", "GT", "GTTGAGT"),
        ("c0", at + 1, "long", "CAGTTGC", "CAGTTGAGTTGC"),
    ]
    result = table(tmp_path, letters, rows)
    tables = [without_id(result.effects[result.effects.id == name]) for name, *_ in
              [(row[2],) for row in rows]]  # fmt: skip
    assert len(tables[0]) > 3
    assert all(each.equals(tables[0]) for each in tables)
    assert set(zip(tables[0].pos, tables[0].ref, tables[0].alt, strict=True)) == {
        (at + 1, "C", "CAGTTG")
    }
    snv = [("c0", 100, "padded", letters[99:102], letters[99:101] + other(letters[101])),
           ("c0", 102, "plain", letters[101], other(letters[101]))]  # fmt: skip
    result = table(tmp_path, letters, snv)
    padded, plain = (
        without_id(result.effects[result.effects.id == n]) for n in ("padded", "plain")
    )
    assert len(plain) > 3
    assert padded.equals(plain)
    assert set(padded.pos) == {102}


def test_a_deletion_beside_a_site_keeps_it(tmp_path):
    letters = dna(300, 8)
    at = strongest(letters, "m6A")
    ref = letters[at - 12 : at - 6]
    result = table(
        tmp_path, letters, [("c0", at - 11, "v", ref, ref[0])], min_delta=1e-6, min_probability=0.01
    )
    edited = letters[: at - 11] + letters[at - 6 :]
    m6a = result.effects[(result.effects.modification == "m6A") & (result.effects.strand == "+")]
    row = m6a[m6a.position == at + 1].iloc[0]
    assert row["class"] in ("strengthened", "weakened")
    assert row.alt_probability == pytest.approx(probabilities(edited)["m6A"][at - 5], abs=CLOSE)
    assert row.distance < 0
    assert row.distance >= -12


def test_sites_of_a_repeat_do_not_seem_to_change_where_a_unit_is_lost(tmp_path):
    unit = "GATTACA"
    letters = dna(120, 1) + unit * 12 + dna(120, 2)
    rows = [("c0", 120, "v", letters[119 : 120 + 7], letters[119])]
    effects = table(tmp_path, letters, rows, min_delta=0.02).effects
    # Far inside the repeat, both haplotypes have the same windows
    lost = effects[(effects.distance == 0)]
    assert len(lost)
    assert set(lost["class"]) <= {"loss", "weakened"}
    every = probabilities(letters)
    edited = probabilities(letters[:120] + letters[127:])
    totals = [sum(x[s].sum() for s in SYMBOLS) for x in (every, edited)]
    moved = effects[effects.strand == "+"].delta.abs().sum()
    assert moved < 4 * abs(totals[0] - totals[1]) + 2


def test_inserted_sites_are_gained_at_the_base_on_their_left(tmp_path):
    letters = dna(300, 8)
    at = strongest(letters, "m6A")
    piece = letters[at - 5 : at + 6]
    result = table(tmp_path, letters, [("c0", 150, "v", letters[149], letters[149] + piece)],
                   min_delta=1e-4)  # fmt: skip
    inside = result.effects[(result.effects.distance == 0) & (result.effects.ref_probability == 0)]
    assert set(inside.position) <= {150, 149, 151}
    assert inside.log_odds_delta.isna().all()
    assert set(inside["class"]) == {"gain"}


def test_transcripts_in_place_of_a_genome(tmp_path):
    letters = dna(300, 8)
    genome = write_genome(tmp_path, {"t1": letters.replace("T", "U")})
    at = strongest(letters, "Psi")
    vcf = write_vcf(tmp_path, [("t1", at + 1, "v", "T", "C")])
    result = variants(vcf, transcripts=genome, model=calling_model(), min_delta=0.01, **SETTINGS)
    assert set(result.effects.strand) == {"+"}
    assert set(result.effects.transcript) == {"t1"}
    row = result.effects[
        (result.effects.position == at + 1) & (result.effects.modification == "Psi")
    ].iloc[0]
    assert row.alt_probability == 0


def test_genes_that_share_a_site_have_a_row_each(tmp_path):
    letters = dna(LENGTH, 8)
    genome = write_genome(tmp_path, {"c0": letters})
    gtf = tmp_path / "genes.gtf"
    lines = [
        f'c0\tx\texon\t{a}\t{b}\t.\t+\t.\tgene_id "{gene}"; transcript_id "{name}";\n'
        for gene, name, a, b in [
            ("B", "b.2", 1, 300), ("B", "b.1", 1, 300), ("A", "a.1", 50, 350),
            ("C", "c.1", 330, 350),
        ]
    ]  # fmt: skip
    gtf.write_text("".join(lines))
    at = strongest(letters, "m6A")
    vcf = write_vcf(tmp_path, [("c0", at + 1, "v", "A", "C")])
    result = variants(vcf, fasta=genome, gtf=gtf, model=calling_model(), **SETTINGS)
    here = result.effects[(result.effects.position == at + 1)]
    assert set(zip(here.gene, here.transcript, strict=True)) == {("A", "a.1"), ("B", "b.1")}


def test_size_classes():
    assert alleles.group_of(1, 1) == ("substitution", 0)
    assert alleles.group_of(0, 3) == ("insertion", 1)
    assert alleles.group_of(9, 0) == ("deletion", 2)
    assert alleles.group_of(2, 40) == ("delins", 4)


@pytest.mark.parametrize("context", ["genome", "transcript"])
@pytest.mark.parametrize("strand", ["+", "-"])
def test_windows_and_transcripts_go_on_across_the_origin_of_a_circle(tmp_path, context, strand):
    letters = dna(300, 8)
    genome = write_genome(tmp_path, {"chrM": letters})
    gff = tmp_path / "a.gff3"
    lines = [
        "##gff-version 3", "chrM\tx\tregion\t1\t300\t.\t+\t.\tID=r;Is_circular=true",
        f"chrM\tx\texon\t201\t400\t.\t{strand}\t.\tID=e;Parent=t",
        f"chrM\tx\ttranscript\t201\t400\t.\t{strand}\t.\tID=t",
    ]  # fmt: skip
    gff.write_text("\n".join(lines) + "\n")
    rows = [("chrM", at + 1, f"v{at}", letters[at], other(letters[at])) for at in (4, 96, 294)]
    vcf = write_vcf(tmp_path, [*rows, ("chrM", 11, "ins", letters[10], letters[10] + "ACG")])
    result = variants(
        vcf, fasta=genome, gtf=gff, context=context, modifications="Am,m6A,Psi",
        model=calling_model(), min_delta=0.01, **SETTINGS,
    )  # fmt: skip

    def turned(text):
        """The circle, opened opposite to the exon; or the exon alone."""
        line = text[150:] + text[:150]
        return line if context == "genome" else line[50:250]

    place = {position: i for i, position in enumerate([*range(200, 300), *range(100)])}
    before = probabilities(turned(letters), strand == "-")
    for _, pos, name, _, alt in rows:
        edited = letters[: pos - 1] + alt + letters[pos:]
        after = probabilities(turned(edited), strand == "-")
        own = result.effects[result.effects.id == name]
        assert len(own) > 3
        for row in own.itertuples():
            i = place[row.position - 1] + (50 if context == "genome" else 0)
            assert row.ref_probability == pytest.approx(before[row.modification][i], abs=CLOSE)
            assert row.alt_probability == pytest.approx(after[row.modification][i], abs=CLOSE)
    near_origin = result.effects[result.effects.id == "v4"].position
    assert (near_origin > 200).any()
    assert (near_origin < 100).any()
    assert len(result.effects[result.effects.id == "ins"])
