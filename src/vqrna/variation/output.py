"""Write the effects of variants: tables, and the annotated VCF."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from vqrna._version import __version__
from vqrna.errors import UsageError
from vqrna.formats import text
from vqrna.formats.bgzip import BgzipWriter
from vqrna.formats.parquet import open_parquet
from vqrna.runtime.files import OutputFiles
from vqrna.variation.effects import CLASSES
from vqrna.variation.null import NullTable
from vqrna.variation.parts import SCORED, VariantPart
from vqrna.variation.settings import VariantSettings
from vqrna.variation.vcf import VcfFile, VcfRecord, safe

COLUMNS = (
    "id", "chrom", "pos", "ref", "alt", "gene", "transcript", "strand", "modification", "position",
    "ref_probability", "alt_probability", "delta", "log_odds_delta", "class", "distance", "p_value",
)  # fmt: skip
"""Columns of the table of effects."""

RECORD_COLUMNS = ("id", "chrom", "pos", "ref", "alt", "verdict", "reason", "effects", "left_out")
"""Columns of the table of records."""

FORMATS = ("tsv", "parquet")
"""Formats of the table of effects."""

VCF_NAME = "variants.vcf.gz"

LARGEST = 100
"""Records that can be drawn: those that change a probability most."""

_PARQUET_TYPES = {
    "pos": pa.int64(), "position": pa.int64(), "distance": pa.int64(),
    "ref_probability": pa.float64(), "alt_probability": pa.float64(), "delta": pa.float64(),
    "log_odds_delta": pa.float64(), "p_value": pa.float64(),
}  # fmt: skip


@dataclass
class VariantTotals:
    """Counts over the records of a run."""

    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    left_out: int = 0  # Records of which some transcripts are left out
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)  # by modification and class
    # Largest change of a probability, and number, of the `LARGEST` records that change most
    _changes: list[tuple[float, int]] = field(default_factory=list)

    def add(self, part: VariantPart, settings: VariantSettings) -> None:
        """Count a part."""
        self.verdicts.update(part.verdict.tolist())
        for reasons in part.reason.tolist():
            # Of a record with several alleles: ``ALT: reason``
            words = [each.rpartition(": ")[2] for each in reasons.split("; ") if each]
            self.reasons.update(words)
        self.left_out += int(np.count_nonzero((part.left_out != "") & (part.verdict == SCORED)))
        symbols = [settings.modifications[k].symbol for k in part.effects["modification"].tolist()]
        classes = [CLASSES[c] for c in part.effects["class_index"].tolist()]
        self.effects.update(zip(symbols, classes, strict=True))
        change = np.zeros(len(part.verdict))
        record = part.allele_record[part.effects["allele"]]
        np.maximum.at(change, record, np.abs(part.effects["delta"]))
        largest = np.argsort(-change, kind="stable")[:LARGEST]
        self._changes += [(-change[i], part.first + int(i)) for i in largest if change[i]]
        self._changes = sorted(self._changes)[:LARGEST]

    @property
    def largest(self) -> tuple[int, ...]:
        """Numbers of the records that change a probability most, the largest change first."""
        return tuple(number for _, number in self._changes)

    def table(self, settings: VariantSettings) -> pd.DataFrame:
        """Return the number of effects by modification and class."""
        rows = [
            {"modification": m.symbol, **{c: self.effects[m.symbol, c] for c in CLASSES}}
            for m in settings.modifications
        ]
        return pd.DataFrame(rows, columns=["modification", *CLASSES])


def effect_table(
    part: VariantPart, records: Sequence[VcfRecord], settings: VariantSettings, p_values: np.ndarray
) -> pd.DataFrame:
    """Return the effects of a part with `COLUMNS`.

    Parameters
    ----------
    records : sequence of VcfRecord
        The records of the part.
    p_values : np.ndarray, shape (E,)
    """
    e, symbols = part.effects, np.array([m.symbol for m in settings.modifications], dtype=object)
    allele = e["allele"]
    record = part.allele_record[allele]
    names = np.array([r.id for r in records] or [""], dtype=object)
    chroms = np.array([r.chrom for r in records] or [""], dtype=object)
    columns: dict[str, np.ndarray] = {
        "id": names[record],
        "chrom": chroms[record],
        "pos": part.pos[allele],
        "ref": part.ref[allele].astype(object),
        "alt": part.alt[allele].astype(object),
        "gene": e["gene"].astype(object),
        "transcript": e["transcript"].astype(object),
        "strand": np.where(e["reverse"], "-", "+").astype(object),
        "modification": symbols[e["modification"]],
        "position": e["position"],
        "ref_probability": e["ref_probability"],
        "alt_probability": e["alt_probability"],
        "delta": e["delta"],
        "log_odds_delta": np.round(e["log_odds_delta"], 4),
        "class": np.array(CLASSES, dtype=object)[e["class_index"]],
        "distance": e["distance"],
        "p_value": p_values,
    }
    return _typed({name: columns[name] for name in COLUMNS})


def record_table(part: VariantPart, records: Sequence[VcfRecord]) -> pd.DataFrame:
    """Return the verdicts of a part with `RECORD_COLUMNS`."""
    record = part.allele_record[part.effects["allele"]]
    columns = {
        "id": np.array([r.id for r in records], dtype=object),
        "chrom": np.array([r.chrom for r in records], dtype=object),
        "pos": np.array([r.pos for r in records], dtype=np.int64),
        "ref": np.array([r.ref for r in records], dtype=object),
        "alt": np.array([",".join(r.alts) or "." for r in records], dtype=object),
        "verdict": part.verdict.astype(object),
        "reason": part.reason.astype(object),
        "effects": np.bincount(record, minlength=len(records)),
        "left_out": part.left_out.astype(object),
    }
    return _typed(columns)


def _typed(columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    # An explicit type, since pandas cannot infer text from no rows
    return pd.DataFrame({
        name: pd.Series(x, dtype="str") if x.dtype == object else x for name, x in columns.items()
    })  # fmt: skip


def info_values(
    part: VariantPart, records: Sequence[VcfRecord], symbols: Sequence[str]
) -> list[str]:
    """Return the value of the INFO field for each record; empty where nothing is predicted."""
    values: list[list[str]] = [[] for _ in records]
    e = part.effects
    texts = {name: _g(e[name]) for name in ("ref_probability", "alt_probability", "delta")}
    for row, allele in enumerate(e["allele"].tolist()):
        record = int(part.allele_record[allele])
        parts = (
            records[record].alts[int(part.allele_number[allele]) - 1],
            str(e["gene"][row]),
            str(e["transcript"][row]),
            symbols[int(e["modification"][row])],
            str(e["position"][row]),
            texts["ref_probability"][row],
            texts["alt_probability"][row],
            texts["delta"][row],
            CLASSES[int(e["class_index"][row])],
        )
        values[record].append("|".join(safe(each) for each in parts))
    return [",".join(each) for each in values]


def _g(values: np.ndarray) -> list[str]:
    return [f"{value:.4g}" for value in values.tolist()]


def with_records(
    parts: Iterator[VariantPart], vcf: VcfFile
) -> Iterator[tuple[VariantPart, list[VcfRecord]]]:
    """Yield parts with their records, which are read again."""
    records = vcf.records()
    for part in parts:
        yield part, [next(records) for _ in part.verdict]


class EffectWriter:
    """Write tables and VCF of a run to a folder.

    Parameters
    ----------
    output : OutputFiles
    formats : sequence of str
        Of `FORMATS`.
    settings : VariantSettings
    facts : mapping of str to str
        Provenance, for the metadata of Parquet.
    """

    def __init__(
        self,
        output: OutputFiles,
        formats: Sequence[str],
        settings: VariantSettings,
        facts: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._files = {name: output.open(f"{name}.tsv") for name in ("variants", "records")
                       if name == "records" or "tsv" in formats}  # fmt: skip
        for name, columns in (("variants", COLUMNS), ("records", RECORD_COLUMNS)):
            if name in self._files:
                self._files[name].write(("\t".join(columns) + "\n").encode())
        self._parquet = None
        if "parquet" in formats:
            schema = pa.schema([(name, _PARQUET_TYPES.get(name, pa.string())) for name in COLUMNS])
            metadata = {"vqrna": json.dumps({"version": __version__, **facts})}
            self._schema = schema.with_metadata(metadata)
            path = output.path("variants.parquet")
            self._parquet = output.enter(open_parquet(path, self._schema, "snappy"))

    def write(self, part: VariantPart, records: Sequence[VcfRecord], null: NullTable) -> None:
        """Write a part."""
        effects = effect_table(part, records, self._settings, null.p_values(part))
        if "variants" in self._files:
            self._files["variants"].write(text.lines(_cells(effects)))
        self._files["records"].write(text.lines(_cells(record_table(part, records))))
        if self._parquet is not None and len(effects):
            self._parquet.write_table(
                pa.Table.from_pandas(effects, self._schema, preserve_index=False)
            )


def _cells(table: pd.DataFrame) -> list[pa.Array]:
    """Convert the columns of a table to text."""
    columns = []
    for name in table:
        values = table[name].to_numpy()
        kind = table[name].dtype.kind
        if kind in "iu":
            columns.append(text.integers(values))
        elif kind == "f":
            columns.append(text.significant(values))
        else:
            columns.append(text.names(values.astype(object)))
    return columns


def write_vcf(
    output: OutputFiles,
    vcf: VcfFile,
    parts: Iterator[VariantPart],
    settings: VariantSettings,
    facts: Mapping[str, str],
) -> None:
    """Write the annotated VCF, compressed with bgzip and indexed; `facts` go to its header."""
    writer = BgzipWriter(output, VCF_NAME, "", preset="vcf")
    end = 0
    for line in annotated_lines(vcf, parts, settings, facts):
        writer.write(line)
        if not line.startswith(b"#"):
            fields = line.split(b"\t", 4)
            end = max(end, int(fields[1]) + len(fields[3]))
    writer.finish(end)


def annotated_lines(
    vcf: VcfFile, parts: Iterator[VariantPart], settings: VariantSettings, facts: Mapping[str, str]
) -> Iterator[bytes]:
    """Yield the lines of the annotated VCF; `facts` are the provenance in its header."""
    symbols = [m.symbol for m in settings.modifications]
    values = (
        value
        for part, records in with_records(parts, vcf)
        for value in info_values(part, records, symbols)
    )
    return vcf.annotated(values, {"version": __version__, **facts})


def parse_variant_formats(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Parse formats of the command line: ``tsv,parquet``. Raises UsageError for others."""
    names = [part.strip().lower() for each in texts or ("tsv",) for part in each.split(",")]
    for name in names:
        if name not in FORMATS:
            raise UsageError(f"unknown format '{name}' (known: {', '.join(FORMATS)})")
    return tuple(dict.fromkeys(names))
