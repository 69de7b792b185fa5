"""Readers under test, each with an independent reading of the same document to compare with.

A reader may return a value or raise an error of the project; everything else is a failure, and so
is a value that differs from the truth of a valid document, or from what the other reading allows.
"""

from __future__ import annotations

import io
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tests.fuzz import documents, variants, weights
from tests.fuzz.documents import GENOME, Document


@dataclass(frozen=True)
class Reader:
    """A reader under test."""

    name: str
    oracle: str  # What its values are compared with, for the table
    generate: Callable[[Random], Document]
    read: Callable[[Path], Any]  # Gets the first file
    # Raises AssertionError if a value differs from the document's truth or from another reading
    compare: Callable[[Document, Any, Path], None]


def _plain(sequence: str) -> str:
    """Return letters as RNA, with ambiguous ones as N."""
    return re.sub("[^ACGU]", "N", sequence.upper().replace("T", "U"))


def _numbers(text: bytes, loose: bool = False) -> list[tuple[str, ...]]:
    """Return the cells of all lines, split at tabs, else at white space.

    If `loose`, blanks stand for the first tabs where columns 2 and 3 are other text than numbers.
    """
    rows = []
    for line in text.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n"):
        cells = line.split("\t") if "\t" in line else line.split()
        if loose and any(_int(cell.strip()) is None for cell in cells[1:3]):
            words = line.split(None, 3)
            if len(words) > 2 and None not in map(_int, words[1:3]):
                cells = [*words[:3], *(words[3].split("\t") if words[3:] else [])]
        rows.append(tuple(cell.strip() for cell in cells))
    return rows


def _int(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text) else None


# FASTA ------------------------------------------------------------------------------------------


def _read_fasta(path: Path) -> list[tuple[str, str, str]]:
    from vqrna.data.fasta import read_fasta
    from vqrna.sequence import decode

    return [(x.name, x.description, decode(x.tokens)) for x in read_fasta(path)]


_SIMPLE_FASTA = re.compile(rb"(>[!-~]+( [ -~]+)?\n([A-Za-z]+\n)*)+")


def _compare_fasta(document: Document, value: Any, path: Path) -> None:
    if document.truth is not None:
        expected = [(name, words.replace("\t", " "), s) for name, words, s in document.truth]
        assert [(name, words.replace("\t", " "), s) for name, words, s in value] == expected
    if _SIMPLE_FASTA.fullmatch(document.data):
        import pysam

        with pysam.FastxFile(str(path)) as file:
            other = [(x.name, x.comment or "", _plain(x.sequence or "")) for x in file]
        assert [(name, words.strip(), s) for name, words, s in other] == value


def _read_genome(path: Path) -> dict[str, str]:
    from vqrna.genome.fasta import Genome
    from vqrna.sequence import decode

    genome = Genome.open(path)
    with genome.reader() as reader:
        return {
            name: decode(reader.tokens(i, 0, min(length, 5000)))
            for i, (name, length) in enumerate(zip(genome.names, genome.lengths, strict=True))
        }


def _compare_genome(document: Document, value: Any, path: Path) -> None:
    import pysam

    if document.truth is not None:
        assert value == document.truth
    with pysam.FastaFile(str(path)) as file:
        for name, letters in value.items():
            assert not letters or letters == _plain(file.fetch(name, 0, 5000))
    if len(document.files) == 1:  # the index was made from this file
        records = {name: letters for name, _, letters in _read_fasta(path)}
        # A header without a name is the empty name in an index
        assert all(letters == records[name][:5000] for name, letters in value.items() if name)


# Annotations ------------------------------------------------------------------------------------


@cache
def _toy_genome() -> Path:
    """Write the genome that annotations are for; once for a process."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="vqrna-fuzz-"))
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{letters}\n" for name, letters in GENOME.items()))
    return path


def _transcripts(**files: Path) -> list[tuple[str, tuple[str, str, tuple[tuple[int, int], ...]]]]:
    from vqrna.genome import open_genome
    from vqrna.genome.coordinates import chromosome_of, position_of

    source = open_genome(_toy_genome(), **files)
    table = source.transcripts
    rows = []
    for i in range(len(table)):
        blocks = table.blocks[table.first[i] : table.first[i + 1]]
        name = source.genome.names[int(chromosome_of(blocks[0, 0]))]
        ends = tuple((int(a), int(b)) for a, b in position_of(blocks).tolist())
        rows.append((table.names[i], (name, "-" if table.reverse[i] else "+", ends)))
    return rows


def _read_annotation(path: Path) -> Any:
    return _transcripts(annotation=path)


def _read_bed(path: Path) -> Any:
    return _transcripts(regions=path)


def _check_ends(value: Any, starts: set[tuple[str, int]], stops: set[tuple[str, int]]) -> None:
    """Check that blocks are in the genome, disjoint, and begin and end where a line says so."""
    for _, (chromosome, _, blocks) in value:
        flat = [end for block in blocks for end in block]
        assert flat == sorted(set(flat))
        assert flat[0] >= 0
        assert flat[-1] <= len(GENOME[chromosome])
        assert all((chromosome, a) in starts and (chromosome, b) in stops for a, b in blocks)


def _compare_annotation(document: Document, value: Any, path: Path) -> None:
    if document.truth is not None:
        assert set(value) == document.truth
        return
    if path.read_bytes()[:2] == b"\x1f\x8b":
        return
    starts, stops = set(), set()
    for cells in _numbers(document.data):
        if len(cells) >= 5 and (start := _int(cells[3])) and (stop := _int(cells[4])):
            starts.add((cells[0], start - 1))
            stops.add((cells[0], stop))
    _check_ends(value, starts, stops)


def _compare_bed(document: Document, value: Any, path: Path) -> None:
    if document.truth is not None:
        assert {gene for _, gene in value} == document.truth
        return
    if path.read_bytes()[:2] == b"\x1f\x8b":
        return
    starts, stops = set(), set()
    for cells in _numbers(document.data, loose=True):
        if len(cells) < 3 or (start := _int(cells[1])) is None or (stop := _int(cells[2])) is None:
            continue
        starts.add((cells[0], start))
        stops.add((cells[0], stop))
        if len(cells) >= 12:
            sizes, offsets = (
                [_int(x.strip()) or 0 for x in cell.rstrip(", ").split(",")]
                for cell in cells[10:12]
            )
            for offset, size in zip(offsets, sizes, strict=False):
                starts.add((cells[0], start + offset))
                stops.add((cells[0], start + offset + size))
    _check_ends(value, starts, stops)


# Sites ------------------------------------------------------------------------------------------


def _read_known(path: Path) -> set[tuple[str, int, bool, str]]:
    from vqrna.evaluation.known_sites import read_known
    from vqrna.modifications import MODIFICATIONS

    known = read_known(path, MODIFICATIONS)
    return {
        (known.names[a], int(b), bool(c), MODIFICATIONS[d].symbol)
        for a, b, c, d in zip(
            known.sequence, known.position, known.reverse, known.modification_index, strict=True
        )
    }


def _compare_known(document: Document, value: Any, path: Path) -> None:
    if document.truth is not None:
        assert value == document.truth
        return
    if path.read_bytes()[:2] == b"\x1f\x8b":
        return
    places = {(_int(c[1]), _int(c[2])) for c in _numbers(document.data) if len(c) > 2}
    assert all((start, start + 1) in places for _, start, _, _ in value)


def _read_sites(path: Path) -> list[tuple[str, int, bool, str]]:
    from vqrna.evaluation.predicted_sites import PredictedSites
    from vqrna.modifications import MODIFICATIONS

    sites = PredictedSites.open(path)
    return [
        (block.names[a], int(b), bool(c), MODIFICATIONS[d].symbol)
        for block in sites.blocks(MODIFICATIONS)
        for a, b, c, d in zip(
            block.sequence, block.position, block.reverse, block.modification_index, strict=True
        )
    ]


def _compare_sites(document: Document, value: Any, path: Path) -> None:
    if document.truth is not None:
        assert value == document.truth
        return
    odd = b"\r" in document.data or b"\xef\xbb\xbf" in document.data  # pandas has its own rules
    odd = odd or b'"' in document.data.split(b"\n", 1)[0]
    if odd or not document.data.startswith(b"sequence\t"):
        return
    import pandas as pd

    other = pd.read_csv(
        path, sep="\t", na_filter=False, encoding_errors="replace", usecols=["position"]
    )
    assert [row[1] + 1 for row in value] == other["position"].tolist()


@cache
def _parquet() -> bytes:
    """Return a table of sites as Parquet."""
    import pandas as pd

    stream = io.BytesIO()
    pd.DataFrame(
        {
            "sequence": pd.Categorical(["chr1", "tx.1", "chr1"]),
            "position": np.array([3, 5, 9], dtype=np.int64),
            "modification": ["m6A", "Am", "Psi"],
            "score": [0.5, 0.6, 0.7],
            "call": [".", "low", "high"],
        }
    ).to_parquet(stream)
    return stream.getvalue()


def parquet_table(r: Random) -> Document:
    """A Parquet table of sites, mostly with some changed bytes."""
    data = _parquet()
    truth = [("chr1", 2, False, "m6A"), ("tx.1", 4, False, "Am"), ("chr1", 8, False, "Psi")]
    if r.random() < 0.1:
        return Document({"sites.parquet": data}, truth)
    for _ in range(r.choice((1, 1, 2, 5))):
        at = r.randrange(4, len(data))
        data = data[:at] + bytes([r.randrange(256)]) * r.choice((1, 1, 4)) + data[at + 1 :]
    return Document({"sites.parquet": data[: r.randrange(len(data))] if r.random() < 0.1 else data})


def _compare_truth(document: Document, value: Any, path: Path) -> None:
    assert document.truth is None or value == document.truth


# Settings ---------------------------------------------------------------------------------------


def _read_search(path: Path) -> Any:
    from vqrna.errors import UsageError
    from vqrna.studies import read_search

    search = read_search(path)
    search.space.middle()
    search.identity("data")
    try:
        search.space.grid(5)
    except UsageError as error:
        if not str(error).startswith("a grid "):
            raise
    return search


def _read_config(path: Path) -> Any:
    from vqrna import config

    return config.dump(config.load(path))


def _compare_toml(document: Document, value: Any, path: Path) -> None:
    from vqrna.documents import read_toml

    assert read_toml(path) == tomllib.loads(document.data.decode())


def _compare_yaml(document: Document, value: Any, path: Path) -> None:
    import yaml

    from vqrna.documents import read_json, read_yaml

    assert read_yaml(path) == yaml.safe_load(document.data.decode())
    for name, data in document.files.items():
        if name.endswith(".json"):
            file = path.parent / name
            assert read_json(file) == json.loads(data.decode("utf-8-sig"))


# Motifs, windows, weights -----------------------------------------------------------------------


def _read_meme(path: Path) -> dict[str, Any]:
    from vqrna.interpret.meme import read_meme

    return read_meme(path)


def _compare_meme(document: Document, value: Any, path: Path) -> None:
    for matrix in value.values():
        assert matrix.shape[0] == 4
        assert np.allclose(matrix.sum(axis=0), 1)
        assert (matrix >= 0).all()
    if document.truth is not None:
        assert value.keys() == document.truth.keys()
        for name, rows in document.truth.items():
            assert np.allclose(value[name], np.array(rows, dtype=float).T)
    elif document.data[:2] != b"\x1f\x8b":
        assert len(value) <= document.data.count(b"letter-probability matrix")


def _read_table(path: Path) -> list[tuple[str, int, str]]:
    from vqrna.data.user_files import load_table, table_sets
    from vqrna.sequence import decode

    sets = table_sets(path)
    assert len(load_table(path)) <= sum(map(len, sets))
    return [(s.modification.symbol, s.label, decode(row)) for s in sets for row in s.tokens]


def _compare_table(document: Document, value: Any, path: Path) -> None:
    if document.truth is not None:
        assert sorted(value) == sorted(document.truth)
        return
    if document.data[:2] == b"\x1f\x8b" or b'"' in document.data or b"\r" in document.data:
        return
    import pandas as pd

    separator = "\t" if b"\t" in document.data.split(b"\n", 1)[0] else ","
    cells = [line.count(separator.encode()) for line in document.data.split(b"\n") if line]
    if len(set(cells)) > 1:  # the reader skips lines of empty cells, however many
        return
    other = pd.read_csv(
        path, sep=separator, quoting=3, na_filter=False, dtype=str, encoding_errors="replace"
    )
    other.columns = [name.strip().lower() for name in other.columns]
    kept = other[[any(cell.strip() for cell in row) for row in other.to_numpy().tolist()]]
    letters = sorted(_plain(x.strip()) for x in kept["sequence"])
    assert sorted(x.strip("N") for _, _, x in value) == sorted(x.strip("N") for x in letters)


def _read_benchmark(path: Path) -> set[str]:
    from vqrna.data.benchmark import load_benchmark
    from vqrna.sequence import decode

    windows = load_benchmark(path.parents[1], "valid", on_missing=lambda line: None)
    return {decode(row) for row in windows.tokens}


def _read_weights(path: Path) -> Any:
    from vqrna.model.weights import load_model

    return load_model(path, "cpu")


def _compare_weights(document: Document, value: Any, path: Path) -> None:
    from safetensors.torch import load

    tensors = load(document.data)
    for name, tensor in value.network.state_dict().items():
        assert tensor.equal(tensors[f"network.{name}"].to(tensor.dtype))


def _read_pickle(path: Path) -> Any:
    from vqrna.model.published import read_pth
    from vqrna.modifications import modifications

    return read_pth(path, modifications(["Am"]), length=101)


def _compare_pickle(document: Document, value: Any, path: Path) -> None:
    raise AssertionError("this is not a published network")


READERS = {
    reader.name: reader
    for reader in (
        Reader("FASTA", "pysam.FastxFile", documents.fasta, _read_fasta, _compare_fasta),
        Reader(
            "genome and index", "pysam.FastaFile", documents.genome, _read_genome, _compare_genome
        ),
        Reader("GTF", "exons by column", documents.gtf, _read_annotation, _compare_annotation),
        Reader("GFF3", "exons by column", documents.gff3, _read_annotation, _compare_annotation),
        Reader("BED", "blocks by column", documents.bed, _read_bed, _compare_bed),
        Reader(
            "known sites", "sites by column", documents.known_sites, _read_known, _compare_known
        ),
        Reader("bedMethyl", "sites by column", documents.bedmethyl, _read_known, _compare_known),
        Reader("sites (TSV)", "pandas", documents.sites_table, _read_sites, _compare_sites),
        Reader("sites (Parquet)", "the table", parquet_table, _read_sites, _compare_truth),
        Reader("VCF", "records by column", variants.vcf, variants.read, variants.compare),
        Reader("BCF", "pysam", variants.bcf, variants.read, variants.compare),
        Reader("window table", "pandas", documents.window_table, _read_table, _compare_table),
        Reader("benchmark layout", "windows", documents.benchmark, _read_benchmark, _compare_truth),
        Reader("search (TOML)", "tomllib", documents.search_toml, _read_search, _compare_toml),
        Reader("config (TOML)", "tomllib", documents.config_toml, _read_config, _compare_toml),
        Reader("NNI (YAML)", "PyYAML", documents.nni_yaml, _read_search, _compare_yaml),
        Reader("NNI (JSON)", "json", documents.nni_json, _read_search, _compare_yaml),
        Reader("MEME", "frequencies", documents.meme, _read_meme, _compare_meme),
        Reader("weights", "safetensors", weights.weights, _read_weights, _compare_weights),
        Reader("pickled weights", "none", weights.pickles, _read_pickle, _compare_pickle),
    )
}
"""All readers, by name."""
