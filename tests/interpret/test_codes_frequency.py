"""TF-IDF, z-scores and their order, worked by hand."""

import numpy as np
import pytest

from vqrna.interpret.spectrum import (
    inverse_document_frequency,
    order_by_type,
    term_frequency,
    tf_idf,
    z_over_types,
)

# Three windows of three tokens; code 3 is never used
CODES = np.array([[0, 0, 1], [0, 1, 1], [2, 1, 1]])
ROWS = [np.array([0, 1]), np.array([2])]


def test_a_case_worked_by_hand():
    frequency = term_frequency(CODES, ROWS, 4)
    assert frequency.tolist() == [[1.5, 0], [1.5, 2], [0, 1], [0, 0]]
    # ln(1 + 2/1), ln(1 + 2/2), ln(1 + 2/1), not used
    idf = inverse_document_frequency(frequency)
    assert idf == pytest.approx([1.0986122886681098, 0.6931471805599453, 1.0986122886681098, 0])
    assert tf_idf(frequency)[0, 0] == pytest.approx(1.5 * 1.0986122886681098)
    z = z_over_types(tf_idf(frequency))
    # Two types: always one standard deviation on either side of the mean
    assert z == pytest.approx(np.array([[1, -1], [-1, 1], [-1, 1], [0, 0]]))


def test_a_window_that_stands_twice_counts_twice():
    assert term_frequency(CODES, [np.array([0, 2, 2])], 4)[:, 0] == pytest.approx(
        [2 / 3, 5 / 3, 2 / 3, 0]
    )


def test_the_idf_of_ten_types():
    frequency = np.zeros((3, 10))
    frequency[0, 0] = 0.2
    frequency[1, :4] = 7
    frequency[2] = 1
    expected = np.log([11, 3.5, 2])  # 1 + 10/1, 1 + 10/4, 1 + 10/10
    assert inverse_document_frequency(frequency) == pytest.approx(expected)


def test_the_z_score_takes_the_idf_out_again():
    frequency = np.random.default_rng(0).random((40, 10)) * (np.arange(40)[:, None] % 7 != 0)
    frequency[1, :5] = 0
    assert z_over_types(tf_idf(frequency)) == pytest.approx(z_over_types(frequency))


def test_a_flat_code_has_no_spread_to_divide_by():
    assert z_over_types(np.full((1, 10), 0.1 + 0.2)).tolist() == [[0.0] * 10]


def test_codes_by_type_and_falling():
    values = np.array([[1, 5, 0], [9, 0, 0], [0, 7, 0], [0, 0, -1], [2, 0, 0], [0, 7, 7]])
    order, group = order_by_type(values)
    assert group.tolist() == [1, 0, 1, 0, 0, 1]
    assert order.tolist() == [1, 4, 3, 2, 5, 0]
