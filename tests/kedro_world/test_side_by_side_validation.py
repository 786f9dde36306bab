"""Validators of datasets: the same declarations, data and calls given to Kedro and to us."""

from __future__ import annotations

import logging
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("kedro.validation", reason="compares with Kedro's validators, which are not installed")

import kedro.io
import kedro.validation

import incremental.io
import incremental.validation
from incremental.errors import DatasetError

WORLDS = ((kedro.io, kedro.validation), (incremental.io, incremental.validation))

CHECKS = """
calls = []

def positive(data):
    calls.append(data)
    if min(data) < 0:
        raise ValueError(f"{min(data)} is negative")

def doubled(data):
    return [2 * each for each in data]

class AtMost:
    def __init__(self, limit):
        self.limit = limit
    def validate(self, data):
        if max(data) > self.limit:
            raise ValueError(f"more than {self.limit}")
        return data

class NoValidator:
    pass

at_most_9 = AtMost(9)
number = 7
"""


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "their_checks.py").write_text(CHECKS)
    monkeypatch.syspath_prepend(tmp_path)
    import their_checks  # type: ignore[import-not-found]

    yield their_checks
    del sys.modules["their_checks"]


def outcome(call: Any) -> Any:
    """Return what a call returns, or the class of what it raises and what it knows."""
    try:
        return call()
    except (DatasetError, kedro.io.DatasetError) as error:
        known = [getattr(error, name, None) for name in ("dataset_name", "mode", "validator")]
        return [type(error).__name__, known]


DECLARED = [
    "their_checks.positive",
    {"class": "their_checks.positive"},
    {"class": "their_checks.positive", "on": "load"},
    {"class": "their_checks.positive", True: ["save"]},
    {"class": "their_checks.positive", "severity": "warn"},
    {"class": "their_checks.positive", "enabled": False},
    {"class": "their_checks.positive", "skip_load_after_save": True},
    "their_checks.doubled",
    {"class": "their_checks.doubled", "on": ["save"], "severity": "warn"},
    {"class": "their_checks.AtMost", "options": {"limit": 5}},
    {"class": "their_checks.AtMost", "options": {"limt": 5}},
    "their_checks.at_most_9",
    {"class": "their_checks.at_most_9", "options": {"limit": 5}},
    {"class": "their_checks.positive", "options": {"limit": 5}},
    "their_checks.NoValidator",
    "their_checks.number",
    "their_checks.nothing",
    "no_such_module.check",
    "nodots",
]


@pytest.mark.parametrize("kind", ["json.JSONDataset", "MemoryDataset"])
@pytest.mark.parametrize("declared", DECLARED, ids=str)
def test_loads_and_saves_are_validated_alike(checks: Any, tmp_path: Path, declared: Any, kind: str) -> None:
    def script(io: ModuleType, folder: Path) -> Any:
        place = {"filepath": f"{folder}/x.json"} if kind.startswith("json") else {}
        catalog = io.DataCatalog.from_config({"x": {"type": kind, **place, "validator": declared}})
        found = []
        for data in ([1, 2], [7], [-1], [10]):
            checks.calls.clear()
            found.append([outcome(lambda: catalog.save("x", data)), outcome(lambda: catalog.load("x"))])  # noqa: B023
            found.append(list(checks.calls))
        catalog.release("x")
        found.append([catalog.validators, [spec.on for spec in catalog.validator_specs.values()]])
        catalog["x"] = [-5]
        return [*found, catalog.load("x"), catalog.validators]

    logging.disable(logging.WARNING)
    try:
        theirs, ours = (script(io, tmp_path / io.__name__.partition(".")[0]) for io, _ in WORLDS)
    finally:
        logging.disable(logging.NOTSET)
    assert ours == theirs


@pytest.mark.parametrize(
    "declared",
    [
        ["their_checks.positive"],
        7,
        {},
        {"class": ""},
        {"class": 3},
        {"clas": "x"},
        {"class": "x", "on": []},
        {"class": "x", "on": "sometimes"},
        {"class": "x", "on": ["load"], True: ["save"]},
        {"class": "x", "severity": "fatal"},
        {"class": "x", "options": [1]},
        {"class": "x", "enabled": "yes"},
        {"class": "x", "skip_load_after_save": 1},
    ],
    ids=str,
)
def test_a_declaration_that_cannot_be_is_refused_alike(declared: Any) -> None:
    config = {"x": {"type": "MemoryDataset", "validator": declared}}
    for io, validation in WORLDS:
        with pytest.raises(validation.ValidationConfigurationError, match="'x'"):
            io.DataCatalog.from_config(config)
        with pytest.raises(validation.ValidationConfigurationError):
            validation.ValidatorSpec.from_dataset_config("x", declared)


def test_a_declaration_goes_to_configuration_and_back_alike() -> None:
    for declared in DECLARED:
        theirs, ours = (
            validation.ValidatorSpec.from_dataset_config("x", declared).to_config()
            for _, validation in WORLDS
        )
        assert ours == theirs
        spec = incremental.validation.ValidatorSpec.from_dataset_config("x", ours)
        assert spec == incremental.validation.ValidatorSpec.from_dataset_config("x", declared)


@pytest.mark.parametrize(
    ("value", "refuses"), [("0", False), ("OFF ", False), ("on", True), ("perhaps", False)]
)
def test_the_switch_in_the_environment_wins_over_the_catalog(
    checks: Any, monkeypatch: pytest.MonkeyPatch, value: str, refuses: bool
) -> None:
    monkeypatch.setenv("KEDRO_DATASET_VALIDATION", value)
    config = {"x": {"type": "MemoryDataset", "validator": "their_checks.positive"}}
    for io, _validation in WORLDS:
        catalog = io.DataCatalog.from_config(config, validation_enabled=False)
        found = outcome(lambda: catalog.save("x", [-1]))  # noqa: B023
        assert (found is not None) is refuses
    monkeypatch.setenv("INCREMENTAL_DATASET_VALIDATION", "off")
    incremental.io.DataCatalog.from_config(config).save("x", [-1])


def test_validation_on_demand_tells_the_same(checks: Any, tmp_path: Path) -> None:
    def script(io: ModuleType, validation: ModuleType) -> Any:
        folder = tmp_path / io.__name__.partition(".")[0]
        folder.mkdir()
        (folder / "bad.json").write_text("[-1]")
        (folder / "good.json").write_text("[1]")
        names = ("good", "bad", "absent")
        declared = {"class": "their_checks.positive", "on": "load", "enabled": False, "severity": "warn"}
        config = {
            name: {"type": "json.JSONDataset", "filepath": f"{folder}/{name}.json", "validator": declared}
            for name in names
        } | {
            "none": {"type": "MemoryDataset"},
            "missing": {"type": "MemoryDataset", "validator": "no_such_module.x"},
            "wrong": {"type": "MemoryDataset", "validator": "their_checks.number"},
            "p_{x}": {"type": "MemoryDataset", "validator": "their_checks.doubled"},
        }
        catalog = io.DataCatalog.from_config(config)
        results = validation.validate_catalog(catalog, [*names, "none", "missing", "wrong", "nobody"])
        results["all"] = validation.validate_catalog(catalog)["bad"]
        results["given"] = validation.validate_dataset(catalog, "good", [-7])
        results["save"] = validation.validate_dataset(catalog, "good", [-7], on="save")
        results["pattern"] = validation.validate_dataset(catalog, "p_q", [3])
        found = {
            name: [each.status, each.error_type, bool(each), each.enabled, each.data, sorted(each.to_dict())]
            for name, each in results.items()
        }
        with pytest.raises(ValueError, match="on"):
            validation.validate_dataset(catalog, "good", on="never")
        with pytest.raises(ValueError, match="data"):
            validation.validate_dataset(catalog, "good", on="save")
        with pytest.raises(validation.DataValidationError):
            results["bad"].raise_if_failed()
        results["good"].raise_if_failed()
        specs = {
            "a": validation.ValidatorSpec("no_such_package.x"),
            "b": validation.ValidatorSpec("their_checks.x"),
        }
        return found, [line.count("no_such_package") > 0 for line in validation.preflight_check(specs)]

    theirs, ours = (script(*world) for world in WORLDS)
    for name, found in theirs[0].items():
        assert (name, ours[0][name]) == (name, found)
    assert ours[1] == theirs[1]


def test_schemas_of_pandera_find_the_same_failures_and_convert_alike() -> None:
    pytest.importorskip("pandera", reason="tries schemas of pandera, which is not installed")
    import pandas as pd
    import pandera.pandas as pa

    class Cars(pa.DataFrameModel):
        price: int = pa.Field(ge=0)
        name: str

        class Config:
            coerce = True

    module = ModuleType("their_schemas")
    module.Cars = Cars  # type: ignore[attr-defined]
    module.schema = pa.DataFrameSchema({"price": pa.Column(int, pa.Check.lt(5))})  # type: ignore[attr-defined]
    sys.modules["their_schemas"] = module
    good = pd.DataFrame({"price": ["1", "2"], "name": ["a", "b"]})
    bad = pd.DataFrame({"price": [-1, -2, 7], "name": ["a", "b", "c"]})

    def script(io: ModuleType, validation: ModuleType) -> Any:
        found: list[Any] = []
        for declared in (
            "their_schemas.Cars",
            {"class": "their_schemas.Cars", "options": {"lazy": False}},
            {"class": "their_schemas.schema", "options": {"head": 2}},
            "their_schemas.schema",
            {"class": "their_schemas.schema", "options": {"heads": 2}},
        ):
            catalog = io.DataCatalog.from_config({"x": {"type": "MemoryDataset", "validator": declared}})
            for data in (good, bad):
                try:
                    catalog.save("x", data)
                    found.append(catalog.load("x").to_dict())
                except validation.DataValidationError as error:
                    found.append(
                        [
                            (each.column, each.check, each.failure_count, each.failure_examples)
                            for each in error.failures
                        ]
                    )
                except validation.ValidationConfigurationError:
                    found.append("configuration")
        return found

    try:
        theirs, ours = (script(*world) for world in WORLDS)
    finally:
        del sys.modules["their_schemas"]
    assert ours == theirs
    assert [("price", "greater_than_or_equal_to(0)", 2, [-1, -2])] in ours


def test_what_is_wrong_is_told_in_at_most_ten_lines_and_survives_pickling() -> None:
    failures = [
        incremental.validation.CheckFailure("m", f"check{place}", "c" * 99, 12, ["v" * 99, *range(9)])
        for place in range(20)
    ]
    error = incremental.validation.DataValidationError(
        "it does not fit", dataset_name="x", mode="load", validator="a.b", failures=failures
    )
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    lines = str(error).splitlines()
    assert lines[0] == "dataset 'x': its data is not valid on load, says 'a.b': it does not fit"
    assert lines[-1] == "  and 13 more"
    assert len(lines) <= 10
    error.scrub(lambda text: text.replace("v", "*"))
    assert "vvv" not in str(error)
