"""Whole numbers in text."""

import pytest

from vqrna.runtime.whole_numbers import whole_number


@pytest.mark.parametrize(
    ("text", "number"), [("5", 5), ("0", 0), ("0007", 7), (b"12", 12), ("9" * 15, 10**15 - 1)]
)
def test_ascii_digits_are_a_number(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "", " 5", "5 ", "5\n", "+5", "-5", "1_0", "5.0", "5e0", "0x5", "1²", "٣", "５", "\udcff",
        b"\xff", "1" * 16, "1" * 5000,
    ],
    ids=lambda text: ascii(text)[:9],
)  # fmt: skip
def test_other_text_is_not_a_number(text):
    assert whole_number(text) is None
