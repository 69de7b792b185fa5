"""Read regions and transcripts of a genome for a scan, and convert sites to its coordinates."""

from vqrna.genome.source import CONTEXTS, GenomeSource, open_genome

__all__ = ["CONTEXTS", "GenomeSource", "open_genome"]
