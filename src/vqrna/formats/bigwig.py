"""Write scores of one modification as bigWig, for any number of sequences.

Why not a library: pyBigWig and pybigtools take time and memory that grow faster than the number
of sequences (a million transcripts do not fit into memory), and one of them prints errors instead
of raising them. The file holds, in this order: a search tree of the sequence names; blocks of
values, each of one sequence, and a search tree of the blocks; blocks of sums at each zoom level,
again with a search tree.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

import numpy as np

from vqrna.formats.registry import register
from vqrna.formats.tracks import ScoreTrack, TrackWriter

_BOUNDS = [(name, "<u4") for name in ("first", "start", "last", "end")]

BLOCK = np.dtype([*_BOUNDS, ("offset", "<u8"), ("size", "<u8")])
"""Index entry of a block: its first and last sequence and position, its offset and size."""

FAN = 256
"""Most children of a tree node."""

ITEMS = 1024
"""Most values in a block."""

ZOOMS = 10
"""Most zoom levels; each is `COARSER` times as coarse as the one before."""

COARSER = 4

_MAGIC = 0x888FFC26
_VARIABLE = 2  # block type: positions and values of single bases
_HEADER = struct.Struct("<IHHQQQHHQQIQ")
_ZOOM = struct.Struct("<IIQQ")
_TOTAL = struct.Struct("<Qdddd")
_BLOCK = struct.Struct("<IIIIIBBH")
_ITEM = np.dtype([("position", "<u4"), ("value", "<f4")])
_SUMMARY = np.dtype(
    [(name, "<u4") for name in ("sequence", "start", "end", "count")]
    + [(name, "<f4") for name in ("least", "most", "sum", "squares")]
)

_NAMES = struct.Struct("<IIIIQQ")
_NAMES_MAGIC = 0x78CA8C91
_INDEX = struct.Struct("<IIQIIIIQII")
_INDEX_MAGIC = 0x2468ACE0
_NODE = struct.Struct("<BBH")


def write_names(file: BinaryIO, names: Sequence[str], lengths: np.ndarray) -> int:
    """Write the search tree of sequence names.

    Parameters
    ----------
    file : binary file
        Written at its end.
    names : sequence of str
        Unique; blocks refer to a sequence by its index among them.
    lengths : np.ndarray, shape (S,), int
        In nt.

    Returns
    -------
    int
        Offset of the tree.
    """
    raw = np.array([name.encode() for name in names])
    width = raw.dtype.itemsize
    leaves = np.empty(len(raw), [("name", raw.dtype), ("number", "<u4"), ("length", "<u4")])
    leaves["name"], leaves["number"], leaves["length"] = raw, np.arange(len(raw)), lengths
    leaves = leaves[np.argsort(raw, kind="stable")]
    inner = np.dtype([("name", raw.dtype), ("child", "<u8")])
    fan = min(FAN, len(leaves))

    def above(children: np.ndarray) -> np.ndarray:
        nodes = np.zeros(-(-len(children) // fan), inner)
        nodes["name"] = children["name"][::fan]
        return nodes

    begin = file.tell()
    file.write(_NAMES.pack(_NAMES_MAGIC, fan, width, 8, len(leaves), 0))
    _write_nodes(file, leaves, fan, above)
    return begin


def write_index(file: BinaryIO, blocks: np.ndarray, items: int) -> int:
    """Write the search tree of consecutive blocks.

    Parameters
    ----------
    file : binary file
        Written at its end.
    blocks : np.ndarray, shape (B,), `BLOCK`
        At least one; sorted, without overlap.
    items : int
        Most values in a block.

    Returns
    -------
    int
        Offset of the tree.
    """
    inner = np.dtype([*_BOUNDS, ("child", "<u8")])
    fan = min(FAN, len(blocks))

    def above(children: np.ndarray) -> np.ndarray:
        nodes = np.zeros(-(-len(children) // fan), inner)
        last = np.minimum(np.arange(1, len(nodes) + 1) * fan, len(children)) - 1
        nodes["first"], nodes["start"] = children["first"][::fan], children["start"][::fan]
        nodes["last"], nodes["end"] = children["last"][last], children["end"][last]
        return nodes

    begin = file.tell()
    bounds = (blocks["first"][0], blocks["start"][0], blocks["last"][-1], blocks["end"][-1])
    file.write(_INDEX.pack(_INDEX_MAGIC, fan, len(blocks), *map(int, bounds), begin, items, 0))
    _write_nodes(file, blocks, fan, above)
    return begin


def _write_nodes(
    file: BinaryIO, leaves: np.ndarray, fan: int, above: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Write the nodes of a tree, root first; all nodes of a level have the same size."""
    levels = [leaves]
    while len(levels[0]) > fan:
        levels.insert(0, above(levels[0]))
    sizes = [_NODE.size + fan * level.dtype.itemsize for level in levels]
    at = file.tell()
    for level, size, below in zip(levels, sizes, sizes[1:], strict=False):
        at += -(-len(level) // fan) * size
        level["child"] = at + np.arange(len(level), dtype=np.uint64) * np.uint64(below)
    for level, size in zip(levels, sizes, strict=True):
        for start in range(0, len(level), fan):
            node = level[start : start + fan]
            head = _NODE.pack(level is leaves, 0, len(node))
            file.write((head + node.tobytes()).ljust(size, b"\0"))


@dataclass
class _Total:
    """Summary of all values of a file."""

    count: int = 0
    least: float = np.inf
    most: float = -np.inf
    sum: float = 0.0
    squares: float = 0.0
    reach: int = 0  # nt from the first value to the last, over all sequences
    sequences: int = 0  # number of sequences with values
    last: int = -1  # number of the last one

    def add(self, batch: np.ndarray) -> None:
        value = batch["value"].astype(np.float64)
        self.count += len(batch)
        self.least = min(self.least, float(value.min()))
        self.most = max(self.most, float(value.max()))
        self.sum += float(value.sum())
        self.squares += float((value**2).sum())
        first = _starts(batch["sequence"])
        self.sequences += len(first) - int(batch["sequence"][0] == self.last)
        self.last = int(batch["sequence"][-1])
        last = np.append(first[1:], len(batch)) - 1
        position = batch["position"].astype(np.int64)
        self.reach += int((position[last] - position[first] + 1).sum())


@register("bigwig")
class BigWigWriter(TrackWriter):
    """Write bigWig."""

    ENDING = "bw"
    NAME = "bigWig"

    def write_track(self, name: str, track: ScoreTrack) -> None:
        """Write a track to the file `name`."""
        file = self.output.open(name)
        file.write(bytes(_HEADER.size + ZOOMS * _ZOOM.size + _TOTAL.size))
        # All scanned sequences: readers fail on one that is not listed
        names_at = write_names(file, track.sequences.names, track.sequences.lengths)
        total = _Total()
        data_at = file.tell()
        file.write(bytes(8))
        index = _write_blocks(file, _blocks(track, total))
        index_at = write_index(file, index, ITEMS)
        zooms = _write_zooms(file, track, total)
        file.write(struct.pack("<I", _MAGIC))
        total_at = _HEADER.size + ZOOMS * _ZOOM.size
        buffer = max(_BLOCK.size + ITEMS * _ITEM.itemsize, ITEMS * _SUMMARY.itemsize)
        file.seek(0)
        file.write(
            _HEADER.pack(
                _MAGIC, 4, len(zooms), names_at, data_at, index_at, 0, 0, 0, total_at, buffer, 0
            )
        )
        for level in zooms:
            file.write(_ZOOM.pack(*level))
        file.seek(total_at)
        file.write(_TOTAL.pack(total.count, total.least, total.most, total.sum, total.squares))
        file.seek(data_at)
        file.write(struct.pack("<Q", len(index)))
        file.close()


def _starts(sequence: np.ndarray) -> np.ndarray:
    """Return the rows at which another sequence begins."""
    return np.flatnonzero(np.diff(sequence.astype(np.int64), prepend=-1))


def _blocks(track: ScoreTrack, total: _Total) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Cut values into blocks of one sequence; yield the bounds and the bytes of each."""
    for batch in track.batches():
        total.add(batch)
        items = np.empty(len(batch), _ITEM)
        items["position"], items["value"] = batch["position"], batch["value"]
        bounds = np.append(_starts(batch["sequence"]), len(batch))
        cuts = [np.arange(a, b, ITEMS) for a, b in pairwise(bounds)]
        first = np.concatenate(cuts)
        after = np.append(first[1:], len(batch))
        sequence = batch["sequence"][first].tolist()
        start = batch["position"][first].tolist()
        end = (batch["position"][after - 1].astype(np.int64) + 1).tolist()
        raw = items.tobytes()
        size = _ITEM.itemsize
        for i, (a, b) in enumerate(zip(first.tolist(), after.tolist(), strict=True)):
            number = sequence[i]
            head = _BLOCK.pack(number, start[i], end[i], 0, 1, _VARIABLE, 0, b - a)
            yield (number, start[i], number, end[i]), head + raw[a * size : b * size]


def _write_blocks(file: BinaryIO, blocks: Iterator[tuple[tuple[int, ...], bytes]]) -> np.ndarray:
    """Write blocks, each compressed separately; return their index entries."""
    parts: list[np.ndarray] = []
    waiting: list[tuple[int, ...]] = []
    at = file.tell()
    for bounds, raw in blocks:
        packed = zlib.compress(raw)
        file.write(packed)
        waiting.append((*bounds, at, len(packed)))
        at += len(packed)
        if len(waiting) == 1 << 16:
            parts.append(np.array(waiting, BLOCK))
            waiting = []
    return np.concatenate([*parts, np.array(waiting, BLOCK)])


def _write_zooms(
    file: BinaryIO, track: ScoreTrack, total: _Total
) -> list[tuple[int, int, int, int]]:
    """Write zoom levels while they get smaller; return resolution (nt), 0 and two offsets each."""
    levels: list[tuple[int, int, int, int]] = []
    coarse = 10 * max(1, -(-total.reach // total.count))
    before = total.count
    # A resolution beyond the length of any sequence adds nothing and does not fit into 32 bits.
    while len(levels) < ZOOMS and before > 2 * total.sequences and coarse < 1 << 32:
        data_at = file.tell()
        file.write(bytes(4))
        counted: list[int] = []
        index = _write_blocks(file, _summary_blocks(track, coarse, counted))
        count = sum(counted)
        if 2 * count > before:
            file.seek(data_at)
            file.truncate()
            break
        index_at = write_index(file, index, ITEMS)
        after = file.tell()
        file.seek(data_at)
        file.write(struct.pack("<I", count))
        file.seek(after)
        levels.append((coarse, 0, data_at, index_at))
        before = count
        coarse *= COARSER
    return levels


def _summary_blocks(
    track: ScoreTrack, coarse: int, counted: list[int]
) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Cut sums of values into blocks; see `_blocks`."""
    for batch in track.batches():
        sums = _summed(batch, coarse)
        counted.append(len(sums))
        for at in range(0, len(sums), ITEMS):
            block = sums[at : at + ITEMS]
            first, last = block[0], block[-1]
            bounds = (first["sequence"], first["start"], last["sequence"], last["end"])
            yield tuple(map(int, bounds)), block.tobytes()


def _summed(batch: np.ndarray, coarse: int) -> np.ndarray:
    """Summarise the values in windows of `coarse` nt; shape (R,), `_SUMMARY`."""
    window = batch["sequence"].astype(np.int64) << 32 | batch["position"] // coarse
    first = np.flatnonzero(np.diff(window, prepend=-1))
    last = np.append(first[1:], len(batch)) - 1
    value = batch["value"].astype(np.float64)
    sums = np.empty(len(first), _SUMMARY)
    sums["sequence"] = batch["sequence"][first]
    sums["start"] = batch["position"][first]
    sums["end"] = batch["position"][last] + 1
    sums["count"] = last - first + 1
    sums["least"] = np.minimum.reduceat(value, first)
    sums["most"] = np.maximum.reduceat(value, first)
    sums["sum"] = np.add.reduceat(value, first)
    sums["squares"] = np.add.reduceat(value**2, first)
    return sums
