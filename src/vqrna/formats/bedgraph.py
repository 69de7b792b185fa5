"""Scores of one modification as bedGraph, compressed and indexed."""

from __future__ import annotations

import pyarrow as pa

from vqrna.formats import text
from vqrna.formats.bgzip import Bgzip
from vqrna.formats.description import Description, rgb
from vqrna.formats.tracks import Track
from vqrna.runtime.files import Output

ENDING = "bedgraph.gz"


def write(output: Output, name: str, track: Track, description: Description) -> None:
    """Write a track to a file and its index.

    Parameters
    ----------
    output : Output
    name : str
        Of the file.
    track : Track
    description : Description
    """
    modification = description.modifications[track.modification_index]
    strand = "" if track.reverse is None else " (-)" if track.reverse else " (+)"
    head = description.head() + (
        f'track type=bedGraph name="{modification.symbol}{strand}" '
        f'description="{modification.symbol}{strand}, score of vqrna" '
        f"color={rgb(modification.color)} viewLimits=0:1 autoScale=off\n"
    )
    file = Bgzip(output, name, head)
    names = pa.array(track.book.names, pa.string())
    end = 0
    for batch in track.batches():
        position = batch["position"].astype("int64")
        end = max(end, int(position.max()) + 1)
        file.write(
            text.lines(
                [
                    names.take(pa.array(batch["sequence"])),
                    text.integers(position),
                    text.integers(position + 1),
                    text.decimals(batch["value"]),
                ]
            )
        )
    file.finish(end)
