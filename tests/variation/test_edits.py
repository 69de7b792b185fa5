"""Edits of a sequence in memory have the effects of the same variants of a transcript."""

import numpy as np
import pytest
from genes import contigs, random_record, write_genome, write_vcf

from seeded import calling_model
from vqrna import variants
from vqrna.model.weights import save_model
from vqrna.sequence import encode
from vqrna.variation import make_variant_settings
from vqrna.variation.edits import edit_effects
from vqrna.variation.effects import CLASSES
from vqrna.variation.settings import VariantRules


def test_effects_are_those_of_a_vcf(tmp_path):
    rng = np.random.default_rng(2)
    sequences = contigs(40, seed=4)
    rows = [(name, *random_record(rng, letters)) for name, letters in sequences.items()]
    rows += [("c1", 2, sequences["c1"][1], "GGGG"), ("c2", 360, sequences["c2"][359] + "", "AAAAC")]
    rows = [row for row in rows if row[2] != row[3]]
    genome = write_genome(tmp_path, sequences)
    vcf = write_vcf(tmp_path, [(c, p, f"v{i}", r, a) for i, (c, p, r, a) in enumerate(rows)])
    save_model(calling_model(), tmp_path / "m.safetensors")
    options = {"prior": 0.5, "null_variants": 0}
    table = variants(
        vcf, transcripts=genome, model=tmp_path / "m.safetensors", jobs=1, **options
    ).effects
    settings = make_variant_settings(calling_model().modifications, **options)
    rules = VariantRules(calling_model(), settings)
    compared = 0
    for i, (name, pos, ref, alt) in enumerate(rows):
        own = table[table["id"] == f"v{i}"]
        _, comparison = edit_effects(
            rules, encode(sequences[name]), pos - 1, pos - 1 + len(ref), encode(alt)
        )
        e = comparison.effects
        e = e.take(np.abs(e.delta) >= settings.min_delta)
        symbols = [settings.modifications[k].symbol for k in e.modification]
        ours = sorted(
            zip((e.anchor + 1).tolist(), symbols, e.ref_probability.tolist(),
                e.alt_probability.tolist(), [CLASSES[k] for k in e.class_index], strict=True)
        )  # fmt: skip
        columns = ["position", "modification", "ref_probability", "alt_probability", "class"]
        theirs = sorted(own[columns].itertuples(index=False, name=None))
        assert [row[:2] for row in ours] == [row[:2] for row in theirs], rows[i]
        for mine, other in zip(ours, theirs, strict=True):
            assert mine[2:4] == pytest.approx(other[2:4], abs=1e-4)
            assert mine[4] == other[4]
        compared += len(ours)
    assert compared > 200


def test_alignment_shows_the_edit():
    settings = make_variant_settings(calling_model().modifications, null_variants=0)
    tokens = encode("ACGU" * 100)
    allele, comparison = edit_effects(
        VariantRules(calling_model(), settings), tokens, 200, 203, encode("A")
    )
    a = comparison.alignment
    assert (a.alt < 0).sum() == 2
    assert (a.ref >= 0).all()
    assert allele.stop - allele.start == 2
