"""Sites as tab-separated text."""

import numpy as np
import pandas as pd

from vqrna.formats.tsv import COLUMNS, header, lines


def site(**changes) -> dict:
    return {
        "sequence": "chr1",
        "position": 7,
        "base": "A",
        "modification": "m6A",
        "score": 0.12345678,
        "probability": 1.23456e-7,
        "p_value": 0.5,
        "call": "low",
        "flags": "end,ambiguous",
    } | changes


def test_the_header_names_the_columns():
    assert header() == (
        "sequence\tposition\tbase\tmodification\tscore\tprobability\tp_value\tcall\tflags\n"
    )


def test_a_row_is_a_line():
    written = lines(pd.DataFrame([site(), site(position=1_000_000, score=1.0)]))
    first, second = written.splitlines()
    assert first == "chr1\t7\tA\tm6A\t0.123457\t1.235e-07\t0.5\tlow\tend,ambiguous"
    assert second.startswith("chr1\t1000000\tA\tm6A\t1.000000\t")
    assert written.endswith("\n")


def test_no_cell_is_ever_empty():
    assert lines(pd.DataFrame([site(call="", flags="", p_value=np.nan)])) == (
        "chr1\t7\tA\tm6A\t0.123457\t1.235e-07\tnan\t.\t.\n"
    )


def test_the_order_of_the_columns_is_the_format_s():
    shuffled = pd.DataFrame([site()])[list(reversed(COLUMNS))]
    assert lines(shuffled) == lines(pd.DataFrame([site()]))


def test_no_site_is_no_line():
    assert lines(pd.DataFrame([site()]).iloc[:0]) == ""
