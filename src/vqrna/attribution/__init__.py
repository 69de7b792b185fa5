"""Why a site scores as it does: mutagenesis of windows, and the motifs in what it shows."""

from vqrna.attribution.attributions import CONVENTIONS, Attributions, attribute
from vqrna.attribution.discovery import discover
from vqrna.attribution.motif import Motif
from vqrna.attribution.mutagenesis import LocalMutagenesis, mutate
from vqrna.attribution.site_windows import SiteWindows, windows_at, windows_of

__all__ = [
    "CONVENTIONS",
    "Attributions",
    "LocalMutagenesis",
    "Motif",
    "SiteWindows",
    "attribute",
    "discover",
    "mutate",
    "windows_at",
    "windows_of",
]
