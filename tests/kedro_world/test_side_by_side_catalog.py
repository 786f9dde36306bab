"""The catalog and its datasets: the same script run with Kedro's classes and with ours, results compared."""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("kedro", reason="compares with Kedro, which is not installed")
pytest.importorskip("kedro_datasets", reason="uses datasets of kedro-datasets, which is not installed")

import kedro.io
import kedro.io.core

import incremental.io
import incremental.io.core
from incremental.errors import DatasetError

Script = Callable[[ModuleType, Path], Any]


def both(script: Script, tmp_path: Path) -> list[Any]:
    """Return what a script returns with Kedro's module and with ours, each in a folder of its own."""
    found = []
    for name, module in (("kedro", kedro.io), ("ours", incremental.io)):
        folder = tmp_path / name
        folder.mkdir()
        found.append(script(module, folder))
    return found


def alike(script: Script, tmp_path: Path) -> Any:
    theirs, ours = both(script, tmp_path)
    assert ours == theirs
    return ours


MORE_EXACT = ("VersionNotFoundError", "VersionAlreadyExistsError")


def kind_of(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the name of the class of what it raises; some of ours are more exact."""
    try:
        return call()
    except (DatasetError, kedro.io.DatasetError) as error:
        name = type(error).__name__
        return "DatasetError" if name in MORE_EXACT else name


def last(path: str | None) -> str | None:
    return None if path is None else path.rpartition(".")[2]


def entries(folder: Path) -> dict[str, Any]:
    return {
        "cars": {"type": "json.JSONDataset", "filepath": f"{folder}/cars.json"},
        "model": {"type": "pickle.PickleDataset", "filepath": f"{folder}/model.pkl", "versioned": True},
        "{name}_text": {"type": "text.TextDataset", "filepath": f"{folder}/{{name}}.txt"},
        "shelf": {"type": "MemoryDataset"},
    }


def test_names_types_and_datasets_are_found_alike(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        catalog = io.DataCatalog.from_config(entries(folder))
        return [
            sorted(catalog.keys()),
            type(catalog.keys()).__name__,
            type(catalog.values()).__name__,
            sorted(name for name, _ in catalog.items()),
            sorted(catalog),
            len(catalog),
            ["cars" in catalog, "a_text" in catalog, "nothing" in catalog],
            [last(catalog.get_type(name)) for name in ("cars", "model", "a_text", "shelf", "nothing")],
            sorted(catalog.filter(name_regex="ar")),
            sorted(catalog.filter(name_regex=re.compile("^m"))),
            sorted(catalog.filter(type_regex="JSON")),
            sorted(catalog.filter(name_regex="s", type_regex="Memory")),
            sorted(catalog.filter(by_type=io.MemoryDataset)),
            sorted(catalog.filter(by_type=[io.MemoryDataset, io.CachedDataset])),
            catalog.get("nothing"),
            type(catalog.get("nothing", fallback_to_runtime_pattern=True)).__name__,
            "nothing" in catalog,
            type(catalog["a_text"]).__name__,
            sorted(catalog._ipython_key_completions_()),
            kind_of(lambda: catalog["nobody"]),
            [kind_of(partial(verb, "nobody")) for verb in (catalog.load, catalog.release, catalog.confirm)],
            kind_of(lambda: catalog.confirm("cars")),
            catalog.exists("nobody"),
            isinstance(catalog, io.CatalogProtocol),
        ]

    assert "DatasetNotFoundError" in alike(script, tmp_path)


def test_data_is_saved_loaded_replaced_and_released_alike(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        catalog = io.DataCatalog.from_config(entries(folder))
        found: list[Any] = [
            catalog.exists("cars"),
            catalog.exists("shelf"),
            kind_of(lambda: catalog.load("cars")),
        ]
        catalog.save("cars", {"a": [1, 2]})
        catalog.save("shelf", [1])
        catalog.save("b_text", "b")
        found += [catalog.load(name) for name in ("cars", "shelf", "b_text")]
        found += [catalog.exists(name) for name in ("cars", "shelf", "b_text", "c_text")]
        catalog.release("shelf")
        found += [catalog.exists("shelf"), kind_of(lambda: catalog.load("shelf"))]
        catalog["cars"] = [7]
        catalog["new"] = io.MemoryDataset({"k": 1})
        found += [catalog.load("cars"), catalog.load("new"), type(catalog["cars"]).__name__]
        found.append(kind_of(lambda: catalog.save("new", None)))
        return found + [(folder / name).read_text() for name in ("cars.json", "b.txt")]

    alike(script, tmp_path)


def test_versions_are_saved_listed_pinned_and_refused_alike(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        config = entries(folder)
        for version in ("2024-01", "2024-02"):
            io.DataCatalog.from_config(config, save_version=version).save("model", version)
        catalog = io.DataCatalog.from_config(config, load_versions={"model": "2024-01"})
        free = io.DataCatalog.from_config(config)
        return [
            catalog.load("model"),
            free.load("model"),
            free.load("model", version="2024-01"),
            free.get("model", version=io.Version("2024-01", None)).load(),
            free.load("model"),
            free.load("cars", version="x") if free.exists("cars") else None,
            free["model"].list_versions(full_path=False),
            [Path(path).parts[-3:] for path in free["model"].list_versions()],
            free["model"].resolve_load_version(),
            catalog["model"].resolve_load_version(),
            kind_of(lambda: free.load("model", version="2023")),
            kind_of(lambda: io.DataCatalog.from_config(config, load_versions={"nobody": "1"})),
            io.DataCatalog.from_config(config, load_versions={"a_text": "1"}).exists("a_text"),
            kind_of(lambda: io.DataCatalog.from_config(config, save_version="../x").save("model", 1)),
            kind_of(lambda: io.DataCatalog.from_config(config, save_version="2024-02").save("model", 1)),
        ]

    alike(script, tmp_path)


def test_datasets_of_one_catalog_save_one_version(tmp_path: Path) -> None:
    def dataset(io: ModuleType, folder: Path, name: str, version: Any) -> Any:
        return io.AbstractDataset.from_config(
            name,
            {"type": "json.JSONDataset", "filepath": f"{folder}/{name}.json", "versioned": True},
            *version,
        )

    def script(io: ModuleType, folder: Path) -> Any:
        one, two = dataset(io, folder, "one", ("1", "2")), dataset(io, folder, "two", (None, "3"))
        catalog = io.DataCatalog({"one": io.CachedDataset(one)})
        _, _, load_versions, save_version = catalog.to_config()
        return [
            load_versions,
            save_version,
            kind_of(lambda: io.DataCatalog({"one": one, "two": two})),
            kind_of(lambda: catalog.__setitem__("two", two)),
        ]

    assert alike(script, tmp_path)[-2:] == ["DatasetError"] * 2


def test_credentials_are_found_in_nested_entries_alike(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        config = {
            "plain": {"type": "t", "credentials": "db"},
            "nested": {
                "type": "t",
                "dataset": {"type": "u", "credentials": "db", "deep": {"credentials": "s3"}},
            },
            "given": {"type": "t", "credentials": {"user": "x"}},
            "none": {"type": "t", "credentials": None},
        }
        resolver = io.CatalogConfigResolver(
            config, {"db": {"user": "me"}, "s3": "token"}, {"{d}": {"type": "m"}}
        )
        return [resolver.config, resolver.resolve_pattern("nested"), resolver.resolve_pattern("q")]

    alike(script, tmp_path)


@pytest.mark.filterwarnings("ignore:.*ersion '2'.*load")
def test_a_catalog_goes_to_configuration_and_back_alike(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        config = entries(folder)
        config["db"] = {
            "type": "json.JSONDataset", "filepath": f"{folder}/d.json", "credentials": "disk",
            "save_args": {"indent": 1}, "validator": {"class": "builtins.len", "severity": "warn"},
        }  # fmt: skip
        config["kept"] = {
            "type": "CachedDataset", "versioned": True,
            "dataset": {"type": "text.TextDataset", "filepath": f"{folder}/k.txt"},
        }  # fmt: skip
        catalog = io.DataCatalog.from_config(config, {"disk": {"auto_mkdir": True}}, {"model": "1"}, "2")
        catalog["memory"] = 3
        catalog["kept"], catalog["a_text"]
        found, credentials, load_versions, save_version = catalog.to_config()
        again = io.DataCatalog.from_config(found, credentials, load_versions, save_version)
        again.save("model", [1])
        again.save("a_text", "a")
        references = {entry.pop("credentials", None) for entry in found.values()} - {None}
        found = {
            name: {**entry, "type": last(entry["type"])} for name, entry in found.items() if "{" not in name
        }
        for entry in found.values():
            inner = entry.get("dataset", {})
            inner.update(type=last(inner.get("type")))
        return [
            {name: {key: value for key, value in entry.items() if value} for name, entry in found.items()},
            [credentials[name] for name in references],
            {name: pin for name, pin in load_versions.items() if pin},
            save_version,
            sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()),
        ]

    theirs, ours = both(lambda io, folder: script(io, folder), tmp_path)
    for found in (theirs, ours):  # Kedro writes out all arguments of what was built
        for entry in found[0].values():
            entry["filepath"] = PurePosixPath(entry.get("filepath", "")).name
            entry.get("dataset", {}).pop("filepath", None)
    assert ours == theirs


def test_cached_and_memory_datasets_behave_alike(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        inner = {"type": "json.JSONDataset", "filepath": f"{folder}/c.json"}
        cached = io.CachedDataset(dict(inner))
        found: list[Any] = [cached.exists(), kind_of(cached.load)]
        cached.save([1])
        (folder / "c.json").write_text("[2]")
        found += [cached.load(), cached.exists()]
        cached.release()
        found += [cached.load(), cached.exists()]
        cached.release()
        found.append(cached.exists())
        (folder / "c.json").unlink()
        found.append(cached.exists())
        for mode in (None, "assign", "copy", "deepcopy"):
            data = [[1]]
            memory = io.MemoryDataset(data, copy_mode=mode)
            loaded = memory.load()
            found.append([mode, loaded is data, loaded[0] is data[0], memory.exists()])
        return [*found, kind_of(io.MemoryDataset().load), kind_of(lambda: io.MemoryDataset(None).load())]

    logging.disable(logging.WARNING)
    try:
        alike(script, tmp_path)
    finally:
        logging.disable(logging.NOTSET)


def test_a_cached_dataset_that_was_pickled_is_empty_with_us(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        cached = io.CachedDataset({"type": "json.JSONDataset", "filepath": f"{folder}/c.json"})
        return pickle.loads(pickle.dumps(cached)).exists()

    logging.disable(logging.WARNING)
    try:
        assert both(script, tmp_path) == [True, False]  # with Kedro what is empty no longer is itself
    finally:
        logging.disable(logging.NOTSET)


def test_what_nobody_may_ask_of_a_cached_dataset_is_refused() -> None:
    config = {"type": "json.JSONDataset", "filepath": "x.json", "versioned": True}
    with pytest.raises(ValueError, match="versioned"):
        kedro.io.CachedDataset(dict(config))
    with pytest.raises(DatasetError, match="versioned"):
        incremental.io.CachedDataset(dict(config))


def classes(io: ModuleType) -> Any:
    """Return datasets as users write them, over the base classes of Kedro or over ours."""
    core = {kedro.io: kedro.io.core, incremental.io: incremental.io.core}[io]

    class Lines(io.AbstractDataset):  # type: ignore[name-defined,misc]
        def __init__(self, filepath: str, upper: bool = False, metadata: Any = None) -> None:
            self._filepath, self._upper, self.metadata = Path(filepath), upper, metadata

        def _load(self) -> list[str]:
            text = self._filepath.read_text()
            return (text.upper() if self._upper else text).splitlines()

        def _save(self, data: list[str]) -> None:
            self._filepath.write_text("\n".join(data))

        def _exists(self) -> bool:
            return self._filepath.exists()

        def _describe(self) -> dict[str, Any]:
            return {"filepath": self._filepath}

    class Editions(io.AbstractVersionedDataset):  # type: ignore[name-defined,misc]
        def __init__(self, filepath: str, version: Any = None) -> None:
            protocol, path = core.get_protocol_and_path(filepath, version)
            self._protocol = protocol
            super().__init__(PurePosixPath(path), version)

        def load(self) -> str:
            return Path(core.get_filepath_str(self._get_load_path(), self._protocol)).read_text()

        def save(self, data: str) -> None:
            path = Path(core.get_filepath_str(self._get_save_path(), self._protocol))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(data)

        def _exists(self) -> bool:
            try:
                return Path(self._get_load_path()).exists()
            except core.DatasetError:
                return False

        def _describe(self) -> dict[str, Any]:
            return {"filepath": self._filepath, "version": self._version}

    return Lines, Editions


def test_datasets_of_ones_own_behave_alike(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        lines, editions = classes(io)
        config = {
            "lines": {"type": lines, "filepath": f"{folder}/l.txt", "upper": True, "metadata": {"by": "me"}},
            "editions": {"type": editions, "filepath": f"{folder}/e.txt", "versioned": True},
            "plain": {"type": editions, "filepath": f"{folder}/p.txt"},
            "wrong": {"type": lines, "filepat": "x"},
        }
        catalog = io.DataCatalog.from_config(config, save_version="v1")
        found = [catalog.exists(name) for name in ("lines", "editions", "plain")]
        found += [kind_of(partial(catalog.load, name)) for name in ("lines", "editions", "plain", "wrong")]
        catalog.save("lines", ["a", "b"])
        catalog.save("editions", "e")
        catalog.save("plain", "p")
        found += [catalog.load(name) for name in ("lines", "editions", "plain")]
        found += [
            catalog["editions"].resolve_load_version(),
            catalog["editions"].list_versions(full_path=False),
        ]
        found += [kind_of(lambda: catalog.save("lines", None)), kind_of(lambda: catalog.save("lines", [1]))]
        found += [catalog["lines"].metadata, (folder / "e.txt" / "v1" / "e.txt").read_text()]
        return found

    alike(script, tmp_path)


def test_the_functions_that_datasets_use_answer_alike(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        core = {kedro.io: kedro.io.core, incremental.io: incremental.io.core}[io]
        places = [
            "data/x.csv",
            "/a/x.csv",
            "s3://bucket/a/x.csv",
            "file:///a/x.csv",
            "https://host/x.csv?a=b",
        ]
        kind, arguments = core.parse_dataset_definition(
            {"type": "json.JSONDataset", "filepath": "x", "versioned": True, "version": 3}, "1", "2"
        )
        return [
            [core.get_protocol_and_path(place) for place in places],
            kind_of(lambda: core.get_protocol_and_path("http://host/x", io.Version(None, None))),
            [core.get_filepath_str(PurePosixPath("host/x"), name) for name in ("file", "s3", "https")],
            [core.is_parameter(name) for name in ("params:x", "parameters", "x")],
            kind_of(lambda: core.validate_on_forbidden_chars(a="x y")),
            core.validate_on_forbidden_chars(a="xy"),
            kind.__name__,
            {**arguments, "version": tuple(arguments["version"])},
            len(core.generate_timestamp()),
        ]

    alike(script, tmp_path)


def test_runtime_patterns_of_a_class_of_ones_own_are_used_alike(tmp_path: Path) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        class Catalog(io.DataCatalog):  # type: ignore[name-defined,misc]
            default_runtime_patterns = {  # noqa: RUF012
                "{default}": {"type": "json.JSONDataset", "filepath": f"{folder}/{{default}}.json"}
            }

        catalog = Catalog.from_config({"{n}_text": {"type": "text.TextDataset", "filepath": "x"}})
        found = [
            catalog.config_resolver.list_patterns(),
            catalog.config_resolver.match_runtime_pattern("q"),
            "q" in catalog,
            catalog.get("q"),
            type(catalog.get("q", fallback_to_runtime_pattern=True)).__name__,
            "q" in catalog,
        ]
        catalog.save("q", [1])
        return [*found, (folder / "q.json").read_text()]

    alike(script, tmp_path)
