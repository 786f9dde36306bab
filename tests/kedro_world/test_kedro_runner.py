"""IncrementalRunner does what Kedro's runners do, and Kedro's session cannot tell it from one of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kedro", reason="compares with Kedro")
pytest.importorskip("kedro_datasets", reason="compares with Kedro")

import kedro.framework.project
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, DatasetError, MemoryDataset, Version
from kedro.pipeline import Pipeline, llm_context_node, node
from kedro.runner import AbstractRunner, SequentialRunner, ThreadRunner
from kedro_small import listener, manager_with, text_dataset

from incremental.errors import IncrementalError
from incremental.kedro import IncrementalRunner
from incremental.state import FileLedger, History


def shout(text: str) -> str:
    return text.upper()


def join(one: str, two: str) -> str:
    return one + two


def both(text: str) -> tuple[str, str]:
    return text, text[::-1]


def fail(text: str) -> str:
    raise KeyError(f"no {text}")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is a project of Kedro, and the working directory."""
    (tmp_path / "pyproject.toml").write_text('[tool.kedro]\npackage_name = "none"\nproject_name = "none"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kedro.framework.project, "PACKAGE_NAME", None)  # whatever project was open before
    return tmp_path


def pipeline() -> Any:
    return Pipeline(
        [
            node(shout, "raw", "loud", name="shout"),
            node(both, "loud", ["kept", "passed"], name="both"),
            node(join, ["passed", "params:word"], "final", name="join"),
            node(join, {"one": "kept", "two": "passed"}, "in_memory", name="last"),
        ]
    )


def catalog(folder: Path) -> Any:
    (folder / "raw.txt").write_text("sea")
    stored = {name: text_dataset(folder / f"{name}.txt") for name in ("raw", "loud", "kept", "final")}
    return DataCatalog({**stored, "params:word": MemoryDataset("salt")})


def loaded(result: dict[str, Any]) -> dict[str, Any]:
    return {name: dataset.load() for name, dataset in result.items()}


def runs_of(project: Path) -> Any:
    ledger = FileLedger(project / ".incremental" / "ledger.sqlite", project)
    try:
        return [History(ledger).run(run.run_id) for run in History(ledger).runs()]
    finally:
        ledger.close()


def test_a_session_of_kedro_takes_it_for_a_runner() -> None:
    assert isinstance(IncrementalRunner(), AbstractRunner)


@pytest.mark.parametrize("params", [{}, {"runner": "threads"}, {"is_async": True}], ids=str)
def test_it_returns_the_datasets_that_a_runner_of_kedro_returns(
    project: Path, params: dict[str, Any]
) -> None:
    (project / "other").mkdir()
    theirs = SequentialRunner().run(pipeline(), catalog(project / "other"))
    ours = IncrementalRunner(**params).run(pipeline(), catalog(project))
    assert loaded(ours) == loaded(theirs) == {"final": "AESsalt", "in_memory": "SEAAES"}
    assert {name: type(dataset) for name, dataset in ours.items()} == {
        name: type(dataset) for name, dataset in theirs.items()
    }
    assert (project / "kept.txt").read_text() == (project / "other" / "kept.txt").read_text() == "SEA"


def test_hooks_are_told_the_same_as_under_a_runner_of_kedro(project: Path) -> None:
    """But for the order of outputs: those in memory first, and a node is told of none before all are there."""
    heard = []
    for runner in (SequentialRunner(), IncrementalRunner()):
        hooks = listener()
        runner.run(pipeline(), catalog(project), manager_with(hooks), run_id="2026-01-01T00.00.00.000Z")
        heard.append(hooks)
    theirs, ours = heard
    assert sorted(ours.heard) == sorted(theirs.heard)
    ordered = [[each for each in hooks.heard if "saved" not in each[0]] for hooks in (theirs, ours)]
    assert ordered[0] == ordered[1]


def test_hooks_see_the_nodes_and_the_catalog_of_kedro(project: Path) -> None:
    hooks, nodes, made = listener(), pipeline(), catalog(project)
    IncrementalRunner().run(nodes, made, manager_with(hooks))
    own = {id(each) for each in nodes.nodes}
    assert all(id(arguments["node"]) in own for _, arguments in hooks.arguments)
    assert all(arguments.get("catalog", made) is made for _, arguments in hooks.arguments)


def test_a_hook_replaces_inputs_and_functions(project: Path) -> None:
    class Replacing:
        @hook_impl
        def before_node_run(self, node: Any, inputs: dict[str, Any]) -> dict[str, Any] | None:
            if node.name == "last":
                node.func = lambda one, two: f"{one}|{two}"
            return {"raw": "lake"} if node.name == "shout" else None

    result = IncrementalRunner().run(pipeline(), catalog(project), manager_with(Replacing()))
    assert loaded(result)["in_memory"] == "LAKE|EKAL"


def test_a_hook_finds_values_in_the_catalog_while_they_are_needed(project: Path) -> None:
    seen = []

    class Looking:
        @hook_impl
        def after_node_run(self, node: Any, catalog: Any) -> None:
            if node.name == "last":
                seen.append(catalog.load("passed"))

    for runner in (SequentialRunner(), IncrementalRunner()):
        runner.run(pipeline(), catalog(project), manager_with(Looking()))
    assert seen == ["AES", "AES"]


def test_hooks_that_only_we_have_are_called_in_a_class_of_kedros_hooks(project: Path) -> None:
    heard = []

    class Planning:
        @hook_impl
        def after_plan_created(self, plan: Any, catalog: Any) -> None:
            heard.append((plan.summary, type(catalog)))

        @hook_impl
        def on_node_skipped(self, node: Any, reason: str) -> None:
            heard.append((node.name, reason))

    IncrementalRunner().run(pipeline(), catalog(project))
    IncrementalRunner().run(pipeline(), catalog(project), manager_with(Planning()), only_missing_outputs=True)
    assert heard == [
        ("2 of 4 nodes to run · 2 skipped", DataCatalog),
        ("shout", "loud present"),
        ("join", "final present"),
    ]


def test_the_exception_of_a_node_reaches_the_session_as_it_was_raised(project: Path) -> None:
    nodes = Pipeline([node(shout, "raw", "loud", name="shout"), node(fail, "loud", "kept", name="broken")])
    raised, heard = [], []
    for runner in (SequentialRunner(), IncrementalRunner(), IncrementalRunner(runner="threads")):
        hooks = listener()
        with pytest.raises(KeyError) as caught:
            runner.run(nodes, catalog(project), manager_with(hooks))
        raised.append((str(caught.value), caught.traceback[-1].name, caught.value.__cause__))
        heard.append(hooks.heard)
    assert raised == 3 * [("'no SEA'", "fail", None)]
    assert heard[0] == heard[1] == heard[2]
    assert heard[0][-1] == ("on_node_error", "broken")


def test_an_error_of_a_dataset_is_the_one_that_kedro_raises(project: Path) -> None:
    nodes = Pipeline([node(lambda text: 5, "raw", "loud", name="number")])
    said = []
    for runner in (SequentialRunner(), IncrementalRunner()):
        with pytest.raises(DatasetError, match="loud: Failed while saving data") as caught:
            runner.run(nodes, catalog(project))
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_a_save_that_failed_is_told_as_incomplete_in_the_next_plan(project: Path) -> None:
    """Where the mark lies beside the data, another process, or person, sees it too."""
    runner = IncrementalRunner()
    nodes = Pipeline([node(lambda text: 5, "raw", "loud", name="number")])
    with pytest.raises(DatasetError):
        runner.run(nodes, catalog(project))
    assert (project / ".loud.txt.incremental-begun").exists()
    fixed = Pipeline([node(shout, "raw", "loud", name="number")])
    IncrementalRunner().run(fixed, catalog(project), only_missing_outputs=True)
    assert (project / "loud.txt").read_text() == "SEA"
    assert not (project / ".loud.txt.incremental-begun").exists()


def test_an_input_that_is_nowhere_is_refused_before_anything_runs(project: Path) -> None:
    nodes = Pipeline(
        [node(shout, "raw", "loud", name="shout"), node(join, ["loud", "rwa"], "kept", name="join")]
    )
    with pytest.raises(ValueError, match="not found in the DataCatalog"):
        SequentialRunner().run(nodes, catalog(project))
    with pytest.raises(
        ValueError, match="'rwa', read by 'join', is not in the catalog.*did you mean 'raw'"
    ) as caught:
        IncrementalRunner().run(nodes, catalog(project))
    assert isinstance(caught.value, IncrementalError)
    assert not (project / "loud.txt").exists()


def test_an_llm_context_is_refused_before_anything_runs(project: Path) -> None:
    pipeline = Pipeline([
        node(shout, "raw", "loud", name="shout"),
        llm_context_node(outputs="context", llm="loud", prompts=["raw"], name="talk"),
    ])  # fmt: skip
    catalog = DataCatalog({"raw": MemoryDataset("a"), "loud": text_dataset(project / "loud.txt")})
    with pytest.raises(IncrementalError, match="node 'talk' makes an LLM context, which is not supported"):
        IncrementalRunner().run(pipeline, catalog)
    assert [path.name for path in project.iterdir()] == ["pyproject.toml"]


def test_only_what_is_missing_runs_and_all_results_are_there(project: Path) -> None:
    made, hooks = catalog(project), listener()
    IncrementalRunner().run(pipeline(), made)
    (project / "final.txt").unlink()
    result = IncrementalRunner().run(
        pipeline(), catalog(project), manager_with(hooks), only_missing_outputs=True
    )
    ran = [name.split()[0] for hook, name in hooks.heard if hook == "after_node_run"]
    assert ran == ["both", "join", "last"]
    assert loaded(result) == {"final": "AESsalt", "in_memory": "SEAAES"}


def test_the_ledger_and_the_history_are_where_our_commands_look(project: Path) -> None:
    IncrementalRunner().run(pipeline(), catalog(project), run_id="2026-01-01T00.00.00.000Z")
    run = runs_of(project)[0]
    assert (run.run_id, run.status, len(run.steps)) == ("2026-01-01T00.00.00.000Z", "succeeded", 4)
    ledger = FileLedger(project / ".incremental" / "ledger.sqlite", project)
    records = ledger.marks().records
    ledger.close()
    assert records[str(project / "final.txt")].node == "join"


def test_a_second_run_of_one_session_has_an_id_of_its_own(project: Path) -> None:
    for _ in range(2):
        IncrementalRunner().run(pipeline(), catalog(project), run_id="2026-01-01T00.00.00.000Z")
    assert len({run.run_id for run in runs_of(project)}) == 2


def test_a_failed_run_is_resumed(project: Path) -> None:
    broken = Pipeline([node(shout, "raw", "loud", name="shout"), node(fail, "loud", "kept", name="again")])
    with pytest.raises(KeyError):
        IncrementalRunner().run(broken, catalog(project))
    (project / "kept.txt").write_text("of an older run")
    mended = Pipeline([node(shout, "raw", "loud", name="shout"), node(shout, "loud", "kept", name="again")])
    hooks = listener()
    IncrementalRunner(resume=True).run(mended, catalog(project), manager_with(hooks))
    assert [name for hook, name in hooks.heard if hook == "after_node_run"] == ["again of ['loud']"]
    assert (project / "kept.txt").read_text() == "SEA"


def test_without_a_project_what_is_begun_is_kept_with_the_runner(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kedro.framework.project, "PACKAGE_NAME", None)
    runner = IncrementalRunner()
    result = runner.run(pipeline(), catalog(tmp_path))
    assert loaded(result)["final"] == "AESsalt"
    assert not (tmp_path / ".incremental").exists()


def test_a_generator_saves_its_pieces_as_under_kedro(project: Path) -> None:
    def letters(text: str) -> Iterator[str]:
        yield from text

    def appending(folder: Path) -> Any:
        folder.mkdir(exist_ok=True)
        made = catalog(folder)
        made["letters"] = text_dataset(folder / "letters.txt", fs_args={"open_args_save": {"mode": "a"}})
        return made

    nodes = Pipeline([node(letters, "raw", "letters", name="letters")])
    said = []
    for number, runner in enumerate((SequentialRunner(), IncrementalRunner())):
        hooks = listener()
        runner.run(nodes, appending(project / str(number)), manager_with(hooks))
        said.append((project / str(number) / "letters.txt").read_text())
        assert hooks.names().count("before_dataset_saved") == 3
    assert said == ["sea", "sea"]


def versioned(folder: Path, save: str) -> Any:
    made = catalog(folder)
    made["loud"] = text_dataset(folder / "loud.txt", version=Version(None, save))
    return made


def test_versions_are_those_of_the_session(project: Path) -> None:
    nodes = Pipeline([node(shout, "raw", "loud", name="shout"), node(shout, "loud", "kept", name="again")])
    for moment in ("2026-01-01T00.00.00.000Z", "2026-01-02T00.00.00.000Z"):
        IncrementalRunner().run(nodes, versioned(project, moment), run_id=moment)
    assert sorted(each.name for each in (project / "loud.txt").iterdir()) == [
        "2026-01-01T00.00.00.000Z",
        "2026-01-02T00.00.00.000Z",
    ]
    hooks = listener()
    IncrementalRunner().run(
        nodes, versioned(project, "2026-01-03T00.00.00.000Z"), manager_with(hooks), only_missing_outputs=True
    )
    assert hooks.heard == []


def test_a_pinned_version_is_the_one_that_is_read(project: Path) -> None:
    for version, text in (("one", "old"), ("two", "new")):
        (project / "raw.text" / version).mkdir(parents=True)
        (project / "raw.text" / version / "raw.text").write_text(text)
    entries = {
        "raw": {"type": "text.TextDataset", "filepath": str(project / "raw.text"), "versioned": True},
        "loud": {"type": "text.TextDataset", "filepath": str(project / "loud.txt")},
    }
    nodes = Pipeline([node(shout, "raw", "loud", name="shout")])
    IncrementalRunner().run(nodes, DataCatalog.from_config(entries, load_versions={"raw": "one"}))
    assert (project / "loud.txt").read_text() == "OLD"
    pinned = DataCatalog.from_config(entries, load_versions={"raw": "zero"})
    with pytest.raises(ValueError, match="zero"):
        IncrementalRunner().run(nodes, pinned)


def test_patterns_and_the_catch_all_pattern_mean_what_they_mean_under_kedro(project: Path) -> None:
    (project / "raw.txt").write_text("sea")
    entries = {
        "{name}_file": {"type": "text.TextDataset", "filepath": f"{project}/{{name}}.txt"},
        "{anything}": {"type": "json.JSONDataset", "filepath": f"{project}/{{anything}}.json"},
    }
    nodes = Pipeline(
        [node(shout, "raw_file", "loud_file", name="a"), node(shout, "loud_file", "rest", name="b")]
    )
    IncrementalRunner().run(nodes, DataCatalog.from_config(entries))
    assert (project / "rest.json").read_text() == '"SEA"'
    hooks = listener()
    IncrementalRunner().run(
        nodes, DataCatalog.from_config(entries), manager_with(hooks), only_missing_outputs=True
    )
    assert hooks.heard == []


def test_data_that_a_hook_hands_in_is_used(project: Path) -> None:
    made = catalog(project)
    made["raw"] = "river"
    assert loaded(IncrementalRunner().run(pipeline(), made))["in_memory"] == "RIVERREVIR"


def test_credentials_reach_no_record(project: Path) -> None:
    entries = {
        "raw": {
            "type": "text.TextDataset",
            "filepath": "memory://raw.txt",
            "credentials": {"key": "hunter2-key"},
        },
    }
    nodes = Pipeline([node(lambda text: 1 / 0, "raw", "loud", name="divide")])
    with pytest.raises(Exception):  # noqa: B017 - whatever comes of it
        IncrementalRunner().run(nodes, DataCatalog.from_config(entries))
    written = b"".join(path.read_bytes() for path in (project / ".incremental").iterdir())
    assert written
    assert b"hunter2" not in written


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"runer": "threads"}, "'runer' is unknown; did you mean 'runner'"),
        ({"runner": "treads"}, "no runner 'treads'; did you mean 'threads'"),
        ({"max_workers": 0}, "max_workers is 0"),
        ({"durability": "proces"}, "durability is 'proces'; it can be 'power' or 'process'"),
    ],
)
def test_a_wrong_runner_parameter_is_refused_with_the_nearest_right_one(
    params: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        IncrementalRunner(**params)


def test_what_need_only_outlive_the_process_does_not_wait_for_the_disk(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    pipeline = Pipeline([node(shout, "raw", "loud", name="shout")])
    counts = []
    for durability in ("process", "process", "power"):
        synced.clear()  # the first run makes the folder of the ledger, which waits
        made = DataCatalog({"raw": MemoryDataset("a"), "loud": text_dataset(project / "loud.txt")})
        result = IncrementalRunner(durability=durability).run(pipeline, made)
        assert result["loud"].load() == "A"
        assert not list(project.glob(".*begun"))
        counts.append(len(synced))
    assert counts[1] == 0 < counts[2]


def test_nodes_run_in_processes_with_their_hooks(project: Path) -> None:
    nodes = Pipeline(
        [
            node(shout, "raw", "loud", name="shout"),
            node(both, "loud", ["kept", "passed"], name="both"),
            node(join, ["passed", "params:word"], "final", name="join"),
        ]
    )
    result = IncrementalRunner(runner="processes", max_workers=2).run(
        nodes, catalog(project), manager_with(WritingHooks(project / "heard.txt"))
    )
    assert loaded(result) == {"kept": "SEA", "final": "AESsalt"}
    assert sorted((project / "heard.txt").read_text().split()) == ["both", "join", "shout"]


def test_nodes_that_share_a_parameter_and_a_process_both_read_it(project: Path) -> None:
    nodes = Pipeline(
        [
            node(join, ["raw", "params:word"], "one", name="one"),
            node(join, ["one", "params:word"], "two", name="two"),
        ]
    )
    given = DataCatalog({"raw": MemoryDataset("sea"), "params:word": MemoryDataset("salt")})
    result = IncrementalRunner(runner="processes", max_workers=1).run(nodes, given)
    assert loaded(result) == {"two": "seasaltsalt"}


class WritingHooks:
    def __init__(self, path: Path) -> None:
        self.path = path

    @hook_impl
    def after_node_run(self, node: Any) -> None:
        with self.path.open("a") as file:
            file.write(f"{node.name}\n")


def test_importing_our_room_loads_nothing_of_kedro() -> None:
    code = "import sys, incremental.kedro; print(any(m.split('.')[0] == 'kedro' for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_dataset_of_a_file_is_neither_built_nor_imported_to_ask_for_it(project: Path) -> None:
    from incremental.kedro.catalog import KedroCatalog
    from incremental.kedro.nodes import handed_over
    from incremental.runner.prepare import gather_facts
    from incremental.state import Marks

    entries = {
        "raw": {"type": "pandas.ExcelDataset", "filepath": str(project / "raw.xlsx")},
        "loud": {"type": "plotly.JSONDataset", "filepath": str(project / "loud.json"), "versioned": True},
        "{any}": {"type": "matplotlib.MatplotlibDataset", "filepath": f"{project}/{{any}}.png"},
    }
    (project / "kept.png").touch()
    made = DataCatalog.from_config(entries)
    nodes = Pipeline([node(shout, "raw", "loud", name="a"), node(shout, "loud", "kept", name="b")])
    facts = gather_facts(handed_over(nodes), KedroCatalog(made), Marks())
    assert {name: state.value for name, state in facts.states.items()} == {
        "raw": "absent",
        "loud": "absent",
        "kept": "present",
    }
    assert made._datasets == {}


def test_threads_of_kedro_and_ours_agree(project: Path) -> None:
    theirs = ThreadRunner(max_workers=2).run(pipeline(), catalog(project))
    ours = IncrementalRunner(runner="threads", max_workers=2).run(pipeline(), catalog(project))
    assert loaded(ours) == loaded(theirs)
