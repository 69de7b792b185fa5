"""Designs equal those of brute force, keep proteins, and are confirmed by `predict`."""

import functools
import itertools

import numpy as np
import pandas as pd
import pytest
from Bio.Data import CodonTable
from Bio.Seq import Seq

from seeded import calling_model, letters
from vqrna import DataError, UsageError, design
from vqrna.prediction import make_settings, scan_sequence
from vqrna.sequence import ALPHABET, encode
from vqrna.site_design import constraints as rules_of_edits
from vqrna.site_design import make_constraints, make_goal, parse_avoid
from vqrna.site_design.outcome import Evaluator
from vqrna.site_design.search import EditSet, _Best
from vqrna.variation import make_variant_settings
from vqrna.variation.settings import VariantRules

PRIOR = 0.5


@functools.cache
def probabilities(text: str) -> dict[tuple[str, int], float]:
    """Probability of every candidate, by modification and position (from 1), as predicted."""
    model = calling_model()
    settings = make_settings(model.modifications, prior=PRIOR, all_sites=True)
    sites = scan_sequence(model, "s", encode(text), settings)
    symbols = [m.symbol for m in model.modifications]
    return {
        (symbols[k], int(p) + 1): float(x)
        for k, p, x in zip(sites.modification_index, sites.position, sites.probability, strict=True)
    }


def edited(text: str, edits: str) -> str:
    """Apply edits such as ``A10G,C12U``."""
    out = list(text)
    for each in edits.split(","):
        old, position, new = each[0], int(each[1:-1]), each[-1]
        assert out[position - 1] == old
        out[position - 1] = new
    return "".join(out)


def brute_force(text, symbol, position, reached, size, within, allowed=lambda _: True):
    """All sets of `size` substitutions near a position that reach a goal."""
    places = range(max(1, position - within), min(len(text), position + within) + 1)
    sets = []
    for at in itertools.combinations(places, size):
        for bases in itertools.product(ALPHABET, repeat=size):
            if any(text[p - 1] == b for p, b in zip(at, bases, strict=True)):
                continue
            name = ",".join(f"{text[p - 1]}{p}{b}" for p, b in zip(at, bases, strict=True))
            changed = edited(text, name)
            if allowed(changed) and reached(probabilities(changed).get((symbol, position), 0.0)):
                sets.append(name)
    return set(sets)


def site(text, symbol, low, high):
    """A position whose probability is in a range, near the middle."""
    own = [p for (s, p), x in probabilities(text).items() if s == symbol and low <= x <= high]
    return min(own, key=lambda p: abs(p - len(text) // 2))


CASES = [
    # seed, modification, goal, range of the probability, limit, distance of edits
    (0, "m6A", "remove", (0.6, 1), 0.4, 2),
    (1, "Psi", "remove", (0.8, 1), 0.01, 2),
    (2, "Psi", "add", (0, 0.2), 0.8, 2),
    (3, "m6A", "strengthen", (0.1, 0.3), 0.97, 3),
    (4, "m6Am", "add", (0, 0.1), 0.7, 2),
]


@pytest.mark.parametrize(("seed", "symbol", "goal", "span", "limit", "within"), CASES)
def test_one_and_two_edits_equal_brute_force(seed, symbol, goal, span, limit, within):
    text = letters(130, seed)
    at = site(text, symbol, *span)
    keep = goal != "add"
    limits = {"below": limit} if goal == "remove" else {"at_least": limit}
    result = design(
        {"s": text}, symbol, at, goal, max_edits=2, within=within, keep_base=keep,
        alternatives=10_000, model=calling_model(), prior=PRIOR, **limits,
    )  # fmt: skip
    expected: set[str] = set()
    for size in (1, 2):
        expected = brute_force(
            text, symbol, at, make_goal(goal, **limits).reached, size, within,
            lambda changed: not keep or changed[at - 1] == text[at - 1],
        )  # fmt: skip
        if expected:
            break
    assert result.reached == bool(expected)
    assert result.method == "exhaustive"
    if expected:
        assert set(result.designs.edits) == expected
        assert result.number == len(expected)
        assert set(result.designs["count"]) == {size}


@pytest.mark.parametrize("seed", range(3))
def test_every_number_is_that_of_predict(seed):
    text = letters(130, seed)
    at = site(text, "m6A", 0.4, 1)
    result = design(
        {"s": text}, "m6A", at, "remove", below=0.3, alternatives=3, model=calling_model(),
        prior=PRIOR, min_delta=0.02, min_probability=0.5, keep_base=True,
    )  # fmt: skip
    before = probabilities(text)
    for number, row in result.designs.set_index("design").iterrows():
        after = probabilities(edited(text, row.edits))
        assert result.sequences[f"s_design{number}"] == edited(text, row.edits)
        assert row.alt_probability == pytest.approx(after[("m6A", at)], rel=2e-3, abs=1e-9)
        moved = {
            key
            for key in before.keys() | after.keys()
            if abs(after.get(key, 0) - before.get(key, 0)) >= 0.0201 or key == ("m6A", at)
        }
        own = result.effects[result.effects.design == number]
        listed = dict(zip(zip(own.modification, own.position, strict=True), own.index, strict=True))
        assert moved <= set(listed)
        for key, index in listed.items():
            effect = own.loc[index]
            assert effect.ref_probability == pytest.approx(before.get(key, 0), abs=1e-4)
            assert effect.alt_probability == pytest.approx(after.get(key, 0), abs=1e-4)
            assert (effect.target == "yes") == (key == ("m6A", at))
        gains = own[(own["class"] == "gain") & (own.target == "no")]
        names = [f"{m}:{p}" for m, p in zip(gains.modification, gains.position, strict=True)]
        assert (row.gained or "") == ",".join(names)


def test_edits_that_look_like_a_shift_are_compared_position_by_position():
    text = letters(60, 3) + "GGACUC" + letters(60, 4)
    model = calling_model()
    rules = VariantRules(model, make_variant_settings(model.modifications, prior=PRIOR))
    evaluator = Evaluator(rules, encode(text), 62, 0, 20)
    edits = tuple((60 + i, ALPHABET.index(b)) for i, b in ((1, "A"), (2, "C"), (3, "U"), (4, "C")))
    (outcome,) = evaluator([edits])  # GGACUC to GACUCC
    np.testing.assert_array_equal(outcome.effects.ref, outcome.effects.alt)
    before, after = probabilities(text), probabilities(edited(text, "G62A,A63C,C64U,U65C"))
    symbols = [m.symbol for m in model.modifications]
    e = outcome.effects
    for k, at, p, q in zip(
        e.modification, e.anchor, e.ref_probability, e.alt_probability, strict=True
    ):
        key = symbols[k], int(at) + 1
        assert p == pytest.approx(before.get(key, 0), rel=2e-3, abs=1e-6)
        assert q == pytest.approx(after.get(key, 0), rel=2e-3, abs=1e-6)


def test_an_edit_and_its_inverse_have_opposite_effects():
    text = letters(130, 5)
    at = site(text, "Psi", 0.5, 1)
    options = {"model": calling_model(), "prior": PRIOR, "alternatives": 1, "min_delta": 0.01}
    result = design({"s": text}, "Psi", at, "remove", below=0.2, within=0, **options)
    swapped = result.sequences["s_design1"]
    back = design({"s": swapped}, "Psi", at, "add", at_least=0.2, within=0, **options)
    there = result.effects.set_index(["modification", "position"])
    here = back.effects.set_index(["modification", "position"]).loc[there.index]
    np.testing.assert_allclose(there.delta, -here.delta, atol=2e-6)
    turned = {
        "gain": "loss",
        "loss": "gain",
        "strengthened": "weakened",
        "weakened": "strengthened",
    }
    assert [turned[c] for c in there["class"]] == here["class"].tolist()
    assert there.loc[("Psi", at), "alt_probability"] == 0  # the modified base itself


def test_the_genetic_code_is_the_standard_one():
    table = CodonTable.unambiguous_rna_by_id[1]
    for i, codon in enumerate(itertools.product(ALPHABET, repeat=3)):
        name = "".join(codon)
        amino = "*" if name in table.stop_codons else table.forward_table[name]
        assert rules_of_edits.AMINO_ACIDS[i] == amino
        assert rules_of_edits.translate(encode(name)) == amino


@pytest.mark.parametrize("seed", range(4))
def test_designs_inside_a_frame_are_synonymous_and_complete(seed):
    text = letters(120, seed + 20)
    first, last = 7, 114
    at = site(text, "m6A", 0.3, 1)
    protein = str(Seq(text[first - 1 : last]).translate())

    def keeps(changed):
        return str(Seq(changed[first - 1 : last]).translate()) == protein

    result = design(
        {"s": text}, "m6A", at, "remove", below=0.2, max_edits=2, cds=(first, last), within=8,
        alternatives=10_000, model=calling_model(), prior=PRIOR,
    )  # fmt: skip
    expected: set[str] = set()
    for size in (1, 2):
        expected = brute_force(text, "m6A", at, lambda p: p < 0.2, size, 8, keeps)
        if expected:
            break
    assert result.reached == bool(expected)
    for edits in result.designs.edits:
        assert keeps(edited(text, edits))
    if expected:
        assert set(result.designs.edits) == expected


def test_two_edits_of_one_codon_can_be_synonymous_together():
    tokens = encode("AUGUCAUAA")  # UCA (serine) and AGU or AGC: two or three changes
    both = make_constraints(tokens, cds="1-9")
    assert not both.alone[0, 3]
    assert both.synonymous({3: 0, 4: 2, 5: 3})
    assert not both.synonymous({3: 0, 4: 2})
    assert both.codon_changes({3: 0, 4: 2, 5: 3}) == ["UCA>AGU (S2)"]


def test_pairs_of_a_codon_are_evaluated_where_no_single_edit_is_allowed():
    text = letters(60, 5) + "AGC" + letters(60, 6)  # serine; UCC, too
    options = {"cds": "61-63", "avoid": ["1-60", "63-123"], "model": calling_model()}
    below = {"below": probabilities(text)[("m6A", 61)] / 2, "prior": PRIOR}
    result = design({"s": text}, "m6A", 61, "remove", max_edits=2, **options, **below)
    assert result.designs.edits.tolist() == ["A61U,G62C"]
    assert result.reached
    with pytest.raises(DataError, match="no substitution near position 61 is allowed"):
        design({"s": text}, "m6A", 61, "remove", max_edits=1, **options, **below)


@pytest.mark.parametrize("limit", [0.97, 1.0])
def test_the_result_does_not_depend_on_the_number_of_threads(limit):
    text = letters(130, 3)
    at = site(text, "m6A", 0.1, 0.3)
    options = {"at_least": limit, "within": 6, "model": calling_model(), "prior": PRIOR, "beam": 5}
    one, three = (design({"s": text}, "m6A", at, "add", jobs=n, **options) for n in (1, 3))
    pd.testing.assert_frame_equal(one.designs, three.designs, check_exact=True)
    pd.testing.assert_frame_equal(one.effects, three.effects, check_exact=True)
    assert (one.number, one.evaluated, one.size) == (three.number, three.evaluated, three.size)


def test_kept_positions_and_motifs():
    text = letters(130, 0)
    at = site(text, "m6A", 0.6, 1)
    options = {"max_edits": 1, "below": 0.55, "within": 30, "alternatives": 1000, "keep_base": True}
    options |= {"model": calling_model(), "prior": PRIOR}
    every = design({"s": text}, "m6A", at, "remove", **options)
    assert len(every.designs) > 1
    first = every.designs.edits[0]
    place = int(first[1:-1])
    kept = design({"s": text}, "m6A", at, "remove", avoid=f"{place}", **options)
    assert not any(int(e[1:-1]) == place for e in kept.designs.edits)
    new = edited(text, first)
    motif = new[place - 3 : place + 2].replace("U", "T")
    reverse = str(Seq(motif).reverse_complement())
    for name in (motif, reverse):
        other = design({"s": text}, "m6A", at, "remove", avoid=[name, "1-2"], **options)
        assert first not in set(other.designs.edits)
        assert set(other.designs.edits) < set(every.designs.edits)


def test_a_motif_that_is_there_already_does_not_count():
    tokens = encode("GGAAUUCAAA")
    rules = make_constraints(tokens, avoid=["GAATTC"])
    assert rules.created_motifs({8: 1}) == []
    assert make_constraints(encode("GGAAUACAAA"), avoid="GAATTC").created_motifs({5: 3}) == [
        "GAAUUC"
    ]


def test_larger_sets_are_searched_by_beam_and_say_so():
    text = letters(130, 0)
    at = site(text, "m6A", 0.02, 0.2)
    options = {"within": 3, "keep_base": True, "model": calling_model(), "prior": PRIOR}
    pairs = design({"s": text}, "m6A", at, "add", at_least=1, max_edits=2, **options)
    three = design({"s": text}, "m6A", at, "add", at_least=1, max_edits=3, beam=5, **options)
    assert not three.reached
    assert set(three.designs.reached) == {"no"}
    assert three.method == "beam search, width 5"
    assert "exhaustive" not in three.summary()
    assert three.size == 3
    assert "up to 3 substitutions" in three.summary()
    assert three.designs.alt_probability[0] >= pairs.designs.alt_probability[0]
    sets = [set(edits.split(",")) for edits in three.designs.edits]
    assert max(map(len, sets)) == 3
    for one, other in itertools.permutations(sets, 2):  # no edit without effect
        assert (
            not one < other
            or three.designs.alt_probability[sets.index(other)]
            > (three.designs.alt_probability[sets.index(one)])
        )
    assert three.notes
    for _, row in three.designs.iterrows():
        p = probabilities(edited(text, row.edits))[("m6A", at)]
        assert row.alt_probability == pytest.approx(p, rel=2e-3)
    wide = design({"s": text}, "m6A", at, "add", at_least=1, max_edits=3, beam=10_000, **options)
    assert wide.designs.alt_probability[0] >= three.designs.alt_probability[0]


def test_the_picture_names_no_reference():
    text = letters(130, 0)
    result = design(
        {"s": text}, "m6A", site(text, "m6A", 0.6, 1), "remove", below=0.4, max_edits=1,
        model=calling_model(), prior=PRIOR,
    )  # fmt: skip
    titles = {ax.get_xlabel() for ax in result.plot().axes}
    assert titles == {"", "position (nt)"}


def test_the_best_sets_are_kept():
    best = _Best(3)
    order = np.random.default_rng(0).permutation(5000)
    for n in order.tolist():
        best.add((0, float(n)), EditSet(((n, 0),), float(n)))
    assert [each.logit for each in best.result()] == [0, 1, 2]


def test_the_base_may_change_to_add_a_site_but_not_to_strengthen_it():
    text = letters(130, 2)
    at = next(p for p in range(60, 80) if text[p - 1] == "A")
    options = {"within": 4, "model": calling_model(), "prior": PRIOR}
    result = design({"s": text}, "Psi", at, "add", at_least=0.3, max_edits=2, **options)
    assert all(f"A{at}U" in edits for edits in result.designs.edits)
    with pytest.raises(DataError, match="is not a base that can carry Psi"):
        design({"s": text}, "Psi", at, "strengthen", **options)


TEXT = letters(130, 0)


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (UsageError, "unknown goal 'kill'", {"goal": "kill"}),
        (UsageError, "--at-least is for", {"at_least": 0.5}),
        (UsageError, "--below is for", {"goal": "add", "below": 0.5}),
        (UsageError, "invalid --below 2", {"below": 2.0}),
        (UsageError, "invalid --max-edits 0", {"max_edits": 0}),
        (UsageError, "invalid --within -1", {"within": -1}),
        (UsageError, "invalid --jobs 0", {"jobs": 0}),
        (UsageError, "invalid --position 0", {"position": 0}),
        (UsageError, "invalid --position 5.5 (expected a whole", {"position": 5.5}),
        (UsageError, "invalid --position '5'", {"position": "5"}),
        (DataError, "position 131 is beyond the end", {"position": 131}),
        (UsageError, "are not whole codons", {"cds": "1-10"}),
        (UsageError, "invalid --cds 'x'", {"cds": "x"}),
        (UsageError, "invalid --cds 5-4", {"cds": (5, 4)}),
        (DataError, "position 300 is beyond the end", {"cds": (1, 300)}),
        (UsageError, "invalid --avoid 'EcoRI'", {"avoid": "EcoRI"}),
        (UsageError, "invalid range '9-3'", {"avoid": "9-3"}),
        (DataError, "position 999 is beyond the end", {"avoid": "999"}),
        (DataError, "reaches the goal already", {"below": 1.0}),
        (DataError, "no sequence 'x'", {"sequence": "x"}),
        (DataError, "no substitution near position", {"avoid": "1-130"}),
        (UsageError, "m5C", {"modification": "m5C"}),
    ],
)
def test_bad_settings_are_one_line(error, words, options):
    at = site(TEXT, "m6A", 0.3, 1)
    settings = {"modification": "m6A", "position": at, "goal": "remove"} | options
    with pytest.raises(error) as caught:
        design({"s": TEXT}, model=calling_model(), prior=PRIOR, **settings)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_ambiguous_site_or_name_is_refused():
    at = 60
    text = TEXT[: at - 1] + "N" + TEXT[at:]
    with pytest.raises(DataError, match="is ambiguous"):
        design({"s": text}, "m6A", at, "add", model=calling_model())
    with pytest.raises(UsageError, match="--sequence NAME"):
        design({"a": TEXT, "b": TEXT}, "m6A", at, "add", model=calling_model())


def test_positions_and_motifs_are_told_apart():
    assert parse_avoid("12, 20-30,GAATTC") == (((12, 12), (20, 30)), ("GAAUUC",))
    assert parse_avoid(["ggtctc", "GGTCTC"]) == ((), ("GGUCUC",))
    with pytest.raises(UsageError):
        parse_avoid("N")
