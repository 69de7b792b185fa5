"""Why a site scores as it does: mutagenesis of windows, and the motifs in what it shows."""

from vqrna.interpret.attributions import CONVENTIONS, Attributions, attribute
from vqrna.interpret.discovery import Motif, find_motifs
from vqrna.interpret.mutagenesis import LocalMutagenesis, mutate
from vqrna.interpret.run import Explained, explain
from vqrna.interpret.site_windows import SiteWindows, windows_at, windows_of

__all__ = [
    "CONVENTIONS",
    "Attributions",
    "Explained",
    "LocalMutagenesis",
    "Motif",
    "SiteWindows",
    "attribute",
    "explain",
    "find_motifs",
    "mutate",
    "windows_at",
    "windows_of",
]
