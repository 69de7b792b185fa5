"""Write ``demo.fasta``: synthetic RNA with planted contexts, and a shuffled record as a control.

Nothing in it is from an organism. Each record is random sequence with the dinucleotides of human
messenger RNA; into its middle is planted the context that training windows of a type have most in
common. Backgrounds are drawn until the shipped model calls the planted site and nothing else: this
shows what the program does, not how good it is (``vqrna evaluate`` tells that). The last record is
the first one with its dinucleotides shuffled, drawn once: same composition, no context.

Run from anywhere: ``python examples/make_demo.py``. The same seed and model give the same file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vqrna.model import Model
from vqrna.model.weights import load_model
from vqrna.prediction import make_settings, scan_sequence
from vqrna.sequence import decode, dinucleotide_shuffle, encode

SEED = 1
LENGTH = 600
SITE = 300
DRAWS = 3000

# Percent of all dinucleotides, A, C, G, U down and across: rounded values of human mRNA
DINUCLEOTIDES = np.array(
    [[7.7, 5.4, 7.6, 5.3], [7.6, 7.6, 3.0, 7.7], [7.0, 6.6, 7.2, 4.7], [3.8, 6.2, 7.9, 5.7]]
)

# Context, and index of the site in it
CONTEXTS = {
    "Cm": ("GCAGGAACAGAUCGGAAGAGC", 7),
    "Gm": ("GCAGGAAGAGAUCGGAAGAGC", 7),
    "Um": ("GCAGGAAUAGAUCGGAAGAGC", 7),
    "m5U": ("GGGUUCGAAUCCCGG", 3),
}


def background(generator: np.random.Generator) -> np.ndarray:
    """Draw a first-order Markov chain with the dinucleotide shares of `DINUCLEOTIDES`."""
    follows = DINUCLEOTIDES / DINUCLEOTIDES.sum(axis=1, keepdims=True)
    tokens = np.zeros(LENGTH, dtype=np.uint8)
    for i in range(1, LENGTH):
        tokens[i] = generator.choice(4, p=follows[tokens[i - 1]])
    return tokens


def planted(symbol: str, model: Model, generator: np.random.Generator) -> np.ndarray | None:
    """Draw backgrounds until the planted site, and no other, is called; None if none is."""
    context, site = CONTEXTS[symbol]
    letters = encode(context)
    settings = make_settings(model.modifications)
    column = [m.symbol for m in model.modifications].index(symbol)
    threshold = model.tiers.logits[column, 1]
    for _ in range(DRAWS):
        tokens = background(generator)
        tokens[SITE - site : SITE - site + len(letters)] = letters
        if model.scan(tokens, SITE, SITE + 1)[0, column] < threshold:
            continue
        called = scan_sequence(model, symbol, tokens, settings)
        if called.position.tolist() == [SITE]:
            return tokens
    return None


def main() -> None:
    """Write the file beside this script."""
    model = load_model(device="cpu")
    generator = np.random.default_rng(SEED)
    found = {symbol: planted(symbol, model, generator) for symbol in CONTEXTS}
    records = {
        f"planted_{symbol} synthetic, {symbol} context with the site at {SITE + 1}": tokens
        for symbol, tokens in found.items()
        if tokens is not None
    }
    first = next(iter(records.values()))
    shuffled = dinucleotide_shuffle(first, generator)
    records["shuffled synthetic, the first record with its dinucleotides shuffled"] = shuffled
    lines = []
    for header, tokens in records.items():
        letters = decode(tokens)
        lines.append(f">{header}")
        lines += [letters[i : i + 70] for i in range(0, len(letters), 70)]
    Path(__file__).with_name("demo.fasta").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(
        f"planted and called: {', '.join(s for s, tokens in found.items() if tokens is not None)}"
    )


if __name__ == "__main__":
    main()
