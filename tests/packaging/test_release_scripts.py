"""Scripts of a release: footprint, audit, smoke test, completion."""

import json
import os
import subprocess
import sys

import pytest

from packaging_scripts import load

UNFIXED = {"id": "X", "fix_versions": []}


def test_the_footprint_follows_requirements_without_extras():
    sizes = load("footprint").core()
    if not sizes:
        pytest.skip("vqrna is not installed")
    assert sizes["torch"] > 50e6
    assert {"vqrna", "numpy", "pandas", "markupsafe"} <= sizes.keys()
    assert not {"ray", "optuna", "fastapi", "umap-learn", "lightgbm", "anndata"} & sizes.keys()


def test_an_audit_lists_vulnerabilities():
    lines, audited = load("audit").report(
        {
            "dependencies": [
                {"name": "a", "version": "1", "vulns": []},
                {"name": "b", "version": "2", "vulns": [{"id": "X-1", "fix_versions": ["3"]}]},
                {"name": "c", "skip_reason": "not reached"},
            ]
        }
    )
    assert lines == ["b 2: X-1 (fixed in 3)"]
    assert audited == 2


@pytest.mark.parametrize(
    ("answer", "code", "required"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, 0, 0),
        ({"dependencies": [{"name": "a", "skip_reason": "no answer"}]}, 0, 1),
        (None, 0, 1),
        (
            {
                "dependencies": [
                    {"name": "a", "version": "1", "vulns": [{"id": "X", "fix_versions": []}]}
                ]
            },
            1,
            1,
        ),
    ],
    ids=["clean", "not reached", "failed", "vulnerable"],
)
def test_exit_codes_of_an_audit(monkeypatch, capsys, answer, code, required):
    audit = load("audit")
    text = "no JSON" if answer is None else json.dumps(answer)
    done = subprocess.CompletedProcess([], 0, stdout=text, stderr="")
    monkeypatch.setattr(audit.subprocess, "run", lambda *_, **__: done)
    assert audit.main([]) == code
    assert ("not audited" in capsys.readouterr().err) == (code != required)
    assert audit.main(["--require"]) == required


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_of_shells(shell):
    program = "from vqrna.cli import run; run()"
    environment = {**os.environ, "_VQRNA_COMPLETE": f"source_{shell}"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "_VQRNA_COMPLETE" in done.stdout


def test_commands_and_options_are_completed():
    program = "import sys; sys.argv = ['vqrna']; from vqrna.cli import run; run()"

    def complete(words: str, number: int) -> list[str]:
        request = {"_VQRNA_COMPLETE": "complete_bash", "COMP_WORDS": words}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **request, "COMP_CWORD": str(number)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert complete("vqrna pre", 1) == ["predict"]
    assert "--all-sites" in complete("vqrna predict --al", 2)
