"""The dataset interface: whose methods, errors wrapped once, configuration kept, secrets hidden."""

from __future__ import annotations

import copy
import pickle
import traceback
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from incremental.errors import DatasetError, VersionNotFoundError
from incremental.io.dataset import AbstractDataset, Version, explain
from incremental.io.files.formats import CSVDataset, JSONDataset
from incremental.io.memory import MemoryDataset

CANARY = "hunter2-canary"


class KedroStyle(AbstractDataset[Any, Any]):
    """Defines the underscored methods."""

    def __init__(self, filepath: str, scale: int = 1, credentials: dict[str, Any] | None = None):
        self._filepath = PurePosixPath(filepath)
        self.scale = scale
        self.value: Any = None

    def _load(self) -> Any:
        if self.value is None:
            raise FileNotFoundError(2, "No such file or directory", str(self._filepath))
        return self.value

    def _save(self, data: Any) -> None:
        if data == "bad":
            raise ValueError(f"cannot connect to ftp://me:{CANARY}@host/x with {CANARY}")
        self.value = data

    def _exists(self) -> bool:
        return self.value is not None

    def _release(self) -> None:
        self.value = None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "scale": self.scale, "unset": None}


class PublicStyle(AbstractDataset[Any, Any]):
    """Defines the public methods."""

    def __init__(self, *parts: str, **options: Any):
        self.value = None

    def load(self) -> Any:
        raise FileNotFoundError("as the author raised it")

    def save(self, data: Any) -> None:
        self.value = data

    def describe(self) -> dict[str, Any]:
        return {"value": self.value}


class Untestable(AbstractDataset[Any, Any]):
    def load(self) -> Any:
        return 1

    def save(self, data: Any) -> None:
        raise AssertionError


class PubliclyTestable(Untestable):
    def exists(self) -> bool:
        return True


class Broken(KedroStyle):
    def _exists(self) -> bool:
        raise RuntimeError("no answer")

    def _release(self) -> None:
        raise RuntimeError("stuck")


class DatasetErrorInside(KedroStyle):
    def _load(self) -> Any:
        raise DatasetError("as it is")

    _exists = _load
    _release = _load

    def _save(self, data: Any) -> None:
        raise DatasetError("as it is")


class WithoutVersions(KedroStyle):
    def _exists(self) -> bool:
        raise VersionNotFoundError("none")


@dataclass(frozen=True)
class FrozenDataset(AbstractDataset[str, str]):
    path: str

    def _load(self) -> str:
        return self.path

    def _save(self, data: str) -> None: ...


class InMemoryByKedrosName(Untestable):
    _EPHEMERAL = True


def test_underscored_methods_are_called_by_the_public_ones() -> None:
    dataset = KedroStyle("x.txt")
    assert not dataset.exists()
    dataset.save([1])
    assert dataset.exists()
    assert dataset.load() == [1]
    dataset.release()
    assert not dataset.exists()
    assert dataset.describe()["filepath"] == PurePosixPath("x.txt")


def test_public_methods_of_a_subclass_are_left_as_they_are() -> None:
    dataset = PublicStyle()
    dataset.save(3)
    assert dataset.value == 3
    assert not dataset.exists()
    dataset.release()
    with pytest.raises(FileNotFoundError, match="as the author raised it"):
        dataset.load()


def test_none_is_not_saved() -> None:
    with pytest.raises(DatasetError, match=r"cannot save None to KedroStyle\(filepath='x.txt', scale=1\)"):
        KedroStyle("x.txt").save(None)


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (
            lambda: KedroStyle("x").load(),
            "cannot load data from KedroStyle(filepath='x', scale=1): [Errno 2] ",
        ),
        (
            lambda: KedroStyle("x").save("bad"),
            "cannot save data to KedroStyle(filepath='x', scale=1): ValueError: ",
        ),
        (
            lambda: Broken("x").exists(),
            "cannot ask for Broken(filepath='x', scale=1): RuntimeError: no answer",
        ),
        (lambda: Broken("x").release(), "cannot release Broken(filepath='x', scale=1): RuntimeError: stuck"),
    ],
)
def test_errors_are_wrapped_once_and_name_class_and_description(act: Any, text: str) -> None:
    with pytest.raises(DatasetError) as caught:
        act()
    assert str(caught.value).startswith(text)
    assert not isinstance(caught.value.__cause__, DatasetError | None)


@pytest.mark.parametrize("verb", ["load", "exists", "release", "save"])
def test_a_dataset_error_passes_as_it_is(verb: str) -> None:
    dataset = DatasetErrorInside("x")
    with pytest.raises(DatasetError, match=r"\Aas it is\Z"):
        getattr(dataset, verb)(*(["data"] if verb == "save" else []))


def test_no_version_is_no_existence() -> None:
    assert WithoutVersions("x").exists() is False


def test_errors_show_no_credentials() -> None:
    dataset = KedroStyle("x", credentials={"account": CANARY})
    with pytest.raises(DatasetError) as caught:
        dataset.save("bad")
    assert CANARY not in str(caught.value)
    assert "ftp://host/x" in str(caught.value)


def test_keyboard_interrupts_are_not_wrapped() -> None:
    class Interrupted(KedroStyle):
        def _load(self) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted("x").load()


def test_a_class_without_load_and_save_cannot_be_built() -> None:
    class OnlyLoad(AbstractDataset[Any, Any]):
        def _load(self) -> Any: ...

    for abstract in (AbstractDataset, OnlyLoad):
        with pytest.raises(TypeError, match="is abstract: it must define 'load' and 'save'"):
            abstract()


def test_the_methods_of_the_base_say_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="PublicStyle does not define 'load'"):
        PublicStyle()._load()
    with pytest.raises(NotImplementedError, match="PublicStyle does not define 'save'"):
        PublicStyle()._save(1)


@pytest.mark.parametrize(
    ("cls", "expected"),
    [(KedroStyle, True), (PubliclyTestable, True), (Untestable, False), (CSVDataset, True)],
)
def test_whether_existence_can_be_tested_is_known(cls: type[Any], expected: bool) -> None:
    dataset = cls(filepath="x") if cls in (KedroStyle, CSVDataset) else cls()
    assert dataset.can_test_existence is expected


def test_kedros_name_for_ephemeral_counts() -> None:
    assert InMemoryByKedrosName.ephemeral is True
    assert Untestable.ephemeral is False


def test_a_dataset_stages_nothing_and_has_no_versions_unless_it_says_so() -> None:
    dataset = Untestable()
    assert dataset.stage(1) is None
    assert dataset.stage_chunks() is None
    assert dataset.resolve_load_version() is None
    assert dataset.resolve_save_version() is None
    assert dataset.location is None


@pytest.mark.parametrize(
    ("filepath", "protocol", "expected"),
    [
        ("a/../b.txt", None, str(Path.cwd() / "b.txt")),
        ("/data/b.txt", "file", "/data/b.txt"),
        (PurePosixPath("bucket/b.txt"), "s3", "s3://bucket/b.txt"),
        (f"ftp://me:{CANARY}@host/b.txt", None, "ftp://host/b.txt"),
        (7, None, None),
    ],
)
def test_the_location_of_a_foreign_dataset_is_read_from_its_filepath(
    filepath: Any, protocol: str | None, expected: str | None
) -> None:
    dataset: Any = Untestable()
    dataset._filepath = filepath
    if protocol:
        dataset._protocol = protocol
    assert dataset.location == expected


def test_a_frozen_dataclass_can_be_a_dataset() -> None:
    dataset = FrozenDataset("p")
    assert dataset.load() == "p"
    assert dataset.to_config() == {"type": f"{__name__}.FrozenDataset", "path": "p"}


@pytest.mark.parametrize(
    ("dataset", "arguments"),
    [
        (KedroStyle("a", 2), {"filepath": "a", "scale": 2}),
        (KedroStyle("a"), {"filepath": "a"}),
        (KedroStyle(filepath="a", scale=3), {"filepath": "a", "scale": 3}),
        (PublicStyle("a", "b", c=1), {"parts": ("a", "b"), "c": 1}),
        (
            CSVDataset(filepath="a", version=Version(None, "v"), load_args={"sep": ";"}),
            {"filepath": "a", "versioned": True, "load_args": {"sep": ";"}},
        ),
        (JSONDataset(filepath="a", version=None), {"filepath": "a"}),
    ],
)
def test_the_configuration_is_what_the_constructor_was_called_with(
    dataset: AbstractDataset[Any, Any], arguments: dict[str, Any]
) -> None:
    expected = {"type": f"{type(dataset).__module__}.{type(dataset).__qualname__}", **arguments}
    assert dataset.to_config() == expected
    assert copy.copy(dataset).to_config() == expected
    assert copy.deepcopy(dataset).to_config() == expected
    assert pickle.loads(pickle.dumps(dataset)).to_config() == expected


def test_a_configuration_shares_nothing_with_the_dataset() -> None:
    dataset = CSVDataset(filepath="a", load_args={"names": ["x"]})
    dataset.to_config()["load_args"]["names"].append("y")
    assert dataset.to_config()["load_args"] == {"names": ["x"]}


def test_from_config_undoes_to_config() -> None:
    config = CSVDataset(filepath="a", version=Version(), save_args={"sep": "|"}).to_config()
    rebuilt = AbstractDataset.from_config("x", config, "l", "s")
    assert type(rebuilt) is CSVDataset
    assert rebuilt.to_config() == config
    assert rebuilt.describe()["version"] == Version("l", "s")


@pytest.mark.parametrize(
    "kind", [JSONDataset, "json.JSONDataset", "incremental.io.files.formats.JSONDataset"]
)
def test_a_type_is_a_class_a_short_name_or_a_dotted_path(kind: Any) -> None:
    config = {"type": kind, "filepath": "a", "version": "ignored", "save_args": {"indent": None}}
    dataset = AbstractDataset.from_config("x", config)
    assert type(dataset) is JSONDataset
    assert dataset.resolve_load_version() is None
    assert config["type"] is kind


def test_versions_are_given_to_a_class_that_always_has_them() -> None:
    class Always(KedroStyle):
        versioned = True

        def __init__(self, version: Version):
            self.version = version

    built: Any = AbstractDataset.from_config("x", {"type": Always}, "l", "s")
    assert built.version == ("l", "s")


NEEDS = " Types of kedro-datasets need that package"


class Picky(AbstractDataset[Any, Any]):
    def __init__(self, size: int, credentials: Any = None, **rest: Any) -> None:
        if size < 0:
            raise ValueError(f"negative size for {credentials}")
        if size == 0:
            raise DatasetError("size 0 is not allowed")
        len(size)  # type: ignore[arg-type]

    def _load(self) -> Any: ...
    def _save(self, data: Any) -> None: ...


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, "dataset 'x' has no 'type'; give it one, for instance 'type: json.JSONDataset'"),
        ({"type": 3}, "dataset 'x': type 3 is no dataset class; extend AbstractDataset"),
        ({"type": dict}, "dataset 'x': type <class 'dict'> is no dataset class; extend AbstractDataset"),
        (
            {"type": "json.JSONDataste"},
            "dataset 'x': type 'json.JSONDataste' is not known; did you mean 'json.JSONDataset'?",
        ),
        (
            {"type": "no_such_module.Thing"},
            "dataset 'x': type 'no_such_module.Thing' is not known; is its package installed?" + NEEDS,
        ),
        ({"type": "Storage"}, "dataset 'x': type 'Storage' is not known; name a class by its dotted path"),
        (
            {"type": ".relative.Thing"},
            "dataset 'x': type '.relative.Thing' is not known; is its package installed?" + NEEDS,
        ),
        ({"type": "ending."}, "dataset 'x': type 'ending.' is not known; is its package installed?" + NEEDS),
        (
            {"type": "json.JSONDataset", "filepth": "a", "load_args": {}},
            "dataset 'x' of type JSONDataset: 'filepth' is no argument; did you mean 'filepath'?; "
            "'load_args' is no argument; did you mean 'save_args' or 'fs_args'? "
            "(it takes filepath, save_args, version, credentials, fs_args, metadata)",
        ),
        ({"type": "json.JSONDataset"}, "dataset 'x' of type JSONDataset needs 'filepath'"),
        ({"type": Picky}, "dataset 'x' of type Picky needs 'size'"),
        (
            {"type": Picky, "size": 1, "other": 2},
            "dataset 'x' of type Picky cannot be built: object of type 'int' has no len()",
        ),
        (
            {"type": Picky, "size": -1, "credentials": CANARY},
            "dataset 'x' of type Picky cannot be built: ValueError: negative size for ***",
        ),
        ({"type": Picky, "size": 0}, "dataset 'x': size 0 is not allowed"),
    ],
)
@pytest.mark.usefixtures("without_kedro_datasets")
def test_a_wrong_entry_is_refused_with_the_remedy(config: dict[str, Any], text: str) -> None:
    with pytest.raises(DatasetError) as caught:
        AbstractDataset.from_config("x", config)
    assert str(caught.value) == text


def test_a_dataset_shows_its_type_and_description_without_secrets() -> None:
    dataset = CSVDataset(
        filepath=f"ftp://me:{CANARY}@host/a.csv",
        load_args={"storage_options": {"password": CANARY}, "sep": ";"},
        credentials={"key": CANARY},
        fs_args={"token": CANARY},
    )
    for shown in (repr(dataset), str(dataset), str(dataset.describe()), dataset.location):
        assert CANARY not in str(shown)
    assert repr(dataset).startswith("CSVDataset(filepath='ftp://host/a.csv', protocol='ftp', load_args={")


def test_a_class_without_describe_shows_its_arguments_without_credentials() -> None:
    class Plain(AbstractDataset[Any, Any]):
        def __init__(self, table: str, password: str, credentials: Any = None, metadata: Any = None):
            """Keep nothing."""

        def _load(self) -> Any: ...
        def _save(self, data: Any) -> None: ...

    dataset = Plain("t", CANARY, {"user": CANARY}, metadata={"layer": 1})
    assert repr(dataset).endswith("Plain(table='t', password='***')")


def test_long_values_are_cut_in_what_is_shown() -> None:
    shown = repr(KedroStyle("x" * 1000))
    assert len(shown) < 300
    assert "…" in shown


def test_a_memory_dataset_shows_the_type_of_its_data_only() -> None:
    assert repr(MemoryDataset(CANARY)) == "MemoryDataset(data=<str>)"
    assert repr(MemoryDataset()) == "MemoryDataset()"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(28, "No space left on device", "f"), "[Errno 28] No space left on device: 'f'"),
        (OSError(), "OSError"),
        (ValueError("bad"), "ValueError: bad"),
        (KeyError("k"), "KeyError: 'k'"),
    ],
)
def test_errors_are_explained_in_one_phrase(error: Exception, text: str) -> None:
    assert explain(error) == text


def test_a_traceback_passes_through_no_wrapper_of_ours_around_public_methods() -> None:
    try:
        PublicStyle().load()
    except FileNotFoundError as error:
        frames = traceback.extract_tb(error.__traceback__)
        assert [Path(frame.filename).name for frame in frames] == [Path(__file__).name] * 2
