"""The catalog: a mapping of names to datasets, each built once when it is first used."""

from __future__ import annotations

import pickle
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from incremental.errors import DatasetError, DatasetNotFoundError
from incremental.io import CatalogConfigResolver, DataCatalog, MemoryDataset
from incremental.io.dataset import AbstractDataset, Version
from incremental.io.files.formats import JSONDataset, TextDataset

BUILT: list[str] = []


class Slow(AbstractDataset[Any, Any]):
    """Takes its time to be built, and says that it was."""

    def __init__(self, name: str) -> None:
        time.sleep(0.02)
        BUILT.append(name)

    def load(self) -> Any:
        return 1

    def save(self, data: Any) -> None: ...


class Duck:
    """A dataset by its methods only."""

    def __init__(self, password: str = "", error: Exception | None = None) -> None:
        self.error = error

    def load(self) -> Any:
        if self.error is not None:
            raise self.error
        return "quack"

    def save(self, data: Any) -> None:
        self.load()


class Grumpy(DatasetError):
    """An error whose constructor wants more than a text."""

    def __init__(self, mood: str, level: int) -> None:
        super().__init__(f"{mood} at level {level}")


def entry(name: str, /, **more: Any) -> dict[str, Any]:
    return {"type": f"{__name__}.{name}", **more}


@pytest.fixture(autouse=True)
def built() -> list[str]:
    BUILT.clear()
    return BUILT


def test_a_catalog_is_a_mapping_of_names(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config(
        {"a": {"type": "json.JSONDataset", "filepath": str(tmp_path / "a.json")}, "{x}_t": entry("Duck")},
        parameters={"p": {"q": 1}},
    )
    catalog["b"] = [1]
    assert list(catalog) == ["a", "b", "parameters", "params:p", "params:p.q"]
    assert len(catalog) == 5
    assert [name in catalog for name in ("a", "b", "x_t", "c", "params:p.q", "params:z", 7)] == [
        True, True, True, False, True, False, False,
    ]  # fmt: skip
    assert isinstance(catalog["a"], JSONDataset)
    assert catalog["b"].load() == [1]
    assert catalog.get("c") is None
    assert isinstance(catalog["x_t"], Duck)
    assert list(catalog) == ["a", "b", "x_t", "parameters", "params:p", "params:p.q"]
    assert catalog._ipython_key_completions_() == list(catalog)
    assert repr(catalog) == (
        "<DataCatalog\n  a: json.JSONDataset\n  b: MemoryDataset\n  x_t: test_catalog.Duck\n  {x}_t: a pattern>"
    )
    assert [name for name, _ in catalog.items()] == list(catalog)


def test_a_large_catalog_shows_its_first_names_and_counts_the_others() -> None:
    catalog = DataCatalog.from_config({f"d{place}": entry("Duck") for place in range(60)})
    assert repr(catalog).splitlines()[-1] == "  and 10 more>"
    assert len(repr(catalog).splitlines()) == 52


def test_building_a_dataset_while_one_iterates_changes_neither_order_nor_iteration() -> None:
    catalog = DataCatalog.from_config({f"d{place}": entry("Duck") for place in range(5)})
    seen = []
    for name in catalog:
        catalog[f"other_{name}"] = 1
        assert catalog[name]
        seen.append(name)
    assert seen[:5] == [f"d{place}" for place in range(5)]


def test_two_catalogs_are_equal_only_if_they_are_one_and_comparing_builds_nothing(built: list[str]) -> None:
    config = {"a": entry("Slow", name="a")}
    one, other = DataCatalog.from_config(config), DataCatalog.from_config(config)
    assert one == one
    assert one != other
    assert len({one, other, one}) == 2
    assert built == []


def test_a_name_that_is_not_there_is_an_error_with_the_nearest_names() -> None:
    catalog = DataCatalog({"model": 1}, parameters={"alpha": 1})
    cases = {
        "modle": "dataset 'modle' is not in the catalog; did you mean 'model'?",
        "qwertz": "dataset 'qwertz' is not in the catalog",
        "params:alhpa": "parameter 'params:alhpa' is not in the parameters; did you mean 'params:alpha'?",
    }
    for name, message in cases.items():
        for ask in (catalog.__getitem__, catalog.load, catalog.release, catalog.confirm):
            with pytest.raises(DatasetNotFoundError) as caught:
                ask(name)
            assert str(caught.value) == message
    with pytest.raises(DatasetNotFoundError):
        catalog.save("modle", 1)
    assert not catalog.exists("modle")


def test_sixteen_threads_that_ask_at_once_build_each_dataset_once(built: list[str]) -> None:
    catalog = DataCatalog.from_config(
        {"a": entry("Slow", name="a"), "{x}_s": entry("Slow", name="{x}"), "b": entry("Slow", name="b")}
    )
    barrier = threading.Barrier(16)
    found: list[tuple[int, ...]] = []

    def ask() -> None:
        barrier.wait()
        found.append(tuple(id(catalog[name]) for name in ("a", "c_s", "b")))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(built) == ["a", "b", "c"]
    assert len(set(found)) == 1


def test_what_is_added_takes_the_place_of_an_entry_of_a_pattern_and_of_a_pin() -> None:
    catalog = DataCatalog.from_config(
        {"a": entry("Duck"), "{x}_t": entry("Duck")}, load_versions={"a": "1", "x_t": "1"}
    )
    assert catalog.load("x_t") == "quack"
    for name in ("a", "x_t", "y_t"):
        catalog[name] = {"v": 1}
        assert catalog.load(name) == {"v": 1}
        assert catalog.load(name, version="2") == {"v": 1}
        assert catalog.get_type(name) == "incremental.io.memory.MemoryDataset"
        assert catalog.entry(name) is None
    assert catalog.load_versions == {}


def test_a_resolver_can_be_shared_by_catalogs_that_change() -> None:
    resolver = CatalogConfigResolver({"a": entry("Duck")})
    one, other = DataCatalog({"a": 1}, resolver), DataCatalog(None, resolver)
    assert one.load("a") == 1
    assert other.load("a") == "quack"


def test_any_value_is_held_in_memory_but_a_dataset_is_kept_as_it_is() -> None:
    duck = Duck()
    catalog = DataCatalog({"duck": duck, "class": Duck, "none": None})
    assert catalog["duck"] is duck
    assert catalog.load("class") is Duck
    assert catalog.load("none") is None


def test_a_name_that_nothing_matches_lives_in_memory_if_one_asks_for_it() -> None:
    catalog = DataCatalog()
    dataset = catalog.get("x", fallback_to_runtime_pattern=True)
    assert isinstance(dataset, MemoryDataset)
    assert catalog["x"] is dataset


def test_load_save_exists_and_release_reach_the_dataset(tmp_path: Path) -> None:
    catalog = DataCatalog({"t": TextDataset(filepath=tmp_path / "t.txt"), "m": MemoryDataset([1])})
    assert not catalog.exists("t")
    catalog.save("t", "hello")
    assert catalog.exists("t")
    assert catalog.load("t") == "hello"
    assert catalog.load("m") == [1]
    assert catalog.load("m") is not catalog.load("m")
    catalog.release("m")
    assert not catalog.exists("m")


def test_a_dataset_without_exists_or_release_is_absent_and_has_nothing_to_release() -> None:
    catalog = DataCatalog({"duck": Duck()})
    assert not catalog.exists("duck")
    catalog.release("duck")
    catalog.reset("duck")
    assert not catalog.can_stage("duck")
    assert catalog.note_saved("duck") is None
    assert catalog.version_read("duck") is None


def test_only_a_dataset_with_a_checkpoint_can_be_confirmed() -> None:
    class Checkpoint(Duck):
        confirmed = 0

        def confirm(self) -> None:
            self.confirmed += 1

    catalog = DataCatalog({"duck": Duck(), "point": Checkpoint()})
    catalog.confirm("point")
    assert catalog["point"].confirmed == 1
    with pytest.raises(DatasetError) as caught:
        catalog.confirm("duck")
    assert str(caught.value) == "dataset 'duck' cannot be confirmed: Duck has no 'confirm'"


FAILURES = [
    (ValueError("no"), DatasetError, "dataset 'duck': cannot load it: ValueError: no"),
    (KeyError("k"), DatasetError, "dataset 'duck': cannot load it: KeyError: 'k'"),
    (
        FileNotFoundError(2, "Gone", "/f"),
        DatasetError,
        "dataset 'duck': cannot load it: [Errno 2] Gone: '/f'",
    ),
    (DatasetError("it is so"), DatasetError, "dataset 'duck': it is so"),
    (DatasetNotFoundError("it is so"), DatasetNotFoundError, "dataset 'duck': it is so"),
    (DatasetError("dataset 'duck': it is so"), DatasetError, "dataset 'duck': it is so"),
    (Grumpy("bad", 3), DatasetError, "dataset 'duck': bad at level 3"),
]


@pytest.mark.parametrize(("error", "kind", "message"), FAILURES)
def test_an_error_of_a_dataset_names_it_once_and_keeps_its_class(
    error: Exception, kind: type[Exception], message: str
) -> None:
    catalog = DataCatalog({"duck": Duck(error=error)})
    with pytest.raises(DatasetError) as caught:
        catalog.load("duck")
    assert str(caught.value) == message
    assert type(caught.value) is kind
    assert caught.value is error or caught.value.__cause__ is error


def test_the_cause_of_an_error_that_only_wraps_is_what_it_wraps() -> None:
    origin = OSError(5, "Input/output error")
    wrapping = DatasetError("cannot")
    wrapping.__cause__ = origin
    catalog = DataCatalog({"duck": Duck(error=wrapping)})
    with pytest.raises(DatasetError) as caught:
        catalog.load("duck")
    assert caught.value.__cause__ is origin


def test_an_interrupt_in_a_dataset_is_not_touched() -> None:
    class Interrupted(Duck):
        def load(self) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DataCatalog({"duck": Interrupted()}).load("duck")


def test_no_secret_of_the_configuration_shows_in_an_error() -> None:
    text = "login of hunter2 with aGVsbG8xMjM0 at s3://me:swordfish@host/x failed"
    catalog = DataCatalog.from_config(
        {"duck": entry("Duck", password="hunter2")}, {"cloud": {"anything": "aGVsbG8xMjM0"}}
    )
    catalog["duck"].error = ValueError(text)
    with pytest.raises(DatasetError) as caught:
        catalog.load("duck")
    expected = "dataset 'duck': cannot load it: ValueError: login of *** with *** at s3://host/x failed"
    assert str(caught.value) == expected


def test_a_catalog_travels_without_its_lock_its_ledger_and_its_origin(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config(
        {"{x}_t": {"type": "text.TextDataset", "filepath": f"{tmp_path}/{{x}}"}},
        parameters={"p": [1]},
        origin=lambda name: "file:1",
        load_versions=None,
        save_version="v1",
    )
    catalog["m"] = {"a": 1}
    catalog.ledger = threading.Lock()
    catalog.save("a_t", "x")
    copy = pickle.loads(pickle.dumps(catalog))
    assert copy.ledger is None
    assert copy.save_version == "v1"
    assert (copy.load("m"), copy.load("a_t"), copy.load("params:p")) == ({"a": 1}, "x", [1])
    copy["n"] = 1
    assert "n" not in catalog


def test_datasets_of_a_catalog_that_need_not_be_durable_are_told() -> None:
    config = {"t": {"type": "text.TextDataset", "filepath": "/t"}}
    assert DataCatalog.from_config(config)["t"].durable is True
    assert DataCatalog.from_config(config, durable=False)["t"].durable is False


def test_filter_matches_name_and_type_without_building(built: list[str]) -> None:
    catalog = DataCatalog.from_config(
        {
            "cars": entry("Slow", name="x"),
            "cars_raw": {"type": "json.JSONDataset", "filepath": "/c"},
            "planes": {"type": "text.TextDataset", "filepath": "/p"},
        }
    )
    catalog["m"] = 1
    assert catalog.filter() == ["cars", "cars_raw", "planes", "m"]
    assert catalog.filter(name_regex="^cars") == ["cars", "cars_raw"]
    assert catalog.filter(name_regex=re.compile("RAW", re.IGNORECASE)) == ["cars_raw"]
    assert catalog.filter(type_regex=r"formats\.JSON") == ["cars_raw"]
    assert catalog.filter(by_type=MemoryDataset) == ["m"]
    assert catalog.filter(by_type=[MemoryDataset, TextDataset]) == ["planes", "m"]
    assert catalog.filter(name_regex="a", by_type=[TextDataset]) == ["planes"]
    assert built == []


@pytest.mark.usefixtures("without_kedro_datasets")
def test_get_type_is_a_dotted_path_and_builds_nothing(built: list[str]) -> None:
    catalog = DataCatalog.from_config(
        {
            "a": entry("Slow", name="x"),
            "{x}_t": {"type": "text.TextDataset", "filepath": "/t"},
            "b": entry("No"),
        },
        parameters={"p": 1},
    )
    catalog["d"] = Duck()
    assert catalog.get_type("a") == f"{__name__}.Slow"
    assert catalog.get_type("d") == f"{__name__}.Duck"
    assert catalog.get_type("q_t") == "incremental.io.files.formats.TextDataset"
    assert catalog.get_type("params:p") == "incremental.io.memory.MemoryDataset"
    assert catalog.get_type("z") is None
    assert catalog.built("q_t") is None
    assert built == []
    with pytest.raises(DatasetError) as caught:
        catalog.get_type("b")
    assert str(caught.value) == (
        f"dataset 'b': type '{__name__}.No' is not known; module {__name__!r} has no dataset 'No'"
    )


def test_a_dataset_that_says_it_can_stage_and_does_not_is_refused() -> None:
    class Boaster(Duck):
        can_stage = True

        def stage(self, data: Any) -> None: ...

        def stage_chunks(self) -> None: ...

    catalog = DataCatalog({"b": Boaster()})
    message = "dataset 'b' cannot be saved: it said that it can stage, and did not"
    for stage in (lambda: catalog.stage("b", 1), lambda: catalog.stage_chunks("b")):
        with pytest.raises(DatasetError) as caught:
            stage()
        assert str(caught.value) == message


def test_a_dataset_that_appends_is_reset_where_it_can_be() -> None:
    class Log(Duck):
        lines = 3

        def reset(self) -> None:
            self.lines = 0

    catalog = DataCatalog({"log": Log()})
    catalog.reset("log")
    assert catalog["log"].lines == 0


def test_a_version_object_may_be_asked_for_in_place_of_its_name() -> None:
    catalog = DataCatalog({"m": 1})
    assert catalog.get("m", version=Version("v", None)) is catalog["m"]
    assert catalog.get("nothing", version="v") is None
