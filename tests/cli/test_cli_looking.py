"""``runs``, ``catalog``, ``pipelines`` and ``doctor``; logging; completion."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path

import pytest

REGISTRY = """
from incremental.pipeline import Pipeline, node

def same(value): return value

def register_pipelines():
    flow = Pipeline([
        node(same, "raw", "cars.clean", name="clean", tags=["daily"], namespace="prep"),
        node(same, "cars.clean", "scratch", name="scratch"),
        node(same, ["scratch"], "model", name="train"),
    ])
    return {"__default__": flow, "prep": flow.only_nodes_with_namespaces(["prep"])}
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: raw.txt}
"cars.{name}":
  type: text.TextDataset
  filepath: out/{name}.txt
model:
  type: pickle.PickleDataset
  filepath: out/model.pkl
  versioned: true
  load_args: {token: hunter22, depth: 2}
spare: {type: MemoryDataset}
"""
PYPROJECT = '[tool.incremental]\npackage_name = "work"\n'


@pytest.fixture
def work(project) -> Path:
    return project(
        {
            "pyproject.toml": PYPROJECT,
            "src/work/__init__.py": "",
            "src/work/pipeline_registry.py": REGISTRY,
            "conf/base/catalog.yml": CATALOG,
            "conf/base/parameters.yml": "rate: 2\nlogin: {password: hunter22}\n",
            "raw.txt": "x",
        }
    )


# runs


def test_runs_before_the_first(cli, work: Path) -> None:
    assert cli("runs").out == "no runs yet\n"
    said = cli("runs", "show", "last")
    assert (said.code, said.err) == (
        2,
        "error: this project has no runs yet; start one with: incremental run\n",
    )


def test_a_run_is_found_by_the_beginning_of_its_id(cli, work: Path) -> None:
    first = json.loads(cli("run", "--json").out)["run_id"]
    second = json.loads(cli("run", "--json").out)["run_id"]
    listed = json.loads(cli("runs", "--json").out)
    assert [each["run_id"] for each in listed["runs"]] == [second, first]
    assert cli("runs", "list", "--limit", "1").out.splitlines()[-1] == "and 1 more; --limit 0 shows all"
    assert len(cli("runs", "--limit", "0").out.splitlines()) == 3
    assert json.loads(cli("runs", "show", "last", "--json").out)["run_id"] == second
    assert json.loads(cli("runs", "show", first, "--json").out)["run_id"] == first
    assert json.loads(cli("runs", "show", first[:-1], "--json").out)["run_id"] == first
    assert cli("runs", "show", "last").out.splitlines()[1].split() == ["status", "succeeded"]


def test_a_run_that_is_not_there_or_not_unique(cli, work: Path) -> None:
    for _ in range(4):
        cli("run")
    assert cli("runs", "show", "zzz").err == "error: no run 'zzz'; see: incremental runs\n"
    assert cli("runs", "show", "lats").err == "error: no run 'lats'; did you mean 'last'?\n"
    said = cli("runs", "show", "2")
    assert said.err.startswith("error: 4 runs begin with '2': ")
    assert said.err.endswith("...\n")
    assert "did you mean 'show'?" in cli("runs", "shwo").err


def test_runs_are_listed_although_the_configuration_is_broken(cli, work: Path) -> None:
    cli("run")
    (work / "conf/base/catalog.yml").write_text("a: [")
    assert len(cli("runs").out.splitlines()) == 2
    assert cli("pipelines").code == 0
    assert cli("catalog").code == 2


# catalog


def test_a_catalog_lists_entries_patterns_and_memory(cli, work: Path) -> None:
    assert cli("catalog").out == (
        "absent     cars.clean  text.TextDataset      out/clean.txt; from cars.{name}\n"
        "absent     model       pickle.PickleDataset  out/model.pkl\n"
        "present    raw         text.TextDataset      raw.txt\n"
        "in memory  scratch     MemoryDataset\n"
        "in memory  spare       MemoryDataset\n"
        "patterns, in the order they are tried: cars.{name}\n"
    )


def test_a_dataset_is_described_without_its_secrets(cli, work: Path) -> None:
    run_id = json.loads(cli("run", "--json").out)["run_id"]
    assert cli("catalog", "describe", "model").out == (
        "name           model\n"
        "type           pickle.PickleDataset\n"
        "state          present\n"
        "location       out/model.pkl\n"
        f"version        {run_id}\n"
        "configured in  conf/base/catalog.yml:6\n"
        "made by        train\n"
        "load_args      {'token': '***', 'depth': 2}\n"
    )
    assert "pattern        cars.{name}\nconfigured in  conf/base/catalog.yml:3\n" in (
        cli("catalog", "describe", "cars.clean").out
    )
    assert json.loads(cli("catalog", "describe", "cars.other", "--json").out)["state"] == "absent"


def test_parameters_are_described_too(cli, work: Path) -> None:
    assert cli("catalog", "describe", "params:rate").out == (
        "name           params:rate\n"
        "type           parameter\n"
        "state          present\n"
        "configured in  conf/base/parameters.yml:1\n"
        "value          2\n"
    )
    assert "value          ***\n" in cli("catalog", "describe", "params:login.password").out
    assert cli("catalog", "describe", "parameters").out.splitlines()[2] == "state  present"


@pytest.mark.parametrize(
    ("name", "given", "origin", "value"),
    [
        ("params:rate", "rate=null", "--params", "None"),
        ("params:rate.of", "rate.of=3", "--params", "3"),
        ("params:rate", "other=3", "conf/base/parameters.yml:1", "2"),
        ("params:login", "login.user=x", "conf/base/parameters.yml:2", "{'password': '***', 'user': 'x'}"),
    ],
)
def test_a_parameter_says_where_its_value_comes_from(
    cli, work: Path, name: str, given: str, origin: str, value: str
) -> None:
    said = cli("catalog", "describe", name, "--params", given).out.splitlines()
    assert said[3:] == [f"configured in  {origin}", f"value          {value}"]


def test_a_catalog_without_a_default_pipeline_is_surveyed(cli, work: Path) -> None:
    registry = work / "src/work/pipeline_registry.py"
    registry.write_text(REGISTRY.replace('"__default__": flow', '"all": flow').replace("scratch", "raw2"))
    assert "present    raw " in cli("catalog").out


def test_an_unknown_dataset_gets_the_nearest(cli, work: Path) -> None:
    assert cli("catalog", "describe", "modle").err == (
        "error: dataset 'modle' is not in the catalog; did you mean 'model'?\n"
    )
    assert cli("catalog", "describe", "zzz").err == (
        "error: dataset 'zzz' is not in the catalog; see: incremental catalog list\n"
    )


# pipelines


def test_pipelines_are_listed_and_described(cli, work: Path) -> None:
    assert cli("pipelines").out == (
        "__default__  3 nodes  raw → model\nprep         1 node   raw → cars.clean\n"
    )
    assert cli("pipelines", "prep").out == (
        "prep: 1 node\ninputs   raw\n  prep.clean  raw → cars.clean  [daily]\noutputs  cars.clean\n"
    )
    assert json.loads(cli("pipelines", "prep", "--json").out)["format"] == "incremental-pipeline/1"
    assert cli("pipelines", "perp").err == "error: pipeline 'perp' is not registered; did you mean 'prep'?\n"
    assert cli("pipelines", "zz").err == (
        "error: pipeline 'zz' is not registered; there are __default__, prep\n"
    )


# doctor


def test_a_healthy_project(cli, work: Path) -> None:
    cli("run")
    said = cli("doctor")
    assert said.code == 0
    version = ".".join(map(str, sys.version_info[:3]))
    assert said.out == (
        f"ok  python         {version}\n"
        "ok  installation   incremental-engine 0.1.0, and nothing else called 'incremental'\n"
        f"ok  project        {work}\n"
        "ok  pipelines      __default__, prep\n"
        "ok  ledger         1 run\n"
        "ok  configuration  4 catalog entries\n"
        "no faults found\n"
    )
    assert json.loads(cli("doctor", "--json").out)["healthy"] is True


def test_without_a_project_the_installation_is_still_checked(cli, tmp_path: Path) -> None:
    said = cli("doctor")
    assert said.code == 2
    assert said.out.splitlines()[1].startswith("ok     installation")
    assert said.out.splitlines()[-1] == "1 fault"


def test_the_other_distribution_of_that_name_is_found(cli, work: Path, monkeypatch) -> None:
    other = work / "site/incremental-24.7.2.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: incremental\nVersion: 24.7.2\n")
    monkeypatch.syspath_prepend(work / "site")
    said = cli("doctor")
    assert said.code == 2
    assert said.out.splitlines()[1:3] == [
        "fault  installation   the distribution 'incremental' 24.7.2 is installed too:"
        " another library of the same import name",
        "                      → pip uninstall incremental incremental-engine; pip install incremental-engine;"
        " what needs the other one needs an environment of its own",
    ]


def test_an_old_python_is_a_fault(monkeypatch) -> None:
    from incremental.cli import examination

    monkeypatch.setattr(examination, "OLDEST_PYTHON", (4, 0))
    found = examination._python()
    assert not found.healthy
    assert found.remedy == "use Python 4.0 or newer"


def test_faults_do_not_hide_each_other(cli, work: Path) -> None:
    (work / "src/work/pipeline_registry.py").write_text("def register_pipelines(): return 1/0")
    (work / ".incremental").mkdir(mode=0o700)
    (work / ".incremental/ledger.sqlite").write_text("this is no database" * 100)
    (work / "conf/base/catalog.yml").write_text("a: [")
    said = cli("doctor")
    assert said.code == 2
    faults = [line.split()[1] for line in said.out.splitlines() if line.startswith("fault")]
    assert faults == ["pipelines", "ledger", "configuration"]
    assert said.out.splitlines()[-1] == "3 faults"


def test_packages_that_the_catalog_needs_are_looked_for(cli, work: Path, monkeypatch) -> None:
    import importlib.util

    find_spec = importlib.util.find_spec
    absent = {"pandas", "pyarrow", "gcsfs", "s3fs"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in absent else find_spec(name, *more)
    )
    (work / "conf/base/catalog.yml").write_text(
        "table: {type: pandas.ParquetDataset, filepath: a.parquet}\n"
        "lines: {type: text.TextDataset, filepath: 's3://b/x'}\n"
        "other: {type: text.TextDataset, filepath: 'gs://b/x'}\n"
        "wrong: {type: text.TxtDataset, filepath: x}\n"
    )
    lines = cli("doctor").out.splitlines()
    faults = [line for line in lines if line.startswith("fault")]
    assert [line.split()[1] for line in faults] == ["dataset", *["package"] * 4]
    assert any("did you mean 'text.TextDataset'?" in line for line in faults)
    assert "pip install gcsfs" in "\n".join(lines)
    assert "pip install 'incremental-engine[parquet]'" in "\n".join(lines)


# logging

LOGGED = """
import logging
import warnings

from incremental.pipeline import Pipeline, node

def work(raw):
    logger = logging.getLogger("mine")
    logger.warning("careful with %s", "hunter22")
    logger.info("some detail")
    try:
        1 / 0
    except ZeroDivisionError:
        logger.debug("deep", exc_info=True)
    warnings.warn("mind this")
    return raw

pipeline = Pipeline([node(work, "raw", "made", name="work")])
"""
SMALL = (
    "raw: {type: text.TextDataset, filepath: raw.txt}\nmade: {type: text.TextDataset, filepath: made.txt}\n"
)


@pytest.fixture
def logged(project) -> Path:
    credentials = "db: {password: hunter22}\n"
    files = {"pipeline.py": LOGGED, "catalog.yml": SMALL, "credentials.yml": credentials, "raw.txt": "x"}
    return project(files)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (None, ["warning: careful with ***", "warning: mind this"]),
        ("-q", []),
        ("-v", ["warning: careful with ***", "info: some detail", "warning: mind this"]),
    ],
)
def test_v_and_q_say_how_much_is_logged(cli, logged: Path, option: str | None, told: list[str]) -> None:
    given = [option] if option else []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for arguments in (["run", *given], [*given, "run"]):
            lines = cli(*arguments).err.splitlines()
            ours = {"info: some detail", "warning: careful with ***", "warning: mind this"}
            assert [line for line in lines if line in ours] == told


def test_vv_logs_all_with_names_and_tracebacks(cli, logged: Path) -> None:
    said = cli("run", "-vv")
    assert "warning: careful with *** (mine)" in said.err
    assert "debug: deep (mine)\nTraceback (most recent call last):" in said.err
    assert logging.getLogger().level != logging.DEBUG


LOGGING = """
formatters:
  short: {format: "%(name)s says %(message)s"}
handlers:
  console: {class: logging.StreamHandler, stream: ext://sys.stdout, formatter: short}
  file: {class: logging.FileHandler, filename: all.log, formatter: short}
  kedro: {class: kedro.logging.RichHandler, rich_tracebacks: true, formatter: short, level: ERROR}
  rich: {class: rich.logging.RichHandler, level: CRITICAL}
root: {handlers: [console, file, kedro, rich], level: INFO}
"""


def test_a_projects_own_logging_is_obeyed_and_keeps_off_stdout(cli, logged: Path) -> None:
    (logged / "logging.yml").write_text(LOGGING)
    said = cli("run")
    assert "mine says careful with ***" in said.err
    assert "mine says some detail" in said.err
    assert "mine" not in said.out
    assert "mine says careful with ***" in (logged / "all.log").read_text()
    (logged / "all.log").unlink()
    cli("plan", "-v")
    assert not (logged / "all.log").exists()


def test_a_logging_configuration_may_be_one_of_an_environment(cli, work: Path) -> None:
    (work / "conf/base/logging.yml").write_text("root: {level: DEBUG, handlers: []}\n")
    assert cli("run").code == 0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("handlers: 3", "'handlers' of the logging configuration is no mapping; write 'name: {class: ...}'"),
        ("root: [", None),
        ("handlers: {a: {class: no.Such}}", None),
        ("handlers: {a: 3}", None),
    ],
)
def test_a_logging_configuration_that_is_wrong(cli, logged: Path, text: str, error: str | None) -> None:
    (logged / "logging.yml").write_text(text)
    said = cli("plan")
    assert said.code == 2
    assert said.err == f"error: {error}\n" if error else said.err.startswith("error: ")


# completion


def complete(kind: str, begun: str, **params: str) -> list[str]:
    import click

    from incremental.cli.completion import candidates

    context = click.Context(click.Command("run"))
    context.params.update(params)
    return [item.value for item in candidates(kind, context, begun)]


def test_names_of_the_project_are_completed(work: Path) -> None:
    assert complete("pipeline", "") == ["__default__", "prep"]
    assert complete("node", "prep.clean,tr") == ["prep.clean,train"]
    assert complete("node", "train,tr") == []
    assert complete("tag", "d") == ["daily"]
    assert complete("namespace", "p") == ["prep"]
    assert complete("dataset", "m") == ["model"]


def test_completion_is_silent_whatever_the_project_prints(work: Path, capsys) -> None:
    (work / "src/work/pipeline_registry.py").write_text("print('loud')\nraise SystemExit")
    assert complete("node", "") == []
    assert capsys.readouterr().out == ""


def test_each_command_completes_its_own_words(work: Path) -> None:
    from click.shell_completion import ShellComplete

    from incremental.cli.main import group

    def offered(*words: str) -> list[str]:
        completer = ShellComplete(group, {}, "incremental", "_INCREMENTAL_COMPLETE")
        return [item.value for item in completer.get_completions(list(words[:-1]), words[-1])]

    assert offered("pip") == ["pipelines"]
    assert offered("pipelines", "pr") == ["prep"]
    assert offered("why", "tr") == ["train"]
    assert offered("why", "mo") == ["model"]
    assert offered("catalog", "describe", "mo") == ["model"]
    assert offered("run", "--to-nodes", "sc") == ["scratch"]
    assert offered("runs", "sh") == ["show"]


def test_completion_is_silent_where_nothing_can_be_loaded(tmp_path: Path) -> None:
    assert complete("node", "") == []


def test_doctor_counts_one_entry_as_one(cli, hello: Path) -> None:
    (hello / "conf/base/catalog.yml").write_text("a: {type: text.TextDataset, filepath: a.txt}\n")
    assert " 1 catalog entry\n" in cli("doctor").out
