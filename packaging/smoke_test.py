"""What an installed vqrna must be able to do: run by ``make smoke`` in an empty environment.

Only the standard library and vqrna are imported, from a folder without the sources.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path


def run(*arguments: str) -> str:
    """Run the installed program ``vqrna`` and return its output."""
    program = Path(sys.executable).with_name("vqrna")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"vqrna {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def main(demo: Path) -> None:
    """Predict, explain and fail as documented."""
    import vqrna

    place = Path(vqrna.__file__)
    assert "site-packages" in place.parts, f"vqrna is imported from {place}"
    assert run("version", "--short").strip() == vqrna.__version__ == metadata.version("vqrna")
    assert "predict" in run("--help")
    run("doctor")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        run("predict", str(demo), "--out", name, "--format", "tsv,parquet,bed,bigwig", "--plot")
        with (out / "sites.tsv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        planted = {row["sequence"] for row in rows if row["position"] == "301"}
        assert {"planted_Cm", "planted_Gm"} <= planted, planted
        assert json.loads((out / "run.json").read_text("utf-8"))["sequences"] > 1
        assert (out / "sites.parquet").stat().st_size
        assert list((out / "tracks").glob("*.png"))
        run("multiqc", name, "--out", name)
        assert (out / "vqrna_calls_mqc.tsv").exists()
    assert "Am" in run("model", "info")
    sites = vqrna.predict({"a": "GGACU" * 40}, all_sites=True, device="cpu").sites
    assert len(sites) > 100
    program = Path(sys.executable).with_name("vqrna")
    done = subprocess.run([program, "predict", "absent.fa", "--out", "-"], capture_output=True)
    assert done.returncode == 1, done
    environment = {**os.environ, "_VQRNA_COMPLETE": "complete_bash", "COMP_WORDS": "vqrna pre"}
    done = subprocess.run(
        [program], capture_output=True, text=True, env={**environment, "COMP_CWORD": "1"}
    )
    assert done.stdout.split() == ["predict"], done
    print(f"vqrna {vqrna.__version__}, Python {sys.version.split()[0]}: ok")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
