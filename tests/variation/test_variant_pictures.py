"""Pictures of variants show the effects of the table, at their letters."""

import numpy as np
import pytest
from genes import SETTINGS, contigs, random_record, read_table, write_genome, write_gtf, write_vcf

from seeded import calling_model, files_in
from vqrna import UsageError, variants
from vqrna.model.weights import save_model
from vqrna.plots import haplotypes
from vqrna.sequence import encode


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    sequences = contigs(12, seed=4)
    rng = np.random.default_rng(1)
    rows = []
    for name, letters in sequences.items():
        pos, ref, alt = random_record(rng, letters)
        rows.append((name, pos, f"v_{name}", ref, alt))
    rows.append(("c11", 350, "two", sequences["c11"][349], "A,<DEL>,C,G,T"))
    rows.append(("nowhere", 5, "lost", "A", "C"))
    vcf = write_vcf(folder, rows, sequences=sequences)
    genome, gtf = write_genome(folder, sequences), write_gtf(folder, list(sequences))
    save_model(calling_model(), folder / "m.safetensors")
    return vcf, genome, gtf, folder / "m.safetensors", sequences


@pytest.fixture
def pairs(monkeypatch):
    """What the pictures are drawn from, in the order of drawing."""
    seen: list = []
    real = haplotypes.haplotype_figure

    def keep(shown, *rest, **more):
        seen.extend(shown)
        return real(shown, *rest, **more)

    monkeypatch.setattr(haplotypes, "haplotype_figure", keep)
    return seen


@pytest.mark.parametrize("context", ["genome", "transcript"])
def test_a_picture_shows_the_effects_of_the_table(inputs, pairs, context):
    vcf, genome, gtf, _, sequences = inputs
    result = variants(
        vcf, fasta=genome, gtf=gtf, context=context, model=calling_model(), min_delta=0.05,
        **SETTINGS,
    )  # fmt: skip
    complement = str.maketrans("ACGU", "UGCA")
    drawn = 0
    for row, record in result.records.iterrows():
        if record.verdict == "skipped" or record.verdict == "no site near":
            continue
        del pairs[:]
        assert result.plot(int(row)).axes
        effects = result.effects[result.effects.id == record.id]
        tracks = effects.groupby(["alt", "gene", "transcript", "strand"]).ngroups
        shown = [pair for pair in pairs if pair.sites.moved.any()]
        if context == "genome" and tracks <= 4:
            assert sum(int(p.sites.moved.sum()) for p in shown) == len(effects)
        for pair in shown:
            drawn += 1
            assert len(pair.ref) == len(pair.alt) == len(pair.position)
            reverse = "reverse" in pair.subtitle
            letters = sequences[record.chrom].replace("T", "U")
            for letter, position in zip(pair.ref, pair.position, strict=True):
                if position:
                    expected = letters[position - 1]
                    assert letter == (expected.translate(complement) if reverse else expected)
            assert pair.edited.any()
            for _, site in pair.sites[pair.sites.moved].iterrows():
                own = effects[
                    (effects.modification == site.modification)
                    & np.isclose(effects.delta, site.delta, atol=1e-9)
                    & np.isclose(effects.ref_probability, site.ref_probability, atol=1e-9)
                ]
                assert len(own)
                position = pair.position[site.column]
                assert position == 0 or position in set(own.position)
    assert drawn > 8


def test_gaps_leave_both_sequences_whole(inputs, pairs):
    vcf, genome, _, _, sequences = inputs
    result = variants(vcf, fasta=genome, model=calling_model(), min_delta=0.001, **SETTINGS)
    for row, record in result.records[result.records.verdict == "scored"].iterrows():
        del pairs[:]
        result.plot(int(row))
        letters = sequences[record.chrom]
        start = record.pos - 1
        alts = [a for a in record.alt.split(",") if a.isalpha()]
        edited = [letters[:start] + a + letters[start + len(record.ref) :] for a in alts]
        for pair in pairs:
            turn = (3 - encode(letters))[::-1] if "reverse" in pair.subtitle else encode(letters)
            whole = encode(pair.ref.replace("-", ""))
            assert whole.tobytes() in turn.tobytes()
            others = [(3 - encode(e))[::-1] if "reverse" in pair.subtitle else encode(e)
                      for e in edited]  # fmt: skip
            assert any(encode(pair.alt.replace("-", "")).tobytes() in o.tobytes() for o in others)


def test_what_cannot_be_drawn_is_one_line(inputs):
    vcf, genome, _, _, _ = inputs
    result = variants(vcf, fasta=genome, model=calling_model(), **SETTINGS)
    last = len(result.records) - 1
    with pytest.raises(UsageError, match=r"nowhere:5 \(lost\) cannot be drawn: unknown"):
        result.plot(last)
    with pytest.raises(UsageError, match="invalid record 99"):
        result.plot(99)
    changes = result.effects.groupby("id").delta.agg(lambda x: x.abs().max())
    assert result.records.id[result.largest[0]] == changes.idxmax()


def test_the_command_draws_the_largest_changes(vqrna_main, inputs, tmp_path):
    vcf, genome, gtf, model, _ = inputs
    words = ["variants", vcf, "--fasta", genome, "--gtf", gtf, "--model", model, "--device", "cpu"]
    words += ["--prior", "0.5", "--null-variants", "0", "--out", tmp_path / "out"]
    assert vqrna_main(*words, "--plot", "3").code == 0
    pictures = [name for name in files_in(tmp_path / "out") if name.startswith("variant_")]
    assert len(pictures) == 6
    effects = read_table(tmp_path / "out" / "variants.tsv")
    largest = effects.loc[effects.delta.astype(float).abs().idxmax()]
    assert pictures[0].startswith(f"variant_01_{largest.chrom}_")
    assert vqrna_main(*words, "--plot", "1").code == 0
    assert sum(name.startswith("variant_") for name in files_in(tmp_path / "out")) == 2
    assert vqrna_main(*words).code == 0
    assert not any(name.startswith("variant_") for name in files_in(tmp_path / "out"))
    errors = [(["--plot", "101"], "invalid --plot 101"), (["--plot", "-1"], "invalid --plot -1")]
    errors.append((["--plot", "2", "--shard", "1/2"], "--plot needs a whole run"))
    for more, told in errors:
        done = vqrna_main(*words, *more)
        assert done.code == 2
        assert told in done.err
