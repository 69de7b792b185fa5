"""Tables of IUPAC letters, derived from their meanings."""

from vqrna.genome.fasta import reverse_complement
from vqrna.sequence import COMPLEMENT, IUPAC, IUPAC_LETTERS, decode, encode


def test_complements():
    assert "ACGURYSWKMBDHVN".translate(COMPLEMENT) == "UGCAYRSWMKVHDBN"
    assert decode(reverse_complement(encode("AACGUN"))) == "NACGUU"


def test_each_letter_is_that_of_its_bases():
    for letter, matches in IUPAC.items():
        assert IUPAC_LETTERS["".join("ACGU"[i] for i in range(4) if matches[i])] == letter
