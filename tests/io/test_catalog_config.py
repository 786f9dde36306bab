"""Catalogs from configuration: entries that cannot be, credentials, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from incremental.errors import DatasetError, DatasetNotFoundError
from incremental.io import CatalogConfigResolver, DataCatalog
from incremental.io.catalog.survey import survey
from incremental.secrets import Secret


class Keeper:
    """Keeps what it was built with."""

    def __init__(self, credentials: Any = None, inner: Any = None, **rest: Any) -> None:
        self.credentials = credentials
        self.inner = inner
        self.rest = rest

    def load(self) -> Any: ...

    def save(self, data: Any) -> None: ...


KEEPER = f"{__name__}.Keeper"

WRONG_ENTRIES = [
    (
        {"a": "text"},
        "f:a: catalog entry 'a' is a text, not a mapping with a 'type'; "
        "a value for other entries to use begins with '_'",
    ),
    (
        {"a": None},
        "f:a: catalog entry 'a' is empty, not a mapping with a 'type'; "
        "a value for other entries to use begins with '_'",
    ),
    (
        {"a": [1]},
        "f:a: catalog entry 'a' is a list, not a mapping with a 'type'; "
        "a value for other entries to use begins with '_'",
    ),
    (
        {"a": (1,)},
        "f:a: catalog entry 'a' is a tuple, not a mapping with a 'type'; "
        "a value for other entries to use begins with '_'",
    ),
    ({"a": {"filepath": "x"}}, "f:a: catalog entry 'a' has no 'type'; add one, such as pandas.CSVDataset"),
    ({"a": {"tpye": "x"}}, "f:a: catalog entry 'a' has no 'type'; is it 'tpye'?"),
    ({"{a": {"type": "x"}}, "f:{a: pattern '{a': a placeholder is a name between braces, like '{table}'"),
    ({7: {"type": "x"}}, "catalog entry 7 is named by a number, not by a text: quote its name"),
    ({None: {"type": "x"}}, "catalog entry None is named by empty, not by a text: quote its name"),
    (
        {"{a}": {"type": "x"}, "{b}": {"type": "y"}},
        "patterns '{a}', '{b}' all match every name: keep one of them",
    ),
]


@pytest.mark.parametrize(("config", "message"), WRONG_ENTRIES)
def test_an_entry_that_cannot_be_is_refused_with_its_place(config: dict[Any, Any], message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        DataCatalog.from_config(config, origin=lambda name: f"f:{name}")
    assert str(caught.value) == message


def test_all_entries_that_cannot_be_are_named_at_once() -> None:
    with pytest.raises(DatasetError) as caught:
        DataCatalog.from_config({"a": 1, "b": {}, "{c": {"type": "t"}, "d": {"type": "t"}, "_e": 3})
    assert [line.partition("'")[2].partition("'")[0] for line in str(caught.value).splitlines()] == [
        "a",
        "b",
        "{c",
    ]


def test_templates_are_no_entries_and_a_catalog_may_be_empty() -> None:
    assert list(DataCatalog.from_config({"_template": {"type": KEEPER}, "_path": "data"})) == []
    assert list(DataCatalog.from_config(None)) == []


def test_any_mapping_is_an_entry() -> None:
    from types import MappingProxyType

    catalog = DataCatalog.from_config({"a": MappingProxyType({"type": KEEPER, "x": 1})})
    assert catalog["a"].rest == {"x": 1}


NOT_BUILT = [
    (
        {"type": "json.JSONDataset", "filepat": "x"},
        "f:a: dataset 'a' of type JSONDataset: 'filepat' is no argument; did you mean 'filepath'? "
        "(it takes filepath, save_args, version, credentials, fs_args, metadata)",
    ),
    ({"type": "json.JSONDataset"}, "f:a: dataset 'a' of type JSONDataset needs 'filepath'"),
    ({"type": "Qwertz"}, "f:a: dataset 'a': type 'Qwertz' is not known; name a class by its dotted path"),
    ({"type": None}, "f:a: dataset 'a': type None is neither a class nor the name of one"),
    (
        {"type": "MemoryDataset", "copy_mode": "cpoy"},
        "f:a: dataset 'a': copy mode 'cpoy' is unknown; did you mean 'copy'?",
    ),
    (
        {"type": KEEPER, "credentials": "clodu"},
        "f:a: dataset 'a' uses credentials 'clodu', which are not configured; did you mean 'cloud'?",
    ),
    (
        {"type": KEEPER, "credentials": "qwertz"},
        "f:a: dataset 'a' uses credentials 'qwertz', which are not configured; add them to credentials.yml",
    ),
]


@pytest.mark.parametrize(("entry", "message"), NOT_BUILT)
def test_an_entry_that_cannot_be_built_is_an_error_when_it_is_used(
    entry: dict[str, Any], message: str
) -> None:
    catalog = DataCatalog.from_config({"a": entry}, {"cloud": {}}, origin=lambda name: f"f:{name}")
    with pytest.raises(DatasetError) as caught:
        catalog["a"]
    assert str(caught.value) == message


def test_an_entry_by_pattern_is_placed_where_the_pattern_stands() -> None:
    catalog = DataCatalog.from_config({"{x}_t": {"type": "Qwertz"}}, origin=lambda name: f"f:{name}")
    with pytest.raises(DatasetError, match=r"^f:\{x\}_t: dataset 'a_t': type 'Qwertz' is not known"):
        catalog["a_t"]
    assert catalog.config_resolver.where("other") == "f:other: "
    assert CatalogConfigResolver({}, origin=lambda name: "").where("a") == ""


def test_a_constructor_that_fails_shows_no_secret() -> None:
    class Failing(Keeper):
        def __init__(self, credentials: Any) -> None:
            raise DatasetError(f"cannot log in with {credentials['key']}")

    catalog = DataCatalog.from_config({"a": {"type": Failing, "credentials": "c"}}, {"c": {"key": "hunter2"}})
    with pytest.raises(DatasetError) as caught:
        catalog["a"]
    assert str(caught.value) == "dataset 'a': cannot log in with ***"


def test_credentials_are_resolved_by_name_at_every_depth_and_by_pattern() -> None:
    credentials = {"c": {"key": Secret("hunter2")}, "dev_c": {"key": "other"}, "text": "a text"}
    catalog = DataCatalog.from_config(
        {
            "a": {"type": KEEPER, "credentials": "c", "inner": {"type": "x", "credentials": "c", "n": 1}},
            "b": {"type": KEEPER, "credentials": {"key": "inline"}},
            "t": {"type": KEEPER, "credentials": "text"},
            "{env}_d": {"type": KEEPER, "credentials": "{env}_c"},
        },
        credentials,
    )
    assert catalog["a"].credentials == {"key": "hunter2"}
    assert catalog["a"].inner == {"type": "x", "credentials": {"key": "hunter2"}, "n": 1}
    assert catalog["b"].credentials == {"key": "inline"}
    assert catalog["t"].credentials == "a text"
    assert catalog["dev_d"].credentials == {"key": "other"}
    assert catalog["a"].credentials is not credentials["c"]


def test_load_versions_that_name_nothing_are_refused_all_at_once() -> None:
    config = {"model": {"type": KEEPER}, "{x}_t": {"type": KEEPER}}
    with pytest.raises(DatasetNotFoundError) as caught:
        DataCatalog.from_config(config, load_versions={"modle": "1", "a_t": "2", "qwertz": "3"})
    assert str(caught.value) == (
        "load versions name datasets that are not in the catalog: 'modle'; did you mean 'model'?; 'qwertz'"
    )


def test_a_catch_all_without_versions_takes_no_load_version_of_a_misspelt_name() -> None:
    config = {"model": {"type": KEEPER}, "{any}": {"type": KEEPER}}
    with pytest.raises(DatasetNotFoundError, match="not in the catalog: 'modle'; did you mean 'model'"):
        DataCatalog.from_config(config, load_versions={"modle": "1"})
    config["{any}"]["versioned"] = True
    assert DataCatalog.from_config(config, load_versions={"other": "1"}).load_versions == {"other": "1"}


def test_the_order_in_which_names_are_looked_up_is_entry_pattern_catch_all() -> None:
    catalog = DataCatalog.from_config(
        {
            "{default}": {"type": KEEPER, "by": "catch-all"},
            "{x}_csv": {"type": KEEPER, "by": "pattern"},
            "{x}s_csv": {"type": KEEPER, "by": "longer pattern"},
            "cars_csv": {"type": KEEPER, "by": "entry"},
        }
    )
    names = ["cars_csv", "planes_csv", "car_csv", "other"]
    assert [catalog[name].rest["by"] for name in names] == ["entry", "longer pattern", "pattern", "catch-all"]
    assert catalog.list_patterns() == ["{x}s_csv", "{x}_csv", "{default}"]
    assert [catalog.config_resolver.pattern_of(name) for name in names] == [
        None, "{x}s_csv", "{x}_csv", "{default}",
    ]  # fmt: skip


def test_what_to_config_returns_makes_the_same_catalog_again(tmp_path: Path) -> None:
    config = {
        "json": {"type": "json.JSONDataset", "filepath": f"{tmp_path}/a.json", "credentials": "c"},
        "inline": {"type": KEEPER, "credentials": {"key": "k1"}, "inner": {"type": "x", "credentials": "d"}},
        "memory": {"type": "MemoryDataset"},
        "versioned": {"type": "text.TextDataset", "filepath": f"{tmp_path}/v.txt", "versioned": True},
        "{x}_p": {"type": KEEPER, "credentials": "c", "inner": {"credentials": "d"}},
        "{env}_q": {"type": KEEPER, "credentials": "{env}_c"},
    }
    credentials = {"c": {"key": "kc"}, "d": {"key": "kd"}, "inline_credentials": {}, "dev_c": {"key": "kdev"}}
    catalog = DataCatalog.from_config(config, credentials, {"versioned": "v1"}, "v2")
    catalog["value"] = 1
    assert catalog["json"]
    assert catalog["a_p"]
    entries, secrets, versions, save_version = catalog.to_config()
    assert entries == {
        "{x}_p": config["{x}_p"],
        "{env}_q": config["{env}_q"],
        "json": config["json"],
        "inline": {**config["inline"], "credentials": "inline_credentials_2"},
        "versioned": config["versioned"],
        "a_p": {"type": KEEPER, "credentials": "c", "inner": {"credentials": "d"}},
    }
    assert secrets == {**credentials, "inline_credentials_2": {"key": "k1"}}
    assert (versions["versioned"], versions["json"], save_version) == ("v1", None, "v2")

    again = DataCatalog.from_config(entries, secrets, versions, save_version)
    assert again.load_versions == {"versioned": "v1"}
    assert again["inline"].credentials == {"key": "k1"}
    assert again["dev_q"].credentials == {"key": "kdev"}
    assert again["b_p"].inner == {"credentials": {"key": "kd"}}
    assert again.to_config()[0] == {
        **entries,
        **{name: again.to_config()[0][name] for name in ("dev_q", "b_p")},
    }
    assert survey(again, ["json", "versioned"]).pins == {"versioned": "v1"}


def test_to_config_writes_objects_as_their_arguments_and_leaves_out_what_cannot_tell(tmp_path: Path) -> None:
    from incremental.io.files.formats import JSONDataset

    catalog = DataCatalog(
        {
            "json": JSONDataset(filepath=f"{tmp_path}/a.json", credentials={"key": "k"}),
            "keeper": Keeper(),
            "m": 1,
        },
        CatalogConfigResolver({"json": {"type": KEEPER}, "{x}son": {"type": KEEPER}}),
        parameters={"p": 1},
    )
    entries, credentials, _, _ = catalog.to_config()
    assert entries == {
        "{x}son": {"type": KEEPER},
        "json": {
            "type": "incremental.io.files.formats.JSONDataset",
            "filepath": f"{tmp_path}/a.json",
            "credentials": "json_credentials",
        },
    }
    assert credentials == {"json_credentials": {"key": "k"}}
