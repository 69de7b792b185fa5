"""Write ``demo.fasta``: synthetic RNA with planted contexts, and a shuffled record as a control.

Nothing in it is from an organism. The backgrounds are random sequence; into them are planted the
contexts that training windows of a type have most in common (``docs/contexts.md``). The last record
is the first one with its dinucleotides shuffled: same composition, no contexts.

Run from anywhere: ``python examples/make_demo.py``. The same seed gives the same file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vqrna.sequence import decode, encode
from vqrna.shuffling import dinucleotide_shuffle

SEED = 1

# Context and index of the site in it
METHYL_CONTEXTS = {
    "Am": ("GCAGGAAAGAUCGGAAGAGC", 7),
    "Cm": ("GCAGGAACAGAUCGGAAGAGC", 7),
    "Gm": ("GCAGGAAGAGAUCGGAAGAGC", 7),
    "Um": ("GCAGGAAUAGAUCGGAAGAGC", 7),
}
START_CONTEXT = ("GCCCGGCUAUAAAAGGCGGCGGCGGCGCGGCUCCCUUUCCA", 40)  # TATA box, then BCA 30 nt on
METHYL_AT = (250, 500, 750, 1000)
START_AT = 300


def background(length: int, gc: float, generator: np.random.Generator) -> np.ndarray:
    """Draw random sequence of a GC content."""
    shares = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return generator.choice(4, size=length, p=shares).astype(np.uint8)


def plant(tokens: np.ndarray, context: str, site: int, at: int) -> None:
    """Write a context into a sequence so that its site stands at 0-based `at`."""
    letters = encode(context)
    tokens[at - site : at - site + len(letters)] = letters


def records(seed: int) -> dict[str, np.ndarray]:
    """Make the records by header."""
    generator = np.random.default_rng(seed)
    methyl = background(1250, 0.58, generator)
    named = []
    for at, (symbol, (context, site)) in zip(METHYL_AT, METHYL_CONTEXTS.items(), strict=True):
        plant(methyl, context, site, at)
        named.append(f"{symbol}@{at + 1}")
    start = background(700, 0.64, generator)
    plant(start, *START_CONTEXT, START_AT)
    return {
        f"methyl synthetic, planted: {' '.join(named)}": methyl,
        f"start synthetic, planted: m6Am@{START_AT + 1}": start,
        "shuffled synthetic, the first record with its dinucleotides shuffled": (
            dinucleotide_shuffle(methyl, generator)
        ),
    }


def main() -> None:
    """Write the file beside this script."""
    lines = []
    for header, tokens in records(SEED).items():
        letters = decode(tokens)
        lines.append(f">{header}")
        lines += [letters[i : i + 70] for i in range(0, len(letters), 70)]
    Path(__file__).with_name("demo.fasta").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
