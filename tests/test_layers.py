"""The house rules of docs/architecture.md, held."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vqrna

PACKAGE = Path(vqrna.__file__).parent
ROOT = Path(__file__).parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 320


def read_layers() -> dict[str, int]:
    """Room to number of its layer, 0 at the bottom, from the table in the documentation."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [line.split("|")[2] for line in table.splitlines()]
    return {room: i for i, row in enumerate(rows) for room in re.findall(r"`(\w+)`", row)}


LAYERS = read_layers()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[tuple[str, int]]:
    """Rooms that a file imports, at its top or inside functions, with the line."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are written in full"
            names = [node.module or ""]
            if node.module == "vqrna":
                names = [f"vqrna.{alias.name}" for alias in node.names]
        for name in names:
            top, _, rest = name.partition(".")
            if top == "vqrna" and rest and not rest.startswith("__"):
                found.add((rest.split(".")[0], node.lineno))
    return found


def rooms() -> list[Path]:
    doors = {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}
    return [path for path in MODULES if path not in doors]


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_the_table_lists_the_rooms_there_are():
    there = {room_of(path) for path in rooms()}
    assert there == set(LAYERS), "docs/architecture.md and src/vqrna differ"


@pytest.mark.parametrize("path", rooms(), ids=name)
def test_imports_run_one_way(path):
    own = room_of(path)
    wrong = [
        f"line {line}: {own} imports {room}"
        for room, line in sorted(imported_rooms(path))
        if room != own and LAYERS.get(room, 99) >= LAYERS.get(own, -1)
    ]
    assert not wrong


def test_the_check_sees_imports_of_every_kind(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(
        "import vqrna.cli\nfrom vqrna import files, __version__\n"
        "def f():\n    from vqrna.data.fasta import read_fasta\n"
    )
    assert imported_rooms(file) == {("cli", 1), ("files", 2), ("data", 4)}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_file_is_a_room_of_modest_size_with_its_purpose_told(path):
    text = path.read_text(encoding="utf-8")
    purpose = ast.get_docstring(ast.parse(text))
    assert purpose, "open with one sentence of purpose"
    assert re.match(r".+?[.?!]", purpose.partition("\n\n")[0].replace("\n", " "))
    assert len(text.splitlines()) <= LONGEST
    assert path.stem not in {"utils", "util", "helpers", "misc", "common"}


@pytest.mark.parametrize(
    "program",
    [
        "import vqrna; vqrna.MODIFICATIONS; vqrna.DataError; dir(vqrna)",
        "import vqrna.cli",
        "import vqrna.runtime.provenance, vqrna.runtime.progress, vqrna.runtime.files, vqrna.runtime.devices, vqrna.config",
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
    told = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == vqrna._PLACES  # a module that is not there would make the name `Any`


def test_an_unknown_name_is_told():
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
