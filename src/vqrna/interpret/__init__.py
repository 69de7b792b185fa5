"""Explain predictions: mutagenesis, motifs, and what the codes of a model represent."""

from vqrna.interpret.attributions import CONVENTIONS, Attributions, attribute
from vqrna.interpret.discovery import Motif, find_motifs
from vqrna.interpret.mutagenesis import LocalMutagenesis, mutate
from vqrna.interpret.run import Explanation, explain
from vqrna.interpret.site_windows import SiteWindows, centred_windows, windows_at_sites

__all__ = [
    "CONVENTIONS",
    "Attributions",
    "Explanation",
    "LocalMutagenesis",
    "Motif",
    "SiteWindows",
    "attribute",
    "centred_windows",
    "explain",
    "find_motifs",
    "mutate",
    "windows_at_sites",
]
