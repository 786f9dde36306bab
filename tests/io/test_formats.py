"""The formats: what is saved is loaded, on disk as kedro-datasets has it; a failed save never happened."""

from __future__ import annotations

import datetime
import gzip
import inspect
import math
import pickle
import signal
import subprocess
import sys
import textwrap
import uuid
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incremental.errors import DatasetError, VersionAlreadyExistsError
from incremental.io.dataset import Version
from incremental.io.files import KNOWN_ARGUMENTS, SHORT_NAMES
from incremental.io.files.filedataset import FileDataset
from incremental.io.files.formats import (
    CSVDataset,
    JSONDataset,
    ParquetDataset,
    PickleDataset,
    TextDataset,
    YAMLDataset,
)
from incremental.io.files.staging import is_staging_name

FORMATS = (TextDataset, JSONDataset, YAMLDataset, PickleDataset, CSVDataset, ParquetDataset)
FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "ü,\n"]})
CANARY = "hunter2-canary"


class Unwritable:
    """Breaks whatever wants to write it down."""

    def __reduce__(self) -> Any:
        raise RuntimeError("cannot be written")

    def __str__(self) -> str:
        raise RuntimeError("cannot be written")


def old_data(kind: type[Any]) -> Any:
    return {TextDataset: "old", CSVDataset: FRAME, ParquetDataset: FRAME}.get(kind, ["old"])


def bad_data(kind: type[Any]) -> Any:
    """Return data of which a good deal can be written before it fails."""
    if kind is TextDataset:
        return 7
    if kind is CSVDataset:
        return pd.DataFrame({"a": [*["x" * 1000] * 3000, Unwritable()]})
    if kind is ParquetDataset:
        return pd.DataFrame({"a": ["text", 3.0, Unwritable()]})
    return [*["x" * 1000] * 3000, Unwritable()]


def same(left: Any, right: Any) -> bool:
    return bool(left.equals(right)) if isinstance(left, pd.DataFrame) else bool(left == right)


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path) if request.param == "local" else f"memory://{uuid.uuid4().hex}"


# -- arguments


@pytest.mark.parametrize("path", sorted(KNOWN_ARGUMENTS))
def test_the_table_of_arguments_is_that_of_the_constructors(path: str) -> None:
    module, _, name = path.rpartition(".")
    kind = getattr(import_module(module), name)
    parameters = inspect.signature(kind.__init__).parameters
    assert set(parameters) - {"self"} == KNOWN_ARGUMENTS[path]
    if kind in FORMATS:
        assert all(p.kind is p.KEYWORD_ONLY for p in parameters.values() if p.name != "self")


def test_every_short_name_is_a_class_with_that_name() -> None:
    for short, path in SHORT_NAMES.items():
        module, _, name = path.rpartition(".")
        assert short.rpartition(".")[2] == name
        assert hasattr(import_module(module), name)


@pytest.mark.parametrize("kind", FORMATS)
def test_filepath_is_needed_and_nothing_positional_is_taken(kind: Any) -> None:
    with pytest.raises(TypeError, match="filepath"):
        kind()
    with pytest.raises(TypeError, match="positional"):
        kind("a")


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"filepath": "data/a.csv"}, ("data/a.csv", False)),
        ({"filepath": Path("data/a.csv"), "versioned": True}, ("data/a.csv", True)),
        ({"filepath": "file:///data/a.csv", "versioned": False}, ("/data/a.csv", False)),
        ({"filepath": "s3://k:s@b/a.csv", "load_args": {}}, ("s3://b/a.csv", False)),
        ({"filepath": "~/a.csv"}, (str(Path.home() / "a.csv"), False)),
    ],
)
def test_a_location_is_known_without_a_dataset(config: dict[str, Any], expected: tuple[str, bool]) -> None:
    assert CSVDataset.location_of(config) == expected


def test_a_location_needs_a_filepath() -> None:
    with pytest.raises(DatasetError, match="CSVDataset needs 'filepath'"):
        CSVDataset.location_of({})


def test_a_dataset_knows_its_location() -> None:
    assert CSVDataset(filepath="data/../a.csv").location == str(Path.cwd() / "a.csv")
    assert CSVDataset(filepath="s3://k:s@b/a.csv").location == "s3://b/a.csv"
    assert CSVDataset(filepath="abfss://box@account/a.csv").location == "abfss://box@account/a.csv"


# -- what is saved is loaded


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("version", [None, Version(None, "v1")], ids=["plain", "versioned"])
def test_what_is_saved_exists_and_is_loaded(kind: Any, version: Version | None, folder: str) -> None:
    dataset = kind(filepath=f"{folder}/deeper/file", version=version)
    assert not dataset.exists()
    dataset.save(old_data(kind))
    assert dataset.exists()
    assert same(dataset.load(), old_data(kind))
    travelled = pickle.loads(pickle.dumps(dataset))
    assert same(travelled.load(), old_data(kind))
    dataset.release()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
PRINTABLE = st.characters(
    exclude_categories=["Cs", "Cc"], exclude_characters="\x85\u2028\u2029\ufeff\ufffe\uffff"
)
YAML_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(PRINTABLE) | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(PRINTABLE), inner),
    max_leaves=20,
)
LAW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def saved_and_loaded(kind: Any, folder: Path, data: Any, **arguments: Any) -> Any:
    dataset = kind(filepath=folder / "file", **arguments)
    dataset.durable = False
    dataset.save(data)
    return dataset.load()


@LAW
@given(data=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_law_text_is_loaded_as_it_was_saved(tmp_path: Path, data: str) -> None:
    assert saved_and_loaded(TextDataset, tmp_path, data) == data


@LAW
@given(data=DOCUMENTS.filter(lambda data: data is not None))
def test_law_json_is_loaded_as_it_was_saved(tmp_path: Path, data: Any) -> None:
    assert saved_and_loaded(JSONDataset, tmp_path, data) == data


@LAW
@given(data=YAML_DOCUMENTS.filter(lambda data: data is not None))
def test_law_yaml_is_loaded_as_it_was_saved(tmp_path: Path, data: Any) -> None:
    assert saved_and_loaded(YAMLDataset, tmp_path, data) == data


@LAW
@given(
    data=DOCUMENTS.filter(lambda data: data is not None),
    backend=st.sampled_from(["pickle", "joblib", "cloudpickle"]),
)
def test_law_pickles_are_loaded_as_they_were_saved(tmp_path: Path, data: Any, backend: str) -> None:
    assert saved_and_loaded(PickleDataset, tmp_path, data, backend=backend) == data


@LAW
@given(
    whole=st.lists(st.integers(-(2**60), 2**60), min_size=1),
    real=st.floats(allow_nan=False, allow_infinity=False),
    text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map("t".__add__),
)
def test_law_a_frame_is_loaded_from_csv_as_it_was_saved(
    tmp_path: Path, whole: list[int], real: float, text: str
) -> None:
    frame = pd.DataFrame({"whole": whole, "real": real, "text": text})
    loaded = saved_and_loaded(CSVDataset, tmp_path, frame)
    assert loaded["whole"].tolist() == whole
    assert loaded["text"].tolist() == frame["text"].tolist()
    assert all(math.isclose(value, real) for value in loaded["real"])


@pytest.mark.parametrize(
    ("kind", "arguments", "data", "expected"),
    [
        (JSONDataset, {}, {"b": [1, "ü"]}, b'{\n  "b": [\n    1,\n    "\\u00fc"\n  ]\n}'),
        (
            JSONDataset,
            {"save_args": {"indent": None, "sort_keys": True}},
            {"b": 1, "a": 2},
            b'{"a": 2, "b": 1}',
        ),
        (YAMLDataset, {}, {"b": [1, 2], "a": "x"}, b"a: x\nb:\n- 1\n- 2\n"),
        (YAMLDataset, {"save_args": {"default_flow_style": True}}, {"a": [1]}, b"{a: [1]}\n"),
        (TextDataset, {}, "ü\n", b"\xc3\xbc\n"),
        (CSVDataset, {}, FRAME, b'a,b\n1,x\n2,"\xc3\xbc,\n"\n'),
        (CSVDataset, {"save_args": {"index": True, "sep": ";"}}, FRAME[["a"]], b";a\n0;1\n1;2\n"),
        (
            TextDataset,
            {"fs_args": {"open_args_save": {"encoding": "latin-1", "newline": "\r\n"}}},
            "ü\n",
            b"\xfc\r\n",
        ),
        (CSVDataset, {"fs_args": {"open_args_save": {"mode": "wb"}}}, FRAME[["a"]], b"a\n1\n2\n"),
        (PickleDataset, {"save_args": {"protocol": 0}}, 1, b"I1\n."),
    ],
)
def test_the_file_is_that_of_kedro_datasets(
    tmp_path: Path, kind: Any, arguments: dict[str, Any], data: Any, expected: bytes
) -> None:
    kind(filepath=tmp_path / "file", **arguments).save(data)
    assert (tmp_path / "file").read_bytes() == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_open_arguments_are_used_on_both_ways(tmp_path: Path, encoding: str) -> None:
    arguments = {"open_args_load": {"encoding": encoding}, "open_args_save": {"encoding": encoding}}
    dataset = TextDataset(filepath=tmp_path / "file", fs_args=arguments)
    dataset.save("grün")
    assert (tmp_path / "file").read_bytes() == "grün".encode(encoding)
    assert dataset.load() == "grün"


@pytest.mark.parametrize("kind", [TextDataset, JSONDataset, YAMLDataset, PickleDataset])
def test_files_can_be_compressed(kind: Any, folder: str) -> None:
    arguments = {"open_args_load": {"compression": "gzip"}, "open_args_save": {"compression": "infer"}}
    dataset = kind(filepath=f"{folder}/file.gz", fs_args=arguments)
    dataset.save(old_data(kind))
    assert dataset.load() == old_data(kind)
    if not folder.startswith("memory"):
        assert gzip.decompress(Path(folder, "file.gz").read_bytes())


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz"])
def test_a_compressed_csv_is_saved_as_it_is_loaded(suffix: str, folder: str) -> None:
    dataset = CSVDataset(filepath=f"{folder}/a.csv.{suffix}")
    dataset.save(FRAME)
    assert same(dataset.load(), FRAME)
    chosen = CSVDataset(filepath=f"{folder}/b.csv.{suffix}", load_args={"compression": None})
    chosen.save(FRAME)
    assert same(chosen.load(), FRAME)


def test_what_yaml_loads_is_plain_data(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("!!python/object/apply:os.system [echo]")
    with pytest.raises(DatasetError, match="could not determine a constructor"):
        YAMLDataset(filepath=tmp_path / "a.yml").load()
    (tmp_path / "a.yml").write_text("day: 2024-01-02")
    assert YAMLDataset(filepath=tmp_path / "a.yml").load() == {"day": datetime.date(2024, 1, 2)}


def test_a_folder_of_parquet_files_is_loaded_but_not_saved_to(tmp_path: Path) -> None:
    for part in ("1", "2"):
        ParquetDataset(filepath=tmp_path / "parts" / f"{part}.parquet").save(FRAME)
    dataset = ParquetDataset(filepath=tmp_path / "parts")
    assert dataset.exists()
    assert len(dataset.load()) == 4
    with pytest.raises(DatasetError, match="a folder is there"):
        dataset.save(FRAME)


@pytest.mark.parametrize("option", ["partition_cols", "partition_on"])
def test_many_files_of_parquet_are_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(DatasetError, match=f"'{option}' makes many files, and this dataset is one"):
        ParquetDataset(filepath=tmp_path / "a", save_args={option: ["a"]}).save(FRAME)
    assert list(tmp_path.iterdir()) == []


def test_storage_options_are_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = CSVDataset(filepath=tmp_path / "a.csv", save_args={"storage_options": {"token": CANARY}})
    dataset.save(FRAME)
    assert "'storage_options' of CSVDataset(" in caplog.text
    assert "put them under 'fs_args' or 'credentials'" in caplog.text
    assert CANARY not in caplog.text


# -- backends


@pytest.mark.parametrize("backend", ["pickle", "joblib", "cloudpickle", "dill"])
def test_any_module_like_pickle_is_a_backend(tmp_path: Path, backend: str) -> None:
    pytest.importorskip(backend)
    dataset = PickleDataset(filepath=tmp_path / "a", backend=backend)
    dataset.save({"a": (1, 2)})
    assert dataset.load() == {"a": (1, 2)}
    assert dataset.describe()["backend"] == backend


def test_arguments_reach_the_backend(tmp_path: Path) -> None:
    plain = PickleDataset(filepath=tmp_path / "plain", backend="joblib")
    small = PickleDataset(filepath=tmp_path / "small", backend="joblib", save_args={"compress": 3})
    for dataset in (plain, small):
        dataset.save(["x" * 1000] * 100)
        assert dataset.load() == ["x" * 1000] * 100
    assert (tmp_path / "small").stat().st_size < (tmp_path / "plain").stat().st_size / 2


@pytest.mark.parametrize(
    ("backend", "text"),
    [
        ("no_such_module", "backend 'no_such_module' of .* cannot be imported .*; is it installed?"),
        ("textwrap", "backend 'textwrap' of .* has no 'load' and no 'dump', which a module like pickle has"),
    ],
)
def test_a_module_unlike_pickle_is_refused_when_it_is_used(tmp_path: Path, backend: str, text: str) -> None:
    dataset = PickleDataset(filepath=tmp_path / "a", backend=backend)
    with pytest.raises(DatasetError, match=text):
        dataset.save(1)
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(DatasetError, match=text):
        dataset.load()


@pytest.mark.parametrize("kind", ["CSVDataset", "ParquetDataset"])
def test_without_pandas_the_message_says_what_to_install(tmp_path: Path, kind: str) -> None:
    code = f"""
import sys
sys.modules["pandas"] = None
from incremental.io.files.formats import {kind}
{kind}(filepath={str(tmp_path / "a")!r}).load()
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'incremental-engine[parquet]'" in result.stderr.splitlines()[-1]


# -- a save that fails never happened


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("version", [None, Version()], ids=["plain", "versioned"])
def test_a_save_that_fails_half_way_never_happened(kind: Any, version: Version | None, folder: str) -> None:
    dataset = kind(filepath=f"{folder}/file", version=version)
    for act in (dataset.save, dataset.stage):
        with pytest.raises(DatasetError, match=f"cannot save data to {kind.__name__}"):
            act(bad_data(kind))
        assert not dataset.exists()
    dataset.save(old_data(kind))
    before = dataset._storage.find(folder)
    with pytest.raises(DatasetError):
        dataset.save(bad_data(kind))
    assert same(dataset.load(), old_data(kind))
    assert dataset._storage.find(folder) == before


LIMITED = """
import resource, sys
import pandas as pd
from incremental.io.files import formats
from incremental.errors import DatasetError
kind = getattr(formats, sys.argv[1])
data = pd.DataFrame({"a": [str(i) for i in range(100_000)]}) if sys.argv[3] == "frame" \\
    else ("x" * 500_000 if sys.argv[3] == "text" else [str(i) * 1000 for i in range(500)])
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
try:
    kind(filepath=sys.argv[2]).save(data)
except DatasetError as error:
    print(error)
    sys.exit(28)
"""


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_leaves_the_old_file_and_no_other(kind: Any, tmp_path: Path) -> None:
    dataset = kind(filepath=tmp_path / "file")
    dataset.save(old_data(kind))
    data = "frame" if kind in (CSVDataset, ParquetDataset) else "text" if kind is TextDataset else "list"
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, kind.__name__, str(tmp_path / "file"), data],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 28, result.stderr
    assert result.stdout.startswith(f"cannot save data to {kind.__name__}(filepath='{tmp_path}/file'")
    assert "File too large" in result.stdout
    assert same(dataset.load(), old_data(kind))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


KILLED = """
import os, signal, sys
import pandas as pd
from incremental.io.dataset import Version
from incremental.io.files import formats

class Deadly:
    def __reduce__(self): os.kill(os.getpid(), signal.SIGKILL)
    def __str__(self): os.kill(os.getpid(), signal.SIGKILL)

version = Version(None, "v2") if sys.argv[3] == "versioned" else None
kind = getattr(formats, sys.argv[1])
dataset = kind(filepath=sys.argv[2], version=version)
long = ["x" * 1000] * 500
dataset.save(pd.DataFrame({"a": [*long, Deadly()]}) if kind is formats.CSVDataset else [*long, Deadly()])
"""


@pytest.mark.parametrize("kind", [YAMLDataset, PickleDataset, CSVDataset])
@pytest.mark.parametrize("versioned", ["plain", "versioned"])
def test_a_kill_half_way_leaves_the_old_file_and_a_name_to_sweep(
    kind: Any, versioned: str, tmp_path: Path
) -> None:
    version = Version(None, "v1") if versioned == "versioned" else None
    kind(filepath=tmp_path / "file", version=version).save(old_data(kind))
    arguments = [kind.__name__, str(tmp_path / "file"), versioned]
    result = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True)
    assert result.returncode == -signal.SIGKILL, result.stderr
    dataset = kind(filepath=tmp_path / "file", version=version and Version())
    assert same(dataset.load(), old_data(kind))
    if version:
        assert dataset.list_versions(full_path=False) == ["v1"]
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "file"]
    assert len(left) == 1
    assert is_staging_name(left[0].name)
    (kind(filepath=tmp_path / "file", version=Version(None, "v3")) if version else dataset).save(
        old_data(kind)
    )


def test_an_error_names_dataset_path_and_cause_and_no_secret(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        TextDataset(filepath=tmp_path / "missing", credentials={"password": CANARY}).load()
    assert str(caught.value) == (
        f"cannot load data from TextDataset(filepath='{tmp_path}/missing'): "
        f"[Errno 2] No such file or directory: '{tmp_path}/missing'"
    )


def test_a_mode_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    dataset = TextDataset(filepath=tmp_path / "a", fs_args={"open_args_save": {"mode": "r+"}})
    with pytest.raises(
        DatasetError, match=r"open_args_save has mode 'r\+', which cannot save; use 'w', 'a' or 'x'"
    ):
        dataset.save("x")


def test_an_exclusive_mode_never_overwrites(tmp_path: Path) -> None:
    dataset = TextDataset(filepath=tmp_path / "a", fs_args={"open_args_save": {"mode": "x"}})
    dataset.save("one")
    with pytest.raises(DatasetError, match="File exists") as caught:
        dataset.save("two")
    assert not isinstance(caught.value, VersionAlreadyExistsError)
    assert dataset.load() == "one"


def test_durable_is_the_default_and_can_be_switched_off(tmp_path: Path) -> None:
    dataset = TextDataset(filepath=tmp_path / "a")
    assert dataset.durable
    dataset.durable = False
    staged: Any = dataset.stage("x")
    assert staged.stage.durable is False
    staged.discard()


# -- staging, and subclasses with a save of their own


def test_staging_refuses_none() -> None:
    with pytest.raises(DatasetError, match="cannot save None"):
        TextDataset(filepath="a").stage(None)  # type: ignore[arg-type]


class Shouting(TextDataset):
    def save(self, data: str) -> None:
        super().save(data.upper())


class KedroShouting(TextDataset):
    def _save(self, data: str) -> None:
        super()._save(data.upper())


@pytest.mark.parametrize("kind", [Shouting, KedroShouting])
def test_a_subclass_with_a_save_of_its_own_is_not_passed_by(kind: Any, tmp_path: Path) -> None:
    dataset = kind(filepath=tmp_path / "a")
    assert dataset.stage("x") is None
    assert dataset.stage_chunks() is None
    assert not dataset.can_stage
    dataset.save("x")
    assert dataset.load() == "X"


def test_a_format_is_two_methods(tmp_path: Path) -> None:
    class Lines(FileDataset[list[str], list[str]]):
        read_mode = "r"

        def _read(self, file: Any) -> list[str]:
            return str(file.read()).split("\n")

        def _write(self, data: list[str], file: Any) -> None:
            file.write("\n".join(data))

    dataset = Lines(filepath=tmp_path / "a", version=Version())
    dataset.save(["a", "b"])
    assert dataset.load() == ["a", "b"]
    for method in ("_read", "_write"):
        with pytest.raises(NotImplementedError, match=f"FileDataset does not define '{method}'"):
            getattr(FileDataset(filepath="a"), method)(*[None] * (1 if method == "_read" else 2))


# -- in pieces


APPEND = {"open_args_save": {"mode": "a"}}


def test_of_pieces_that_are_appended_all_are_kept_and_a_second_run_does_not_double_them(folder: str) -> None:
    dataset = TextDataset(filepath=f"{folder}/a", fs_args=APPEND)
    for _ in range(2):
        chunks: Any = dataset.stage_chunks()
        for text in ("one\n", "two\n"):
            chunks.write(text)
        chunks.finish().publish()
        assert dataset.load() == "one\ntwo\n"


@pytest.mark.parametrize("arguments", [None, APPEND], ids=["replacing", "appending"])
@pytest.mark.parametrize("error", [lambda chunks: chunks.write(7), lambda chunks: chunks.write(None)])
def test_a_piece_that_fails_discards_the_whole(tmp_path: Path, arguments: Any, error: Any) -> None:
    dataset = TextDataset(filepath=tmp_path / "a", fs_args=arguments)
    dataset.save("old")
    chunks: Any = dataset.stage_chunks()
    chunks.write("one")
    with pytest.raises(DatasetError):
        error(chunks)
    chunks.discard()
    assert dataset.load() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_interrupt_discards_the_pieces(tmp_path: Path) -> None:
    class Interrupted(TextDataset):
        def _write(self, data: str, file: Any) -> None:
            file.write(data)
            raise KeyboardInterrupt

    chunks: Any = Interrupted(filepath=tmp_path / "a").stage_chunks()
    with pytest.raises(KeyboardInterrupt):
        chunks.write("x")
    assert list(tmp_path.iterdir()) == []


def test_no_piece_at_all_is_an_error(tmp_path: Path) -> None:
    chunks: Any = TextDataset(filepath=tmp_path / "a").stage_chunks()
    with pytest.raises(
        DatasetError, match=r"cannot save data to TextDataset\(.*\): ValueError: the node yielded no"
    ):
        chunks.finish()


def test_pieces_of_a_version_are_one_version(tmp_path: Path) -> None:
    dataset = CSVDataset(
        filepath=tmp_path / "a.csv", version=Version(), save_args={"header": False}, fs_args=APPEND
    )
    chunks: Any = dataset.stage_chunks()
    chunks.write(FRAME)
    chunks.write(FRAME)
    chunks.finish().publish()
    assert len(dataset.list_versions()) == 1
    assert Path(dataset.list_versions()[0]).read_text() == '1,x\n2,"ü,\n"\n' * 2


def test_appending_keeps_what_is_there_and_shows_in_one_step(folder: str) -> None:
    dataset = TextDataset(filepath=f"{folder}/a", fs_args=APPEND)
    dataset.save("one\n")
    staged: Any = dataset.stage("two\n")
    assert dataset.load() == "one\n"
    staged.publish()
    dataset.save("three\n")
    assert dataset.load() == "one\ntwo\nthree\n"
    with pytest.raises(DatasetError):
        dataset.save(7)  # type: ignore[arg-type]
    assert dataset.load() == "one\ntwo\nthree\n"


def test_a_full_disk_is_noticed_when_the_pieces_are_finished(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        import resource
        from incremental.io.files.formats import PickleDataset
        chunks = PickleDataset(filepath={str(tmp_path / "a")!r}).stage_chunks()
        chunks.write("x" * 30_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        chunks.finish()
    """)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stderr.splitlines()[-1].startswith(
        "incremental.errors.DatasetError: cannot save data to PickleDataset("
    )
    assert list(tmp_path.iterdir()) == []
