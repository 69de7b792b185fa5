"""Sites as BED9 with colours, compressed and indexed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from vqrna.formats import text
from vqrna.formats.bgzip import Bgzip
from vqrna.formats.description import Description, rgb
from vqrna.runtime.files import Output
from vqrna.sites import Sites


class Writer:
    """Writes ``PREFIX.bed.gz`` and its index.

    Parameters
    ----------
    output : Output
    description : Description
    """

    def __init__(self, output: Output, description: Description) -> None:
        kinds = description.modifications
        self._names = [text.bed_name(m.symbol) for m in kinds]
        self._colors = [rgb(m.color) for m in kinds]
        # A comment to all but IGV, which takes its colours from it
        head = f'{description.head()}#track name="{description.prefix}" itemRgb="On"\n'
        self._file = Bgzip(output, f"{description.prefix}.bed.gz", head)
        self._end = 0

    def write(self, sites: Sites) -> None:
        """Write sites."""
        self._end = max(self._end, int(sites.position.max(initial=-1)) + 1)
        self._file.write(text.lines(columns(sites, self._names, self._colors)))

    def finish(self) -> None:
        """Close the file and index it."""
        self._file.finish(self._end)


def columns(sites: Sites, names: Sequence[str], colors: Sequence[str]) -> list[pa.Array]:
    """Give the nine columns of BED9.

    Parameters
    ----------
    sites : Sites
    names, colors : sequence of str
        Of the scan's modifications, as they are written.
    """
    start, end = text.integers(sites.position), text.integers(sites.position + 1)
    score = np.rint(1000 * np.nan_to_num(sites.score))
    return [
        text.names(sites.sequence, bed=True),
        start,
        end,
        text.words(names, sites.modification_index),
        text.integers(score),
        text.words("+-", sites.reverse),
        start,
        end,
        text.words(colors, sites.modification_index),
    ]
