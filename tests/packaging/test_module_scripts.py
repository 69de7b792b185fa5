"""The scripts of the nf-core modules run, with the program itself and as stubs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from vqrna._version import __version__

ROOT = Path(__file__).parents[2]
GALAXY = ROOT / "packaging" / "galaxy" / "test-data"


@pytest.fixture
def shell(tmp_path):
    """Run a script in a folder with the inputs, and with this vqrna on the path."""
    program = tmp_path / "bin" / "vqrna"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vqrna "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    for name in ("demo.fasta", "demo.vcf"):
        (tmp_path / name).write_bytes((GALAXY / name).read_bytes())

    def call(script: str) -> None:
        path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
        source = str(ROOT / "src")
        environment = {**os.environ, "PATH": path, "PYTHONPATH": source}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    return call


def script_of(module: str, section: str, **values: str) -> str:
    """Return a script block of a module as Nextflow would fill it in."""
    text = (ROOT / "packaging" / "nf-core" / "vqrna" / module / "main.nf").read_text("utf-8")
    block = text.partition(f"\n    {section}:")[2].split('"""')[1]
    names = {"prefix": "sample", "args": "", "annotation": "", "task.cpus": "1"}
    names |= {"task.process": f"VQRNA_{module.upper()}", **values}
    filled = re.sub(r"\$\{([\w.]+)\}", lambda match: names[match[1]], block)
    filled = filled.replace("\\\\\n", "\\\n").replace("\\$", "$")
    return "\n".join(line[4:] for line in filled.splitlines())  # Nextflow removes the indent


def outputs_of(module: str) -> list[str]:
    """Return the patterns of the files that a module emits."""
    text = (ROOT / "packaging" / "nf-core" / "vqrna" / module / "main.nf").read_text("utf-8")
    declared = text.partition("output:")[2].partition("when:")[0]
    return [
        each.replace("${prefix}", "sample") for each in re.findall(r'path[ (]"([^"]+)"', declared)
    ]


@pytest.mark.parametrize("module", ["predict", "variants"])
@pytest.mark.parametrize("section", ["script", "stub"])
def test_a_module_makes_all_of_its_outputs(shell, tmp_path, module, section):
    options = {"predict": "--device cpu", "variants": "--device cpu --null-variants 0"}
    inputs = {"fasta": "demo.fasta", "vcf": "demo.vcf"}
    values = {**inputs, "args": options[module]} if section == "script" else {}
    shell(script_of(module, section, **values).replace("<<-END", "<<END"))
    patterns = outputs_of(module)
    assert len(patterns) >= 4
    for pattern in patterns:
        assert list(tmp_path.glob(pattern)), pattern
    versions = yaml.safe_load((tmp_path / "versions.yml").read_text())
    assert versions == {f"VQRNA_{module.upper()}": {"vqrna": __version__}}


def test_the_pattern_of_outputs_is_seen():
    assert "sample/variants.vcf.gz.tbi" in outputs_of("variants")
    assert "versions.yml" in outputs_of("predict")
