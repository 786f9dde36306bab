"""Finding the class behind an entry's ``type``."""

from __future__ import annotations

import builtins
import importlib
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from incremental.errors import DatasetError
from incremental.io.catalog.layouts import OURS, Layout
from incremental.io.catalog.types import PACKAGES, PACKAGES_OF_KEDRO, Types, find_class
from incremental.io.files.formats import JSONDataset
from incremental.io.memory import MemoryDataset


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, in which a test writes modules."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("json.JSONDataset", JSONDataset),
        ("incremental.io.files.formats.JSONDataset", JSONDataset),
        ("MemoryDataset", MemoryDataset),
        ("memory.MemoryDataset", MemoryDataset),  # below incremental.io
        (JSONDataset, JSONDataset),
    ],
)
def test_a_type_is_a_class_a_short_name_or_a_dotted_path(kind: object, found: type) -> None:
    assert find_class(kind) is found


def test_a_class_of_the_user_is_found_by_its_dotted_path(modules: Path) -> None:
    modules.joinpath("shop.py").write_text(
        "class Till:\n    def load(self): ...\n    def save(self, data): ...\n"
    )
    assert find_class("shop.Till").__name__ == "Till"
    assert find_class("shop.Till").__module__ == "shop"


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("market.stalls.Tent", "module 'market.stalls' has no dataset 'Tent'; did you mean 'Tend'?"),
        ("market.stalls.Qwertz", "module 'market.stalls' has no dataset 'Qwertz'"),
        ("market.stals.Tend", "package 'market' has no module 'stals'; did you mean 'stalls'?"),
    ],
)
@pytest.mark.usefixtures("without_kedro_datasets")
def test_a_misspelt_class_of_the_user_gets_the_nearest_one(modules: Path, kind: str, hint: str) -> None:
    modules.joinpath("market").mkdir()
    modules.joinpath("market", "stalls.py").write_text(
        "class Tend:\n    def load(self): ...\n    def save(self, data): ...\n"
    )
    with pytest.raises(DatasetError) as caught:
        find_class(kind)
    assert str(caught.value) == f"type {kind!r} is not known; {hint}"


REFUSED = [
    (None, "type None is neither a class nor the name of one"),
    ("", "type '' is neither a class nor the name of one"),
    (7, "type 7 is neither a class nor the name of one"),
    ("json.JSONDatase", "type 'json.JSONDatase' is not known; did you mean 'json.JSONDataset'?"),
    ("Qwertz", "type 'Qwertz' is not known; name a class by its dotted path"),
    (
        "qwertz.Uiop",
        "type 'qwertz.Uiop' is not known; is its package installed? Types of kedro-datasets need that package",
    ),
    ("qw-rtz.Uiop", "type 'qw-rtz.Uiop' is not known; is its package installed? "
     "Types of kedro-datasets need that package"),
    ("json.JSONDecodeError", "type 'json.JSONDecodeError' is no dataset: it has no 'load' and 'save'"),
    ("json.loads", "type 'json.loads' is no dataset: it has no 'load' and 'save'"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "message"), REFUSED)
@pytest.mark.usefixtures("without_kedro_datasets")
def test_a_type_that_names_no_dataset_is_refused(kind: object, message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        find_class(kind)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import qwertz", "type 'broken.Till' needs 'qwertz', which is not installed"),
        ("1 / 0", "type 'broken.Till' cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_cannot_be_imported_says_why(modules: Path, text: str, message: str) -> None:
    modules.joinpath("broken.py").write_text(text)
    with pytest.raises(DatasetError) as caught:
        find_class("broken.Till")
    assert str(caught.value) == message


def test_a_module_in_a_package_that_is_a_module_is_not_there(modules: Path) -> None:
    modules.joinpath("shop.py").write_text("")
    with pytest.raises(DatasetError, match="type 'shop.desk.Till' is not known"):
        find_class("shop.desk.Till")


def test_a_short_name_is_that_of_the_first_package_that_has_it(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "kedro_datasets"]:
        monkeypatch.delitem(sys.modules, name)
    package = modules / "kedro_datasets"
    package.joinpath("json").mkdir(parents=True)
    package.joinpath("__init__.py").touch()
    package.joinpath("json", "__init__.py").write_text(
        "class JSONDataset:\n    def load(self): ...\n    def save(self, data): ...\n"
    )
    assert find_class("json.JSONDataset") is JSONDataset
    assert Types(PACKAGES_OF_KEDRO).find("json.JSONDataset").__module__ == "kedro_datasets.json"
    assert find_class("kedro_datasets.json.JSONDataset").__module__ == "kedro_datasets.json"
    with pytest.raises(DatasetError) as caught:
        find_class("qwertz.Uiop")
    assert str(caught.value) == "type 'qwertz.Uiop' is not known; is its package installed?"


def test_our_own_types_are_told_from_others_without_importing_them() -> None:
    ours, path = Types().ours, "incremental.io.files.formats.CSVDataset"
    assert ours("pandas.CSVDataset") == path
    assert ours(path) == path
    assert ours("my.Dataset") is None
    assert ours(JSONDataset) is None
    assert Types(PACKAGES_OF_KEDRO).ours("pandas.CSVDataset") is None


def test_arguments_that_ours_does_not_take_are_named_with_the_nearest_one() -> None:
    refused = Types().refused
    assert refused("json.JSONDataset", {"type", "filepath", "versioned", "validator"}) == []
    assert refused("json.JSONDataset", {"filepat"}) == ["'filepat' is no argument; did you mean 'filepath'?"]
    assert refused("incremental.io.files.formats.JSONDataset", {7: 1}.keys()) == ["7 is no argument"]
    assert refused("my.Dataset", {"filepat"}) == []
    assert refused(JSONDataset, {"filepat"}) == []


def test_of_our_file_types_only_parquet_reads_folders() -> None:
    short = {path.rpartition(".")[2]: layout for path, layout in OURS.items()}
    assert [name for name, layout in short.items() if layout is Layout.FILE_OR_FOLDER] == ["ParquetDataset"]
    assert sum(layout is Layout.FILE for layout in short.values()) == 5


def test_a_module_that_another_thread_imports_is_waited_for(modules: Path) -> None:
    begun = Event()
    (modules / "slow_one.py").write_text(
        "import time\nfrom incremental.io import MemoryDataset\nbegun.set()\ntime.sleep(0.2)\n"
        "class Mine(MemoryDataset):\n    pass\n"
    )
    builtins.begun = begun  # type: ignore[attr-defined]
    importing = Thread(target=importlib.import_module, args=("slow_one",))
    importing.start()
    try:
        assert begun.wait(10)
        assert find_class("slow_one.Mine").__name__ == "Mine"
    finally:
        importing.join()
        del builtins.begun  # type: ignore[attr-defined]


@pytest.mark.parametrize("packages", [PACKAGES, PACKAGES_OF_KEDRO])
@pytest.mark.parametrize("kind", ["", ".", "JSONDataset", "kedro_datasets", "kedro_datasets.JSONDataset"])
def test_nothing_is_known_of_a_name_that_is_no_path_before_it_is_looked_for(
    kind: str, packages: tuple[str, ...]
) -> None:
    types = Types(packages)
    assert types.outline(kind).layout is None
    assert types.refused(kind, {"type", "qwertz"}) == []
