"""Valid documents of every format, and changed ones.

A generator takes a ``random.Random`` and returns a :class:`Document`. Half of the documents are
valid: their `truth` says what a reader must return.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

from tests.fuzz.mutations import mutated, packed

GENOME = {
    "chr1": "GGTCAGTACGTTTTTTTTGACATGCTGCAAGGTCAGTACGTTACGATTTTGACATGCTGCA",
    "chr2": "acgtNacgtRacgtNacgtRacgtNacgtR",
    "chrM": "GATTACAGATTACAGATTACA",
}
"""Sequences that the annotations are for."""

MODIFICATIONS = ("Am", "Cm", "Gm", "Um", "m1A", "m5C", "m5U", "m6A", "m6Am", "m7G", "Psi")
"""Symbols of the known modifications that documents name."""


@dataclass(frozen=True)
class Document:
    """Files to read."""

    files: Mapping[str, bytes]  # Contents by name; the first is the one that is read
    truth: Any = None  # What a valid document says; None for a changed one

    @property
    def data(self) -> bytes:
        """Contents of the first file."""
        return next(iter(self.files.values()))


def text_document(
    r: Random, name: str, text: str, truth: Any, separator: bytes = b"\t", pack: bool = True
) -> Document:
    """Return the document as it is or changed, plain or compressed."""
    data = text.encode()
    if r.random() < 0.55:
        data, truth = mutated(r, data, separator), None
    if pack and r.random() < 0.04:
        return Document({name: packed(r, data)})
    return Document({name: data}, truth)


def letters(r: Random, n: int, alphabet: str = "ACGU") -> str:
    """Return a random sequence."""
    return "".join(r.choice(alphabet) for _ in range(n))


def fasta(r: Random) -> Document:
    """FASTA; the truth is name, description and letters (as RNA, ambiguous ones N)."""
    truth, lines = [], []
    for i in range(r.randrange(1, 5)):
        name = r.choice((f"seq{i}", "a", "NM_1.1", "é", "a|b|c"))
        words = r.choice(("", "", "some words", "x=1\ty"))
        sequence = letters(
            r, r.choice((0, 1, 7, 30, 51)), r.choice(("ACGU", "ACGT", "acgtN", "RYK-."))
        )
        lines.append(f">{name} {words}".rstrip())
        width = r.choice((5, 7, 60))
        lines += [sequence[at : at + width] for at in range(0, len(sequence), width)]
        plain = "".join(c if c in "ACGU" else "N" for c in sequence.upper().replace("T", "U"))
        truth.append((name, words, plain))
    return text_document(r, "a.fa", "\n".join(lines) + "\n", truth, b" ")


def genome(r: Random) -> Document:
    """FASTA with or without an index; the truth is a name and its letters each."""
    truth, lines, index, at = {}, [], [], 0
    for i in range(r.randrange(1, 4)):
        name, width = f"chr{i}", r.choice((5, 7, 60))
        sequence = letters(r, r.choice((1, 7, 30, 51, 200)), "ACGTacgtN")
        lines.append(f">{name} words")
        at += len(lines[-1]) + 1
        index.append(f"{name}\t{len(sequence)}\t{at}\t{width}\t{width + 1}")
        lines += [sequence[k : k + width] for k in range(0, len(sequence), width)]
        at += len(sequence) + -(-len(sequence) // width)
        truth[name] = "".join(c if c in "ACGU" else "N" for c in sequence.upper().replace("T", "U"))
    data, fai = ("\n".join(lines) + "\n").encode(), ("\n".join(index) + "\n").encode()
    match r.randrange(4):
        case 0:
            return Document({"g.fa": data}, truth)
        case 1:
            return Document({"g.fa": data, "g.fa.fai": fai}, truth)
        case 2:
            return Document({"g.fa": data, "g.fa.fai": mutated(r, fai)})
        case _:
            return Document({"g.fa": mutated(r, data)})


Gene = tuple[str, str, tuple[tuple[int, int], ...]]
"""Chromosome, strand, and blocks (0-based, half-open)."""


def _genes(r: Random, strands: str = "+-") -> dict[str, Gene]:
    """Return random transcripts by name; blocks are disjoint and do not touch."""
    genes: dict[str, Gene] = {}
    for i in range(r.randrange(1, 5)):
        chromosome = r.choice(list(GENOME))
        ends = sorted(r.sample(range(len(GENOME[chromosome]) + 1), 2 * r.randrange(1, 4)))
        blocks = tuple(zip(ends[::2], ends[1::2], strict=True))
        if all(a[1] < b[0] for a, b in pairwise(blocks)):
            genes[f"t{i}.{r.randrange(3)}"] = (chromosome, r.choice(strands), blocks)
    return genes or {"t0.1": ("chr1", "+", ((3, 9),))}


def gtf(r: Random) -> Document:
    """GTF; the truth is the transcripts by name."""
    genes = _genes(r)
    lines = []
    for number, (name, (chromosome, strand, blocks)) in enumerate(genes.items()):
        names = f'gene_id "g{number}"; transcript_id "{name}"; gene_name "G{number}";'
        rows = [("exon", *block) for block in blocks]
        if r.random() < 0.5:
            rows.append(("transcript", blocks[0][0], blocks[-1][1]))
        if r.random() < 0.3:
            rows.append(("CDS", *blocks[0]))
        if r.random() < 0.3:
            rows.append(("gene", blocks[0][0], blocks[-1][1]))
        r.shuffle(rows)
        for feature, start, stop in rows:
            lines.append(
                f"{chromosome}\tsource\t{feature}\t{start + 1}\t{stop}\t.\t{strand}\t.\t{names}"
            )
    r.shuffle(lines)
    head = ["#!genome-build x"] if r.random() < 0.3 else []
    return text_document(r, "a.gtf", "\n".join(head + lines) + "\n", set(genes.items()))


def gff3(r: Random) -> Document:
    """GFF3; the truth is the transcripts by name."""
    genes = _genes(r)
    lines = []
    for number, (name, (chromosome, strand, blocks)) in enumerate(genes.items()):
        span = (blocks[0][0], blocks[-1][1])
        rows = [
            ("gene", span, f"ID=gene{number};Name=G{number}"),
            ("mRNA", span, f"ID={name};Parent=gene{number}"),
            *(("exon", block, f"ID=e{number}.{i};Parent={name}") for i, block in enumerate(blocks)),
        ]
        if r.random() < 0.3:
            rows.append(("CDS", blocks[0], f"ID=cds{number};Parent={name}"))
        if r.random() < 0.3:
            rows.append(("cDNA_match", span, f"ID=m{number};Target={name} 1 {span[1] - span[0]} +"))
        for feature, (start, stop), names in rows:
            lines.append(
                f"{chromosome}\tsource\t{feature}\t{start + 1}\t{stop}\t.\t{strand}\t.\t{names}"
            )
    r.shuffle(lines)
    text = "\n".join(["##gff-version 3", *lines]) + "\n"
    return text_document(r, "a.gff3", text, set(genes.items()))


def bed(r: Random) -> Document:
    """BED of 3 to 12 columns; the truth is chromosome, strand and blocks of each region."""
    truth, lines = set(), []
    columns = r.choice((3, 4, 6, 12))
    for name, (chromosome, strand, blocks) in _genes(r, "+-.").items():
        start, stop = blocks[0][0], blocks[-1][1]
        sizes = ",".join(str(b - a) for a, b in blocks)
        starts = ",".join(str(a - start) for a, _ in blocks)
        fields = [
            chromosome,
            start,
            stop,
            name,
            0,
            strand,
            start,
            stop,
            0,
            len(blocks),
            sizes,
            starts,
        ]
        lines.append("\t".join(map(str, fields[:columns])))
        parts = blocks if columns == 12 else ((start, stop),)
        for sign in (strand if columns > 5 else ".").replace(".", "+-"):
            truth.add((chromosome, sign, parts))
    head = [r.choice(("# comment", "track name=x", "browser position chr1:1-9"))] * r.randrange(2)
    return text_document(r, "a.bed", "\n".join(head + lines) + "\n", truth)


def known_sites(r: Random) -> Document:
    """BED6 with modification names; the truth is the set of sites."""
    truth, lines = set(), []
    for _ in range(r.randrange(1, 6)):
        name, at = r.choice(("chr1", "chr2", "tx.1")), r.randrange(200)
        strand, symbol = r.choice("+-"), r.choice(MODIFICATIONS)
        lines.append(f"{name}\t{at}\t{at + 1}\t{symbol}\t{r.randrange(1000)}\t{strand}")
        truth.add((name, at, strand == "-", symbol))
    head = ["#fileformat=bedRModv1.8"] if r.random() < 0.2 else []
    return text_document(r, "known.bed", "\n".join(head + lines) + "\n", truth)


CODES = {"a": "m6A", "m": "m5C", "17802": "Psi", "19228": "Cm", "69426": "Am", "17596": None}
"""Codes of bedMethyl and the modifications that they mean; None for one that is not predicted."""


def bedmethyl(r: Random) -> Document:
    """The bedMethyl of modkit; the truth is the set of modified sites."""
    truth, lines = set(), []
    codes = {code: symbol for code, symbol in CODES.items() if symbol in (None, *MODIFICATIONS)}
    for _ in range(r.randrange(1, 6)):
        name, at, strand = r.choice(("chr1", "tx.1")), r.randrange(200), r.choice("+-")
        code = r.choice(list(codes))
        count = r.randrange(0, 20)
        percent = f"{count / 20 * 100:.2f}"
        cells = [name, at, at + 1, code, 20, strand, at, at + 1, "255,0,0", 20, percent, count]
        lines.append("\t".join(map(str, [*cells, 20 - count, 0, 0, 0, 0, 0])))
        if codes[code] and count:
            truth.add((name, at, strand == "-", codes[code]))
    return text_document(r, "a.bedmethyl", "\n".join(lines) + "\n", truth or None)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


_OTHER = (0, -1, 1, 3, 0.5, 1e-3, 1e300, "adam", "vq", True, None, [], {}, [1], ["a"], {"a": 1})
_SETTINGS = (
    "learning_rate",
    "weight_decay",
    "dropout",
    "batch_size",
    "epochs",
    "seed",
    "length",
    "optimizer",
    "quantizer",
    "codebook_size",
    "label_smoothing",
    "architecture",
    "decoys",
    "select_by",
)


def _parameter(r: Random, name: str) -> Any:
    """Return choices or a range of a setting, sometimes an invalid one."""
    choices = {
        "optimizer": ["adam", "adamw"],
        "quantizer": ["vq", "none"],
        "batch_size": [16, 32],
        "architecture": ["vqrna", "paper"],
        "select_by": ["auroc", "accuracy"],
        "length": [101, 501],
        "seed": [0, 1],
        "epochs": [1, 2],
        "codebook_size": [16, 64],
        "decoys": [5, 15],
    }
    ranges = {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "weight_decay": {"low": 0.0, "high": 0.1},
        "dropout": {"low": 0.0, "high": 0.5, "step": 0.25},
        "label_smoothing": {"low": 0.0, "high": 0.1},
        "batch_size": {"low": 16, "high": 64, "step": 16},
        "seed": {"low": 0, "high": 9},
    }
    entry: Any = choices.get(name)
    if name in ranges and (entry is None or r.random() < 0.5):
        entry = dict(ranges[name])
    if isinstance(entry, dict) and r.random() < 0.15:
        entry[r.choice(("low", "high", "step", "log", "when", "q"))] = r.choice(_OTHER)
    if isinstance(entry, dict) and r.random() < 0.1:
        entry["when"] = {r.choice(_SETTINGS): r.choice(_OTHER)}
    return r.choice(_OTHER) if r.random() < 0.03 else entry


def search_toml(r: Random) -> Document:
    """The TOML file of a search."""
    lines = []
    if r.random() < 0.7:
        lines.append("[search]")
        for name, value in (
            ("trials", 5),
            ("sampler", "tpe"),
            ("metric", "auroc"),
            ("hours", 1.5),
            ("seed", 3),
            ("jobs", 2),
            ("pruner", "none"),
            ("name", "a"),
            ("modifications", ["m6A"]),
            ("preset", "vqrna"),
        ):
            if r.random() < 0.3:
                lines.append(f"{name} = {_toml(r.choice(_OTHER) if r.random() < 0.05 else value)}")
    lines.append("[space]")
    for name in r.sample(_SETTINGS, r.randrange(1, 4)):
        lines.append(f"{name} = {_toml(_parameter(r, name))}")
    if r.random() < 0.4:
        name = r.choice(_SETTINGS[:6])
        lines += ["[training]", f"{name} = {_toml(r.choice(_OTHER))}"]
    return text_document(r, "a.toml", "\n".join(lines) + "\n", None, b" ", pack=False)


def config_toml(r: Random) -> Document:
    """The TOML file of a training."""
    values = {
        "model": {"length": 501, "codebook_size": 64, "quantizer": "vq", "dropout": 0.1},
        "training": {"epochs": 2, "learning_rate": 1e-3, "optimizer": "adam", "seed": 1},
    }
    lines = []
    for part, settings in values.items():
        lines.append(f"[{part}]")
        for name, value in settings.items():
            if r.random() < 0.5:
                lines.append(f"{name} = {_toml(r.choice(_OTHER) if r.random() < 0.05 else value)}")
    return text_document(r, "c.toml", "\n".join(lines) + "\n", None, b" ", pack=False)


_NNI: dict[str, tuple[tuple[str, list[Any]], ...]] = {
    "learning_rate": (
        ("loguniform", [1e-4, 1e-2]),
        ("choice", [1e-3, "1e-4"]),
        ("uniform", [0.1, 1]),
    ),
    "lr": (("qloguniform", [1e-4, 1e-2, 1e-4]), ("lognormal", [-3, 1]), ("normal", [0.5, 0.01])),
    "dropout": (
        ("quniform", [0, 0.5, 0.1]),
        ("qnormal", [0.5, 0.01, 0.1]),
        ("uniform", [0, "1e-1"]),
    ),
    "loss1": (("uniform", [0, 1]), ("qlognormal", [0, 1, 0.5])),
    "batch_size": (("choice", [16, 32, 64]), ("quniform", [16, 64, 16])),
    "seed": (("randint", [0, 5]), ("choice", [0, 1])),
    "optimizer": (("choice", ["adam", "adamw"]),),
    "data_index": (("choice", [4]),),
}


def _nni_space(r: Random, depth: int = 0) -> dict[str, Any]:
    """Return a search space, mostly a valid one."""
    space: dict[str, Any] = {}
    for name in r.sample(list(_NNI), r.randrange(1, 4)):
        kind, values = r.choice(_NNI[name])
        values = list(values)
        if kind == "choice" and depth < 2 and r.random() < 0.15:
            values.append({"_name": f"n{depth}"} | _nni_space(r, depth + 1))
        if r.random() < 0.04:
            values[r.randrange(len(values))] = r.choice(_OTHER)
        if r.random() < 0.03:
            kind = r.choice(("choice", "uniform", "quniform", "randint", "lognormal", "other"))
        space[name if r.random() < 0.98 else "unknown"] = {"_type": kind, "_value": values}
        if r.random() < 0.02:
            space[name] = r.choice(_OTHER)
    return space


def _experiment(r: Random) -> dict[str, Any]:
    """Return the settings of an NNI experiment besides its space."""
    settings = (
        ("trialConcurrency", 2),
        ("maxTrialNumber", 9),
        ("maxTrialNum", 9),
        ("maxExecDuration", "2h"),
        ("maxExperimentDuration", "1h 30m"),
        ("experimentName", "x"),
        ("trialCommand", "python a.py"),
        ("tuner", {"name": "TPE", "classArgs": {"optimize_mode": "maximize", "seed": 3}}),
        ("tuner", {"builtinTunerName": "GridSearch"}),
        ("assessor", {"name": "Medianstop"}),
        ("advisor", {"builtinAdvisorName": "BOHB"}),
        ("trainingService", {"platform": "local"}),
        ("trainingServicePlatform", "remote"),
        ("trial", {"command": "python a.py"}),
        ("debug", True),
    )
    chosen = {name: value for name, value in settings if r.random() < 0.25}
    for name in chosen:
        if r.random() < 0.04:
            chosen[name] = r.choice(_OTHER)
    return chosen


def nni_yaml(r: Random) -> Document:
    """An NNI experiment in one YAML file, with aliases and merge keys."""
    lines = [f"{name}: {json.dumps(value)}" for name, value in _experiment(r).items()]
    space = _nni_space(r)
    if r.random() < 0.3:
        lines.insert(0, 'anchor: &a {"_type": "uniform", "_value": [0.1, 0.4]}')
        entries = [f"{name}: {json.dumps(value)}" for name, value in space.items()]
        entries += r.choice(
            (["dropout: *a"], ["dropout: {<<: *a}"], ["<<: *a"], ["dropout: &b [*b]"])
        )
        lines.append("searchSpace: {" + ", ".join(entries) + "}")
    else:
        lines.append(f"searchSpace: {json.dumps(space)}")
    if r.random() < 0.05:
        lines = [f"l0: &l0 [{', '.join('x' * 9)}]"]
        lines += [f"l{i + 1}: &l{i + 1} [{', '.join([f'*l{i}'] * 9)}]" for i in range(9)]
        lines += [
            f"searchSpace: {json.dumps(space)}",
            f"{r.choice(list(_experiment(r)) or ['a'])}: *l9",
        ]
    return text_document(r, "config.yaml", "\n".join(lines) + "\n", None, b" ", pack=False)


def nni_json(r: Random) -> Document:
    """An NNI experiment whose search space is a JSON file."""
    head = "".join(f"{name}: {json.dumps(value)}\n" for name, value in _experiment(r).items())
    config = f"searchSpacePath: space.json\n{head}".encode()
    text = json.dumps(_nni_space(r), indent=r.choice((None, 1)))
    space = text_document(r, "space.json", text, None, b" ", pack=False)
    return Document({"config.yaml": config} | dict(space.files))


def meme(r: Random) -> Document:
    """Motifs in MEME format; the truth is the frequencies by name."""
    truth, lines = {}, ["MEME version 4", "", "ALPHABET= ACGU", "", "strands: +", ""]
    lines += ["Background letter frequencies", "A 0.25 C 0.25 G 0.25 U 0.25", ""]
    for i in range(r.randrange(1, 4)):
        width = r.randrange(1, 6)
        rows = [
            r.choice(((1, 0, 0, 0), (0.25, 0.25, 0.25, 0.25), (0.5, 0.5, 0, 0)))
            for _ in range(width)
        ]
        lines.append(f"MOTIF m{i} ALT{i}")
        lines.append(f"letter-probability matrix: alength= 4 w= {width} nsites= 20 E= 0")
        lines += [" ".join(f"{x:.6f}" for x in row) for row in rows] + [""]
        truth[f"m{i} ALT{i}"] = rows
    return text_document(r, "a.meme", "\n".join(lines) + "\n", truth, b" ")


def window_table(r: Random) -> Document:
    """A table of windows; the truth is modification, label and letters of each row."""
    truth, rows = [], []
    separator = r.choice(("\t", ","))
    columns = ["sequence", "modification", "label"]
    extra = [name for name in ("name", "negatives", "other") if r.random() < 0.3]
    header = columns + extra
    r.shuffle(header)
    length = r.choice((1, 5, 11))
    for i in range(r.randrange(1, 6)):
        label = r.choice(("1", "0", "positive", "false"))
        row = {
            "sequence": letters(r, length),
            "modification": r.choice(("m6A", "Am", "mine")),
            "label": label,
            "name": f"w{i}",
            "negatives": r.choice(("random", "hard")),
            "other": "x",
        }
        rows.append(separator.join(row[name] for name in header))
        truth.append((row["modification"], int(label in ("1", "positive")), row["sequence"]))
    text = "\n".join([separator.join(header), *rows]) + "\n"
    return text_document(r, "a.tsv", text, truth, separator.encode())


def sites_table(r: Random) -> Document:
    """The table of sites of ``vqrna predict``; the truth is the rows."""
    names = ["sequence", "position", "modification", "score", "call"]
    names[1:1] = ["strand"] if r.random() < 0.3 else []
    truth, lines = [], ["\t".join(names)]
    for _ in range(r.randrange(0, 8)):
        row = {
            "sequence": r.choice(("chr1", "tx.1", "a")),
            "position": r.randrange(1, 500),
            "strand": r.choice("+-"),
            "modification": r.choice(MODIFICATIONS),
            "score": "0.9123",
            "call": r.choice((".", "low", "medium", "high")),
        }
        lines.append("\t".join(str(row[name]) for name in names))
        reverse = "strand" in names and row["strand"] == "-"
        truth.append((row["sequence"], row["position"] - 1, reverse, row["modification"]))
    return text_document(r, "sites.tsv", "\n".join(lines) + "\n", truth)


def benchmark(r: Random) -> Document:
    """A folder in the benchmark layout; the truth is the windows of the split ``valid``."""
    files: dict[str, bytes] = {}
    truth = set()
    for key in r.sample(("1", "4", "8", "mine"), r.randrange(1, 3)):
        for label in ("0", "1", "hard0"):
            if label == "hard0" and r.random() < 0.7:
                continue
            windows = [letters(r, 11) for _ in range(r.randrange(1, 4))]
            text = "".join(f">w{i}\n{window}\n" for i, window in enumerate(windows))
            files[f"valid/{key}-{label}.fasta"] = text.encode()
            truth |= set(windows)
    if r.random() < 0.55:
        name = r.choice(list(files))
        data = files.pop(name)
        if r.random() < 0.3:
            name = "valid/" + r.choice(
                (
                    "99-1.fasta",
                    "a b-1.fasta",
                    "²-1.fasta",
                    "-1.fasta",
                    "1-1.fasta.gz",
                    "x-y-0.fasta",
                    "é-1.fasta",
                    "#-0.fasta",
                    "1-10.fasta",
                    "001-1.fasta",
                    "m6A-1.fasta",
                )
            )
        files[name] = packed(r, data) if name.endswith(".gz") else mutated(r, data, b" ")
        return Document(files)
    return Document(files, truth)


Generator = Callable[[Random], Document]
