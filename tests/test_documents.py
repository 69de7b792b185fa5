"""Files of settings: plain values, or one error in bounded time; attacks are kept as examples."""

import datetime
import os
import time

import pytest

from vqrna.documents import MAX_BYTES, read_json, read_toml, read_yaml
from vqrna.errors import DataError

BOMB = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
DIGITS = "9" * 5000


def read(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    reader = {".toml": read_toml, ".json": read_json, ".yaml": read_yaml}[path.suffix]
    return reader(path)


def test_plain_values_are_read(tmp_path):
    assert read(tmp_path, "a.toml", 'a = 1\n[b]\nc = [1.5, true, "x"]') == {
        "a": 1,
        "b": {"c": [1.5, True, "x"]},
    }
    assert read(tmp_path, "a.json", b'\xef\xbb\xbf{"a": [1, null, 1e-3]}') == {"a": [1, None, 1e-3]}
    assert read(tmp_path, "a.yaml", "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2001-02-03}\n") == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": {"b": 1, "e": datetime.date(2001, 2, 3)},
    }


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("aliases.yaml", BOMB, "line 4: not valid YAML: more than 5,000 values"),
        ("merge.yaml", "a: &a {b: 1, <<: *a}", "line 1: .*an alias is inside the value"),
        ("merges.yaml", "a: &a {b: 1}\nc: &c {<<: [*a, *c]}", "line 2: .*an alias is inside"),
        ("inside.yaml", "&a [*a]", "an alias is inside the value"),
        ("deep.yaml", "[" * 5000, "line 1: not valid YAML: more than 40 levels"),
        ("many.yaml", "- a\n" * 6000, "line 5001: not valid YAML: more than 5,000 values"),
        ("digits.yaml", f"a: {DIGITS}", "a number has thousands of digits"),
        ("hex.yaml", f"a: 0x{'f' * 5000}", "a: a number has more than 64 bits"),
        ("hex key.yaml", f"a: {{0x{'f' * 500}: {{b: 1}}}}", "a: a number has more than 64 bits"),
        ("int.yaml", 'a: !!int ""', "a value does not fit its type"),
        ("bool.yaml", "a: !!bool x", "a value does not fit its type"),
        ("time.yaml", "a: !!timestamp x", "a value does not fit its type"),
        ("date.yaml", "a: 2001-99-99", "not valid YAML: month must be in 1..12"),
        ("bytes.yaml", "a: !!binary QUJD", "a: a value of type bytes has no meaning here"),
        ("set.yaml", "a: !!set {b}", "a: a value of type set has no meaning here"),
        ("object.yaml", "a: !!python/object/apply:os.getcwd []", "could not determine a constr"),
        ("nul.yaml", 'a: "b\\0.yaml"', "a: a text has a NUL"),
        ("half.yaml", 'a: "\\ud800"', "a: a text has a NUL or other characters that are not text"),
        ("keys.yaml", "? [a]\n: 1", "line 1: not valid YAML: found unhashable key"),
        ("text.yaml", b"a: \xff", "not a text file"),
        ("control.yaml", "a: \x01", "special characters are not allowed"),
        ("digits.toml", f"a = {DIGITS}", "a number has thousands of digits"),
        ("bits.toml", f"[a]\nb = {DIGITS[:30]}", "a.b: a number has more than 64 bits"),
        ("deep.toml", f"a = {'[' * 5000}", "too many levels"),
        ("nested.toml", f"a = {'[' * 50}{']' * 50}", "a: more than 40 levels"),
        ("dots.toml", "\n" + ".".join("a" * 4000) + " = 1", "line 2: a key of more than 20 names"),
        ("quoted.toml", '"a b" . ' * 30 + "c = 1", "line 1: a key of more than 20 names"),
        ("nul.toml", 'a = "\\u0000"', "a: a text has a NUL"),
        ("broken.toml", "a = ", "not valid TOML: Invalid value"),
        ("digits.json", f'{{"a": {DIGITS}}}', "a number has thousands of digits"),
        ("bits.json", f"[{DIGITS[:400]}]", "a number has more than 64 bits"),
        ("deep.json", "[" * 50_000, "not valid JSON: too many levels"),
        ("nested.json", "[" * 50 + "]" * 50, "more than 40 levels"),
        ("nul.json", '{"a\\u0000": 1}', "a text has a NUL"),
        ("many.json", f"[{', '.join('1' * 6000)}]", "more than 5,000 values"),
        ("broken.json", '{"a"\n1}', "line 2: not valid JSON: Expecting ':' delimiter"),
        ("large.toml", "a = 1\n" + "#" * MAX_BYTES, "is larger than 128 kB"),
    ],
)
def test_hostile_files_are_one_error_at_once(tmp_path, name, text, words):
    begun = time.process_time()
    with pytest.raises(DataError, match=words) as raised:
        read(tmp_path, name, text)
    assert time.process_time() - begun < 1
    assert str(raised.value).startswith(str(tmp_path / name))
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 500


def test_only_regular_files_are_read(tmp_path):
    (tmp_path / "endless.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.yaml")
    for file, reader in (("endless.json", read_json), ("pipe.yaml", read_yaml)):
        with pytest.raises(DataError, match="is not a regular file"):
            reader(tmp_path / file)
    with pytest.raises(DataError, match="is a directory, not a file"):
        read_toml(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_toml(tmp_path / "absent.toml")
