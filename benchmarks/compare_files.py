"""Compare result files: equal bytes, or equal content under new names and new wording.

`FileComparison` reads a file into plain values (one reader per format), replaces renamed words,
leaves out ignored keys and columns, and reduces sentences to their numbers; what remains must be
equal, numbers exactly. Pictures are compared without their letters, whose length moves the axes. A
new format needs a reader in `FileComparison.read`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
from safetensors import safe_open

Verdict = Literal["identical", "renamed", "different"]

PICTURES = (".png", ".svg")

RECORD = "run.json"
"""The record of a run: only fields that both versions write are compared."""

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)")

_MOVED = 1e-4
"""Greatest distance, in units of the axes, of points in pictures that count as the same."""


class FileComparison:
    """Compare the files of two versions of the program.

    Parameters
    ----------
    renamed : mapping
        Whole words or phrases in files and file names: before -> now. Files of either version may
        have either name.
    ignored : collection of str
        Keys, columns and header lines that may differ, under their present names.
    """

    def __init__(self, renamed: Mapping[str, str], ignored: Collection[str] = ()) -> None:
        self.renamed = dict(renamed)
        self.ignored = frozenset(ignored)
        words = "|".join(re.escape(word) for word in sorted(renamed, key=len, reverse=True))
        self._words = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None

    def rename(self, text: str) -> str:
        """Replace old words by new ones, whole words only, in one pass."""
        if self._words is None:
            return text
        return self._words.sub(lambda match: self.renamed[match[0]], text)

    def numbers(self, text: str) -> list[str]:
        """Return the numbers of a text whose wording may change."""
        return _NUMBER.findall(self.rename(text))

    def canonical(self, value: Any) -> Any:
        """Return nested values under their new names, sentences reduced to their numbers."""
        if isinstance(value, dict):
            pairs = ((self.rename(str(key)), item) for key, item in value.items())
            return {key: self.canonical(item) for key, item in pairs if key not in self.ignored}
        if isinstance(value, list | tuple):
            return [self.canonical(item) for item in value]
        if not isinstance(value, str):
            return value
        if value.startswith(("{", "[")):
            try:
                return self.canonical(json.loads(value))
            except json.JSONDecodeError:
                pass
        return self.numbers(value) if " " in value else self.rename(value)

    def read(self, path: Path) -> Any:
        """Return the content of a file as plain values, or its bytes if its format is unknown."""
        if path.suffix == ".safetensors":
            return self._safetensors(path)
        raw, suffix = path.read_bytes(), path.suffix
        if suffix == ".gz":
            raw, suffix = gzip.decompress(raw), path.with_suffix("").suffix
        match suffix:
            case ".bed" | ".bedgraph" | ".bedrmod":
                return self._table(raw.decode(), "\t", header=False)
            case ".bw":
                return _bigwig(path)
            case ".csv":
                return self._table(raw.decode(), ",", header=True)
            case ".html":
                return self._html(raw.decode())
            case ".json":
                return self.canonical(json.loads(raw))
            case ".log":
                return self.numbers(raw.decode())
            case ".meme":
                lines = raw.decode().splitlines()
                return self._comments(lines), [self.rename(x) for x in lines if x[:1] != "#"]
            case ".npz":
                return self._npz(raw)
            case ".parquet":
                return self._parquet(raw)
            case ".svg":
                return _shapes(ElementTree.fromstring(raw))
            case ".toml":
                return self.canonical(tomllib.loads(raw.decode()))
            case ".tsv":
                return self._table(raw.decode(), "\t", header=True)
        return raw

    def _comments(self, lines: list[str]) -> list[str]:
        """Return the numbers in comment lines, without ignored lines such as ``# command: ...``."""
        comments = [line for line in lines if line.startswith("#")]
        keys = [re.sub(r"\W*(\w*).*", r"\1", line) for line in comments]
        pairs = zip(keys, comments, strict=True)
        return [x for key, line in pairs if key not in self.ignored for x in self.numbers(line)]

    def _table(self, text: str, delimiter: str, header: bool) -> dict[str, Any]:
        """Return the cells of a table by column, as text.

        Tables with column names had comment lines above them in earlier versions: they are left
        out. Below, a cell may begin with #.
        """
        lines = text.splitlines()
        if header:
            lines = [*dropwhile(lambda line: line.startswith("#"), lines)]
            data = lines
        else:
            data = [line for line in lines if not line.startswith("#")]
        rows = [*csv.reader(data, delimiter=delimiter)]
        width = len(rows[0]) if rows else 0
        names = (
            list(map(self.rename, rows.pop(0))) if header and rows else [*map(str, range(width))]
        )
        kept = [i for i, name in enumerate(names) if name not in self.ignored]
        if any(len(row) != width for row in rows):  # a track line, for example
            return {"comments": self._comments(lines), "rows": rows}
        return {
            **({} if header else {"comments": self._comments(lines)}),
            "columns": [names[i] for i in kept],
            "cells": {names[i]: [self.rename(row[i]) for row in rows] for i in kept},
        }

    def _html(self, text: str) -> list[Any]:
        """Return the JSON objects that a page shows; the page around them may change."""
        starts = [match.end() for match in re.finditer(r'const \w+ = (?=\{")', text)]
        if not starts:
            raise ValueError("no JSON object in the page")
        decoder = json.JSONDecoder()
        return [self.canonical(decoder.raw_decode(text, start)[0]) for start in starts]

    def _npz(self, raw: bytes) -> Any:
        with np.load(io.BytesIO(raw), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return self.canonical(
            {name: x.tolist() if x.dtype.kind == "U" else x for name, x in arrays.items()}
        )

    def _parquet(self, raw: bytes) -> dict[str, Any]:
        table = pq.read_table(io.BytesIO(raw))
        stored = table.schema.metadata or {}
        return {
            "metadata": self.canonical({key.decode(): x.decode() for key, x in stored.items()}),
            "columns": [(self.rename(field.name), str(field.type)) for field in table.schema],
            "cells": {
                self.rename(name): [
                    self.rename(x) if isinstance(x, str) else x for x in column.to_pylist()
                ]
                for name, column in zip(table.column_names, table.columns, strict=True)
            },
        }

    def _safetensors(self, path: Path) -> dict[str, Any]:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            tensors = {self.rename(name): file.get_tensor(name) for name in names}
            return {"metadata": self.canonical(file.metadata() or {}), "tensors": tensors}

    def compare_files(self, base: Path, head: Path) -> tuple[Verdict, str]:
        """Compare two files; return the verdict and, if they differ, the first difference."""
        if base.read_bytes() == head.read_bytes():
            return "identical", ""
        try:
            sides = [self.read(_content_of(path)) for path in (base, head)]
            if base.name == RECORD:
                sides = [_shared_fields(one, other) for one, other in (sides, sides[::-1])]
            where = first_difference(*sides)
        except (OSError, ValueError, ElementTree.ParseError) as error:
            where = f"cannot be read: {error}"
        return ("different", where) if where else ("renamed", "")

    def compare_folders(
        self, base: Path, head: Path, pictures: bool = True
    ) -> Iterator[tuple[str, Verdict, str]]:
        """Compare all files of two folders; yield name, verdict and first difference of each."""
        sides = [
            {
                self.rename(str(path.relative_to(folder))): path
                for path in folder.rglob("*")
                if path.is_file() and (pictures or path.suffix not in PICTURES)
            }
            for folder in (base, head)
        ]
        for name in sorted(sides[0].keys() | sides[1].keys()):
            if name not in sides[0] and Path(name).name == RECORD:
                continue  # earlier versions wrote it in scans only
            if name not in sides[0] or name not in sides[1]:
                yield name, "different", f"only in {'base' if name in sides[0] else 'head'}"
                continue
            one, two = (side[name] for side in sides)
            verdict, where = self.compare_files(one, two)
            moved = one.relative_to(base) != two.relative_to(head)
            yield name, "renamed" if moved and verdict == "identical" else verdict, where


def _shared_fields(value: Any, other: Any) -> Any:
    """Leave out of nested values the fields that the other side does not have."""
    if isinstance(value, dict) and isinstance(other, dict):
        return {k: _shared_fields(x, other[k]) for k, x in value.items() if k in other}
    if isinstance(value, list) and isinstance(other, list) and len(value) == len(other):
        return [_shared_fields(*pair) for pair in zip(value, other, strict=True)]
    return value


def _bigwig(path: Path) -> dict[str, Any]:
    """Return the values of each sequence; one without values may be listed or not."""
    import pyBigWig

    try:
        file = pyBigWig.open(str(path))
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    with file:
        values = {name: file.intervals(name) for name in file.chroms()}
    return {name: list(found) for name, found in values.items() if found}


def first_difference(base: Any, head: Any, where: str = "") -> str | None:
    """Return where two nested values first differ, and how; None if they are equal.

    Numbers must be exactly equal and of the same type; NaN equals NaN.
    """
    place = f"{where}: " if where else ""
    if type(base) is not type(head):
        return f"{place}{_short(base)} -> {_short(head)}"
    if isinstance(base, dict):
        for key in sorted(base.keys() | head.keys()):
            if key not in head or key not in base:
                return f"{place}{key!r} only in {'base' if key in base else 'head'}"
            if different := first_difference(base[key], head[key], f"{where}/{key}".lstrip("/")):
                return different
        return None
    if isinstance(base, list | tuple):
        for i, pair in enumerate(zip(base, head, strict=False)):
            if different := first_difference(*pair, f"{where}[{i}]"):
                return different
        return None if len(base) == len(head) else f"{place}{len(base)} -> {len(head)} items"
    if isinstance(base, _Points):
        return base.difference(head, where)
    if isinstance(base, np.ndarray):
        return _array_difference(base, head, where)
    if isinstance(base, bytes):
        return None if base == head else f"{place}bytes differ ({len(base)} -> {len(head)} bytes)"
    same = base == head or (base != base and head != head)
    return None if same else f"{place}{_short(base)} -> {_short(head)}"


def _array_difference(base: np.ndarray, head: np.ndarray, where: str) -> str | None:
    if base.dtype != head.dtype or base.shape != head.shape:
        return f"{where}: {base.dtype} {base.shape} -> {head.dtype} {head.shape}"
    if base.tobytes() == head.tobytes():
        return None
    one, two = (np.frombuffer(x.tobytes(), np.uint8).reshape(base.size, -1) for x in (base, head))
    at = int((one != two).any(axis=1).argmax())
    return f"{where}[{at}]: {base.flat[at]!r} -> {head.flat[at]!r}"


@dataclass(frozen=True, eq=False)
class _Points:
    """Coordinates of a shape in a picture.

    Parameters
    ----------
    xy : np.ndarray, shape (N, 2)
        In units of the axes' box; for a shape that is defined once and used in several places, in
        points.
    box : np.ndarray, shape (2,)
        Width and height of the axes in points.
    defined : bool
        Whether the shape is used in several places: only its form counts then.
    """

    xy: np.ndarray
    box: np.ndarray
    defined: bool

    def difference(self, other: _Points, where: str) -> str | None:
        """Return how the coordinates differ by more than axes moved by new labels explain."""
        if self.xy.shape != other.xy.shape:
            return f"{where}: {len(self.xy)} -> {len(other.xy)} points"
        one, two = self.xy, other.xy
        if self.defined:
            one, two = np.diff(one, axis=0), np.diff(two, axis=0)
            if np.allclose(one / self.box, two / other.box, rtol=0, atol=_MOVED):
                return None
        apart = np.abs(one - two).max(axis=1, initial=0)
        if not (apart > _MOVED).any():
            return None
        at = int(apart.argmax())
        return f"{where}[{at}]: {one[at].round(4)} -> {two[at].round(4)} (in units of the axes)"


def _shapes(
    node: ElementTree.Element, box: np.ndarray | None = None, defined: bool = False
) -> list[Any]:
    """Return tag, attributes and points of all that a picture draws, except letters and legends.

    Letters are outlines in our pictures. Places are in units of the axes, which longer or shorter
    labels move; identifiers depend on places, and are left out.
    """
    tag, name = node.tag.rpartition("}")[2], node.get("id", "")
    if tag in {"metadata", "clipPath"} or name.startswith(("text_", "legend_")):
        return []
    if name.startswith("axes_"):
        outlines = (path.get("d", "") for path in node.iter() if path.tag.endswith("}path"))
        closed = next((outline for outline in outlines if outline.strip().endswith("z")), None)
        box = np.array([[0, 0], [1, 1]])
        if closed is not None:
            corners = np.array(_NUMBER.findall(closed), float).reshape(-1, 2)
            box = np.stack([corners.min(axis=0), np.ptp(corners, axis=0)])
    left_out = ("id", "clip-path", "x", "y", "d")
    attributes = {k: x for k, x in node.items() if k not in left_out and not k.endswith("href")}
    outline = node.get("d") or f"{node.get('x', '')} {node.get('y', '')}"
    xy = np.array(_NUMBER.findall(outline), float)
    xy = xy.reshape(-1, 2) if xy.size % 2 == 0 else np.zeros((0, 2))
    size = np.ones(2) if box is None else box[1]
    if not defined:  # what is outside axes is the background, which grows with labels
        xy = xy[:0] if box is None else (xy - box[0]) / size
    form = [] if tag == "svg" else [_NUMBER.sub("", outline), attributes]
    shapes = [[tag, form, _Points(xy, size, defined)]]
    for child in node:
        shapes += _shapes(child, box, defined or tag == "defs")
    return shapes


def _content_of(path: Path) -> Path:
    """Return the file that decides about a file: an index follows its table, a PNG its SVG."""
    if path.suffix == ".tbi":
        return path.with_suffix("")
    drawing = path.with_suffix(".svg")
    return drawing if path.suffix == ".png" and drawing.exists() else path


def _short(value: Any, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."
