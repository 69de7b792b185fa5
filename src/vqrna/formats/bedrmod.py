"""Write sites as bedRMod v1.8: BED9, two more columns, and a header on their origin."""

from __future__ import annotations

import numpy as np

from vqrna.formats import text
from vqrna.formats.bed import bed_columns
from vqrna.formats.description import PROGRAM, Description, one_line, rgb
from vqrna.formats.registry import SiteWriter, register
from vqrna.runtime.files import OutputFiles
from vqrna.sites import Sites

VERSION = "bedRModv1.8"

COVERAGE = 0
"""Reads at a site: the format's value for *not available*, as a prediction has no reads."""

FREQUENCY = 1
"""Percentage of modified reads: the format has no value for *not available*; 1 is its lowest."""

UNIDENTIFIED = "32644"
"""NCBI's taxonomy number for *unidentified*, used where no organism is set."""

COLUMNS = (
    "chrom",
    "chromStart",
    "chromEnd",
    "name",
    "score",
    "strand",
    "thickStart",
    "thickEnd",
    "itemRgb",
    "coverage",
    "frequency",
)

_UNKNOWN = "unknown"


@register("bedrmod")
class BedRModWriter(SiteWriter):
    """Write ``PREFIX.bedrmod``."""

    def __init__(self, output: OutputFiles, description: Description) -> None:
        super().__init__(output, description)
        name = f"{description.prefix}.bedrmod"
        modifications = description.modifications
        self._names = [text.bed_name(m.modomics or m.symbol) for m in modifications]
        self._colors = [rgb(m.color) for m in modifications]
        self._file = output.open(name)
        self._file.write(header(description).encode())
        fields = ("organism", "assembly", "annotation")
        missing = [f"--{field}" for field in fields if not getattr(description, field)]
        if missing:
            options = " and ".join([*filter(None, [", ".join(missing[:-1])]), missing[-1]])
            output.notes.append(f"the header of {name} is incomplete: add {options}")

    def write(self, sites: Sites) -> None:
        """Write sites."""
        zeros = np.zeros(len(sites), np.int64)
        columns = bed_columns(sites, self._names, self._colors)
        columns += [text.choices([str(value)], zeros) for value in (COVERAGE, FREQUENCY)]
        self._file.write(text.lines(columns))

    def written_name(self, name: str) -> str:
        """Return a name without characters that BED cannot hold."""
        return text.bed_name(name)

    def finish(self) -> None:
        """Close the file."""
        self._file.close()


def header(description: Description) -> str:
    """Return the header: lines ``#field=value``, then the names of the columns.

    The format's own reader splits at every ``=``, so ``=`` in a value is replaced.
    """
    source, _, version = one_line(description.annotation).rpartition(" ")
    facts = dict(description.facts)
    program = f"vqrna {facts.pop(PROGRAM, '')}".strip()
    fields = {
        "fileformat": VERSION,
        "organism": description.organism or UNIDENTIFIED,
        "modification_type": "RNA",
        "assembly": description.assembly or _UNKNOWN,
        "annotation_source": source or version or _UNKNOWN,
        "annotation_version": version if source else _UNKNOWN,
        "sequencing_platform": "",
        "basecalling": "",
        "bioinformatics_workflow": f"workflow:{program};score_function:round(1000*score);"
        f"coverage_function:{COVERAGE};frequency_function:{FREQUENCY}",
        "experiment": "prediction from sequence, no sequencing",
        "external_source": "",
        "conversion_information": f"coverage is {COVERAGE} throughout (no reads) and frequency is "
        f"{FREQUENCY} throughout (no stoichiometry is known)",
        **{f"vqrna_{name.replace(' ', '_')}": value for name, value in facts.items()},
    }
    lines = [
        f"#{name.replace('=', '_')}={one_line(value).replace('=', ':')}"
        for name, value in fields.items()
    ]
    return "\n".join([*lines, "#" + "\t".join(COLUMNS)]) + "\n"
