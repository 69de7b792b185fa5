"""Why a site scores as it does: mutagenesis of windows, and the motifs in what it shows."""

from vqrna.attribution.attributions import CONVENTIONS, Attributions, attribute
from vqrna.attribution.discovery import find_motifs
from vqrna.attribution.motif import Motif
from vqrna.attribution.mutagenesis import LocalMutagenesis, mutate
from vqrna.attribution.run import Explained, explain
from vqrna.attribution.site_windows import SiteWindows, windows_at, windows_of

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
