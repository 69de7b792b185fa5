"""Pictures and tables of motifs and codes of the shipped model, for README and docs.

Run by ``make pictures`` (parts: ``demo``, ``examples``, ``codes``, ``letters``). Results are kept
in ``results/why.json``, with the hash of the model. The screenshot of the atlas needs Chromium.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.kept import MEASURED, keep, measured_now, read_results
from benchmarks.pages import DOCS, update

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "why.json"
IMAGES = DOCS / "images"
SHOWN = 3
OWN = 4

KNOWN = {
    "m6A": "DRACH",
    "Am": "the adapter AGAUCGGAAGAGC begins right behind many sites of the data",
    "Cm": "the same adapter",
    "Gm": "the same adapter; U2 and U6 snRNA carry 2'-O-methyl groups and have many copies",
    "Um": "CUGA and the like are in many sequences; the same adapter, rarely",
    "m5C": "NSUN2: a C before a G-rich region (CNGGG); NSUN6: CUCCA",
    "m5U": "the T-loop GGUUCRANYCC of tRNA, in the data mostly not in line with the site",
    "Psi": "GUUCNANNC of TRUB1 and of the T-loop; UNUAR of PUS7",
    "m1A": "the T-loop GUUCRA, at 2 % of these sites",
    "m6Am": "BCA cannot discriminate: all negatives are BCA, too",
    "m7G": "no sequence motif is agreed on inside mRNA",
}
"""Published motifs of each type, compared with those of the model."""


def small(source: Path, name: str, width: int) -> None:
    """Write a picture at the width of a page, in full colour.

    A palette would change the colours of rare types and of pale areas.
    """
    from PIL import Image

    with Image.open(source) as picture:
        height = round(picture.height * width / picture.width)
        flat = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    flat.save(IMAGES / f"{name}.png", optimize=True)


def read_letters(model: Any, windows: Any, folder: Path) -> list[dict[str, Any]]:
    """Return the motifs of all modified windows of each type, and draw pictures."""
    from vqrna.interpret import attribute, find_motifs
    from vqrna.interpret.files import write_motifs, write_pictures
    from vqrna.runtime.files import output_files
    from vqrna.runtime.provenance import facts, running, signature

    rows_by_type = []
    for column, kind in enumerate(windows.modifications):
        tokens = windows.tokens[windows.labels[:, column] == 1]
        why = attribute(model, tokens, kind, show_progress=True)
        motifs, seqlets = find_motifs(why, kind)
        beside = np.where(why.offsets == 0, 0, why.importance)
        near = [float(beside[np.abs(why.offsets) <= n].sum() / beside.sum()) for n in (5, 25)]
        rows = [
            {"consensus": m.consensus, "windows": m.sites, "offset": m.usual_offset[0],
             "share": round(m.usual_offset[1], 3)}
            for m in motifs
        ]  # fmt: skip
        rows_by_type.append(
            {"type": kind.symbol, "windows": len(tokens), "near": near, "seqlets": seqlets,
             "motifs": rows}
        )  # fmt: skip
        words = ["motifs", "windows.fa", "--modification", kind.symbol, "--out", "why"]
        with running(words):
            place = folder / kind.symbol
            place.mkdir()
            remark = signature(model.hash)
            with output_files(place) as files:
                write_pictures(files, why, kind, "types", remark)
                write_motifs(
                    files, motifs, len(tokens), seqlets, kind, "types", facts(model.hash), remark
                )
    return rows_by_type


def read_codes(model: Any, windows: Any, folder: Path) -> list[dict[str, Any]]:
    """Return the codes of each type from spectrum and atlas, and write their files."""
    from vqrna.interpret.atlas import atlas, write_atlas
    from vqrna.interpret.spectrum import FDR_CUTOFF, write_spectrum
    from vqrna.runtime.provenance import running

    book = atlas(model, windows, show_progress=True)
    spectrum = book.spectrum
    for name, write in (
        ("spectrum", partial(write_spectrum, spectrum)),
        ("atlas", partial(write_atlas, book)),
    ):
        with running([name, "--data", "DIR", "--out", name]):
            write(folder, model_hash=model.hash, split="valid")
    curve = book.deletion.set_index(["modification", "order", "tokens"]).lost
    rows = []
    for t, kind in enumerate(spectrum.modifications):
        sure = spectrum.q[0, :, t] < FDR_CUTOFF
        more = [
            int(k)
            for k in np.argsort(-spectrum.values[:, t])
            if sure[k] and spectrum.values[k, t] > 0
        ]
        eight = {
            name: round(float(curve.get((kind.symbol, name, 8), np.nan)), 3)
            for name in ("specific", "random", "mutagenesis")
        }
        rows.append(
            {
                "type": kind.symbol,
                "at_site": int(sure.sum()),
                "more": len(more),
                "first": [[k, spectrum.reads[k]] for k in more[:OWN]],
                "anywhere": int((spectrum.q[1, :, t] < FDR_CUTOFF).sum()),
                "lost_by_8_tokens": eight,
            }
        )
    return rows


def photograph(page: Path, name: str, width: int, height: int) -> bool:
    """Take a screenshot of a page with Chromium; return False if it is not installed."""
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
    )
    if not browser:
        return False
    target = page.with_suffix(".photo.png")
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         f"--window-size={width},{height}", "--virtual-time-budget=5000",
         f"--screenshot={target}", f"{page.resolve().as_uri()}#m6A"],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    small(target, name, width)
    return True


def codes_table(kept: dict[str, Any]) -> str:
    """Return the table of the codes of each type as Markdown."""
    lines = [
        f"Model {kept['model']}, validation windows:",
        "",
        "| modification | codes that differ at the site | of these, enriched: number and most "
        "specific | codes that differ in whole windows |",
        "|---|---|---|---|",
    ]
    for row in kept["rows"]:
        first = ", ".join(
            f"{code} `{reads}`" if reads else f"{code}" for code, reads in row["first"]
        )
        own = f"{row['more']}: {first}" if row["more"] else "–"
        lines.append(f"| {row['type']} | {row['at_site']} | {own} | {row['anywhere']} |")
    return "\n".join(lines)


def letters_table(kept: dict[str, Any]) -> str:
    """Return the table of motifs beside published ones as Markdown."""
    lines = [
        f"Model {kept['model']}, all modified validation windows:",
        "",
        "| modification | windows | near | motifs, with the usual position of their first base "
        "| published |",
        "|---|---|---|---|---|",
    ]
    for row in kept["rows"]:
        motifs = [
            f"`{m['consensus']}` at {m['offset']:+d} in {m['windows']}" for m in row["motifs"]
        ]
        more = len(motifs) - SHOWN
        words = "; ".join(motifs[:SHOWN]) + (f"; {more} more" if more > 0 else "")
        words = words or f"none ({row['seqlets']} seqlets)"
        near = f"{row['near'][0]:.0%} ({row['near'][1]:.0%})".replace("%", " %")
        lines.append(
            f"| {row['type']} | {row['windows']} | {near} | {words} | {KNOWN[row['type']]} |"
        )
    return "\n".join(lines)


def demo(_: str, folder: Path) -> None:
    """Draw the first record of the demo."""
    run("predict examples/demo.fasta --plot --out results", folder)
    tracks = folder / "results" / "tracks"
    shutil.copy(next(tracks.glob("*planted_Cm*.png")), IMAGES / "demo_tracks.png")


EXAMPLES = (
    ("codes.md", "mutate ", "edit/code_changes.png", "code_changes"),
    ("design.md", "design examples/edits/", "removed/design_1.png", "design_remove"),
    ("design.md", "design examples/edits/", "added/design_1.png", "design_add"),
    ("variants.md", "variants examples/edits/", "effects/variant_02_chrS_563.png", "variant"),
)
"""Pages with a worked example, how its commands begin, the picture, and its name in docs."""


def examples(_: str, folder: Path) -> None:
    """Draw the pictures of the worked examples, by the commands on their pages."""
    for page, begin, picture, name in EXAMPLES:
        lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
        out = Path(picture).parent.name
        words = next(w for w in lines if w.startswith(f"vqrna {begin}") and w.endswith(out))
        run(words.removeprefix("vqrna "), folder)
        shutil.copy(folder / picture, IMAGES / f"{name}.png")


def run(words: str, folder: Path) -> None:
    """Run a command in a folder with the examples, so that pictures name it as it is typed."""
    from vqrna.cli import main as vqrna

    shutil.copytree(ROOT / "examples", folder / "examples", dirs_exist_ok=True)
    with contextlib.chdir(folder):
        code = vqrna(shlex.split(words))
    if code:
        sys.exit(f"vqrna {words} failed")


def codes(directory: str, folder: Path) -> dict[str, Any]:
    """Spectrum and atlas of the validation windows of a data set, and their pictures."""
    model, windows = shipped(directory)
    rows = read_codes(model, windows, folder)
    for file, name, width in (
        ("VQRNA_feature_spectrum.png", "feature_spectrum", 1250),
        ("top_codes.png", "top_codes", 1100),
        ("deletion.png", "deletion", 1100),
    ):
        small(folder / file, name, width)
    if not photograph(folder / "atlas.html", "atlas", 1400, 900):
        print("no Chromium: docs/images/atlas.png stays as it is", file=sys.stderr)
    return {"model": model.hash, "rows": rows}


def letters(directory: str, folder: Path) -> dict[str, Any]:
    """Motifs of all types in the validation windows of a data set, and pictures of two."""
    model, windows = shipped(directory)
    rows = read_letters(model, windows, folder)
    small(folder / "Am" / "motifs_combined.png", "motifs_combined_Am", 1500)
    small(folder / "m5C" / "motifs.png", "motifs_m5C", 1200)
    return {"model": model.hash, "rows": rows}


def shipped(directory: str) -> tuple[Any, Any]:
    """Load the shipped model and the validation windows."""
    from vqrna.data.benchmark import load_benchmark
    from vqrna.model.weights import load_model

    return load_model(device="cpu"), load_benchmark(directory, "valid")


PARTS = {"demo": demo, "examples": examples, "codes": codes, "letters": letters}
TABLES = {"codes": codes_table, "letters": letters_table}
PAGES = {"codes": "codes.md", "letters": "motifs.md"}


def main(arguments: list[str]) -> None:
    """Remake all parts, or those that are named after the data set."""
    kept = read_results(RESULTS) if RESULTS.exists() else {}
    for part in arguments[1:] or PARTS:
        with tempfile.TemporaryDirectory() as scratch:
            if result := PARTS[part](arguments[0], Path(scratch)):
                kept[part] = result | {MEASURED: measured_now()}
                keep(RESULTS, kept)
    update(*PAGES)


if __name__ == "__main__":
    main(sys.argv[1:])
