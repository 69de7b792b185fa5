"""Alleles that describe one haplotype are one allele; alignments are symmetric."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vqrna.genome.fasta import reverse_complement
from vqrna.sequence import decode, encode
from vqrna.variation.alleles import align, normalise, place_gap, vcf_fields

SEQUENCE = st.text("AC", min_size=8, max_size=24)  # two letters: many repeats
LETTERS = st.text("ACG", max_size=4)


def fetcher(letters):
    tokens = encode(letters)
    return lambda start, stop: tokens[start:stop]


def edit(letters, start, stop, new):
    return letters[:start] + new + letters[stop:]


@settings(max_examples=300, deadline=None)
@given(SEQUENCE, st.data())
def test_all_descriptions_of_a_haplotype_are_one_allele(letters, data):
    start = data.draw(st.integers(1, len(letters) - 2))
    stop = data.draw(st.integers(start, min(len(letters) - 1, start + 4)))
    new = data.draw(LETTERS)
    if letters[start:stop] == new:
        return
    haplotype = edit(letters, start, stop, new)
    fetch = fetcher(letters)
    forms = set()
    for left in range(start + 1):
        for right in range(stop, len(letters) + 1):
            ref, alt = letters[left:right], letters[left:start] + new + letters[stop:right]
            if ref and alt:
                allele = normalise(left, encode(ref), encode(alt), fetch)
                forms.add((allele.start, allele.stop, decode(allele.letters)))
    assert len(forms) == 1
    own_start, own_stop, own = forms.pop()
    assert edit(letters, own_start, own_stop, own.replace("U", "T")) == haplotype
    # Any other edit with the same haplotype is this allele, too
    for other_start in range(1, len(letters)):
        size = len(haplotype) - len(letters)
        for other_stop in range(other_start, min(other_start + 6, len(letters)) + 1):
            length = other_stop - other_start + size
            if length < 0:
                continue
            piece = haplotype[other_start : other_start + length]
            if edit(letters, other_start, other_stop, piece) == haplotype:
                ref = letters[other_start - 1 : other_stop]
                alt = letters[other_start - 1] + piece
                allele = normalise(other_start - 1, encode(ref), encode(alt), fetch)
                assert (allele.start, allele.stop) == (own_start, own_stop)
                assert decode(allele.letters) == own


def test_fields_have_an_anchor_like_a_normalised_vcf():
    letters = "ACCCGT"
    fetch = fetcher(letters)

    def fields(start, ref, alt):
        return vcf_fields(normalise(start, encode(ref), encode(alt), fetch), fetch, len(letters))

    assert fields(2, "CC", "C") == (1, "AC", "A")
    assert fields(3, "C", "CC") == (1, "A", "AC")
    assert fields(4, "GT", "GA") == (6, "T", "A")
    assert fields(0, "AC", "C") == (1, "AC", "C")  # before the first base: the one after
    assert fields(4, "GT", "CAA") == (5, "GT", "CAA")


@settings(max_examples=200, deadline=None)
@given(st.text("ACGU", min_size=1, max_size=9), st.text("ACGU", min_size=1, max_size=9))
def test_alignments_are_symmetric_and_complete(a, b):
    forth, back = align(encode(a), encode(b)), align(encode(b), encode(a))
    np.testing.assert_array_equal(forth[0], back[1])
    np.testing.assert_array_equal(forth[1], back[0])
    for index, letters in zip(forth, (a, b), strict=True):
        assert index[index >= 0].tolist() == list(range(len(letters)))
    assert ((forth[0] >= 0) | (forth[1] >= 0)).all()
    if len(a) == len(b):
        base_by_base = sum(x != y for x, y in zip(a, b, strict=True))
        kept = (forth[0] >= 0) & (forth[1] >= 0)
        pairs = zip(forth[0][kept].tolist(), forth[1][kept].tolist(), strict=True)
        edits = np.count_nonzero(~kept) + sum(a[i] != b[j] for i, j in pairs)
        assert kept.all() if edits == base_by_base else edits < base_by_base


@settings(max_examples=300, deadline=None)
@given(st.text("ACGU", min_size=1, max_size=7), st.text("ACGU", min_size=1, max_size=7))
@example("GGCC", "AU")  # their own reverse complements
@example("ACG", "CGU")  # reverse complements of each other
@example("AAGCUA", "GC")  # the gap could be on several sides
def test_both_strands_have_the_same_alignment(a, b):
    ref, alt = encode(a), encode(b)
    forward = align(ref, alt)
    backward = align(reverse_complement(ref), reverse_complement(alt), reverse=True)
    for index, mirrored, letters in zip(forward, backward, (ref, alt), strict=True):
        expected = np.where(mirrored < 0, -1, len(letters) - 1 - mirrored)[::-1]
        np.testing.assert_array_equal(index, expected)


def test_alleles_of_equal_length_are_shifted_only_if_that_saves_edits():
    for ref, alt in (("AC", "CA"), ("GAC", "CGU")):
        assert [index.tolist() for index in align(encode(ref), encode(alt))] == [
            list(range(len(ref)))
        ] * 2
    ref, alt = "GGACUC", "GACUCC"
    pairs = zip(*(index.tolist() for index in align(encode(ref), encode(alt))), strict=True)
    matched = [(i, j) for i, j in pairs if i >= 0 and j >= 0]
    assert (2, 1) in matched  # the A
    assert [ref[i] for i, _ in matched] == [alt[j] for _, j in matched]
    assert len(matched) == 5


def test_an_alignment_keeps_equal_bases_together():
    ref, alt = align(encode("CAGGAC"), encode("CAC"))
    pairs = list(zip(ref.tolist(), alt.tolist(), strict=True))
    matched = [(i, j) for i, j in pairs if i >= 0 and j >= 0]
    assert all("CAGGAC"[i] == "CAC"[j] for i, j in matched)
    assert len(matched) == 3


def test_a_gap_is_placed_where_probabilities_change_least():
    shorter = np.array([[0.9], [0.1], [0.1], [0.8]])
    for move in range(5):
        longer = np.insert(shorter, [move, move], 0.0, axis=0)
        longer = np.concatenate([longer])
        # Two bases that are no site, inserted after `move` bases
        assert place_gap(longer, shorter, 2) == move or np.allclose(
            longer, np.insert(shorter, [place_gap(longer, shorter, 2)] * 2, 0.0, axis=0)
        )
