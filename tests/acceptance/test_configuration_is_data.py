"""Configuration and plan files are data: hostile ones are refused quickly, in little memory, with file and line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xxhash
from command_line import call
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import make_project

from incremental.config import ConfigError, OmegaConfigLoader, parse_parameters
from incremental.config.document import read
from incremental.errors import PlanMismatchError
from incremental.planner import Plan
from incremental.session.sealed import read_sealed

BOMB = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 10)
)

HOSTILE = {
    "a call": b"a: !!python/object/apply:os.mkdir [PLACE]\n",
    "a name": b"a: !!python/name:os.system ''\n",
    "a module": b"a: !!python/module:canary ''\n",
    "an object": b"a: !!python/object/new:subprocess.Popen [[touch, PLACE]]\n",
    "aliases for 10,000,000,000 values": BOMB.encode(),
    "10,000 brackets": b"a: " + b"[" * 10_000 + b"]" * 10_000,
    "10,000 braces": b"a: " + b"{a: " * 10_000 + b"}" * 10_000,
    "10,000 dashes": b"a:\n " + b"- " * 10_000 + b"x\n",
    "10,000 question marks": b"? " * 10_000,
    "NUL": b"a: x\0\n",
    "no UTF-8": b"a: \xff\n",
    "UTF-16": "a: b\n".encode("utf-16"),
    "a key twice": b"a: b\na: c\n",
    "a number of a million digits": b"a: " + b"9" * 1_000_000 + b"\n",
    "a number to base 60": b"a: " + b":".join([b"59"] * 200_000) + b"\n",
    "an alias in itself": b"a: &a [*a]\n",
    "a second document": b"a: b\n---\na: c\n",
    "a merge of a text": b"a:\n  <<: [b]\n",
}
INTERPOLATED = {
    "a circle": b"a: ${b}\nb: ${a}\n",
    "100,000 references": b"a: '" + b"${b}" * 100_000 + b"'\nb: c\n",
    "5,000 references in each other": b"a: '" + b"${" * 5_000 + b"}" * 5_000 + b"'\n",
    "the environment": b"a: ${oc.env:HOME}\n",
    "a resolver that nobody made": b"a: ${eval:1+1}\n",
}
KINDS = ("catalog", "parameters", "credentials", "globals", "run", "logging")

READER = """
import json, sys, time
from pathlib import Path
from incremental.cli.run_config import read_defaults
from incremental.config import ConfigError, OmegaConfigLoader
from incremental.config.document import read_file

def load(kind, file):
    if kind == "run":
        return read_defaults(str(file), [])
    if kind == "logging":
        document = read_file(str(file))
        if document.faults:
            raise ConfigError(str(document.faults[0]))
        return document.values
    return OmegaConfigLoader(file.parent.parent)[kind]

kind = sys.argv[1]
for name in sys.argv[2:]:
    begun = time.process_time()
    try:
        found = f"accepted {len(str(load(kind, Path(name))))}"
    except ConfigError as error:
        found = str(error)
    peak = next((int(line.split()[1]) // 1024 for line in open("/proc/self/status") if "VmHWM" in line), 0)
    print(json.dumps([name, found, time.process_time() - begun, peak]))
"""


def write(root: Path, kind: str, name: str, data: bytes) -> Path:
    file = root / name.replace(" ", "_").replace(",", "") / "base" / f"{kind}.yml"
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    return file


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_file_is_refused_at_once_in_little_memory_with_its_line(tmp_path: Path, kind: str) -> None:
    place = str(tmp_path / "made").encode()
    files = {
        name: write(tmp_path, kind, name, data.replace(b"PLACE", place)) for name, data in HOSTILE.items()
    }
    if kind in ("catalog", "parameters"):
        files |= {name: write(tmp_path, kind, name, data) for name, data in INTERPOLATED.items()}
    files["100 MB"] = write(tmp_path, kind, "100 MB", b"")
    with files["100 MB"].open("wb") as stream:
        stream.truncate(100 * 2**20)
    command = [sys.executable, "-c", READER, kind, *map(str, files.values())]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(answers) == len(files), ended.stderr
    for file, answer, seconds, megabytes in answers:
        assert f"{Path(file).name}:" in answer, answer
        assert len(answer) < 2_000
        assert seconds < 3, file  # it takes 0.5 s at most; what explodes takes for ever
        assert megabytes < 200, file
    assert not (tmp_path / "made").exists()


# -- documents that nobody wrote

PIECES = st.sampled_from(
    [
        *"abx01-:?,[]{}&*!|>'\"%@`#.~=<$\\/\t ",
        "\n", "\n", "\n  ", "\n- ", ": ", "- ", "? ", "&a ", "*a", "<<: ", "!!python/object/apply:os.mkdir ",
        "!!int ", "!!binary ", "!!set ", "!!timestamp ", "${", "}", "${a}", "${.b}", "${..}", "${oc.env:HOME}",
        "${oc.decode:'[1'}", "${globals:a}", "${runtime_params:b}", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! x:\n",
        "a: ", "type: ", "1_0", "0x", "1e9", "1:30", ".inf", ".nan", "\ufeff", "\x85", "\ud7ff", "\U0010ffff", "é",
        "null", "yes", "PLACE", "|+2\n", ">-\n",
    ]
)  # fmt: skip
DOCUMENTS = st.lists(PIECES, max_size=30).map("".join)
BYTES = st.binary(max_size=80) | DOCUMENTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
FREE = settings(suppress_health_check=list(HealthCheck))


def check_reading(data: bytes) -> None:
    document = read("x.yml", data)
    assert bool(document.faults) or isinstance(document.values, dict)
    assert all(1 <= fault.origin.line <= data.count(b"\n") + 40 for fault in document.faults if fault.origin)


def check_outcome(load: Callable[[], Any]) -> None:
    """Check that what is loaded is a mapping, or refused in a message that can be shown."""
    refusal = ""
    found: Any = {}
    try:
        found = load()
    except ConfigError as error:
        refusal = str(error)
    assert isinstance(found, dict)
    assert len(refusal.splitlines()) <= 10


def check_loading(folder: Path, kind: str, data: bytes) -> None:
    (folder / "base" / f"{kind}.yml").write_bytes(data)
    check_outcome(lambda: OmegaConfigLoader(folder, runtime_params={"b": 1})[kind])


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conf")
    (folder / "base").mkdir()
    return folder


@given(BYTES)
@settings(FREE, max_examples=2_000)
def test_law_no_document_does_more_than_be_read_or_refused(data: bytes) -> None:
    check_reading(data)


@given(kind=st.sampled_from(KINDS[:4]), data=DOCUMENTS)
@settings(FREE, max_examples=300)
def test_law_no_configuration_does_more_than_be_loaded_or_refused(conf: Path, kind: str, data: str) -> None:
    check_loading(conf, kind, data.encode("utf-8", "replace"))


@given(DOCUMENTS)
@settings(FREE, max_examples=500)
def test_law_parameters_of_the_command_line_are_read_or_refused(text: str) -> None:
    check_outcome(lambda: parse_parameters(text))


@pytest.mark.slow
@given(BYTES)
@settings(FREE, max_examples=50_000)
def test_law_no_document_does_more_than_be_read_or_refused_at_length(data: bytes) -> None:
    check_reading(data)


@pytest.mark.slow
@given(kind=st.sampled_from(KINDS[:4]), data=DOCUMENTS)
@settings(FREE, max_examples=5_000)
def test_law_no_configuration_does_more_than_be_loaded_or_refused_at_length(
    conf: Path, kind: str, data: str
) -> None:
    check_loading(conf, kind, data.encode("utf-8", "replace"))


# -- plan files

WRONG_PLANS = {
    "100,000 brackets": b"[" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
    "a number of a million digits": b'{"format": ' + b"9" * 1_000_000 + b"}",
    "NaN": b'{"format": NaN}',
    "no UTF-8": b'{"format": "\xff"}',
    "NUL": b"\0\0\0",
    "nothing": b"",
    "a list": b"[]",
    "a pickle": b"\x80\x04cposix\nsystem\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("plans"))
    assert call(root, "plan", "-o", "plan.json").code == 0
    return root


@pytest.mark.parametrize("data", WRONG_PLANS.values(), ids=WRONG_PLANS)
def test_what_is_no_plan_is_refused_as_one(project: Path, data: bytes) -> None:
    (project / "wrong.json").write_bytes(data)
    answer = call(project, "run", "--plan", "wrong.json")
    assert answer.code == 2
    assert "plan" in answer.err
    assert "internal error" not in answer.err


def test_a_plan_of_100_MB_is_refused(project: Path) -> None:
    with (project / "large.json").open("wb") as stream:
        stream.truncate(100 * 2**20)
    assert call(project, "run", "--plan", "large.json").code == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("run"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, item in items for each in paths(item, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    changed = value.copy()
    changed[path[0]] = replaced(value[path[0]], path[1:], by)
    return changed


def resealed(document: Any) -> str:
    """Return a plan file whose digest fits, as somebody would make who means harm."""
    if isinstance(document, dict) and "digest" in document and "plan" in document:
        rest = {key: value for key, value in document.items() if key != "digest"}
        text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        document = {**document, "digest": xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))}
    return json.dumps(document)


@given(data=st.data())
@settings(FREE, max_examples=500)
def test_law_a_plan_file_with_anything_in_any_place_is_a_plan_or_none(
    project: Path, data: st.DataObject
) -> None:
    from incremental.session import Session

    document = json.loads((project / "plan.json").read_text())
    path = data.draw(st.sampled_from(paths(document)))
    text = resealed(replaced(document, path, data.draw(JSON)))
    with Session.create(project, save_on_close=False) as session:
        pipeline = session.pipelines["__default__"]
    try:
        plan = read_sealed(text).bind(pipeline)
    except PlanMismatchError:
        return
    assert isinstance(plan, Plan)
    assert plan.to_json()
