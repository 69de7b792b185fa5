"""Recipes of other package managers state what the project states."""

import json
import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
import yaml
from jinja2 import Environment

from vqrna import cli
from vqrna._version import __version__
from vqrna.modifications import MODIFICATIONS

PACKAGING = Path(__file__).parents[2] / "packaging"
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
MODULES = ("predict", "variants")


@pytest.fixture(scope="module")
def recipe():
    text = (PACKAGING / "conda" / "meta.yaml").read_text(encoding="utf-8")
    names = {"pin_subpackage": lambda name, **_: name, "PYTHON": "python"}
    return yaml.safe_load(Environment().from_string(text).render(names))


@pytest.fixture(scope="module")
def project(root_folder=PACKAGING.parent):
    return tomllib.loads((root_folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def parts(requirement: str) -> tuple[str, str]:
    """Split ``numpy>=1.26``."""
    name, lowest = re.fullmatch(r"([\w-]+) *>=([\d.]+)", requirement).groups()
    return name, lowest


def test_the_conda_recipe_requires_what_the_wheel_requires(recipe, project):
    expected = dict(parts(each) for each in project["dependencies"])
    expected = {CONDA_NAMES.get(name, name): lowest for name, lowest in expected.items()}
    stated = dict(parts(each) for each in recipe["requirements"]["run"])
    assert stated.pop("python") == project["requires-python"].removeprefix(">=")
    assert stated == expected


def test_the_conda_recipe_is_noarch_with_licence_and_tests(recipe, project):
    assert recipe["build"]["noarch"] == "python"
    assert recipe["about"]["license"] == project["license"]
    assert (PACKAGING.parent / recipe["about"]["license_file"]).exists()
    assert recipe["build"]["entry_points"] == [f"vqrna = {project['scripts']['vqrna']}"]
    for file in recipe["test"]["source_files"]:
        assert (PACKAGING.parent / file).exists()
    assert str(recipe["package"]["version"]) == __version__


@pytest.mark.parametrize("module", MODULES)
def test_the_version_is_the_same_in_modules(module):
    folder = PACKAGING / "nf-core" / "vqrna" / module
    environment = yaml.safe_load((folder / "environment.yml").read_text(encoding="utf-8"))
    assert environment["dependencies"] == [f"bioconda::vqrna={__version__}"]
    script = (folder / "main.nf").read_text(encoding="utf-8")
    assert set(re.findall(r"vqrna:([\d.]+)--", script)) == {__version__}


@pytest.mark.parametrize("module", MODULES)
def test_the_description_of_a_module_has_its_channels(module):
    folder = PACKAGING / "nf-core" / "vqrna" / module
    meta = yaml.safe_load((folder / "meta.yml").read_text(encoding="utf-8"))
    script = (folder / "main.nf").read_text(encoding="utf-8")
    assert meta["name"] == f"vqrna_{module}"
    assert f"process VQRNA_{module.upper()} " in script
    assert list(meta["output"]) == re.findall(r"emit: (\w+)", script)
    inputs = re.findall(r"tuple val\((\w+)\), path\((\w+)\)", script.split("output:")[0])
    described = [tuple(next(iter(each)) for each in pair) for pair in meta["input"]]
    assert described == inputs
    test = (folder / "tests" / "main.nf.test").read_text(encoding="utf-8")
    assert 'options "-stub"' in test
    assert f'process "VQRNA_{module.upper()}"' in test


@pytest.mark.parametrize("tool", MODULES)
def test_options_of_a_galaxy_tool_are_options_of_the_command(tool):
    tree = ElementTree.parse(PACKAGING / "galaxy" / f"vqrna_{tool}.xml").getroot()
    command = typer.main.get_command(cli.app).commands[tool]
    known = {name for parameter in command.params for name in parameter.opts}
    script = tree.findtext("command").split("vqrna multiqc")[0]
    used = set(re.findall(r"(?<![\w-])--[a-z-]+", script))
    used |= {each.get("argument") for each in tree.iter("param") if each.get("argument")}
    assert used
    assert used <= known
    for name in ("demo.fasta", "demo.vcf"):
        assert (PACKAGING / "galaxy" / "test-data" / name).exists()


def test_macros_of_galaxy_state_version_and_modifications():
    macros = ElementTree.parse(PACKAGING / "galaxy" / "macros.xml").getroot()
    tokens = {each.get("name"): each.text for each in macros.iter("token")}
    assert tokens["@TOOL_VERSION@"] == __version__
    offered = [each.get("value") for each in macros.iter("option")]
    assert offered == [m.symbol for m in MODIFICATIONS if m.index is not None]


def test_issue_templates_are_forms(root):
    forms = sorted((root / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len(forms) >= 4
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= form.keys()
            ids = [each["id"] for each in form["body"] if "id" in each]
            assert len(ids) == len(set(ids)) > 0


def test_the_citation_file_is_valid_yaml_with_the_version(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == __version__
    assert {"cff-version", "message", "title", "authors", "license"} <= citation.keys()
    assert json.dumps(citation["references"])
