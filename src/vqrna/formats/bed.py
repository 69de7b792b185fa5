"""Write sites as BED9 with a colour for each modification, compressed and indexed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from vqrna.formats import text
from vqrna.formats.bgzip import BgzipWriter
from vqrna.formats.description import Description, rgb
from vqrna.formats.registry import SiteWriter, register
from vqrna.runtime.files import OutputFiles
from vqrna.sites import Sites


@register("bed")
class BedWriter(SiteWriter):
    """Write ``PREFIX.bed.gz`` and its index."""

    def __init__(self, output: OutputFiles, description: Description) -> None:
        super().__init__(output, description)
        self._names = [text.bed_name(m.symbol) for m in description.modifications]
        self._colors = [rgb(m.color) for m in description.modifications]
        # IGV reads its colours from the second line; other tools take it for a comment.
        head = f'{description.head()}#track name="{description.prefix}" itemRgb="On"\n'
        self._file = BgzipWriter(output, f"{description.prefix}.bed.gz", head)
        self._end = 0

    def write(self, sites: Sites) -> None:
        """Write sites."""
        self._end = max(self._end, int(sites.position.max(initial=-1)) + 1)
        self._file.write(text.lines(bed_columns(sites, self._names, self._colors)))

    def written_name(self, name: str) -> str:
        """Return a name without characters that BED cannot hold."""
        return text.bed_name(name)

    def finish(self) -> None:
        """Close the file and index it."""
        self._file.finish(self._end)


def bed_columns(sites: Sites, names: Sequence[str], colors: Sequence[str]) -> list[pa.Array]:
    """Return the nine columns of BED9 as strings.

    Parameters
    ----------
    names, colors : sequence of str
        Name and colour of each modification of the scan, as they are written.
    """
    start, end = text.integers(sites.position), text.integers(sites.position + 1)
    score = np.rint(1000 * np.nan_to_num(sites.score))
    return [
        text.names(sites.sequence, bed=True),
        start,
        end,
        text.choices(names, sites.modification_index),
        text.integers(score),
        text.choices("+-", sites.reverse),
        start,
        end,
        text.choices(colors, sites.modification_index),
    ]
