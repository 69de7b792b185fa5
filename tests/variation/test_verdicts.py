"""Every record has one verdict, and every skipped allele a reason."""

import inspect
from collections import Counter

import pytest
from genes import LENGTH, SETTINGS, dna, write_genome, write_gtf, write_vcf

from seeded import calling_model
from vqrna import variants
from vqrna.cli.variants import variants as command
from vqrna.errors import DataError
from vqrna.stats.tiers import DEFAULT_TIER, PROBABILITIES, TIERS
from vqrna.variation import make_variant_settings

LONG = LENGTH + 1000
LETTERS = dna(LENGTH, 8) + dna(1000, 9)  # exons lie in the first part


def other(base: str) -> str:
    return "ACGT"[("ACGT".index(base) + 1) % 4]


def at(pos: int, count: int = 1) -> str:
    """Letters of the reference from a position, from 1."""
    return LETTERS[pos - 1 : pos - 1 + count]


CASES = {
    "snv": (100, at(100), other(at(100)), "scored", "."),
    "mnv": (100, at(100, 3), "".join(map(other, at(100, 3))), "scored", "."),
    "insertion": (100, at(100), at(100) + "ACGT", "scored", "."),
    "deletion": (100, at(100, 5), at(100), "scored", "."),
    "delins": (100, at(100, 4), other(at(100)) + "GG", "scored", "."),
    "whole_exon": (21, at(21, 110), at(21), "scored", "."),
    "exon_end": (128, at(128, 6), at(128), "scored", "."),
    "lower_case": (100, at(100).lower(), other(at(100)).lower(), "scored", "."),
    "no_site": (LONG - 5, at(LONG - 5), other(at(LONG - 5)), "no site near", "."),
    "last_base": (LONG, at(LONG), other(at(LONG)), "no site near", "."),
    "mismatch": (100, other(at(100)), at(100), "skipped", "REF mismatch"),
    "symbolic": (100, at(100), "<DEL>", "skipped", "symbolic allele"),
    "breakend": (100, at(100), f"{at(100)}[c0:200[", "skipped", "symbolic allele"),
    "star": (100, at(100), "*", "skipped", "* allele"),
    "ambiguous": (100, at(100), "N", "skipped", "ALT with ambiguity"),
    "same": (100, at(100), at(100), "skipped", "ALT = REF"),
    "no_alt": (100, at(100), ".", "skipped", "no ALT"),
    "beyond": (LONG + 1, "A", "C", "skipped", "beyond the end"),
    "across_the_end": (LONG, at(LONG) + "A", at(LONG), "skipped", "beyond the end"),
    "before_the_first": (0, "A", "C", "skipped", "beyond the end"),
    "too_long": (100, at(100), at(100) + "A" * 30, "skipped", "over --max-length"),
    "one_of_two": (100, at(100), f"{other(at(100))},*", "scored", "*: * allele"),
    "none_of_two": (100, at(100), f"<DEL>,{at(100)}", "skipped",
                    f"<DEL>: symbolic allele; {at(100)}: ALT = REF"),
}  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verdicts")
    genome, gtf = write_genome(folder, {"c0": LETTERS}), write_gtf(folder, ["c0"])
    rows = [("c0", pos, name, ref, alt) for name, (pos, ref, alt, *_) in CASES.items()]
    rows.append(("chrZ", 100, "unknown", "A", "C"))
    return variants(
        write_vcf(folder, rows), fasta=genome, gtf=gtf, model=calling_model(), max_length=120,
        **SETTINGS | {"min_delta": 0.001},
    )  # fmt: skip


@pytest.fixture(scope="module")
def too_long(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    genome = write_genome(folder, {"c0": LETTERS})
    vcf = write_vcf(folder, [("c0", *CASES["too_long"][:1], "x", *CASES["too_long"][1:3])])
    return variants(vcf, fasta=genome, model=calling_model(), max_length=20, **SETTINGS)


@pytest.mark.parametrize("name", [n for n in CASES if n != "too_long"])
def test_a_record_has_one_verdict(result, name):
    (row,) = result.records[result.records.id == name].itertuples()
    *_, verdict, reason = CASES[name]
    assert (row.verdict, row.reason or ".") == (verdict, reason)
    assert row.effects == (result.effects.id == name).sum()


def test_long_alleles_and_unknown_sequences_are_skipped(result, too_long):
    assert too_long.records[["verdict", "reason"]].to_numpy().tolist() == [
        ["skipped", "over --max-length"]
    ]
    (row,) = result.records[result.records.id == "unknown"].itertuples()
    assert (row.verdict, row.reason) == ("skipped", "unknown sequence")
    assert any("the names must be the same" in note for note in result.notes)


def test_all_verdicts_and_reasons_are_counted(result):
    assert result.verdicts == dict(Counter(result.records.verdict))
    assert sum(result.verdicts.values()) == len(CASES) + 1
    assert result.reasons == {
        "REF mismatch": 1, "symbolic allele": 3, "* allele": 2, "ALT with ambiguity": 1,
        "ALT = REF": 2, "no ALT": 1, "beyond the end": 3, "unknown sequence": 1,
    }  # fmt: skip


def test_a_site_has_the_probability_of_the_default_tier():
    expected = PROBABILITIES[TIERS.index(DEFAULT_TIER)]
    assert make_variant_settings(calling_model().modifications).min_probability == expected
    assert inspect.signature(command).parameters["min_probability"].default == expected


def test_an_exon_end_is_a_reason_in_spliced_transcripts(tmp_path):
    genome, gtf = write_genome(tmp_path, {"c0": LETTERS}), write_gtf(tmp_path, ["c0"])
    pos, ref, alt, *_ = CASES["exon_end"]
    spliced = variants(
        write_vcf(tmp_path, [("c0", pos, "x", ref, alt)]), fasta=genome, gtf=gtf,
        context="transcript", model=calling_model(), **SETTINGS,
    )  # fmt: skip
    (row,) = spliced.records.itertuples()
    assert (row.verdict, row.reason, row.left_out) == ("scored", "", "c0p.1")
    assert set(spliced.effects.strand) == {"-"}
    assert not spliced.reasons
    assert any("exon end" in note for note in spliced.notes)


def test_an_allele_that_crosses_an_exon_end_of_all_transcripts_is_skipped(tmp_path):
    genome = write_genome(tmp_path, {"c0": LETTERS})
    gtf = tmp_path / "far.gtf"
    exons = [(21, 130), (901, 1000)]  # the second one is far from the first base
    words = 'c0\tx\texon\t{}\t{}\t.\t+\t.\tgene_id "g"; transcript_id "t";\n'
    gtf.write_text("".join(words.format(*exon) for exon in exons))
    ref, alt = at(898, 6), at(898)
    rows = [("c0", 898, "x", ref, alt), ("c0", 898, "y", ref, f"{alt},*")]
    spliced = variants(
        write_vcf(tmp_path, rows), fasta=genome, gtf=gtf, context="transcript",
        model=calling_model(), **SETTINGS,
    )  # fmt: skip
    assert spliced.records[["verdict", "reason", "left_out"]].to_numpy().tolist() == [
        ["skipped", "exon end", "t"],
        ["skipped", f"{alt}: exon end; *: * allele", "t"],
    ]
    assert spliced.reasons == {"exon end": 2, "* allele": 1}
    assert not len(spliced.effects)


@pytest.mark.parametrize(
    ("ref", "alt", "reason"),
    [
        ("A", "C", "REF with ambiguity"),  # the genome has N
        ("N", "C", "REF with ambiguity"),
        ("NN", "N", "ALT with ambiguity"),
        ("NNG", "T", "REF with ambiguity"),
        ("NNA", "T", "REF mismatch"),  # the last letter is G
    ],
)
def test_an_unknown_base_of_the_reference_is_a_reason_of_its_own(tmp_path, ref, alt, reason):
    genome = write_genome(tmp_path, {"c0": LETTERS[:300] + "NNG" + LETTERS[303:]})
    vcf = write_vcf(tmp_path, [("c0", 301, "x", ref, alt)])
    result = variants(vcf, fasta=genome, model=calling_model(), **SETTINGS)
    assert result.records[["verdict", "reason"]].to_numpy().tolist() == [["skipped", reason]]


@pytest.mark.parametrize("gtf", [False, True])
def test_names_are_cut_in_all_files(tmp_path, gtf):
    genome = write_genome(tmp_path, {"c0.7|x": LETTERS})
    annotation = write_gtf(tmp_path, ["c0.2|y"]) if gtf else None
    vcf = write_vcf(tmp_path, [("c0.1|z", 100, "x", at(100), other(at(100)))])
    options = {"fasta": genome, "gtf": annotation, "model": calling_model(), **SETTINGS}
    cut = variants(vcf, name_until="|", ignore_version=True, **options)
    assert cut.records.verdict.tolist() == ["scored"]
    assert set(cut.effects.chrom) == {"c0.1|z"}  # as in the VCF
    if not gtf:
        with pytest.raises(DataError, match=r"no record can be scored.*--ignore-version"):
            variants(vcf, **options)


def test_one_record_on_a_known_sequence_is_enough(tmp_path):
    genome = write_genome(tmp_path, {"c0": LETTERS})
    rows = [("chrX", 100, "x", "A", "C"), ("c0", 100, "y", at(100), other(at(100)))]
    vcf = write_vcf(tmp_path, rows)
    result = variants(vcf, fasta=genome, model=calling_model(), **SETTINGS)
    assert result.records.reason.tolist()[0] == "unknown sequence"
    assert any("1 (it has c0" in note for note in result.notes)
    with pytest.raises(DataError, match=r"chromosome 'chrc0' is not in .*, which calls it 'c0'"):
        variants(
            write_vcf(tmp_path, [("chrc0", 100, "x", "A", "C")]),
            fasta=genome, model=calling_model(), **SETTINGS,
        )  # fmt: skip
