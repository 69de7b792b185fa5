"""Known motifs and how sites match them."""

from vqrna.interpret.known_motifs import KNOWN_MOTIFS, nearest_motif
from vqrna.modifications import modification
from vqrna.sequence import IUPAC, encode


def test_motifs_have_the_site_that_their_modification_needs():
    for motif in KNOWN_MOTIFS:
        m = modification(motif.modification)
        assert set(motif.pattern) <= IUPAC.keys()
        if motif.offset >= 0:
            site = IUPAC[motif.pattern[motif.offset]]
            assert (site & IUPAC[m.base]).any(), motif


def test_a_motif_in_line_with_the_site_is_preferred():
    match = nearest_motif(encode("CCGGACUCC"), 4, "m6A")
    assert (match.shift, match.mismatches, match.letters) == (0, 0, "GGACU")


def test_mismatches_and_shifts():
    assert nearest_motif(encode("CCGGAGUCC"), 4, "m6A").mismatches == 1
    shifted = nearest_motif(encode("A" * 6 + "GGACU" + "A" * 4), 4, "m6A")
    assert (shifted.shift, shifted.mismatches) == (4, 0)


def test_the_adapter_begins_behind_the_site():
    match = nearest_motif(encode("CCA" + "AGAUCGGAAGAGC"), 2, "Am")
    assert match.motif.artefact
    assert (match.shift, match.mismatches) == (0, 0)


def test_beyond_the_ends_nothing_matches():
    assert nearest_motif(encode("A"), 0, "m6A").mismatches == 4
    assert nearest_motif(encode("A"), 0, "unknown") is None
