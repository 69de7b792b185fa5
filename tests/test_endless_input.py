"""A device without an end, in place of each file that a user names, is one line at once."""

import pytest

from vqrna.data.fasta import read_fasta
from vqrna.data.user_files import load_table
from vqrna.errors import DataError, UsageError
from vqrna.evaluation.known_sites import read_known
from vqrna.evaluation.predicted_sites import PredictedSites
from vqrna.evaluation.scanned_regions import read_scanned
from vqrna.genome import open_genome
from vqrna.interpret.code_types import code_types
from vqrna.interpret.meme import read_meme
from vqrna.model.weights import load_model
from vqrna.modifications import MODIFICATIONS
from vqrna.variation.vcf import open_vcf

ENDLESS = "/dev/zero"


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(">chr1\nACGT\n")
    return path


def records_of_vcf():
    with open_vcf(ENDLESS) as file:
        return list(file.records())


READERS = {
    "FASTA": lambda _: list(read_fasta(ENDLESS)),
    "genome": lambda _: open_genome(ENDLESS, regions=ENDLESS),
    "GTF": lambda genome: open_genome(genome, annotation=ENDLESS),
    "BED": lambda genome: open_genome(genome, regions=ENDLESS),
    "table of windows": lambda _: load_table(ENDLESS),
    "table of sites": lambda _: PredictedSites.open(ENDLESS),
    "known sites": lambda _: read_known(ENDLESS, MODIFICATIONS),
    "scanned regions": lambda _: read_scanned(ENDLESS),
    "MEME": lambda _: read_meme(ENDLESS),
    "VCF": lambda _: records_of_vcf(),
    "weights": lambda _: load_model(ENDLESS),
    "atlas": lambda _: code_types(512, "", ENDLESS),
}


@pytest.mark.parametrize("kind", READERS)
def test_it_is_refused(kind, genome):
    with pytest.raises((DataError, UsageError), match=ENDLESS) as error:
        READERS[kind](genome)
    assert "\n" not in str(error.value)
