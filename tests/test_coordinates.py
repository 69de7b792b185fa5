"""Every reader of coordinates rejects text that Python reads as a number but that is none."""

import pytest

from vqrna.errors import DataError
from vqrna.evaluation.known_sites import read_known
from vqrna.evaluation.scanned_regions import read_scanned
from vqrna.genome import open_genome
from vqrna.interpret.site_windows import windows_at_sites
from vqrna.modifications import MODIFICATIONS

FASTA = ">t1\nACGUACGUACGU\n"


def read_table(path):
    windows_at_sites([path.with_name("t.fa")], path, "m6A", 5)


def read_regions(path):
    open_genome(path.with_name("t.fa"), regions=path)


def read_gtf(path):
    open_genome(path.with_name("t.fa"), annotation=path)


READERS = {
    "known start": (lambda p: read_known(p, MODIFICATIONS), "t1\t{}\t6\tm6A\t0\t+\n"),
    "known end": (lambda p: read_known(p, MODIFICATIONS), "t1\t5\t{}\tm6A\t0\t+\n"),
    "scanned start": (read_scanned, "t1\t{}\t6\n"),
    "scanned end": (read_scanned, "t1\t5\t{}\n"),
    "region start": (read_regions, "t1\t{}\t6\n"),
    "region end": (read_regions, "t1\t5\t{}\n"),
    "block count": (read_regions, "t1\t0\t6\ta\t0\t+\t0\t6\t0\t{}\t6\t0\n"),
    "block size": (read_regions, "t1\t0\t6\ta\t0\t+\t0\t6\t0\t1\t{}\t0\n"),
    "block start": (read_regions, "t1\t0\t6\ta\t0\t+\t0\t6\t0\t1\t6\t{}\n"),
    "exon start": (read_gtf, 't1\tx\texon\t{}\t6\t.\t+\t.\ttranscript_id "a";\n'),
    "exon end": (read_gtf, 't1\tx\texon\t5\t{}\t.\t+\t.\ttranscript_id "a";\n'),
    "position": (read_table, "sequence\tposition\tmodification\nt1\t{}\tm6A\n"),
}  # fmt: skip


@pytest.mark.parametrize(
    "text", ["+5", "1_0", "٣", "５", "5.0", "5e0", "", "1" * 5000], ids=lambda x: ascii(x)[:9]
)
@pytest.mark.parametrize("name", READERS)
def test_a_coordinate_must_be_plain_digits(tmp_path, name, text):
    read, line = READERS[name]
    (tmp_path / "t.fa").write_text(FASTA)
    path = tmp_path / "given"
    path.write_text(line.format(text), encoding="utf-8")
    with pytest.raises(DataError, match=r"line [12]: .*invalid") as error:
        read(path)
    assert len(str(error.value)) < 400
