"""Maps of calls of other modifications: rows have the number of sites, called or not."""

import pandas as pd

from vqrna.modifications import modifications
from vqrna.plots.cross_types import cross_type_maps


def test_rows_have_the_number_of_sites_if_no_site_reaches_the_tier():
    rows = [
        ("Am", "Am", "low", 96, 0.75),
        ("m1A", "Am", "low", 146, 0.01),  # the model calls no m1A
        ("m6A", "m6A", "low", 1182, 0.86),
        ("Am", "Am", "high", 96, 0.33),
    ]
    table = pd.DataFrame(rows, columns=["site", "called", "tier", "sites", "value"])
    figure = cross_type_maps(table.assign(windows="all"), modifications(["Am", "m1A", "m6A"]))
    for ax in figure.axes:
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert labels == ["Am  96", "m1A  146", "m6A  1,182"]
