"""Predict which modification sites sequence variants create, remove or change."""

from vqrna.variation.join import has_variant_shards, join_variants
from vqrna.variation.result import VariantEffects
from vqrna.variation.run import annotate, variants
from vqrna.variation.settings import VariantSettings, make_variant_settings
from vqrna.variation.track_source import TrackSource, open_tracks
from vqrna.variation.vcf import VcfFile, VcfRecord, open_vcf

__all__ = [
    "TrackSource",
    "VariantEffects",
    "VariantSettings",
    "VcfFile",
    "VcfRecord",
    "annotate",
    "has_variant_shards",
    "join_variants",
    "make_variant_settings",
    "open_tracks",
    "open_vcf",
    "variants",
]
