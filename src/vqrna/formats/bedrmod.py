"""Sites as bedRMod v1.8: BED9 and two columns, with a header that says where they come from."""

from __future__ import annotations

import numpy as np

from vqrna.formats import text
from vqrna.formats.bed import columns
from vqrna.formats.description import PROGRAM, Description, one_line, rgb
from vqrna.runtime.files import Output, writing
from vqrna.sites import Sites

VERSION = "bedRModv1.8"

COVERAGE = 0
"""Reads at a site: the format's own mark for *not available*, for there are none."""

FREQUENCY = 1
"""Percentage of modified reads: the format has no mark for *not available*; 1 is its lowest."""

UNIDENTIFIED = "32644"
"""NCBI's taxonomy number for *unidentified*, where no organism was named."""

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


class Writer:
    """Writes ``PREFIX.bedrmod``.

    Parameters
    ----------
    output : Output
    description : Description
    """

    def __init__(self, output: Output, description: Description) -> None:
        name = f"{description.prefix}.bedrmod"
        kinds = description.modifications
        self.path = output.folder / name
        self._names = [text.bed_name(m.modomics or m.symbol) for m in kinds]
        self._colors = [rgb(m.color) for m in kinds]
        self._file = output.open(name)
        with writing(self.path):
            self._file.write(header(description).encode())
        fields = ("organism", "assembly", "annotation")
        missing = [f"--{field}" for field in fields if not getattr(description, field)]
        if missing:
            given = " and ".join([*filter(None, [", ".join(missing[:-1])]), missing[-1]])
            output.notes.append(f"the head of {name} should say more: give {given}")

    def write(self, sites: Sites) -> None:
        """Write sites."""
        coverage = text.words([str(COVERAGE)], np.zeros(len(sites), np.int64))
        frequency = text.words([str(FREQUENCY)], np.zeros(len(sites), np.int64))
        with writing(self.path):
            nine = columns(sites, self._names, self._colors)
            self._file.write(text.lines([*nine, coverage, frequency]))

    def finish(self) -> None:
        """Close the file."""
        with writing(self.path):
            self._file.close()


def header(description: Description) -> str:
    """Write the header: a ``#field=value`` line each, then the names of the columns.

    Values hold no ``=`` but the first, because the format's own reader splits there.

    Parameters
    ----------
    description : Description
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
    lines = [f"#{name.replace('=', '_')}={_value(value)}" for name, value in fields.items()]
    return "\n".join([*lines, "#" + "\t".join(COLUMNS)]) + "\n"


def _value(text_: str) -> str:
    return one_line(text_).replace("=", ":")
