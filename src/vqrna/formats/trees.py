"""The two search trees of a bigWig file: names of sequences, and where which blocks are."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np

_BOUNDS = [(name, "<u4") for name in ("first", "start", "last", "end")]

BLOCK = np.dtype([*_BOUNDS, ("offset", "<u8"), ("size", "<u8")])
"""A block of the file: its first sequence and position, its last ones, and where it lies."""

FAN = 256
"""Children of a node, at most."""

_NAMES = struct.Struct("<IIIIQQ")
_NAMES_MAGIC = 0x78CA8C91
_INDEX = struct.Struct("<IIQIIIIQII")
_INDEX_MAGIC = 0x2468ACE0
_NODE = struct.Struct("<BBH")


def write_names(file: BinaryIO, names: Sequence[str], lengths: np.ndarray) -> int:
    """Write the tree of names.

    Parameters
    ----------
    file : binary file
        Written at its end.
    names : sequence of str
        Each once; blocks know a sequence by its place among them.
    lengths : np.ndarray, shape (S,), int
        In nt.

    Returns
    -------
    int
        Where it begins.
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
    """Write the index of blocks that lie one after another.

    Parameters
    ----------
    file : binary file
        Written at its end.
    blocks : np.ndarray, shape (B,), `BLOCK`
        At least one; in order, without overlap.
    items : int
        Values in a block, at most.

    Returns
    -------
    int
        Where it begins.
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
    told = map(int, bounds)
    file.write(_INDEX.pack(_INDEX_MAGIC, fan, len(blocks), *told, begin, items, 0))
    _write_nodes(file, blocks, fan, above)
    return begin


def _write_nodes(
    file: BinaryIO, leaves: np.ndarray, fan: int, above: Callable[[np.ndarray], np.ndarray]
) -> None:
    """Write the nodes of a tree, the root first, all nodes of a level equally long."""
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
