"""Scan sequences of any length and number: every position, in order, in bounded memory."""

from vqrna.scanning.engines import ENGINES, check_engine, open_engine
from vqrna.scanning.parts import Part, Parts, PartStore
from vqrna.scanning.scan import Engine, Shard, Tally, Threads, scan, scan_sequence, scan_units
from vqrna.scanning.settings import Settings, make_settings, parse_priors
from vqrna.scanning.source import FastaSource, MemorySource, Source, source_of
from vqrna.scanning.threads import checked_jobs

__all__ = [
    "ENGINES",
    "Engine",
    "FastaSource",
    "MemorySource",
    "Part",
    "PartStore",
    "Parts",
    "Settings",
    "Shard",
    "Source",
    "Tally",
    "Threads",
    "check_engine",
    "checked_jobs",
    "make_settings",
    "open_engine",
    "parse_priors",
    "scan",
    "scan_sequence",
    "scan_units",
    "source_of",
]
