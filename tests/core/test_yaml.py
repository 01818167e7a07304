"""What YAML may hold: bounds, no sharing, one sentence with line and key."""

import pytest

from vaega.core import yaml as reader
from vaega.core.errors import ConfigError
from vaega.core.yaml import parse_yaml, read_yaml

BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 9)
)
REFUSED = {
    BOMB: "line 6: a5",
    MERGES: "more than 100000 values",
    "preprocess: &p [*p]": "line 1: preprocess.0: is no valid YAML: the anchor 'p' holds itself",
    "a: 1\ndataset: &d {more: *d}": "line 2: dataset.more: ",
    "a: " + "[" * 5000: "nested more than 40 levels",
    "a: &a " + "[" * 25 + "]" * 25 + "\nb: " + "[" * 25 + "*a" + "]" * 25: "line 2: b.0",
    "a: 1\nseeds: " + "9" * 5000: "line 2: seeds: is no valid YAML: a whole number has at most 64",
    "seeds: 0x" + "f" * 40: "seeds: ",
    "seeds: -" + "1:" * 300 + "1": "seeds: ",
    "a: {b: [1, !!int x]}": "line 1: a.b.1: is no valid YAML: 'x' is no int",
    "a: !!float x": "'x' is no float",
    "a: !!bool x": "'x' is no bool",
    "!!bool name: a": "'name' is no bool",
    "a: 0b_": "'0b_' is no int",
    "a: " + "1:" * 300 + "1.5": "is no float",
    "a: !!timestamp x": "line 1: a: is no valid YAML: a value of the tag !!timestamp",
    "a: !!set {b}": "!!set",
    "a: !!binary aGk=": "!!binary",
    "a: !!python/name:os.system x": "python/name:os.system",
    "a: <<": "merge",
    "a: !!str [1]": "expected a scalar",
    "a:\n  b: 1\n  b: 2": "line 3: a: is no valid YAML: 'b' twice",
    "? [a]\n: b": "a list or mapping as a key",
    "a: \0": "line 1: is no valid YAML: a character U+0000",
    'a: "\\0"': "line 1: a: is no valid YAML: a character U+0000",
    'a: "\\ud800"': "U+D800",
    'b: 1\na: "\\U99999999"': "line 2: is no valid YAML: a number or an escape sequence",
    "%YAML " + "1" * 5000 + ".1\n---\na": "too large",
    "a: *b": "undefined alias",
    "a\n---\nb": "another document",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_one_sentence_with_line_and_key(text):
    with pytest.raises(ConfigError) as refusal:
        parse_yaml(text, origin="a.yaml")
    sentence = str(refusal.value)
    assert sentence.startswith("a.yaml, line ")
    assert REFUSED[text] in sentence
    assert len(sentence) < 300
    assert "\n" not in sentence


def test_texts_that_are_read():
    read = {
        "a: 2024-13-45": {"a": "2024-13-45"},
        "[2024-01-01, =]": ["2024-01-01", "="],
        "\ufeffa: 1\r\nb: [é]\r\n": {"a": 1, "b": ["é"]},
        "a: !!str 5": {"a": "5"},
        "a: &a {x: 1}\nb: &b {<<: *a, x: 2}\n<<: *b": {"x": 2, "a": {"x": 1}, "b": {"x": 2}},
        "a: &a {key: 1}\nb: &b {key: 2, x: 3}\n<<: [*a, *b]": {
            "key": 1,
            "x": 3,
            "a": {"key": 1},
            "b": {"key": 2, "x": 3},
        },
        f"a: {2**63}": {"a": 2**63},
        "": None,
    }
    for text, content in read.items():
        assert parse_yaml(text, origin="a.yaml") == content


def test_what_shares_an_anchor_is_not_one_object():
    content = parse_yaml("a: &a {x: [1]}\nb: *a", origin="a.yaml")
    content["a"]["x"].append(2)
    assert content["b"] == {"x": [1]}


def test_aliases_within_the_bound_are_read():
    assert len(parse_yaml("- &a [1, 2]\n" + "- *a\n" * 1000, origin="a.yaml")) == 1001


def test_a_file_is_read_to_the_bound(tmp_path, monkeypatch):
    path = tmp_path / "a.yaml"
    path.write_text("[" + "a, " * 1000 + "]")
    assert len(read_yaml(path)) == 1000
    monkeypatch.setattr(reader, "MOST_BYTES", 2000)
    with pytest.raises(ConfigError, match=r"a.yaml: must hold at most 2000 bytes"):
        read_yaml(path)
    # A letter of several bytes may be cut by the bound.
    path.write_text("é" * 1000 + "a" * 10)
    with pytest.raises(ConfigError, match="at most 2000 bytes"):
        read_yaml(path)
