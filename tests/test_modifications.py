"""The entries of the modifications, and that no other module knows a type by name."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import vqrna
from vqrna.config import validated
from vqrna.evaluation import NINE
from vqrna.modifications import MODIFICATIONS, Modification, complete_fields, modification

M6AM = modification("m6Am")


def test_no_other_module_names_a_type():
    symbols = {m.symbol for m in MODIFICATIONS}
    root = Path(vqrna.__file__).parent
    named = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in root.rglob("*.py")
        if path.name != "modifications.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in symbols
    ]
    assert not named


def test_entries_are_distinct():
    for field in ("symbol", "name", "index", "modomics", "color"):
        values = [x for m in MODIFICATIONS if (x := getattr(m, field)) is not None]
        assert len(set(values)) == len(values)


def test_nine_types_are_in_the_mean_and_m6am_is_only_at_first_bases():
    assert NINE == ("Am", "Cm", "Gm", "Um", "m1A", "m5C", "m5U", "m6Am", "Psi")
    assert M6AM.first_base_only


@pytest.mark.parametrize("name", ["Psi", "psi", "Ψ", "y", "pseudouridine", "PU", "10"])
def test_a_type_has_several_names(name):
    assert modification(name).symbol == "Psi"


def test_stored_fields_leave_out_facts_that_the_entry_holds():
    assert list(M6AM.to_dict()) == [
        "symbol", "name", "context", "offset", "index", "modomics", "prior", "color",
    ]  # fmt: skip
    assert validated(Modification, complete_fields(M6AM.to_dict())) == M6AM


@pytest.mark.parametrize(
    "m",
    [
        replace(M6AM, first_base_only=False, prior=0.1),
        Modification("capX", "mine", "A", first_base_only=True, caution="few windows"),
        Modification("ownC", "mine", "C"),
    ],
)
def test_stored_fields_restore_any_type(m):
    assert validated(Modification, complete_fields(m.to_dict())) == m


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"context": "AX!"}, "not an IUPAC pattern"),
        ({"offset": 1}, "outside its context"),
        ({"prior": 1.0}, "not between 0 and 1"),
        ({"color": "red"}, "not #rrggbb"),
    ],
)
def test_an_impossible_entry_is_rejected(wrong, message):
    with pytest.raises(ValueError, match=message):
        Modification(**({"symbol": "xA", "name": "mine", "context": "A"} | wrong))
