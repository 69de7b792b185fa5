"""Structure: levels, cycles, module size, start-up and public names."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import vqrna

PACKAGE = Path(vqrna.__file__).parent
ROOT = Path(__file__).parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 500

LEVELS = (
    ("errors", "_version", "region"),
    ("documents",),
    ("sequence", "config", "stats", "runtime"),
    ("client", "multiqc"),
    ("modifications", "nn"),
    ("model", "data", "plots", "sites"),
    ("segments",),
    ("genome", "formats"),
    ("prediction", "evaluation"),
    ("training", "interpret", "doctor", "variation"),
    ("studies", "site_design"),
    ("web",),
    ("cli",),
)
"""Packages and top-level modules: each imports only from the levels before its own."""

LEVEL = {unit: number for number, units in enumerate(LEVELS) for unit in units}


def module_name(path: Path) -> str:
    """Name of a file below the package, such as ``nn.encoder``; empty for ``__init__``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


NAMES = {module_name(path) for path in MODULES}


def imported_modules(path: Path) -> set[tuple[str, int]]:
    """Modules that a file imports, with the line; inside functions and for type checkers, too."""
    imports = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: use absolute imports"
            module = node.module or ""
            each = [f"{module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("vqrna.") in NAMES else module for name in each]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "vqrna" and rest:
                imports.add((rest, node.lineno))
    return imports


def library_files() -> list[Path]:
    return [path for path in MODULES if module_name(path) not in {"", "__main__"}]


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_every_package_has_a_level():
    assert {module_name(path).split(".")[0] for path in library_files()} == set(LEVEL)


@pytest.mark.parametrize("path", library_files(), ids=name)
def test_imports_go_one_way(path):
    own = module_name(path).split(".")[0]
    wrong = [
        f"line {line}: {own} imports {module}"
        for module, line in sorted(imported_modules(path))
        if (unit := module.split(".")[0]) != own and LEVEL.get(unit, 99) >= LEVEL[own]
    ]
    assert not wrong


def test_no_module_imports_itself_in_a_circle():
    graph = {
        module_name(path): {module for module, _ in imported_modules(path)}
        for path in library_files()
    }
    graph = {module: needs - {module} for module, needs in graph.items()}
    list(TopologicalSorter(graph).static_order())  # raises CycleError with the modules


def test_the_check_sees_imports_of_every_kind(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(
        "import vqrna.cli\nfrom vqrna import region, __version__\n"
        "def f():\n    from vqrna.data.fasta import read_fasta\n"
    )
    assert imported_modules(file) == {("cli", 1), ("region", 2), ("data.fasta", 4)}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_has_a_docstring_and_a_modest_size(path):
    text = path.read_text(encoding="utf-8")
    purpose = ast.get_docstring(ast.parse(text))
    assert purpose, "start with one sentence of purpose"
    assert re.match(r".+?[.?!]", purpose.partition("\n\n")[0].replace("\n", " "))
    assert len(text.splitlines()) <= LONGEST
    assert path.stem not in {"utils", "util", "helpers", "misc", "common"}


@pytest.mark.parametrize(
    "program",
    [
        "import vqrna; vqrna.MODIFICATIONS; vqrna.DataError; dir(vqrna)",
        "import vqrna.cli",
        "from vqrna.runtime import provenance, progress, files, devices; import vqrna.config",
    ],
)
def test_importing_loads_nothing_heavy(program):
    check = (
        f"import sys; {program}\n"
        "print(*sorted({'torch', 'matplotlib', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_public_name_is_there():
    for public in vqrna.__all__:
        assert getattr(vqrna, public) is not None
        assert public in dir(vqrna)
    assert set(vqrna.__all__) == {"__version__", *vqrna._PLACES}


def test_type_checkers_find_public_names_where_they_are_imported_from():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == vqrna._PLACES  # a module that is not there would make the name `Any`


def test_an_unknown_name_raises_attribute_error():
    with pytest.raises(AttributeError, match="module 'vqrna' has no attribute 'nothing'"):
        vqrna.nothing  # noqa: B018


def test_no_file_names_the_machine_it_was_written_on():
    try:
        answer = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    machine = re.compile(r"(?<![\w.$}>])/(?:work|home|root|Users|opt|mnt)/\w|\.\./shared")
    allowed = {".ci/run"}  # knows where the benchmark lies beside the project
    wrong = []
    for listed in filter(None, answer.stdout.split("\0")):
        file = ROOT / listed
        if listed in allowed or not file.is_file():
            continue
        raw = file.read_bytes()
        if b"\0" in raw:
            continue
        for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
            if machine.search(line):
                wrong.append(f"{listed}:{number}: {line.strip()[:80]}")
    assert not wrong


def test_the_version_stands_in_one_place():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in project
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {vqrna.__version__}\n" in citation
