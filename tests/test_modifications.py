"""The entries of the modifications, and that no other module knows a type by name."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import vqrna
from vqrna.config import validated
from vqrna.errors import UsageError
from vqrna.evaluation import NINE
from vqrna.modifications import (
    MODIFICATIONS,
    OTHER_CODES,
    Modification,
    as_modification,
    as_modifications,
    complete_fields,
    modification,
    modifications,
    symbol_of,
)

M6AM = modification("m6Am")


def test_no_other_module_names_a_type():
    symbols = {m.symbol for m in MODIFICATIONS}
    root = Path(vqrna.__file__).parent
    named = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in root.rglob("*.py")
        # The second lists published motifs, by type
        if path.name not in ("modifications.py", "known_motifs.py")
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


@pytest.mark.parametrize(
    "name",
    ["Psi", "psi", "Ψ", "ψ", "Y", "y", "pseudouridine", "PU", "pseU", "10", "17802", "CHEBI:17802"],
)
def test_a_type_has_several_names(name):
    assert modification(name).symbol == "Psi"


CODES = {
    "a": "m6A", "m": "m5C", "17802": "Psi", "19228": "Cm", "69426": "Am",  # modkit
    "19229": "Gm", "19227": "Um",
    "28871": "m6A", "27551": "m5C",  # SAM tags: the base
    "21891": "m6A", "20607": "m5C", "16020": "m1A", "45996": "m5U", "20794": "m7G",  # nucleosides
}  # fmt: skip


@pytest.mark.parametrize(("code", "symbol"), CODES.items())
def test_codes_of_the_sam_tags_and_chebi_numbers_are_names(code, symbol):
    assert modification(code).symbol == symbol


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("m6am", "m6Am"),
        ("M6AM", "m6Am"),
        ("6mA", "m6A"),
        ("5mC", "m5C"),
        ("2OmeA", "Am"),
        ("2'-O-MeU", "Um"),
        ("N6-methyladenosine", "m6A"),
        ("2′-O-methylcytidine", "Cm"),
        ("N7-methylguanosine", "m7G"),
    ],
)
def test_common_names_are_recognised(name, symbol):
    assert modification(name).symbol == symbol


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("M", ": did you mean m5C?"),
        ("A", ": 'A' is any modified A"),
        ("17596", ": '17596' is inosine"),
        ("m6B", ": did you mean m6A?"),
        ("pseudouridin", ": did you mean Psi?"),
        ("zzzz", "m7G)"),
        ("x" * 400, "'" + "x" * 40 + "...' (known: Am"),
    ],
)
def test_an_unknown_name_is_reported_with_the_nearest(name, end):
    with pytest.raises(UsageError, match=r"unknown modification '.*known: Am, Cm, Gm") as error:
        modification(name)
    assert end in str(error.value)
    assert len(str(error.value)) < 200


def test_a_type_that_the_model_lacks_is_named():
    with pytest.raises(UsageError, match=r"'a' \(known: Am, Cm\): 'a' is m6A"):
        modification("a", MODIFICATIONS[:2])


def test_no_name_of_one_type_is_a_name_of_another():
    names = [
        (name, m.symbol)
        for m in MODIFICATIONS
        for name in (m.symbol, m.symbol.lower(), m.modomics, m.name, *m.aliases, *m.codes)
    ]
    assert [(name, modification(name).symbol) for name, _ in names] == names
    assert not set(OTHER_CODES) & {name for name, _ in names}


def test_the_exact_symbol_of_a_users_type_comes_before_codes_and_case():
    own = (
        Modification("a", "mine", "A"),
        Modification("xq", "1", "A"),
        Modification("XQ", "2", "A"),
    )
    known = (*MODIFICATIONS, *own)
    assert modification("a", known).name == "mine"
    assert modification("xq", known).name == "1"
    with pytest.raises(UsageError, match="'xQ' is ambiguous: xq, XQ"):
        modification("xQ", known)


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_name_is_none_of_a_users_type(empty):
    with pytest.raises(UsageError, match="unknown modification ''"):
        modification(empty, (Modification("mine", "mine", "A"),))


def test_lists_hold_names_and_objects():
    assert modifications("17802, a") == (modification("m6A"), modification("Psi"))
    assert modifications(M6AM) == (M6AM,)
    assert modifications([M6AM, "m,Am"]) == (modification("Am"), modification("m5C"), M6AM)
    assert modifications("N6,2'-O-dimethyladenosine") == (M6AM,)
    assert modifications(None) == MODIFICATIONS
    own = Modification("mine", "mine", "A")
    assert as_modifications(["Psi,a", own]) == (modification("Psi"), modification("a"), own)
    assert as_modification(own) is own
    assert [symbol_of(each) for each in (own, "a", "other")] == ["mine", "m6A", "other"]


@pytest.mark.parametrize("wrong", [",", [""], 5, [5], [None]])
def test_a_list_without_names_is_rejected(wrong):
    with pytest.raises(UsageError, match=r"no modification in|must be"):
        modifications(wrong)


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


def test_an_empty_list_is_not_all_of_them():
    with pytest.raises(UsageError, match="the list of modifications is empty"):
        modifications([])
    assert modifications(None) == MODIFICATIONS
