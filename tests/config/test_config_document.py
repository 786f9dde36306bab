"""One document: what is read, and what is refused with its line."""

from __future__ import annotations

import io
import json
import math
import re
import time

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from incremental.config.document import Document, find_line, holds_interpolation, read, read_value


def faults(text: str | bytes, file: str = "f.yml") -> list[str]:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return [str(fault) for fault in read(file, data).faults]


def values(text: str, file: str = "f.yml") -> object:
    document = read(file, text.encode())
    assert document.faults == ()
    return document.values


def omegaconf(text: str) -> object:
    return OmegaConf.to_container(OmegaConf.load(io.StringIO(text)), resolve=False)


SCALARS = [
    "1",
    "0",
    "-1",
    "+1",
    "007",
    "017",
    "08",
    "09",
    "0o17",
    "0x1F",
    "-0x1f",
    "0b101",
    "+0b1",
    "1_000",
    "1__0",
    "_1",
    "1_",
    "0_",
    "00",
    "-0",
    "1:30",
    "190:20:30",
    "1:60",
    "99999999999999999999999",
    "1.5",
    "1.",
    ".5",
    "-.5",
    "+.5",
    "1.e5",
    "1e3",
    "1e-3",
    "1E5",
    "1e+5",
    "-1e-3",
    "1_0e1_0",
    "1.5e3",
    "1.5e",
    "12e03",
    "0e0",
    ".5e3",
    ".5e+3",
    "._5",
    ".5_",
    "0.1_1",
    "1_.5",
    "685.230_15e+03",
    "190:20:30.15",
    ".inf",
    "-.inf",
    "+.inf",
    ".Inf",
    ".INF",
    ".nan",
    ".NaN",
    "-.nan",
    "inf",
    "nan",
    ".",
    "..",
    "...",
    "-",
    "yes",
    "Yes",
    "YES",
    "yEs",
    "no",
    "on",
    "off",
    "On",
    "OFF",
    "y",
    "n",
    "true",
    "false",
    "True",
    "TRUE",
    "tRUE",
    "~",
    "null",
    "Null",
    "NULL",
    "nULL",
    "none",
    "2020-01-01",
    "2020-01-01T10:00:00",
    "2001-12-14t21:59:43.10-05:00",
    "???",
    "s3://b/x",
    "10.0.0.1",
    "1.2.3",
    "v1",
    "a-b",
    "@x",
    "=",
    "<<",
    "+",
    "-",
    "12:30:45",
    "1,5",
    "0.0.1",
    "1e",
    "1e5.5",
    "0x",
    "0xg",
    "1_e5",
]


@pytest.mark.parametrize(
    "word", [word for word in SCALARS if word not in ("-", "...", "@x", "=", "<<", "yEs")]
)
@pytest.mark.parametrize("form", ["a: {}", "a: [{}]", "a: '{}'", 'a: "{}"', "a: !!str {}", "a: ! {}"])
def test_a_word_is_read_as_omegaconf_reads_it(word, form):
    if "[" in form and ("," in word or "?" in word):
        pytest.skip("not one word within brackets")
    text = form.format(word)
    assert repr(values(text)) == repr(omegaconf(text))


@pytest.mark.parametrize(
    "word", [word for word in SCALARS if word not in ("-", "...", "@x", "=", "<<", "???")]
)
def test_a_key_is_read_as_omegaconf_reads_it(word):
    text = f"? {word}\n: x"
    try:
        expected = omegaconf(text)
    except Exception:
        assert faults(text) == ["f.yml:1: a key is empty or null; name it, or quote it"]
    else:
        assert repr(values(text)) == repr(expected)


SAME = [
    "",
    "# only a comment\n",
    "---\na: 1\n",
    "--- # document\na: 1\n...\n",
    "\ufeffa: 1",
    "a:\n  - 1\n  -\n  - ~\n  - [x, {y: z}]\n",
    "a: |\n  one\n  two\nb: >-\n  one\n  two\n",
    'a: "x\\ty\\u00e4\\n"',
    "x: &x {a: 1, b: [1]}\ny: {<<: *x, b: 2}",
    "x: &x {a: 1, c: 3}\ny: &y {a: 2, d: 4}\nz: {<<: [*x, *y], e: 5}",
    "x: &x {a: 1, c: 3}\ny: &y {a: 2, d: 4}\nz:\n  <<: *x\n  <<: *y\n  q: 1",
    "<<: {a: 1}\nb: 2",
    "{<<: {a: {b: 1}}, a: {c: 2}}",
    "a: {'<<': 5}",
    "a: &n 5\nb: *n\n*n : c",
    "a: !!map {b: !!seq [!!int '5', !!float '5', !!bool 'yes', !!null 'x', !!binary aGk=]}",
    "!!binary aGk=: x",
    "_t: &t\n  type: pandas.CSVDataset\ncars:\n  <<: *t\n  filepath: x.csv\n",
    "a: 1\r\nb: 2\r\n",
    "a:    1   # comment\n\n\nb: '#no comment'\n",
    "true: 1\n1.5: 2\n3: 4\n",
    "%YAML 1.1\n---\na: yes",
]


@pytest.mark.parametrize("text", SAME)
def test_a_document_is_read_as_omegaconf_reads_it(text):
    assert repr(values(text)) == repr(omegaconf(text))


words = st.sampled_from(SCALARS) | st.text(
    st.sampled_from("ab0159-+._:eExX ~'\"{}[],&*#!|>%@`=<?"), max_size=6
)
keys = st.sampled_from(["a", "b", "c.d", "_e", "1", "1.5", "yes", "~", "'q'", "2020-01-01", "f g"])
flow = st.recursive(
    words | words.map(lambda word: json.dumps(word)),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        | st.lists(st.tuples(keys, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=8,
)
documents = st.lists(st.tuples(keys, flow), max_size=5).map(
    lambda pairs: "\n".join(f"{key}: {value}" for key, value in pairs)
)


@settings(max_examples=400)
@given(documents)
def test_whatever_omegaconf_reads_is_read_to_the_same_values(text):
    document = read("f.yml", text.encode())
    try:
        expected = omegaconf(text)
    except Exception:
        return  # what only this reader accepts is not at issue
    if document.faults:
        # the only texts that are refused here and not there: keys that are equal once they are read
        assert any("already there" in fault.text or "top level" in fault.text for fault in document.faults)
    else:
        assert repr(document.values) == repr(expected)


@settings(max_examples=300)
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_reading_never_raises_whatever_the_bytes_are(data):
    document = read("f.yml", data)
    assert isinstance(document, Document)
    assert all(fault.origin.line >= 1 for fault in document.faults)


def is_number(text):
    """Whether OmegaConf, and so this reader, takes a plain text that PyYAML takes for a text as a number."""
    return re.fullmatch(r"[-+]?\d[\d_]*(\.[\d_]*)?[eE][-+]?\d+", text) is not None


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text().filter(lambda text: not is_number(text)),
        st.lists,
        max_leaves=4,
    )
)
@example("0E0x")
def test_what_pyyaml_writes_is_read_back(value):
    text = yaml.safe_dump({"a": value}, allow_unicode=True)
    assert repr(values(text)) == repr({"a": value}) or "\x85" in text or "\u2028" in repr(value)


BAD = [
    ("a: 1\nb: 2\na: 3", ["f.yml:3: key 'a' is already there in line 1; remove one of them"]),
    ("x:\n  a: 1\n  b: 2\n  a: 3", ["f.yml:4: key 'a' is already there in line 2; remove one of them"]),
    ("x:\n- y: 1\n- a: 1\n  a: 3", ["f.yml:4: key 'a' is already there in line 3; remove one of them"]),
    ("{a: 1, a: 2}", ["f.yml:1: key 'a' is already there in line 1; remove one of them"]),
    ("1: a\n1.0: b", ["f.yml:2: key 1.0 is already there in line 1; remove one of them"]),
    ("yes: a\ntrue: b", ["f.yml:2: key True is already there in line 1; remove one of them"]),
    (
        "a: 1\na: 2\nb: !x 1\nc: 1\nc: 2",
        [
            "f.yml:2: key 'a' is already there in line 1; remove one of them",
            "f.yml:3: tag '!x' is not supported; configuration is plain data, remove it",
            "f.yml:5: key 'c' is already there in line 4; remove one of them",
        ],
    ),
    (
        "a: 1\nb: !!python/object/apply:os.system ['ls']",
        [
            "f.yml:2: tag '!!python/object/apply:os.system' is not supported; "
            "configuration is plain data, remove it"
        ],
    ),
    (
        "a: !!python/name:os.system",
        ["f.yml:1: tag '!!python/name:os.system' is not supported; configuration is plain data, remove it"],
    ),
    ("a: !!set {x, y}", ["f.yml:1: tag '!!set' is not supported; configuration is plain data, remove it"]),
    (
        "a: !!timestamp 2020-01-01",
        ["f.yml:1: tag '!!timestamp' is not supported; configuration is plain data, remove it"],
    ),
    ("a: !!map [1]", ["f.yml:1: tag '!!map' is not supported; configuration is plain data, remove it"]),
    ("a: !!int x", ["f.yml:1: a value does not fit its tag; quote it"]),
    ("a: !!int ''", ["f.yml:1: a value does not fit its tag; quote it"]),
    ("a: !!bool maybe", ["f.yml:1: a value does not fit its tag; quote it"]),
    ("a: !!binary ä", ["f.yml:1: a value does not fit its tag; quote it"]),
    ("a: 0b_", ["f.yml:1: a value looks like a number and is none; quote it"]),
    ("a: " + "9" * 5000, ["f.yml:1: a value looks like a number and is none; quote it"]),
    ("null: x", ["f.yml:1: a key is empty or null; name it, or quote it"]),
    ("? [1, 2]\n: x", ["f.yml:1: a key is a mapping or a list; keys are plain words"]),
    ("- a\n- b", ["f.yml:1: the top level is a list; write 'name: value' pairs"]),
    ("\n\nhello", ["f.yml:1: the top level is a single value; write 'name: value' pairs"]),
    ("a: 1\n---\nb: 2", ["f.yml:2: a second document begins; keep one document in a file"]),
    ("a: [1,\nb: 2\n", ["f.yml:2: did not find expected ',' or ']' (begun in line 1); close the bracket"]),
    ("a: {b: 1", ["f.yml:1: did not find expected ',' or '}'; close the bracket"]),
    ('a: "x\nb: 1\n', ["f.yml:2: found unexpected end of stream (begun in line 1); close the quote"]),
    (
        "a: b: c",
        [
            "f.yml:1: mapping values are not allowed in this context; "
            "quote a text that holds ': ', or check the indentation"
        ],
    ),
    (
        "a:\n\tb: 1",
        [
            "f.yml:2: found character that cannot start any token; "
            "indent with spaces, and quote a text that begins with @, ` or %"
        ],
    ),
    (
        "a: @x",
        [
            "f.yml:1: found character that cannot start any token; "
            "indent with spaces, and quote a text that begins with @, ` or %"
        ],
    ),
    ("a: 1\nb\n", ["f.yml:2: could not find expected ':'; write 'key: value'"]),
    (
        " a: 1\nb: 2",
        ["f.yml:2: did not find expected <document start>; indent the lines of one mapping alike"],
    ),
    (
        'a: "\\q"',
        ["f.yml:1: found unknown escape character; write \\\\ for a backslash, or use single quotes"],
    ),
    ("a: *x", ["f.yml:1: alias *x has no anchor &x before it; define it first"]),
    ("a: &a [*a]", ["f.yml:1: alias *a stands inside what it repeats; write it out"]),
    ("a: &a {b: {<<: *a}}", ["f.yml:1: alias *a stands inside what it repeats; write it out"]),
    ("a: &x 1\nb: &x 2", ["f.yml:2: anchor &x is defined twice; rename one"]),
    ("a: {<<: 5}", ["f.yml:1: '<<' takes a mapping, or a list of mappings; use it as '<<: *name'"]),
    (
        "b: 1\na:\n  <<: [5]\n",
        ["f.yml:3: '<<' takes a mapping, or a list of mappings; use it as '<<: *name'"],
    ),
    (b"a: 1\nb: caf\xe9\n", ["f.yml:2: byte 0xe9 is not UTF-8; save the file as UTF-8"]),
    ("a: 1".encode("utf-16"), ["f.yml:1: byte 0xff is not UTF-8; save the file as UTF-8"]),
    ("a: 1\nb: x\0y", ["f.yml:2: character #x0000 is not allowed; remove it"]),
    ("a: \x07", ["f.yml:1: character #x0007 is not allowed; remove it"]),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_a_bad_document_is_refused_with_its_line_and_a_remedy(text, expected):
    assert faults(text) == expected


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)
MERGE_BOMB = "a: &a {x: 1}\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} {{<<: [{','.join(['*' + chr(97 + i)] * 10)}], k{i}: 1}}\n"
    for i in range(20)
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (BOMB, "aliases repeat more than is sensible; write the values out"),
        (MERGE_BOMB, "aliases repeat more than is sensible; write the values out"),
        ("[" * 100_000, "nested deeper than 100 levels; flatten it"),
        ("{a: " * 100_000, "nested deeper than 100 levels; flatten it"),
        ("- " * 100_000, "nested deeper than 100 levels; flatten it"),
        ("#" * (64 * 1024 * 1024 + 1), "the file is larger than 64 MiB; configuration is meant to be small"),
    ],
    ids=["aliases", "merges", "brackets", "braces", "dashes", "size"],
)
def test_a_bomb_is_refused_within_seconds(text, fault):
    begun = time.process_time()
    [found] = faults(text)
    assert found.endswith(fault)
    assert time.process_time() - begun < 3  # on a slow and busy machine; it is minutes where nothing stops it


def test_at_most_twenty_faults_are_noted_in_one_file():
    assert len(faults("".join("a: 1\n" for _ in range(100)))) == 20


def test_two_places_never_share_one_object():
    read_values = values("x: &x {a: [1]}\ny: *x\nz: {<<: *x}")
    read_values["y"]["a"].append(2)
    assert read_values["x"] == {"a": [1]}
    assert read_values["z"] == {"a": [1]}


def test_a_json_file_may_hold_what_yaml_does_not_read():
    assert values('{\n\t"a": "\\ud83d\\ude00", "b": 1e-3\n}', "f.json") == {"a": "\U0001f600", "b": 0.001}


@pytest.mark.parametrize(
    "text",
    ['{"a": "\\ud83d\\ude00", "a": 1}', '{"a": "\\ud83d\\ude00"', "a: 'x"],
    ids=["twice", "cut", "yaml"],
)
def test_a_json_file_that_is_neither_is_refused(text):
    [fault] = faults(text, "f.json")
    assert fault.startswith("f.json:1: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1", False),
        ("a: ${b}", True),
        ("# ${b}\na: 1", True),
        ('a: "\\x24{b}"', True),
        ('a: ["\\x24\\x7bb}"]', True),
        (r'a: "x\ty"', False),
        ("a: $b", False),
    ],
)
def test_a_document_knows_whether_it_may_be_interpolated(text, expected):
    assert read("f.yml", text.encode()).interpolated is expected


def test_interpolation_is_found_in_nested_values():
    assert holds_interpolation({"a": [1, ("${b}",)]})
    assert not holds_interpolation({"a": [1, ("b",)], "${c}": 1})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("", None),
        ("[1, {a: x}]", [1, {"a": "x"}]),
        ("1e-3", 0.001),
        ("'1'", "1"),
        ("x y", "x y"),
        ("yes", True),
    ],
)
def test_a_value_is_read_as_in_a_file(text, value):
    assert read_value(text) == value


def test_a_value_that_cannot_be_read_is_an_error_without_the_value():
    with pytest.raises(ValueError, match=r"^did not find expected ',' or '\]'; close the bracket$"):
        read_value("[hunter2")


LINES = "# top\ncars:\n  type: x\n  load_args:\n    - a\n    - b: 1\n      c: 2\nyes: 1\n'quoted': 2\n"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("cars",), (1, 2)),
        (("cars", "type"), (2, 3)),
        (("cars", "load_args", 1, "c"), (4, 7)),
        (("cars", "load_args", 0), (3, 5)),
        (("cars", "filepath"), (1, 2)),
        ((True,), (1, 8)),
        (("quoted",), (1, 9)),
        (("nothing",), (0, 1)),
        ((), (0, 1)),
    ],
)
def test_the_line_of_an_entry_is_found(path, found):
    assert find_line(LINES, path) == found


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        ("a: 1\nb: [", ("b",), (1, 2)),
        ("a: 1\nb: [", ("c",), (0, 1)),
        ("? [x]\n: 1\nb: 2", ("b",), (0, 1)),
        ("0b_: 1\nb: 2", ("0b_",), (1, 1)),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  b: 2\n", ("y", "b"), (2, 4)),
        ("x: &x a\n*x : 2\nb: 3\n", ("b",), (1, 3)),
    ],
)
def test_the_line_of_an_entry_is_found_in_an_odd_text_too(text, path, found):
    assert find_line(text, path) == found


def test_not_a_number_is_a_number():
    assert math.isnan(values("a: .nan")["a"])


@pytest.mark.parametrize(
    "value",
    [
        "!hunter2",
        "*hunter2",
        "&hunter2 [*hunter2]",
        "&hunter2 1\nb: &hunter2 2",
        "[hunter2",
        "@hunter2",
        "'hunter2",
        "!!int hunter2",
        "hunter2: hunter2",
        "!<hunter2",
        "%hunter2",
        '"\\hunter2"',
        "hunter2\n hunter2: x",
        "|hunter2",
    ],
)
def test_a_fault_in_a_file_of_secrets_shows_no_word_of_it(value):
    document = read("f.yml", f"password: {value}".encode(), hide=True)
    assert document.faults
    assert "unter2" not in str(document.faults)
