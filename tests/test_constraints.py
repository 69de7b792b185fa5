"""The pinned versions install on every Python that the project supports."""

import re
from importlib import metadata

import pytest
from packaging.specifiers import SpecifierSet


def test_no_pin_needs_a_later_patch_of_python(root):
    """pip of a distribution with Python 3.11.2 must find each of them."""
    (oldest,) = re.findall(
        r'^requires-python = ">=([\d.]+)"', (root / "pyproject.toml").read_text(), re.MULTILINE
    )
    text = (root / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))
    assert len(pins) > 50
    checked = 0
    for name, version in pins.items():
        try:
            found = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # of another platform or an extra that the tests do not need
        if found["Version"] != version:
            continue
        needs = found.get("Requires-Python")
        assert not needs or SpecifierSet(needs).contains(f"{oldest}.0"), f"{name} needs {needs}"
        checked += 1
    if not checked:
        pytest.skip("not installed with constraints.txt")
