"""A Kedro project as it is, under our command line: the same results as with Kedro, back and forth."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from kedro_projects import NODES, PICTURE, REGRESSOR, KedroProject, assert_same

pytest.importorskip("kedro", reason="runs projects of Kedro")
pytest.importorskip("kedro_datasets", reason="runs projects of Kedro")

METRICS = "07_model_output/metrics.json"
SHUTTLES = "02_intermediate/preprocessed_shuttles.pq"
PRICES = "08_reporting/price_by_rating.json"
TABLE = "03_primary/model_input_table.pq"
SETTINGS = "src/spaceflights/settings.py"
REGISTRY = "src/spaceflights/pipeline_registry.py"


def running(said: Any) -> list[str]:
    assert said.code == 0, said.err
    return [step["node"] for step in json.loads(said.out)["steps"] if step["verdict"] == "run"]


# -- results


def test_a_whole_run_makes_what_kedro_makes(raw: KedroProject, kedro_made: KedroProject, ours: Any) -> None:
    said = ours(raw, "run", "--json")
    assert said.code == 0, said.err
    assert_same(raw.results(), kedro_made.results())
    assert ours(raw, "plan", "--dry-run").out == "nothing to do: 9 nodes up to date\n"


def test_each_engine_goes_on_where_the_other_stopped(
    by_kedro: KedroProject, ours: Any, tmp_path: Path
) -> None:
    """Ours re-makes what is missing of Kedro's; of the two folders Kedro's flag would run the same nodes."""
    before = by_kedro.results()
    for name in (METRICS, SHUTTLES, PICTURE):
        by_kedro.data(name).unlink()
    said = ours(by_kedro, "run", "--only-missing-outputs", "--json")
    assert said.code == 0, said.err
    assert_same(by_kedro.results(), before)
    cases = [[], [METRICS], [REGRESSOR], [TABLE, PRICES]]
    for case, asked in zip(cases, kedros_decisions(by_kedro, cases), strict=True):
        for name in case:
            by_kedro.data(name).rename(tmp_path / Path(name).name)
        assert running(ours(by_kedro, "plan", "--dry-run", "--json")) == asked, case
        for name in case:
            (tmp_path / Path(name).name).rename(by_kedro.data(name))


def kedros_decisions(project: KedroProject, cases: list[list[str]]) -> list[list[str]]:
    """Return the nodes that Kedro's ``--only-missing-outputs`` would run with these files gone."""
    said = project.python(f"""
import json
from pathlib import Path
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner

root = Path.cwd()
bootstrap_project(root)
catalog = KedroSession.create(root, save_on_close=False).load_context().catalog
asked = []
for case in json.loads('''{json.dumps(cases)}'''):
    for name in case:
        (root / "data" / name).rename(root / "data" / (name + ".away"))
    left = SequentialRunner()._filter_pipeline_for_missing_outputs(pipelines["__default__"], catalog)
    asked.append([node.name for node in left.nodes])
    for name in case:
        (root / "data" / (name + ".away")).rename(root / "data" / name)
(root / "asked.json").write_text(json.dumps(asked))
""")
    assert said.returncode == 0, said.stdout + said.stderr
    return json.loads((project.path / "asked.json").read_text())


@pytest.mark.slow
def test_kedro_goes_on_in_a_folder_of_ours(raw: KedroProject, kedro_made: KedroProject, ours: Any) -> None:
    assert ours(raw, "run", "-q").code == 0
    for name in (METRICS, SHUTTLES, TABLE):
        raw.data(name).unlink()
    said = raw.kedro("run", "--only-missing-outputs")
    assert said.returncode == 0, said.stdout + said.stderr
    assert_same(raw.results(), kedro_made.results())
    assert ours(raw, "plan", "--dry-run").code == 0
    assert ours(raw, "run", "-q").code == 0
    assert raw.kedro("run").returncode == 0
    assert_same(raw.results(), kedro_made.results())
    assert len(list(raw.data(REGRESSOR).iterdir())) == 3


# -- plans over what Kedro made


def test_what_their_datasets_wrote_is_verified_by_its_content(raw: KedroProject, ours: Any) -> None:
    """A file that is written again with the same bytes is no news, as after ``kedro run``; other bytes are."""
    said = ours(raw, "run", "--pipelines", "data_processing")
    assert said.code == 0, said.err
    table = raw.data(SHUTTLES)
    content = table.read_bytes()
    table.unlink()
    table.write_bytes(content)
    plan = ours(raw, "plan", "--dry-run", "--pipelines", "data_processing")
    assert plan.out == "nothing to do: 3 nodes up to date\n"
    assert ours(raw, "verify").out == "verified 3 outputs: 3 whole, 0 damaged\n"
    table.write_bytes(content[:9] + bytes([content[9] ^ 1]) + content[10:])
    said = ours(raw, "verify")
    assert said.code == 1
    assert said.out.startswith(f"damaged  preprocessed_shuttles  data/{SHUTTLES}")


def test_outputs_that_kedro_made_are_there_but_unproven(by_kedro: KedroProject, ours: Any) -> None:
    said = ours(by_kedro, "plan", "--dry-run")
    assert said.out == (
        "unproven  9 outputs (capacity_by_type, metrics, model_input_table and 6 more) without a record of who "
        "made it: incremental adopt records it\nnothing to do: 9 nodes up to date\n"
    )
    assert said.err == ""
    assert "unproven: no record says which run made it" in ours(by_kedro, "why", "regressor").out


def test_adopting_them_settles_it(by_kedro: KedroProject, ours: Any) -> None:
    assert ours(by_kedro, "adopt", "--all").code == 0
    assert ours(by_kedro, "plan", "--dry-run").out == "nothing to do: 9 nodes up to date\n"


def test_a_result_in_memory_that_kedro_would_leave_out_is_made_and_the_reason_says_so(
    by_kedro: KedroProject, ours: Any
) -> None:
    catalog = by_kedro.path / "conf/base/catalog_models.yml"
    text = catalog.read_text()
    begin, end = text.index("metrics:"), text.index("predictions:")
    catalog.write_text(text[:begin] + text[end:])
    assert (
        "evaluate_model_node  makes the result metrics in memory" in ours(by_kedro, "plan", "--dry-run").out
    )
    assert running(ours(by_kedro, "plan", "--dry-run", "--json")) == [
        "split_data_node",
        "evaluate_model_node",
    ]


def test_looking_at_a_kedro_project_writes_nothing(by_kedro: KedroProject, ours: Any) -> None:
    def tree() -> dict[str, tuple[int, int]]:
        found = [by_kedro.path, *by_kedro.path.rglob("*")]
        return {str(each): (each.stat().st_mtime_ns, each.stat().st_size) for each in found}

    before = tree()
    for command in (("plan", "--dry-run"), ("why", "metrics"), ("catalog",)):
        assert ours(by_kedro, *command).code == 0, command
    assert tree() == before


# -- the project's own words


def test_pipelines_tags_and_parameters_are_those_of_the_project(raw: KedroProject, ours: Any) -> None:
    said = ours(raw, "pipelines")
    assert [word in said.out for word in ("data_processing", "data_science", "reporting")] == [True] * 3
    assert running(ours(raw, "plan", "--dry-run", "--json", "--tags", "tables")) == list(NODES[:3])
    said = ours(raw, "plan", "--dry-run", "--pipelines", "reprting")
    assert (said.code, said.err.splitlines()[0]) == (
        2, "error: pipeline 'reprting' is not registered; did you mean 'reporting'?",
    )  # fmt: skip


def test_the_environment_is_that_of_kedro_env(raw: KedroProject, ours: Any, monkeypatch: Any) -> None:
    (raw.path / "conf/prod").mkdir()
    (raw.path / "conf/prod/catalog.yml").write_text(
        "preprocessed_companies:\n  type: pandas.ParquetDataset\n  filepath: data/prod/companies.pq\n"
    )
    monkeypatch.setenv("INCREMENTAL_ENV", "nowhere")
    assert "02_intermediate/preprocessed_companies.pq" in ours(raw, "catalog", "list").out
    monkeypatch.setenv("KEDRO_ENV", "prod")
    assert "data/prod/companies.pq" in ours(raw, "catalog", "list").out
    assert "data/prod/companies.pq" not in ours(raw, "catalog", "list", "--env", "local").out


def test_an_error_in_the_projects_code_is_short_and_shows_its_line(raw: KedroProject, ours: Any) -> None:
    raw.replace("src/spaceflights/pipelines/data_science/pipeline.py", '"regressor"', "regressr")
    said = ours(raw, "plan", "--dry-run")
    assert said.code == 2
    assert len(said.err.splitlines()) <= 10
    assert "NameError: name 'regressr' is not defined" in said.err
    assert "data_science/pipeline.py:" in said.err


def test_a_broken_module_that_find_pipelines_tells_of_shows_its_cause(raw: KedroProject, ours: Any) -> None:
    raw.replace("src/spaceflights/pipelines/reporting/nodes.py", "import pandas as pd", "import pands as pd")
    said = ours(raw, "plan", "--dry-run")
    assert said.code == 2
    assert len(said.err.splitlines()) <= 10
    assert "No module named 'pands'" in said.err
    assert "reporting/nodes.py:5" in said.err


@pytest.mark.parametrize("change", ["pass", 'pipelines["reporting"] = sum(pipelines.values(), Pipeline([]))'])
def test_asking_for_one_pipeline_imports_no_other_unless_it_takes_them(
    by_kedro: KedroProject, ours: Any, change: str
) -> None:
    by_kedro.replace(REGISTRY, '    pipelines["__default__"]', f'    {change}\n    pipelines["__default__"]')
    said = ours(by_kedro, "plan", "--dry-run", "--pipeline", "reporting", "--json")
    assert said.code == 0, said.err
    alone = change == "pass"
    assert len(json.loads(said.out)["steps"]) == (3 if alone else 9)
    assert ("spaceflights.pipelines.data_science" not in sys.modules) is alone


def test_a_failing_node_is_told_as_ever_and_the_same_command_resumes(raw: KedroProject, ours: Any) -> None:
    nodes = "src/spaceflights/pipelines/data_processing/nodes.py"
    node = ("--nodes", "preprocess_companies_node")
    raw.replace(nodes, 'companies["company_rating"]', 'companies["rating"]')
    said = ours(raw, "run", *node)
    assert said.code == 1
    assert "error: node 'preprocess_companies_node' failed: KeyError: 'rating'" in said.err
    assert "Node preprocess_companies_node" not in said.err  # Kedro's own line, by its logger
    raw.replace(nodes, 'companies["rating"]', 'companies["company_rating"]')
    assert ours(raw, "run", *node, "--only-missing-outputs").code == 0


def test_two_projects_in_one_process_stay_apart(raw: KedroProject, ours: Any, tmp_path: Path) -> None:
    """Kedro's ``find_pipelines()`` means the project that was configured last, ours the one that is asked."""
    from incremental import Session

    other = raw.copy(tmp_path / "other")
    other.replace("pyproject.toml", 'package_name = "spaceflights"', 'package_name = "otherflights"')
    (other.path / "src/spaceflights").rename(other.path / "src/otherflights")
    sessions = [Session.create(each.path, save_on_close=False) for each in (raw, other)]
    homes = [session.pipelines["reporting"].nodes[0].func.__module__ for session in sessions]
    assert homes == ["spaceflights.pipelines.reporting.nodes", "otherflights.pipelines.reporting.nodes"]


# -- what Kedro must not do here


@pytest.fixture(scope="module")
def told(kedro_made: KedroProject, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a plan in a process of its own loads and changes, the modules of the project being loaded."""
    project = kedro_made.copy(tmp_path_factory.mktemp("told") / "spaceflights")
    project.replace(REGISTRY, "from kedro.pipeline", "import warnings\n\nfrom kedro.pipeline")
    said = project.python("""
import json, logging, sys, warnings
filters = list(warnings.filters)
handler = logging.StreamHandler()
logging.getLogger().addHandler(handler)
from incremental import Session
with Session.create(save_on_close=False) as session:
    len(session.pipelines)
    filters_after = [each for each in warnings.filters if each not in filters]
    before = set(sys.modules)
    plan = session.plan(only_missing_outputs=True)
print(json.dumps({
    "loaded": sorted({name.partition(".")[0] for name in set(sys.modules) - before}),
    "handlers": [type(each).__name__ for each in logging.getLogger().handlers],
    "levels": {name: logging.getLogger(name).level for name in ("kedro", "spaceflights", "")},
    "disabled": [name for name in ("kedro.framework.project", "kedro.pipeline.node") if logging.getLogger(name).disabled],
    "filters": [str(each[2]) for each in filters_after if "Kedro" in str(each[2])],
    "skipped": len(plan.skipped),
    "sent": "kedro_telemetry" in sys.modules,
}))
""")
    assert said.returncode == 0, said.stderr
    assert said.stderr == ""
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_the_survey_imports_no_plotly_matplotlib_or_scikit_learn(told: dict[str, Any]) -> None:
    assert told["skipped"] == 9
    assert (
        set(told["loaded"]) & {"plotly", "matplotlib", "sklearn", "openpyxl", "kedro_datasets", "PIL"}
        == set()
    )


def test_kedro_takes_over_no_logging_and_shows_nothing_that_it_deprecates(told: dict[str, Any]) -> None:
    assert told["handlers"] == ["StreamHandler"]
    assert told["levels"] == {"kedro": 0, "spaceflights": 0, "": 30}
    assert told["disabled"] == []
    assert told["filters"] == []


def test_telemetry_is_not_even_loaded(told: dict[str, Any]) -> None:
    assert told["sent"] is False


def test_without_kedro_the_error_says_what_to_do(raw: KedroProject) -> None:
    said = raw.python(
        "import sys; sys.modules['kedro'] = None\n"
        "from incremental.cli.main import invoke; sys.exit(invoke(['plan', '--dry-run']))"
    )
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == (
        "error: 'pyproject.toml' describes a Kedro project, and 'kedro' cannot be imported; install it, or port "
        "the project: import 'incremental' in place of 'kedro', and call the table [tool.incremental]\n"
    )


# -- logging

LOUD = """
version: 1
formatters: {named: {format: "MINE %(message)s"}}
handlers: {shown: {class: logging.StreamHandler, formatter: named, stream: ext://sys.stdout}}
root: {handlers: [shown], level: WARNING}
"""


def test_the_logging_that_the_variable_of_kedro_names_is_obeyed(
    by_kedro: KedroProject, ours: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    registry = by_kedro.path / REGISTRY
    registry.write_text(
        registry.read_text() + "\nimport logging\nlogging.getLogger('x').warning('careful')\n"
    )
    (by_kedro.path / "conf/logging.yml").write_text(LOUD.replace("MINE", "THEIRS"))
    (tmp_path / "loud.yml").write_text(LOUD)
    monkeypatch.setenv("KEDRO_LOGGING_CONFIG", str(tmp_path / "loud.yml"))
    said = ours(by_kedro, "plan", "--dry-run")
    assert said.out.endswith("nothing to do: 9 nodes up to date\n")
    assert "MINE careful" in said.err
    assert "MINE" not in said.out
    assert "THEIRS" not in said.err
    monkeypatch.setenv("KEDRO_LOGGING_CONFIG", "gone.yml")
    said = ours(by_kedro, "plan", "--dry-run")
    assert said.code == 2
    assert (
        said.err
        == "error: KEDRO_LOGGING_CONFIG names 'gone.yml', which is no file; correct it, or unset it\n"
    )
