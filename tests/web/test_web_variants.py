"""Forms of variants."""

import numpy as np
import pytest

from vqrna.sequence import encode
from vqrna.web.errors import RequestError
from vqrna.web.variants import check_variant, context, parse_variants


@pytest.mark.parametrize(
    ("text", "position", "ref", "alt"),
    [
        ("A5G", 5, "A", "G"),
        ("t5c", 5, "U", "C"),
        ("5 A>G", 5, "A", "G"),
        ("AC5U", 5, "AC", "U"),
        ("A5del", 5, "A", ""),
        ("5del", 5, "N", ""),
        ("5_7del", 5, "NNN", ""),
        ("5insGG", 5, "", "GG"),
        ("5_6insGG", 5, "", "GG"),
        ("005_006insGG", 5, "", "GG"),
    ],
)
def test_forms(text, position, ref, alt):
    (variant,) = parse_variants(text, 5)
    assert (variant.position, variant.ref, variant.alt) == (position, ref, alt)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10_20insA", "between two adjacent positions .expected 10_11ins"),
        ("10_9insA", "expected 10_11ins"),
        ("1234567890123del", "more than 9 digits"),
        ("5_1234567890123del", "more than 9 digits"),
        ("1234567890insA", "more than 9 digits"),
        (f"5_{'6' * 5000}insA", "more than 9 digits"),
        ("A1234567890G", "more than 9 digits"),
        (f"5ins{'A' * 1001}", "too long"),
        ("7_5del", "not a variant"),
    ],
)
def test_wrong_positions_are_refused(text, message):
    with pytest.raises(RequestError, match=message) as error:
        parse_variants(text, 5)
    assert error.value.status == 422


def test_several_with_names():
    variants = parse_variants("chr1:5 A>G, C6U\n7del", 5)
    assert [v.sequence for v in variants] == ["chr1", "", ""]


def test_a_variant_is_compared_with_its_sequence():
    tokens = encode("ACGUACGU")
    (deletion,) = parse_variants("2_3del", 5)
    assert check_variant(deletion, tokens).ref == "CG"
    (wrong,) = parse_variants("A2G", 5)
    with pytest.raises(RequestError, match="the sequence has C at position 2, not A"):
        check_variant(wrong, tokens)
    (outside,) = parse_variants("A9G", 5)
    with pytest.raises(RequestError, match="outside the 8 nt"):
        check_variant(outside, tokens)
    for text in ("1_8del", "ACGUACGU1del"):
        (whole,) = parse_variants(text, 5)
        with pytest.raises(RequestError, match="deletes the whole sequence"):
            check_variant(whole, tokens)


def test_context_holds_what_the_effects_depend_on():
    tokens = np.tile(encode("ACGU"), 1000)
    (variant,) = parse_variants("A2001G", 5)
    part = context(variant, tokens, 501)
    assert part["letters"][part["index"]] == "A"
    assert part["first"] + part["index"] == 2001
    assert min(part["index"], len(part["letters"]) - part["index"]) > 500
