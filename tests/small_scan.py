"""A small scan in all its formats, and known sites to compare it with."""

import json
from pathlib import Path

import numpy as np

from vqrna.formats import Description, writers
from vqrna.modifications import modifications
from vqrna.runtime.run_record import write_run_record
from vqrna.sites import Sites

KINDS = modifications(["m6A", "Psi"])
CALLED = [  # sequence, position from 0, reverse, kind, tier
    ("chr1", 10, False, 0, 3),
    ("chr1", 11, False, 1, 1),
    ("chr1", 12, True, 1, 2),
    ("chr1", 20, False, 0, 2),
    ("chr1", 30, False, 0, 1),
    ("chr1", 40, True, 0, 3),
    ("chr2", 10, False, 0, 2),
]
UNCALLED = [("chr2", 50, False, 0, 0), ("chr2", 60, False, 0, 0)]
KNOWN = """\
track name="a" description="known sites"
chr1\t10\t11\tm6A\t0\t+
chr1\t30\t31\tN6-methyladenosine\t0\t+
chr1\t40\t41\tm6a\t0\t-
chr1\t41\t42\tm6A\t0\t+
chr1\t20\t21\tm6A\t0\t-
chr2\t11\t12\tm6A\t0\t+
chr1\t12\t13\tY\t0\t-
"""
SCANNED = "chr1\t0\t100\t.\t0\t+\nchr1\t0\t100\t.\t0\t-\nchr2\t0\t100\t.\t0\t+\n"
LENGTHS = (("chr1", 100), ("chr2", 100))
FACTS = {
    "vqrna": "0.1.0",
    "command": "vqrna predict a=b.fa",
    "model": "beef",
    "called": "confidence low or higher",
    "reported": "called sites",
    "candidates": "m6A=100 Psi=50",
    "nt": "300",
}


def sites_of(rows) -> Sites:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    n = len(rows)
    return Sites(
        sequence=np.array(columns[0], dtype=object),
        position=np.array(columns[1], dtype=np.int64),
        reverse=np.array(columns[2], dtype=bool),
        base=np.zeros(n, np.uint8),
        modification_index=np.array(columns[3], dtype=np.uint8),
        score=np.full(n, 0.5),
        probability=np.full(n, 0.1),
        p_value=np.full(n, 0.01),
        q_value=np.full(n, 0.2),
        tier=np.array(columns[4], dtype=np.uint8),
        flags=np.zeros(n, np.uint8),
    )


def write_scan(
    folder: Path, rows=CALLED, scanned=SCANNED, formats=(), lengths=LENGTHS, **facts
) -> Path:
    """Write a scan as `vqrna predict` does; give its folder."""
    folder.mkdir(exist_ok=True)
    told = {name: value for name, value in (FACTS | facts).items() if value}
    counts = dict(word.split("=") for word in told.get("candidates", "").split())
    write_run_record(
        folder,
        "predict",
        ["sites.tsv", "sites.parquet", "sites.bed.gz", "sites.bedrmod", "scanned.bed"],
        model=told.get("model"),
        settings={name: told[name] for name in ("called", "reported", "genome") if name in told},
        results={"calls": {symbol: {"candidates": int(n)} for symbol, n in counts.items()}},
    )
    description = Description(told, KINDS, lambda: iter(lengths))
    with writers(formats or ("tsv", "parquet", "bed", "bedrmod"), folder, description) as out:
        out.write(sites_of(rows))
    if scanned:
        head = f"# vqrna 0.1.0\n# candidates: {told.get('candidates', '')}\n"
        (folder / "scanned.bed").write_text(head + scanned)
    return folder


def as_earlier(scan: Path) -> Path:
    """Turn ``sites.tsv`` into a table of an earlier version, with its facts in ``#`` lines."""
    record = json.loads((scan / "run.json").read_text())
    facts = record["settings"] | {"model": record["model"]}
    counts = {symbol: row["candidates"] for symbol, row in record["calls"].items()}
    facts["candidates"] = " ".join(f"{symbol}={n}" for symbol, n in counts.items())
    head = "# vqrna 0.1.0\n" + "".join(f"# {name}: {value}\n" for name, value in facts.items())
    table = (scan / "sites.tsv").read_text().replace("warnings", "flags", 1)
    (scan / "sites.tsv").write_text(head + table)
    (scan / "run.json").unlink()
    return scan
