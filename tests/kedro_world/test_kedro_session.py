"""Kedro's own session and command line with our runner: hooks, refusals, plans, kills, and the whole project."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kedro", reason="compares with Kedro")
pytest.importorskip("kedro_datasets", reason="compares with Kedro")

import kedro.framework.project
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro_projects import KedroProject, assert_same
from kedro_small import write_project

import incremental.kedro
from incremental.errors import IncrementalError, SessionError
from incremental.kedro import IncrementalRunner
from incremental.kedro.listener import asked_of, listener
from incremental.state import FileLedger, History

CATALOG = """
    raw: {type: text.TextDataset, filepath: data/raw.txt}
    loud: {type: text.TextDataset, filepath: data/loud.txt}
    long: {type: text.TextDataset, filepath: data/long.txt, versioned: true}
    """
NODES = "[node(shout, 'raw', 'loud', name='shout', tags='x'), node(twice, ['loud', 'params:word'], 'long', name='twice')]"
FUNCTIONS = """
    from pathlib import Path


    def shout(text):
        return text.upper()


    def twice(text, word):
        if Path("broken").exists():
            raise LookupError("this node is broken")
        return text + word
    """
SETTINGS = """
    from kedro.framework.hooks import hook_impl


    class Hooks:
        heard = []

        @hook_impl
        def before_pipeline_run(self, run_params):
            self.heard.append(("before_pipeline_run", run_params["run_id"]))

        @hook_impl
        def after_pipeline_run(self, run_result):
            self.heard.append(("after_pipeline_run", {name: each.load() for name, each in run_result.items()}))

        @hook_impl
        def on_pipeline_error(self, error):
            self.heard.append(("on_pipeline_error", error))

        @hook_impl
        def before_node_run(self, node, run_id):
            self.heard.append(("before_node_run", f"{node.name} {run_id}"))


    HOOKS = (Hooks(),)
    """


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A small project in the working directory, opened by Kedro; the name of its package."""
    level, path = logging.root.level, list(sys.path)
    monkeypatch.setattr(kedro.framework.project, "PACKAGE_NAME", None)  # and again after the test
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEDRO_ENV", raising=False)
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    package = write_project(tmp_path, NODES, CATALOG, settings=SETTINGS, functions=FUNCTIONS)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raw.txt").write_text("sea")
    bootstrap_project(tmp_path)
    yield package
    sys.path[:] = path
    logging.root.setLevel(level)


def run(**arguments: Any) -> tuple[str, Any]:
    """Run Kedro's session with our runner; return its id and what it returned."""
    with KedroSession.create(Path.cwd(), save_on_close=False) as session:
        return session.session_id, session.run(runner=IncrementalRunner(), **arguments)


def heard(package: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = sys.modules[f"{package}.settings"].Hooks.heard
    told = list(found)
    found.clear()
    return told


def all_files(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_session_tells_its_hooks_as_ever(small: str) -> None:
    run_id, result = run()
    assert result["long"].load() == "SEAsalt"
    assert heard(small) == [
        ("before_pipeline_run", run_id),
        ("before_node_run", f"shout {run_id}"),
        ("before_node_run", f"twice {run_id}"),
        ("after_pipeline_run", {"long": "SEAsalt"}),
    ]
    assert (Path("data") / "long.txt" / run_id / "long.txt").read_text() == "SEAsalt"


def test_a_failing_node_ends_the_session_with_its_own_exception(small: str) -> None:
    Path("broken").touch()
    with pytest.raises(LookupError, match="this node is broken") as caught:
        run()
    assert heard(small)[-1] == ("on_pipeline_error", caught.value)
    Path("broken").unlink()
    run_id, _ = run(only_missing_outputs=True)
    assert [told for told in heard(small) if told[0] == "before_node_run"] == [
        ("before_node_run", f"twice {run_id}")
    ]


def test_a_refused_run_is_an_error_of_the_pipeline_too(small: str) -> None:
    Path("data/raw.txt").unlink()
    with pytest.raises(IncrementalError, match="dataset 'raw', read by 'shout', does not exist") as caught:
        run()
    assert heard(small)[-1] == ("on_pipeline_error", caught.value)


def test_a_plan_says_what_a_run_would_do_and_writes_nothing(small: str, tmp_path: Path) -> None:
    before = all_files(tmp_path)
    plan = incremental.kedro.plan()
    assert [step.node.name for step in plan.running] == ["shout", "twice"]
    assert all_files(tmp_path) == before
    run()
    Path("data/loud.txt").unlink()
    before = all_files(tmp_path)
    plan = incremental.kedro.plan(tmp_path / "src")
    assert plan.summary == "1 of 2 nodes to run · 1 skipped · 1 output suspect"
    assert all_files(tmp_path) == before


def test_a_plan_takes_a_session_its_environment_and_the_selectors(small: str, tmp_path: Path) -> None:
    with KedroSession.create(tmp_path, save_on_close=False) as session:
        plan = incremental.kedro.plan(session, tags=["x"], only_missing_outputs=False)
        assert [step.node.name for step in plan.steps] == ["shout"]
        assert session.run(runner=IncrementalRunner())["long"].load() == "SEAsalt"
    pinned = incremental.kedro.plan(from_nodes=["twice"], load_versions={"long": "2020-01-01T00.00.00.000Z"})
    assert not pinned.is_valid


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"project": "/"}, "in no project of Kedro"),
        ({"tag": ["x"]}, "selector 'tag' is unknown; did you mean 'tags'"),
        ({"pipeline_names": ["__defalt__"]}, "'__defalt__' is not registered; did you mean '__default__'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(small: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(SessionError, match=said):
        incremental.kedro.plan(**arguments)


def test_a_run_elsewhere_keeps_its_ledger_in_the_project(
    small: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir("/")
    with KedroSession.create(tmp_path, save_on_close=False) as session:
        session.run(runner=IncrementalRunner())
    assert (tmp_path / ".incremental" / "ledger.sqlite").exists()


def noted(folder: Path) -> Any:
    """Return the record of the last run."""
    ledger = FileLedger(folder / ".incremental" / "ledger.sqlite", folder)
    history = History(ledger)
    found = history.run(history.runs()[0].run_id)
    ledger.close()
    return found


@pytest.fixture
def prod(small: str, tmp_path: Path) -> None:
    """An environment of the small project."""
    (tmp_path / "conf" / "prod").mkdir()
    (tmp_path / "conf" / "prod" / "parameters.yml").write_text("word: pepper\n")


@pytest.fixture
def listening() -> None:
    """Skip where the metadata of this installation are older than the entry point that they ought to have."""
    declared = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert '"kedro.hooks"' in declared
    offered = entry_points(group="kedro.hooks", name="incremental")
    if not offered:
        pytest.skip("installed before the package had hooks for Kedro: pip install -e . --no-deps")


def test_the_environment_of_a_session_is_noted(prod: None, listening: None, tmp_path: Path) -> None:
    with KedroSession.create(tmp_path, save_on_close=False, env="prod") as session:
        assert incremental.kedro.plan(session).is_valid
        assert session.run(runner=IncrementalRunner())["long"].load() == "SEApepper"
    assert noted(tmp_path).request["env"] == "prod"
    assert noted(tmp_path).details["parameters"] == {"word": "pepper"}
    run()
    assert noted(tmp_path).request["env"] is None


def test_what_one_session_was_asked_for_is_no_other_ones(listening: None) -> None:
    listener.before_pipeline_run({"run_id": "one", "env": "prod"})
    assert asked_of("one") == {"run_id": "one", "env": "prod"}
    assert asked_of("two") == asked_of(None) == {}


def test_without_our_hooks_the_environment_is_that_of_the_variable(
    prod: None, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(
        kedro.framework.project.settings, "DISABLE_HOOKS_FOR_PLUGINS", ("incremental-engine",)
    )
    monkeypatch.setenv("KEDRO_ENV", "prod")
    run()
    assert noted(tmp_path).request["env"] == "prod"


@pytest.fixture
def in_session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run the whole project in Kedro's session, in this process, with our runner."""
    paths = sys.path[:]
    monkeypatch.setattr(kedro.framework.project, "PACKAGE_NAME", None)

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "spaceflights"]:
            del sys.modules[name]

    def call(project: KedroProject, **arguments: Any) -> None:
        monkeypatch.chdir(project.path)
        forget()
        bootstrap_project(project.path)
        run(**arguments)

    yield call
    sys.path[:] = paths
    forget()


def test_the_whole_project_unchanged_makes_what_kedro_makes(
    raw: KedroProject, kedro_made: KedroProject, in_session: Any
) -> None:
    in_session(raw)
    assert_same(raw.results(), kedro_made.results())
    made = all_files(raw.data("."))
    in_session(raw, only_missing_outputs=True)
    assert all_files(raw.data(".")) == made


PARTS = """
    whole = Pipeline([
        node(shout, 'raw', 'loud', name='shout'),
        node(twice, ['loud', 'params:word'], 'long', name='twice', tags='part'),
        node(shout, 'raw', 'other', name='more'),
    ])
    return {'__default__': whole.only_nodes('shout', 'twice'), 'some': whole.only_nodes('twice', 'more')}
"""


@pytest.fixture
def failed(small: str, listening: None, tmp_path: Path) -> Any:
    """Run parts of the small project, whose second pipeline has a node more, such that ``twice`` fails."""
    registry = tmp_path / "src" / small / "pipeline_registry.py"
    head, *_ = registry.read_text().partition("    return")
    registry.write_text(head + PARTS.lstrip("\n"))
    catalog = tmp_path / "conf/base/catalog.yml"
    catalog.write_text(catalog.read_text() + "other: {type: text.TextDataset, filepath: data/other.txt}\n")
    bootstrap_project(tmp_path)
    run(node_names=["shout"])

    def fail(**arguments: Any) -> None:
        Path("broken").touch()
        with pytest.raises(LookupError):
            run(**arguments)
        Path("broken").unlink()

    return fail


def test_what_a_part_of_a_pipeline_owes_is_resumed_alone(failed: Any, tmp_path: Path) -> None:
    failed(tags=["part"])
    Path("data/loud.txt").unlink()  # of a node that the run was not of
    with KedroSession.create(tmp_path, save_on_close=False) as session:
        with pytest.raises(IncrementalError, match="'loud', read by 'twice', does not exist"):
            session.run(runner=IncrementalRunner(resume=True))
    Path("data/loud.txt").write_text("SEA")
    with KedroSession.create(tmp_path, save_on_close=False) as session:
        assert list(session.run(runner=IncrementalRunner(resume=True))) == ["long"]


def test_our_command_resumes_a_run_of_kedros_session(
    small: str, failed: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from incremental.cli.main import invoke

    failed(pipeline_names=["some"], node_names=["twice", "more"])
    Path("data/other.txt").unlink(missing_ok=True)
    heard(small)
    capsys.readouterr()
    assert invoke(["run", "--resume", "-q"]) == 0, capsys.readouterr().err
    assert Path("data/other.txt").read_text() == "SEA"
    assert noted(tmp_path).request["pipeline_names"] == []
    assert noted(tmp_path).planned == 2
    told = {"long": "SEAsalt", "other": "SEA"}  # the hook loads the datasets that Kedro would hand it
    assert heard(small)[-1] == ("after_pipeline_run", told)


def test_a_run_of_more_than_is_handed_over_is_not_resumed_in_part(failed: Any, tmp_path: Path) -> None:
    failed(pipeline_names=["some"], from_nodes=["twice", "more"])
    with KedroSession.create(tmp_path, save_on_close=False) as session:
        with pytest.raises(IncrementalError) as caught:
            session.run(runner=IncrementalRunner(resume=True))
    assert str(caught.value) == (
        "the run to resume was of nodes that this one has not, such as 'more'; "
        "name with kedro run what it was of: --pipelines=some --from-nodes=twice,more\n"
        "or let incremental run --resume find that out"
    )


KILLED = """
import os, signal, sys
{library}
from kedro.framework.cli import main

def half(self, data):
    open(str(self._filepath), "w").write("half")
    os.kill(os.getpid(), signal.SIGKILL)

{dataset}.save = half.__wrapped__ = half
sys.argv = ["kedro", "run", "--runner=incremental.kedro.IncrementalRunner"]
main()
"""


def test_what_a_kill_left_half_written_is_made_again(small: str, tmp_path: Path) -> None:
    write = "import kedro_datasets.text.text_dataset as text"
    killed = KedroProject(tmp_path).python(KILLED.format(library=write, dataset="text.TextDataset"))
    assert killed.returncode == -9, killed.stdout + killed.stderr
    assert (tmp_path / "data" / "loud.txt").read_text() == "half"
    _, result = run(only_missing_outputs=True)
    assert result["long"].load() == "SEAsalt"


@pytest.mark.slow
def test_the_whole_project_unchanged_is_killed_half_way_and_resumed(
    raw: KedroProject, kedro_made: KedroProject
) -> None:
    write = "import kedro_datasets.plotly as plotly"
    killed = raw.python(KILLED.format(library=write, dataset="plotly.JSONDataset"))
    assert killed.returncode == -9, killed.stdout + killed.stderr
    assert raw.data("08_reporting/capacity_by_type.json").read_text() == "half"
    kept = raw.data("02_intermediate/preprocessed_companies.pq").stat().st_mtime_ns

    resumed = raw.kedro("run", "--runner=incremental.kedro.IncrementalRunner", "--only-missing-outputs")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "capacity_by_type incomplete" in resumed.stdout
    assert raw.data("02_intermediate/preprocessed_companies.pq").stat().st_mtime_ns == kept
    assert_same(raw.results(), kedro_made.results())


def test_the_command_line_of_kedro_shows_a_refusal_briefly(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kedro.framework.cli.cli import KedroCLI

    Path("data/raw.txt").unlink()
    with pytest.raises(SystemExit) as ended:
        KedroCLI(tmp_path).main(["run", "--runner=incremental.kedro.IncrementalRunner"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told[told.index("Error: ") :] == (
        f"Error: dataset 'raw', read by 'shout', does not exist at {tmp_path}/data/raw.txt; "
        "put it there or correct its path\n"
    )
