"""Write tables of sites to files that other tools open.

To add an output format, write one module in this package: a class that derives from
:class:`~vqrna.formats.registry.SiteWriter` (all sites in one file) or from
:class:`~vqrna.formats.tracks.TrackWriter` (scores along sequences, a file for each modification)
under the decorator ``@register("name")``; see :mod:`vqrna.formats.registry`. All modules of the
package are imported here, so import a library that loads slowly where it is used.
"""

from importlib import import_module
from pkgutil import iter_modules

from vqrna.formats.description import Description
from vqrna.formats.registry import WRITERS
from vqrna.formats.writing import Writers, writers

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

FORMATS = tuple(sorted(WRITERS))
"""Names of the formats, as ``--format`` takes them."""

__all__ = ["FORMATS", "WRITERS", "Description", "Writers", "writers"]
