"""The ninth column of GTF and GFF3: the transcript that a line belongs to, and its names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

_GFF3 = re.compile(rb"\s*[^\s=;\"]+=")
_VALUE = rb"(?:^|[;\s])%s\s+(?:\"([^\"]*)|([^;]*))"
_NEXT_KEY = re.compile(rb";\s*\w+\s+\Z")
_NO_PARENTS = (b"match", b"region", b"match_part", b"intron", b"gap", b"chromosome", b"contig")


class Gtf:
    """GTF, ``key "value"``: every line names its transcript and gene."""

    link = "transcript_id"

    def __init__(self) -> None:
        self._genes: dict[bytes, str] = {}

    def may_be_parent(self, feature: bytes) -> bool:
        """Return whether the lines of a feature that is neither exon nor coding are needed."""
        return False

    def add_feature(self, feature: bytes, attributes: bytes) -> None:
        """Keep the names of a feature that may be a transcript or a gene."""

    def owners(self, attributes: bytes, *, own: bool) -> tuple[bytes, ...]:
        """Return the transcripts of a line; with `own`, the transcript that the line is."""
        name = _gtf_value(attributes, b"transcript_id")
        return (name,) if name else ()

    def orphan(self, attributes: bytes) -> tuple[bytes, ...]:
        """Return the transcript that a coding part without `owners` is."""
        return ()

    def add_transcript(self, owner: bytes, attributes: bytes) -> None:
        """Keep the gene of a new transcript."""
        gene = _gtf_value(attributes, b"gene_name") or _gtf_value(attributes, b"gene_id")
        self._genes.setdefault(owner, _text(gene))

    def names(self, owner: bytes) -> tuple[str, str]:
        """Return the names of transcript and gene."""
        return _text(owner), self._genes[owner]

    def aliases(self, owner: bytes) -> set[bytes]:
        """Return the names that an alignment of the transcript may have."""
        return {owner}

    def ancestors(self, owners: Iterable[bytes]) -> set[bytes]:
        """Return the identifiers of the parents of transcripts, and theirs."""
        return set()


class Gff3(Gtf):
    """GFF3, ``key=value``: exons name their parents, whose lines come before or after."""

    link = "Parent"

    _KEYS = (b"Parent", b"transcript_id", b"gene_name", b"gene", b"Name", b"gene_id")

    def __init__(self) -> None:
        self._features: dict[bytes, tuple[bytes, ...]] = {}

    def may_be_parent(self, feature: bytes) -> bool:
        """Return whether a feature may be a transcript, or the gene of one."""
        return not feature.endswith(_NO_PARENTS)

    def add_feature(self, feature: bytes, attributes: bytes) -> None:
        """Keep names and parents of a feature."""
        values = gff3_values(attributes)
        identifier = values.get(b"ID")
        if identifier:
            # Tuples, since a human annotation has half a million of them.
            self._features[_plain(identifier)] = tuple(values.get(key, b"") for key in self._KEYS)

    def owners(self, attributes: bytes, *, own: bool) -> tuple[bytes, ...]:
        """Return the parents of a line; with `own`, its own identifier."""
        names = _gff3_value(attributes, b"ID=" if own else b"Parent=")
        return _parents(names)

    def orphan(self, attributes: bytes) -> tuple[bytes, ...]:
        """Return the identifier of a coding part without a parent, as in bacteria."""
        self.add_feature(b"CDS", attributes)
        name = _gff3_value(attributes, b"ID=")
        return (_plain(name),) if name else ()

    def add_transcript(self, owner: bytes, attributes: bytes) -> None:
        """Do nothing: its names are on its own line."""

    def names(self, owner: bytes) -> tuple[str, str]:
        """Return the names of transcript and gene, which may be those of its parent."""
        own = self._values(owner)
        parent = next(iter(_parents(own[b"Parent"])), b"")
        gene = self._values(parent)
        choices = [own[b"gene_name"], own[b"gene"]]
        choices += [gene[b"gene_name"], gene[b"gene"], gene[b"Name"]]
        choices += [own[b"gene_id"], gene[b"gene_id"]]
        symbol = _plain(next(filter(None, choices), b"")) or parent or _plain(own[b"Name"])
        return _text(_plain(own[b"transcript_id"]) or owner), _text(symbol)

    def aliases(self, owner: bytes) -> set[bytes]:
        """Return accession, name and identifier; RefSeq aligns by accession."""
        own = self._values(owner)
        names = (own[b"transcript_id"], own[b"Name"], owner.removeprefix(b"rna-"))
        return {_plain(name) for name in names if name}

    def _values(self, identifier: bytes) -> dict[bytes, bytes]:
        """Return the values of a feature; empty ones if it is unknown."""
        values = self._features.get(identifier, (b"",) * len(self._KEYS))
        return dict(zip(self._KEYS, values, strict=True))

    def ancestors(self, owners: Iterable[bytes]) -> set[bytes]:
        """Return the identifiers of the parents of transcripts, and theirs."""
        ancestors: set[bytes] = set()
        left = list(owners)
        while left:
            for parent in _parents(self._values(left.pop())[b"Parent"]):
                if parent not in ancestors:
                    ancestors.add(parent)
                    left.append(parent)
        return ancestors


def detect_dialect(attributes: bytes) -> Gtf | None:
    """Return the dialect of a ninth column; None if it is empty."""
    if attributes.strip() in (b"", b"."):
        return None
    return Gff3() if _GFF3.match(attributes) else Gtf()


def _gtf_value(attributes: bytes, key: bytes) -> bytes:
    """Return a value without its quotes; empty if it is missing."""
    begin = key + b' "'
    at = attributes.find(begin)
    if at == 0 or (at > 0 and attributes[at - 1] in b"; "):
        end = attributes.find(b'"', at + len(begin))
        value = attributes[at + len(begin) : end]
        if end >= 0 and not _NEXT_KEY.search(value):
            return value.strip()
    # Rare: a longer key with the same ending comes first, or quotes are single, odd or missing.
    match = re.search(_VALUE % key, attributes)
    if not match:
        return b""
    if match[1] is None:
        return match[2].strip(b" \t\r\n\"'")
    # A quote that is not closed, or only by the one of the next value
    if match.end() == len(attributes) or _NEXT_KEY.search(match[1]):
        return match[1].partition(b";")[0].strip(b" \t\r\n'")
    return match[1].strip()


def _gff3_value(attributes: bytes, key: bytes) -> bytes:
    """Return a value, for a key with its ``=``; empty if it is missing."""
    at = attributes.find(key)
    if at == 0 or (at > 0 and attributes[at - 1 : at] == b";"):
        return _unquoted(attributes[at + len(key) :].partition(b";")[0])
    return gff3_values(attributes).get(key[:-1], b"")


def gff3_values(attributes: bytes) -> dict[bytes, bytes]:
    """Return the attributes of a line of GFF3, still with %XX escapes."""
    pairs = (pair.partition(b"=") for pair in attributes.split(b";"))
    return {key.strip(): _unquoted(value) for key, sign, value in pairs if sign}


def _unquoted(value: bytes) -> bytes:
    """Remove white space and quotes, which GFF3 does not have, around a value."""
    value = value.strip()
    return value.strip(b'"').strip() if b'"' in value else value


def _parents(value: bytes) -> tuple[bytes, ...]:
    """Split a list of identifiers."""
    if b"," not in value and b"%" not in value:
        return (value,) if value else ()
    return tuple(_plain(name.strip()) for name in value.split(b",") if name.strip())


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _plain(value: bytes) -> bytes:
    """Decode %XX, unless a control character that would break a table results."""
    if b"%" not in value:
        return value
    plain = unquote_to_bytes(value)
    return value if any(byte < 32 for byte in plain) else plain
