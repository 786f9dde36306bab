"""What configuration from outside a project may have imported, decided without importing anything."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from projects import CATALOG, make_project

from incremental import Session
from incremental.config import ConfigError
from incremental.config.faults import Origin
from incremental.project import ImportRule, Project
from incremental.project.values import Settings

RULE = ImportRule("/elsewhere/conf", ("own", "shared.datasets"))


def checked(entry: Any, rule: ImportRule = RULE) -> Any:
    return rule.checked_catalog({"x": entry}, lambda *path: Origin("catalog.yml", len(path)))["x"]


def project(tmp_path: Path) -> Project:
    return Project(tmp_path, "own", "Own", tmp_path / "src")


@pytest.mark.parametrize(
    "kind",
    [
        "text.TextDataset",
        "MemoryDataset",
        "incremental.io.files.formats.TextDataset",
        "kedro_datasets.pandas.ExcelDataset",
        "own.datasets.Thing",
        "shared.datasets.Thing",
        "shared.datasets",
        "kedro_datasets.pandas.{kind}Dataset",
        "no_dot",
    ],
)
def test_a_type_that_is_registered_or_allowed_passes_as_it_is(kind: str) -> None:
    assert checked({"type": kind}) == {"type": kind}


@pytest.mark.parametrize(
    "kind",
    [
        "evil.Thing",
        "evil.0",
        "owner.Thing",
        "shared.Thing",
        "shared.datasets_too.Thing",
        "{kind}",
        "{kind}.Thing",
        "own{kind}.Thing",
        ".own.Thing",
        " own.Thing",
    ],
)
def test_any_other_type_is_refused_with_file_line_and_remedy(kind: str) -> None:
    with pytest.raises(ConfigError, match="ALLOW_IMPORTS in settings.py") as refused:
        checked({"type": kind})
    assert str(refused.value).startswith(f"catalog.yml:3: dataset 'x': type {kind!r} is not known here")


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "CachedDataset", "dataset": {"type": "evil.Thing"}},
        {"type": "CachedDataset", "dataset": {"type": "CachedDataset", "dataset": {"type": "evil.Thing"}}},
        {"type": "kedro_datasets.partitions.PartitionedDataset", "dataset": "evil.Thing"},
        {"type": "kedro_datasets.partitions.IncrementalDataset", "checkpoint": {"type": "evil.Thing"}},
        {"type": "text.TextDataset", "args": [{"inner": [{"type": "evil.Thing"}]}]},
        {
            "type": "kedro_datasets.partitions.IncrementalDataset",
            "checkpoint": {"comparison_func": "os.system"},
        },
        {
            "type": "kedro_datasets.partitions.IncrementalDataset",
            "checkpoint": {"comparison_func": "kedro_datasets.a.b"},
        },
        {"type": "pickle.PickleDataset", "backend": "evil"},
        {"type": "pickle.PickleDataset", "backend": "evil.inner"},
        {
            "type": "CachedDataset",
            "dataset": {"type": "kedro_datasets.redis.PickleDataset", "backend": "evil"},
        },
    ],
)
def test_what_is_named_further_inside_is_refused_as_well(entry: Any) -> None:
    with pytest.raises(ConfigError, match="ALLOW_IMPORTS"):
        checked(entry)


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "pickle.PickleDataset", "backend": "joblib"},
        {"type": "pickle.PickleDataset", "backend": "own"},
        {
            "type": "kedro_datasets.partitions.IncrementalDataset",
            "checkpoint": {"comparison_func": "own.newer"},
        },
        {"type": "kedro_datasets.ibis.TableDataset", "connection": {"backend": "duckdb"}},
        {"type": "text.TextDataset", "credentials": {"type": "service_account"}},
    ],
)
def test_what_is_no_name_of_anything_foreign_passes(entry: Any) -> None:
    assert checked(entry) == entry


def test_all_that_is_refused_is_told_at_once() -> None:
    entries = {name: {"type": f"evil.{name}"} for name in "abc"}
    with pytest.raises(ConfigError) as refused:
        RULE.checked_catalog(entries, lambda *path: None)
    assert [name for name in "abc" if f"dataset '{name}'" in str(refused.value)] == ["a", "b", "c"]


def test_a_type_of_kedro_datasets_is_written_out_so_that_no_other_module_can_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "kedro_datasets/pandas"
    module.mkdir(parents=True)
    (module.parent / "__init__.py").touch()
    (module / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "kedro_datasets"]:
        monkeypatch.delitem(sys.modules, name)
    assert checked({"type": "pandas.ExcelDataset"}) == {"type": "kedro_datasets.pandas.ExcelDataset"}
    with pytest.raises(ConfigError):
        checked({"type": "polars.CSVDataset"})
    for name in [name for name in sys.modules if name.partition(".")[0] == "kedro_datasets"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    "config",
    [
        {"handlers": {"h": {"class": "evil.Handler"}}},
        {"handlers": {"h": {"()": "os.system", "command": "true"}}},
        {"handlers": {"h": {"class": "logging.os.system", "command": "true"}}},
        {"handlers": {"h": {"class": "logging.StreamHandler", "stream": "ext://evil.stream"}}},
        {"handlers": {"h": {"class": "logging.handlers.QueueHandler", "queue": {"()": "evil.Queue"}}}},
        {"formatters": {"f": {"class": "own.nodes.os.system"}}},
        {"filters": {"f": {"()": "kedro_datasets.pandas.os.system"}}},
        {"root": {"handlers": ["ext://evil.handler"]}},
    ],
)
def test_a_logging_configuration_from_elsewhere_names_only_usual_handlers(config: Any) -> None:
    with pytest.raises(ConfigError, match=r"logging\.yml: .* ALLOW_IMPORTS"):
        RULE.check_logging(config, "logging.yml")


def test_usual_handlers_and_those_allowed_in_full_pass() -> None:
    handlers = {
        "a": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
        "b": {"class": "logging.handlers.RotatingFileHandler", "filename": "a.log"},
        "c": {"()": "shared.datasets"},
    }
    RULE.check_logging({"version": 1, "handlers": handlers, "root": {"level": "INFO"}}, "logging.yml")


@pytest.mark.parametrize(
    ("path", "elsewhere"),
    [
        ("conf", False),
        ("conf/../conf", False),
        ("conf/../../conf", True),
        ("/", True),
        ("s3://bucket/conf", True),
        ("conf.zip", True),
        ("conf.tar.gz", True),
    ],
)
def test_only_a_folder_in_the_project_is_its_own(tmp_path: Path, path: str, elsewhere: bool) -> None:
    rule = ImportRule.of(path if "://" in path else str(tmp_path / path), project(tmp_path), ["a.b"])
    assert (rule is not None) is elsewhere
    if rule is not None:
        assert rule.own == ("own", "a.b")


def test_a_link_that_leads_out_of_the_project_is_no_folder_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "conf").mkdir()
    (root / "conf").symlink_to(tmp_path / "conf")
    assert ImportRule.of(str(root / "conf"), project(root), ()) is not None


def test_a_runner_that_a_file_from_elsewhere_names_has_to_be_ours_or_allowed() -> None:
    for path in ("threads", "incremental.runner.ThreadRunner", "own.runners.Mine", "shared.datasets.Runner"):
        RULE.check_runner(path)
    with pytest.raises(ConfigError, match=r"runner 'evil\.Runner' is not known here"):
        RULE.check_runner("evil.Runner")


@pytest.mark.parametrize("value", ["shared", ["shared.*"], [""], [3], {"a": "b"}, ["a b"]])
def test_allow_imports_takes_a_list_of_dotted_names(value: Any) -> None:
    with pytest.raises(Exception, match="ALLOW_IMPORTS"):
        Settings.of({"ALLOW_IMPORTS": value}, "settings.py")


def test_allow_imports_is_empty_unless_set() -> None:
    assert Settings().ALLOW_IMPORTS == ()
    assert Settings.of({"ALLOW_IMPORTS": ["shared.datasets"]}, "settings.py").ALLOW_IMPORTS == [
        "shared.datasets"
    ]


@pytest.mark.parametrize("kind", ["archive in the project", "archive elsewhere", "remote folder"])
@pytest.mark.parametrize("allowed", [False, True])
def test_configuration_that_travels_runs_what_is_allowed_only(
    tmp_path: Path, kind: str, allowed: bool
) -> None:
    catalog = CATALOG if allowed else CATALOG.replace("json.JSONDataset", "never_to_be_imported.JSONDataset")
    root = make_project(tmp_path / "project", catalog=catalog)
    if kind == "remote folder":
        fsspec.filesystem("memory").put(f"{root}/conf/", "/travelled/conf/", recursive=True)
        place = "memory://travelled/conf"
    else:
        folder = root if kind == "archive in the project" else tmp_path
        place = shutil.make_archive(str(folder / "conf"), "zip", root, "conf")
    with Session.create(root, conf_source=place) as session:
        if allowed:
            assert [step.node.name for step in session.plan().running] == ["clean", "count", "report"]
            return
        with pytest.raises(ConfigError, match="add 'never_to_be_imported' to ALLOW_IMPORTS") as refused:
            session.plan()
    assert "base/catalog.yml:6: dataset 'counts': type " in str(refused.value)
