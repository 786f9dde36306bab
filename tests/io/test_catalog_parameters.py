"""Parameters as datasets: looked up when they are asked for, a copy for each caller."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.errors import DatasetNotFoundError
from incremental.io import DataCatalog, MemoryDataset
from incremental.io.catalog.parameters import Parameters

TREE = {
    "a": {"b": {"c": 1}, "b.c": "literal", "list": [1, {"x": 2}]},
    "a.b": "also literal",
    "none": None,
    "empty": {},
    2024: {1: "first"},
    "false": False,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("parameters", TREE),
        ("params:a", TREE["a"]),
        ("params:a.b", "also literal"),
        ("params:a.b.c", "literal"),
        ("params:a.list", [1, {"x": 2}]),
        ("params:none", None),
        ("params:empty", {}),
        ("params:false", False),
        ("params:2024", {1: "first"}),
        ("params:2024.1", "first"),
    ],
)
def test_a_name_is_a_path_of_keys_of_which_the_longest_literal_one_wins(name: str, value: object) -> None:
    catalog = DataCatalog(parameters=TREE)
    assert name in catalog
    assert catalog.exists(name)
    assert catalog.load(name) == value
    assert catalog[name].load() == value
    assert catalog.load(name) == value  # now that there is a dataset of that name


@pytest.mark.parametrize("name", ["params:", "params:a.x", "params:a.list.0", "params:none.x", "params:b"])
def test_a_path_that_leads_nowhere_is_no_parameter(name: str) -> None:
    catalog = DataCatalog(parameters=TREE)
    assert name not in catalog
    assert not catalog.exists(name)
    with pytest.raises(DatasetNotFoundError, match="is not in the parameters"):
        catalog.load(name)


def test_every_caller_gets_a_copy_of_its_own() -> None:
    tree = {"a": {"list": [1]}}
    catalog = DataCatalog(parameters=tree)
    catalog.load("params:a")["list"].append(2)
    catalog.load("parameters")["a"]["list"].append(2)
    catalog["params:a.list"].load().append(2)
    assert tree == {"a": {"list": [1]}}
    assert catalog.load("params:a.list") == [1]


def test_a_dataset_whose_name_only_begins_like_parameters_is_a_dataset() -> None:
    catalog = DataCatalog({"parameters_table": 1, "params": 2}, parameters={"a": 1})
    assert catalog.load("parameters_table") == 1
    assert catalog.load("params") == 2


def test_no_pattern_stands_for_a_parameter_but_an_entry_does() -> None:
    config = {
        "{default}": {"type": "MemoryDataset", "data": "from the pattern"},
        "params:given": {"type": "MemoryDataset", "data": "from the entry"},
    }
    for catalog in (DataCatalog.from_config(config, parameters={"a": 1}), DataCatalog.from_config(config)):
        assert "params:missing" not in catalog
        assert "parameters" in catalog or catalog.get("parameters") is None
        assert catalog.load("params:given") == "from the entry"
        assert catalog.load("anything") == "from the pattern"
        with pytest.raises(DatasetNotFoundError):
            catalog.load("params:missing")


def test_a_value_added_under_the_name_of_a_parameter_takes_its_place() -> None:
    catalog = DataCatalog(parameters={"a": 1})
    catalog["params:a"] = 2
    assert catalog.load("params:a") == 2
    assert isinstance(catalog["params:a"], MemoryDataset)
    assert list(catalog).count("params:a") == 1


keys = st.text("ab.", min_size=1, max_size=3)
trees = st.recursive(
    st.integers(), lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=8
).filter(lambda tree: isinstance(tree, dict))


@given(trees)
def test_every_name_that_is_listed_can_be_asked_for(tree) -> None:
    parameters = Parameters(tree)
    for name in parameters.names():
        assert name in parameters
        parameters[name]


def test_asking_for_no_parameter_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Parameters({})["x"]
    assert 7 not in Parameters({})


@dataclass
class Model:
    lr: float
    inner: dict[str, int]


def test_fields_of_an_object_are_parameters_too() -> None:
    parameters = Parameters({"model": Model(0.5, {"a": 1})})
    assert parameters["params:model.lr"] == 0.5
    assert parameters["params:model.inner.a"] == 1
    assert "params:model.lr.x" not in parameters
    assert list(parameters.names()) == [
        "parameters",
        "params:model",
        "params:model.lr",
        "params:model.inner",
        "params:model.inner.a",
    ]
