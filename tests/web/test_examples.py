"""The Dockerfile and the systemd unit in `examples/serve`."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVE = ROOT / "examples" / "serve"


def options_of(words):
    return {word for word in words if word.startswith("--")}


@pytest.fixture
def known_options(vqrna_main):
    done = vqrna_main("serve", "--help")
    return set(re.findall(r"--[a-z-]+", done.out))


def test_the_unit_is_valid(tmp_path, known_options):
    text = (SERVE / "vqrna.service").read_text()
    command = re.search(r"^ExecStart=(\S+) (.*)$", text, re.MULTILINE)
    assert command[2].startswith("serve ")
    assert options_of(command[2].split()) <= known_options
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze for the rest")
    unit = tmp_path / "vqrna.service"
    unit.write_text(text.replace(command[1], sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "vqrna.service" not in done.stderr, done.stderr


def test_the_dockerfile_installs_tested_versions_and_known_options(known_options):
    text = (SERVE / "Dockerfile").read_text()
    lines = re.sub(r"\\\n", " ", text).splitlines()
    instructions = [line.split()[0] for line in lines if line and not line.startswith("#")]
    steps = [step for line in lines if line.startswith("RUN ") for step in line.split("&&")]
    installs = [step for step in steps if "pip install" in step]
    assert installs
    assert all("-c constraints.txt" in each for each in installs)
    known = {
        "ARG",
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "USER",
        "VOLUME",
        "EXPOSE",
        "HEALTHCHECK",
        "CMD",
    }
    assert set(instructions) <= known
    assert instructions.index("USER") < instructions.index("CMD"), "does not run as root"
    (command,) = re.findall(r"^CMD \[(.*)\]$", text, re.MULTILINE)
    words = [word.strip(' "') for word in command.split(",")]
    assert words[:2] == ["vqrna", "serve"]
    assert options_of(words) <= known_options
