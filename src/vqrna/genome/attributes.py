"""The ninth column of GTF and GFF3: which transcript a line is of, and the names it has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

_GFF3 = re.compile(rb"\s*[^\s=;\"]+=")
_UNQUOTED = rb"(?:^|[;\s])%s\s+\"?([^\";]*)"
_NO_PARENTS = (b"match", b"region", b"match_part", b"intron", b"gap", b"chromosome", b"contig")

_KEPT = (b"Parent", b"transcript_id", b"gene_name", b"gene", b"Name", b"gene_id")


def is_gff3(attributes: bytes) -> bool:
    """Tell ``key=value`` of GFF3 from ``key "value"`` of GTF."""
    return _GFF3.match(attributes) is not None


class Gtf:
    """GTF: every line names its transcript and gene."""

    link = "transcript_id"

    def __init__(self) -> None:
        self._genes: dict[bytes, str] = {}

    def wants(self, feature: bytes) -> bool:
        """Tell whether lines of other features matter."""
        return False

    def feature(self, feature: bytes, attributes: bytes) -> None:
        """Take a line that is neither exon nor coding: nothing to learn from it."""

    def owners(self, attributes: bytes, *, own: bool) -> tuple[bytes, ...]:
        """Give the transcript of a line."""
        found = _quoted(attributes, b"transcript_id")
        return (found,) if found else ()

    def alone(self, attributes: bytes) -> tuple[bytes, ...]:
        """Give the transcript that a coding part by itself is: none, for all lines name theirs."""
        return ()

    def met(self, owner: bytes, attributes: bytes) -> None:
        """Keep the gene of a transcript that is met for the first time."""
        gene = _quoted(attributes, b"gene_name") or _quoted(attributes, b"gene_id")
        self._genes.setdefault(owner, _text(gene))

    def names(self, owner: bytes) -> tuple[str, str]:
        """Give the names of transcript and gene."""
        return _text(owner), self._genes[owner]

    def above(self, owners: Iterable[bytes]) -> set[bytes]:
        """Give what the transcripts are parts of, where that is told in the same terms: never."""
        return set()


class Gff3:
    """GFF3: exons name their parents, whose lines come before or after."""

    link = "Parent"

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[bytes, ...]] = {}

    def wants(self, feature: bytes) -> bool:
        """Tell whether lines of other features matter: those that may be parents."""
        return not feature.endswith(_NO_PARENTS)

    def feature(self, feature: bytes, attributes: bytes) -> None:
        """Keep the names of what may be a transcript or a gene."""
        pairs = _pairs(attributes)
        identifier = pairs.get(b"ID")
        if identifier:
            # Tuples, since a human annotation has half a million of them.
            self._known[identifier] = tuple(pairs.get(key, b"") for key in _KEPT)

    def owners(self, attributes: bytes, *, own: bool) -> tuple[bytes, ...]:
        """Give the parents of a line, or the line's own identifier."""
        found = _pair(attributes, b"ID=" if own else b"Parent=")
        return tuple(found.split(b",")) if found else ()

    def alone(self, attributes: bytes) -> tuple[bytes, ...]:
        """Give the transcript that a coding part without a parent is, by its identifier."""
        self.feature(b"CDS", attributes)
        found = _pair(attributes, b"ID=")
        return (found,) if found else ()

    def met(self, owner: bytes, attributes: bytes) -> None:
        """Take a transcript that is met for the first time: nothing to learn yet."""

    def names(self, owner: bytes) -> tuple[str, str]:
        """Give the names of transcript and gene."""
        own = self._values(owner)
        above = own[b"Parent"].split(b",")[0]
        gene = self._values(above)
        choices = [own[b"gene_name"], own[b"gene"]]
        choices += [gene[b"gene_name"], gene[b"gene"], gene[b"Name"]]
        choices += [own[b"gene_id"], gene[b"gene_id"], above or own[b"Name"]]
        name = own[b"transcript_id"] or owner
        return _decoded(name), _decoded(next(filter(None, choices), b""))

    def _values(self, identifier: bytes) -> dict[bytes, bytes]:
        """Give what is known of a feature; empty values where nothing is."""
        found = self._known.get(identifier, (b"",) * len(_KEPT))
        return dict(zip(_KEPT, found, strict=True))

    def above(self, owners: Iterable[bytes]) -> set[bytes]:
        """Give what the transcripts are parts of: their genes, and the genes' own parents."""
        found: set[bytes] = set()
        left = list(owners)
        while left:
            parents = self._values(left.pop())[b"Parent"]
            for parent in parents.split(b",") if parents else ():
                if parent not in found:
                    found.add(parent)
                    left.append(parent)
        return found


def _quoted(attributes: bytes, key: bytes) -> bytes:
    """Give a value of GTF; empty where there is none."""
    begin = key + b' "'
    at = attributes.find(begin)
    if at == 0 or (at > 0 and attributes[at - 1] in b"; "):
        return attributes[at + len(begin) : attributes.find(b'"', at + len(begin))]
    # Another key that ends so stands before, or values are not quoted: both are rare.
    found = re.search(_UNQUOTED % key, attributes)
    return found[1].strip() if found else b""


def _pair(attributes: bytes, key: bytes) -> bytes:
    """Give a value of GFF3, its key with the sign; empty where there is none."""
    at = attributes.find(key)
    if at == 0 or (at > 0 and attributes[at - 1 : at] == b";"):
        return attributes[at + len(key) :].partition(b";")[0].strip()
    return _pairs(attributes).get(key[:-1], b"")


def _pairs(attributes: bytes) -> dict[bytes, bytes]:
    """Give all values of GFF3."""
    pairs = (pair.partition(b"=") for pair in attributes.split(b";"))
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _decoded(value: bytes) -> str:
    """Resolve %XX, but for what would break a table."""
    plain = unquote_to_bytes(value)
    return _text(value if any(byte < 32 for byte in plain) else plain)
