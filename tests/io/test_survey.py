"""The survey: each location is asked once, built-in datasets are not built, all faults come together."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import register_implementation

from incremental.errors import DatasetError
from incremental.io import CachedDataset, DataCatalog, MemoryDataset
from incremental.io.catalog.markers import mark, unmark
from incremental.io.catalog.survey import survey
from incremental.io.dataset import AbstractDataset
from incremental.planner.facts import Facts, State
from incremental.secrets import Secret

ABSENT, PRESENT, INCOMPLETE = State.ABSENT, State.PRESENT, State.INCOMPLETE


class Counted(MemoryFileSystem):
    """A file system that counts what is asked of it, of which account."""

    protocol = "counted"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    asked: ClassVar[Counter[tuple[str, str]]] = Counter()

    def __init__(self, key: str = "nobody", **rest: Any) -> None:
        super().__init__(**rest)
        self.key = key

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("counted://").strip("/")

    def ls(self, path: str, detail: bool = True, **rest: Any) -> Any:
        self._count("ls")
        return super().ls(path, detail, **rest)

    def info(self, path: str, **rest: Any) -> Any:
        self._count("info")
        if "broken" in path:
            raise OSError(f"denied for {self.key} at https://u:swordfish@host/x")
        return super().info(path, **rest)

    def _count(self, verb: str) -> None:
        self.asked[verb, self.key] += 1


register_implementation("counted", Counted, clobber=True)


class Own(AbstractDataset[Any, Any]):
    """A dataset of the user's, on a file."""

    def __init__(self, filepath: str, fails: bool = False) -> None:
        self._filepath = filepath
        self.fails = fails

    def load(self) -> Any: ...

    def save(self, data: Any) -> None: ...

    def exists(self) -> bool:
        if self.fails:
            raise ConnectionError("no route to host")
        return Path(self._filepath).exists()


class Blind(AbstractDataset[Any, Any]):
    """A dataset that cannot tell whether it is there."""

    def load(self) -> Any: ...

    def save(self, data: Any) -> None: ...


OWN, BLIND = f"{__name__}.Own", f"{__name__}.Blind"


@pytest.fixture
def counted() -> Iterator[Counter[tuple[str, str]]]:
    Counted.asked.clear()
    Counted.store.clear()
    yield Counted.asked
    Counted.clear_instance_cache()


def states_of(catalog: DataCatalog, *names: str) -> dict[str, State]:
    return dict(survey(catalog, names).states)


def text_entry(path: object, **more: Any) -> dict[str, Any]:
    return {"type": "text.TextDataset", "filepath": str(path), **more}


# -- what is not in files


def test_names_unknown_to_the_catalog_and_parameters_have_no_state() -> None:
    catalog = DataCatalog(parameters={"a": 1})
    assert survey(catalog, ["x", "params:a", "parameters", "params:b"]) == Facts(
        absent_parameters=frozenset({"params:b"})
    )


def test_a_dataset_in_memory_is_handed_in_when_it_holds_data(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config(
        {
            "empty": {"type": "MemoryDataset"},
            "filled": {"type": "MemoryDataset", "data": [1]},
            "cached": {"type": "CachedDataset", "dataset": {"type": "MemoryDataset"}},
        }
    )
    catalog["given"] = 1
    catalog["none"] = None
    catalog["hollow"] = MemoryDataset()
    facts = survey(catalog, ["empty", "filled", "cached", "given", "none", "hollow"])
    assert facts.states == {
        "empty": State.EPHEMERAL,
        "filled": State.HANDED_IN,
        "cached": State.EPHEMERAL,
        "given": State.HANDED_IN,
        "none": State.HANDED_IN,
        "hollow": State.EPHEMERAL,
    }
    assert facts.locations == {}
    assert catalog.built("empty") is None


# -- files


@pytest.mark.parametrize("others", [0, 8])  # one by one, and by listing
def test_a_file_is_present_absent_or_incomplete(tmp_path: Path, others: int) -> None:
    (tmp_path / "there").write_text("x")
    (tmp_path / "half").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "parts").mkdir()
    mark(str(tmp_path / "half"), "run", "node")
    mark(str(tmp_path / "gone"), "run", "node")
    names = [
        "there",
        "half",
        "link",
        "dangling",
        "gone",
        "missing",
        *(f"o{place}" for place in range(others)),
    ]
    config = {name: text_entry(tmp_path / name) for name in names}
    config["parts"] = {"type": "pandas.ParquetDataset", "filepath": str(tmp_path / "parts")}
    facts = survey(DataCatalog.from_config(config), config)
    assert {name: state for name, state in facts.states.items() if name[0] != "o"} == {
        "there": PRESENT,
        "half": INCOMPLETE,
        "link": PRESENT,
        "dangling": ABSENT,
        "gone": ABSENT,
        "missing": ABSENT,
        "parts": PRESENT,
    }
    assert facts.locations["there"] == str(tmp_path / "there")
    assert len(facts.states) == len(names) + 1


@pytest.mark.parametrize("others", [0, 8])
def test_a_folder_or_a_file_in_place_of_a_folder_that_is_not_there_means_absent(
    tmp_path: Path, others: int
) -> None:
    (tmp_path / "file").write_text("x")
    config = {f"a{place}": text_entry(tmp_path / "no" / f"{place}") for place in range(others + 1)}
    config |= {f"b{place}": text_entry(tmp_path / "file" / f"{place}") for place in range(others + 1)}
    assert set(states_of(DataCatalog.from_config(config), *config).values()) == {ABSENT}


def test_paths_are_made_absolute_however_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.txt").write_text("x")
    where = str(tmp_path / "a.txt")
    spellings = [
        "a.txt",
        "./a.txt",
        f"{tmp_path}/b/../a.txt",
        f"{tmp_path}//a.txt",
        "~/a.txt",
        f"file://{where}",
    ]
    config = {f"d{place}": text_entry(path) for place, path in enumerate(spellings)}
    config["path"] = {"type": "text.TextDataset", "filepath": Path("a.txt")}
    facts = survey(DataCatalog.from_config(config), config)
    assert set(facts.locations.values()) == {where}
    assert set(facts.states.values()) == {PRESENT}


def test_no_built_in_dataset_is_built_and_no_library_of_theirs_imported(tmp_path: Path) -> None:
    program = """
import sys
from incremental.io import DataCatalog, survey
kinds = ["text.TextDataset", "json.JSONDataset", "yaml.YAMLDataset", "pickle.PickleDataset",
         "pandas.CSVDataset", "pandas.ParquetDataset"]
catalog = DataCatalog.from_config(
    {f"d{place}": {"type": kind, "filepath": f"/no/where{place}", "versioned": place % 2 == 1}
     for place, kind in enumerate(kinds * 2)} | {"m": {"type": "MemoryDataset"}}
)
names = list(catalog)
states = survey(catalog, names).states
assert len(states) == 13, states
assert not any(catalog.built(name) for name in names)
heavy = {"pandas", "fsspec", "yaml", "joblib", "numpy", "incremental.io.files.formats"} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


def test_the_newest_version_that_is_whole_is_found_or_the_pinned_one(tmp_path: Path) -> None:
    for version, name in [
        ("v1", "t"),
        ("v2", "t"),
        ("v3", "other"),
        (".t.0123456789abcdef.incremental-tmp", "t"),
    ]:
        (tmp_path / "t" / version).mkdir(parents=True)
        (tmp_path / "t" / version / name).write_text("x")
    (tmp_path / "plain").write_text("x")
    config = {
        "t": text_entry(tmp_path / "t", versioned=True),
        "none": text_entry(tmp_path / "none", versioned=True),
        "plain": text_entry(tmp_path / "plain"),
    }
    facts = survey(DataCatalog.from_config(config), config)
    assert facts.states == {"t": PRESENT, "none": ABSENT, "plain": PRESENT}
    assert (facts.versions, facts.pins) == ({"t": "v2"}, {})

    pinned = survey(DataCatalog.from_config(config, load_versions={"t": "v1", "none": "v1"}), config)
    assert (pinned.versions, pinned.pins) == ({"t": "v1"}, {"t": "v1", "none": "v1"})
    absent = survey(DataCatalog.from_config(config, load_versions={"t": "v3"}), config)
    assert (absent.states["t"], absent.pins) == (ABSENT, {"t": "v3"})


# -- datasets that are asked


def test_any_other_dataset_is_built_and_asked(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    (tmp_path / "half").write_text("x")
    mark(str(tmp_path / "half"), "run", "node")
    mark(str(tmp_path / "gone"), "run", "node")
    config: dict[str, Any] = {
        name: {"type": OWN, "filepath": str(tmp_path / name)} for name in ("there", "half", "gone")
    }
    config["blind"] = {"type": BLIND}
    config["cached"] = {"type": "CachedDataset", "dataset": text_entry(tmp_path / "there")}
    facts = survey(DataCatalog.from_config(config), config)
    assert facts.states == {
        "there": PRESENT,
        "half": INCOMPLETE,
        "gone": ABSENT,
        "blind": State.UNKNOWN,
        "cached": PRESENT,
    }
    assert facts.locations["blind"] == "dataset:blind"
    assert facts.locations["cached"] == facts.locations["there"] == str(tmp_path / "there")
    assert facts.untestable == {"blind": "Blind"}
    unmark(str(tmp_path / "half"))
    assert states_of(DataCatalog.from_config(config), "half") == {"half": PRESENT}


class KedroBase:
    """What the survey knows of datasets that are made for Kedro and not for us."""

    def _exists(self) -> bool:
        return False

    def exists(self) -> bool:
        return self._exists()

    def load(self) -> Any: ...

    def save(self, data: Any) -> None: ...


KedroBase._exists.__module__ = "kedro.io.core"


class KedroQuery(KedroBase):
    pass


class KedroMemory(KedroBase):
    _EPHEMERAL = True


class KedroFile(KedroBase):
    def __init__(self, filepath: str, protocol: str = "file") -> None:
        from pathlib import PurePosixPath

        self._filepath = PurePosixPath(filepath)
        self._protocol = protocol

    def _exists(self) -> bool:
        return True

    def resolve_load_version(self) -> None:
        return None


def test_datasets_that_derive_from_the_base_class_of_kedro_are_understood(tmp_path: Path) -> None:
    catalog = DataCatalog(
        {
            "query": KedroQuery(),
            "memory": KedroMemory(),
            "file": KedroFile(str(tmp_path / "f")),
            "cloud": KedroFile("bucket/f", "s3"),
        }
    )
    facts = survey(catalog, list(catalog))
    assert facts.states == {
        "query": State.UNKNOWN,
        "memory": State.EPHEMERAL,
        "file": PRESENT,
        "cloud": PRESENT,
    }
    assert facts.untestable == {"query": "KedroQuery"}
    assert facts.locations == {
        "query": "dataset:query",
        "file": str(tmp_path / "f"),
        "cloud": "s3://bucket/f",
    }


def test_a_thing_with_methods_only_says_where_it_is_if_it_wants() -> None:
    class Thing:
        location = "db://table"

        def load(self) -> Any: ...

        def save(self, data: Any) -> None: ...

    facts = survey(DataCatalog({"thing": Thing()}), ["thing"])
    assert (facts.states, facts.locations) == ({"thing": State.UNKNOWN}, {"thing": "db://table"})


def test_an_object_that_was_added_is_asked_and_its_version_noted(tmp_path: Path) -> None:
    from incremental.io.dataset import Version
    from incremental.io.files.formats import TextDataset

    (tmp_path / "t" / "v1").mkdir(parents=True)
    (tmp_path / "t" / "v1" / "t").write_text("x")
    catalog = DataCatalog(
        {"t": TextDataset(filepath=str(tmp_path / "t"), version=Version())}, load_versions={"t": "v1"}
    )
    facts = survey(catalog, ["t"])
    assert (facts.versions, facts.pins) == ({"t": "v1"}, {"t": "v1"})


# -- stores that are far away


def test_a_thousand_datasets_under_one_prefix_are_one_request(counted: Counter[tuple[str, str]]) -> None:
    fs = Counted(key="me")
    for place in range(0, 1000, 2):
        fs.pipe_file(f"/data/f{place}", b"x")
    config = {f"d{place}": text_entry(f"counted://data/f{place}", credentials="c") for place in range(1000)}
    counted.clear()
    facts = survey(DataCatalog.from_config(config, {"c": {"key": Secret("me")}}), config)
    assert counted == {("ls", "me"): 1}
    assert Counter(facts.states.values()) == {PRESENT: 500, ABSENT: 500}
    assert facts.locations["d7"] == "counted://data/f7"


def test_one_dataset_alone_is_asked_for_by_its_name(counted: Counter[tuple[str, str]]) -> None:
    Counted().pipe_file("/data/a", b"x")
    counted.clear()
    catalog = DataCatalog.from_config(
        {"a": text_entry("counted://data/a"), "b": text_entry("counted://other/b")}
    )
    assert states_of(catalog, "a", "b") == {"a": PRESENT, "b": ABSENT}
    assert counted["ls", "nobody"] == 0
    assert counted["info", "nobody"] == 2


def test_credentials_that_print_alike_are_two_accounts(counted: Counter[tuple[str, str]]) -> None:
    config = {
        name: text_entry(f"counted://data/{name}", credentials=name[0]) for name in ("a1", "a2", "b1", "b2")
    }
    credentials = {"a": {"key": Secret("anna")}, "b": {"key": Secret("bert")}}
    survey(DataCatalog.from_config(config, credentials), config)
    assert counted == {("ls", "anna"): 1, ("ls", "bert"): 1}


def test_versions_in_a_store_are_found(counted: Counter[tuple[str, str]]) -> None:
    fs = Counted()
    for name in ("a", "b", "c"):
        fs.pipe_file(f"/data/{name}/v1/{name}", b"x")
        fs.pipe_file(f"/data/{name}/v2/other", b"x")
    config = {name: text_entry(f"counted://data/{name}", versioned=True) for name in ("a", "b", "c", "d")}
    facts = survey(DataCatalog.from_config(config, load_versions={"b": "v2"}), config)
    assert facts.states == {"a": PRESENT, "b": ABSENT, "c": PRESENT, "d": ABSENT}
    assert facts.versions == {"a": "v1", "c": "v1"}


# -- what goes wrong


def test_all_faults_are_told_at_once_with_their_place_and_without_credentials(
    tmp_path: Path, counted: Counter[tuple[str, str]]
) -> None:
    catalog = DataCatalog.from_config(
        {
            "argument": text_entry("x", filepat="y"),
            "nowhere": {"type": "text.TextDataset"},
            "number": {"type": "text.TextDataset", "filepath": 7},
            "nul": text_entry("a\0b"),
            "typo": {"type": "text.TextDatase", "filepath": "x"},
            "own": {"type": OWN, "filepath": "x", "fails": True},
            "broken": text_entry("counted://broken/a", credentials="c"),
            "secret": text_entry("counted://x/a", credentials="qwertz"),
            "fine": text_entry(tmp_path / "a"),
        },
        {"c": {"key": "hunter2"}},
        origin=lambda name: f"catalog.yml:{len(name)}",
    )
    with pytest.raises(DatasetError) as caught:
        survey(catalog, [*catalog.config_resolver])
    assert str(caught.value).splitlines() == [
        "catalog.yml:8: dataset 'argument' of type 'text.TextDataset': "
        "'filepat' is no argument; did you mean 'filepath'?",
        "catalog.yml:7: dataset 'nowhere' of type 'text.TextDataset' needs 'filepath'",
        "catalog.yml:6: dataset 'number' of type 'text.TextDataset': 'filepath' is 7, which is no path",
        "catalog.yml:3: dataset 'nul' of type 'text.TextDataset': 'filepath' is 'a\\x00b', which is no path",
        "catalog.yml:4: dataset 'typo': type 'text.TextDatase' is not known; did you mean 'text.TextDataset'?",
        "catalog.yml:6: dataset 'secret' uses credentials 'qwertz', which are not configured; "
        "add them to credentials.yml",
        "dataset 'own': cannot tell whether it exists: no route to host",
        "catalog.yml:6: dataset 'broken': cannot tell whether counted://broken/a exists: "
        "denied for *** at https://host/x",
    ]


@pytest.mark.parametrize(("count", "who"), [(1, "'d0'"), (8, "'d0', 'd1', 'd2' and 5 more")])
def test_a_folder_that_cannot_be_looked_at_is_one_fault(tmp_path: Path, count: int, who: str) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    config = {f"d{place}": text_entry(loop / f"{place}") for place in range(count)}
    with pytest.raises(DatasetError) as caught:
        survey(DataCatalog.from_config(config), config)
    assert str(caught.value) == (
        f"cannot look for {who} in {loop}: too many levels of symbolic links; check its permissions"
    )


def test_of_several_datasets_in_a_folder_the_one_that_cannot_be_looked_into_is_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    kind = "partitions.PartitionedDataset"
    config = {"parts": {"type": kind, "path": str(tmp_path / "loop"), "dataset": "text.TextDataset"}}
    config |= {f"o{place}": text_entry(tmp_path / f"o{place}") for place in range(8)}
    with pytest.raises(DatasetError) as caught:
        survey(DataCatalog.from_config(config), config)
    assert str(caught.value) == (
        f"cannot look for 'parts' in {tmp_path}/loop: too many levels of symbolic links; check its permissions"
    )


def test_what_is_cached_is_asked_for_where_it_is_stored(tmp_path: Path) -> None:
    from incremental.io.files.formats import TextDataset

    cached = CachedDataset(TextDataset(filepath=str(tmp_path / "t")))
    cached.save("x")
    (tmp_path / "t").unlink()
    assert states_of(DataCatalog({"t": cached}), "t") == {"t": ABSENT}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"versioned": "yes"},
            "dataset 'a' of type 'text.TextDataset': 'versioned' is 'yes'; write true or false",
        ),
        (
            {},
            "dataset 'a' of type 'text.TextDataset' keeps no versions, so 'v1' cannot be loaded: "
            "drop its load version, or add 'versioned: true'",
        ),
    ],
)
def test_versions_that_make_no_sense_are_refused(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    catalog = DataCatalog.from_config({"a": text_entry(tmp_path / "a", **more)}, load_versions={"a": "v1"})
    with pytest.raises(DatasetError) as caught:
        survey(catalog, ["a"])
    assert str(caught.value) == message


@pytest.mark.parametrize("others", [0, 8])
def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path, others: int) -> None:
    (tmp_path / "a").mkdir()
    config = {"a": text_entry(tmp_path / "a")}
    config |= {f"o{place}": text_entry(tmp_path / f"o{place}") for place in range(others)}
    with pytest.raises(DatasetError) as caught:
        survey(DataCatalog.from_config(config), config)
    assert str(caught.value) == (
        f"dataset 'a' of type 'text.TextDataset': {tmp_path}/a is a folder; name a file"
    )


@pytest.mark.parametrize("others", [0, 8])
def test_a_file_in_the_place_of_a_folder_of_partitions_is_refused(tmp_path: Path, others: int) -> None:
    (tmp_path / "a").write_text("a file")
    kind = "partitions.PartitionedDataset"
    config = {"a": {"type": kind, "path": str(tmp_path / "a"), "dataset": "text.TextDataset"}}
    config |= {f"o{place}": text_entry(tmp_path / f"o{place}") for place in range(others)}
    with pytest.raises(DatasetError) as caught:
        survey(DataCatalog.from_config(config), config)
    assert str(caught.value) == f"dataset 'a' of type '{kind}': {tmp_path}/a is a file; name a folder"
