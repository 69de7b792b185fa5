"""Rows of sites in, files that other tools open out."""

from vqrna.formats.description import Description
from vqrna.formats.writing import FORMATS, Writers, writers

__all__ = ["FORMATS", "Description", "Writers", "writers"]
