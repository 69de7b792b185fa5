"""Genome in, genome out: regions and transcripts to scan, and sites told in genome coordinates."""

from vqrna.genome.source import CONTEXTS, GenomeSource, open_genome

__all__ = ["CONTEXTS", "GenomeSource", "open_genome"]
