"""Everything that the two pages the user started from promise: session API and session store."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from projects import make_project

from incremental.errors import IncrementalError
from incremental.runner import SequentialRunner
from incremental.session import BaseSessionStore, Session, SessionError

STORE_OF_THE_PAGE = '''
from incremental.session import BaseSessionStore
from pathlib import Path
import json

class JSONSessionStore(BaseSessionStore):
    """Session store that saves data to JSON files."""

    def __init__(self, path: str, session_id: str):
        super().__init__(path, session_id)
        self._store_path = Path(path) / ".kedro" / "sessions" / f"{session_id}.json"
        self._store_path.parent.mkdir(parents=True, exist_ok=True)

    def save(self, data):
        """Save session data to JSON file."""
        with open(self._store_path, 'w') as f:
            json.dump(data, f, indent=2, default=str)

    def read(self):
        """Read session data from JSON file."""
        if not self._store_path.exists():
            raise FileNotFoundError(f"Session data not found: {self.session_id}")

        with open(self._store_path) as f:
            return json.load(f)
'''


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = make_project(tmp_path)
    monkeypatch.chdir(root)
    return root


def test_create_and_run_have_the_arguments_of_the_page_in_its_order():
    create = list(inspect.signature(Session.create).parameters)
    run = list(inspect.signature(Session.run).parameters)
    assert create[:4] == ["project_path", "save_on_close", "env", "runtime_params"]
    assert run[1:13] == [
        "pipeline_name", "tags", "runner", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs",
        "load_versions", "namespaces", "only_missing_outputs", "pipeline_names",
    ]  # fmt: skip


def test_the_basic_session_runs_the_default_pipeline_of_the_project_around_the_working_folder(project):
    with Session.create() as session:
        result = session.run()
    assert result["report"] == "and: 2\ncat: 1\nhat: 1\nmouse: 1\nthe: 3"


def test_a_session_in_a_subfolder_finds_the_project_above(project, monkeypatch):
    monkeypatch.chdir(project / "data")
    with Session.create() as session:
        assert session.project.path == project


def test_an_environment_and_a_pipeline_name_are_taken(project):
    with Session.create(env="prod") as session:
        result = session.run(pipeline_name="preparing")
        assert dict(result) == {"cleaned": "the cat and the hat and the mouse"}
        assert session.load_context().params == {"least": 4}


def test_runtime_parameters_are_put_on_top_and_dotted_names_reach_inside(tmp_path):
    root = make_project(tmp_path, parameters="least: 3\nmodel:\n  learning_rate: 0.1\n  depth: 2\n")
    with Session.create(root, runtime_params={"model.learning_rate": 0.01}) as session:
        assert session.load_context().params == {"least": 3, "model": {"learning_rate": 0.01, "depth": 2}}


@pytest.mark.parametrize(
    ("selectors", "executed"),
    [
        ({"tags": ["prepare"]}, {"clean"}),
        ({"tags": ["prepare", "count"]}, {"clean", "count"}),
        ({"node_names": ["clean", "count"]}, {"clean", "count"}),
        ({"from_nodes": ["clean"], "to_nodes": ["count"]}, {"clean", "count"}),
        ({"to_outputs": ["counts"]}, {"clean", "count"}),
        ({"from_inputs": ["raw"]}, {"clean", "count", "report"}),
        ({"pipeline_names": ["preparing", "counting"]}, {"clean", "count", "report"}),
    ],
)
def test_selectors_pick_the_nodes_that_run(project, selectors, executed):
    with Session.create() as session:
        result = session.run(**selectors)
    assert set(result.executed) == executed


def test_a_runner_instance_is_taken(project):
    with Session.create() as session:
        assert session.run(runner=SequentialRunner(is_async=True))["report"].startswith("and: 2")


def test_the_context_gives_catalog_and_parameters(project):
    with Session.create() as session:
        context = session.load_context()
        assert context.catalog.load("raw").startswith("The cat")
        assert context.params == {"least": 3}
        assert context.catalog.load("params:least") == 3


def test_only_missing_outputs_skips_a_node_whose_outputs_all_exist(project):
    with Session.create() as session:
        session.run()
        assert session.run(only_missing_outputs=True).executed == ()


def test_only_missing_outputs_runs_a_node_when_any_output_is_missing(project):
    with Session.create() as session:
        session.run()
        (project / "data/counts.json").unlink()
        result = session.run(only_missing_outputs=True)
    assert result.executed == ("clean", "count")
    assert result.skipped == ("report",)


def test_a_failed_run_is_resumed_where_it_broke(tmp_path, monkeypatch):
    registry = """
    from pathlib import Path
    from incremental.pipeline import Pipeline, node

    def register_pipelines():
        def second(value):
            if not Path("fixed").exists():
                raise RuntimeError("broken")
            return value
        return {"__default__": Pipeline([node(lambda x: x, "raw", "counts", name="first"),
                                         node(second, "counts", "report", name="second")])}
    """
    root = make_project(tmp_path, registry=registry)
    monkeypatch.chdir(root)
    with Session.create(root) as session:
        with pytest.raises(IncrementalError, match="node 'second' failed: RuntimeError: broken"):
            session.run()
        (root / "fixed").touch()
        assert session.run(only_missing_outputs=True).executed == ("second",)


def test_a_custom_store_written_as_on_the_page_works_and_its_data_can_be_read_later(tmp_path):
    settings = "from PACKAGE.stores import JSONSessionStore\nSESSION_STORE_CLASS = JSONSessionStore\nSESSION_STORE_ARGS = {}\n"
    root = make_project(tmp_path, settings=settings, files={"src/PACKAGE/stores.py": STORE_OF_THE_PAGE})
    with Session.create(root, save_on_close=True, env="prod", runtime_params={"key": "value"}) as session:
        session.run()
        session_id = session.session_id
        store_class = type(session.store)
    data = store_class(str(root), session_id).read()
    assert data["session_id"] == session_id
    assert data["project_path"] == str(root)
    assert data["env"] == "prod"
    assert data["extra_params"] == {"key": "value"}
    assert data["package_name"].startswith("words_")
    assert {"username", "git_sha"} <= data.keys()
    assert (root / ".kedro/sessions" / f"{session_id}.json").is_file()
    with pytest.raises(FileNotFoundError):
        store_class(str(root), "2020-01-01T00.00.00.000Z").read()


def test_the_base_store_is_abstract_and_keeps_its_id():
    class Keeping(BaseSessionStore):
        def save(self, data):
            self.data = data

        def read(self):
            return self.data

    with pytest.raises(TypeError):
        BaseSessionStore("path", "id")  # type: ignore[abstract]
    assert Keeping("path", "some-id").session_id == "some-id"


def test_the_default_store_writes_one_readable_private_file_a_session(project):
    with Session.create() as session:
        session.run()
        session.run(only_missing_outputs=True)
    file = project / ".incremental/sessions" / f"{session.session_id}.json"
    data = json.loads(file.read_text())
    assert [run["status"] for run in data["runs"]] == ["succeeded", "succeeded"]
    assert [run["executed"] for run in data["runs"]] == [3, 0]
    assert data["runs"][0]["run_id"] == data["session_id"] == session.session_id
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_session_that_is_not_to_be_saved_leaves_no_record(project):
    with Session.create(save_on_close=False) as session:
        session.run()
    assert not (project / ".incremental/sessions").exists()


@pytest.mark.parametrize("failing", ["no_such_folder", "data/raw.txt"])
def test_an_invalid_project_path_is_a_session_error(project, failing):
    with pytest.raises(SessionError):
        Session.create(project / failing)


def test_missing_configuration_is_a_session_error(project):
    with pytest.raises(SessionError, match="has no environment 'base'"):
        Session.create(conf_source=str(project / "data")).load_context().params


def test_an_unknown_pipeline_is_a_session_error_with_the_nearest_name(project):
    with Session.create() as session, pytest.raises(SessionError) as error:
        session.run(pipeline_name="prepairing")
    assert str(error.value) == (
        "pipeline 'prepairing' is not registered; did you mean 'preparing'?\n"
        "registered pipelines: __default__, counting, preparing"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"runner": SequentialRunner},
            "runner 'SequentialRunner' is a class; pass an instance: SequentialRunner()",
        ),
        ({"runner": object()}, "runner is 'object'; it must be a runner such as SequentialRunner()"),
        ({"tags": 3}, "tags is 'int'; it must be a list of names"),
        ({"tags": [3]}, "tags has 3 in it; it must be a list of names"),
        ({"load_versions": ["a"]}, "load_versions is 'list'; it must be a dict of dataset to version"),
        (
            {"pipeline_name": "preparing", "pipeline_names": ["counting"]},
            "give pipeline_name or pipeline_names, not both",
        ),
    ],
)
def test_an_unusable_argument_is_a_session_error_that_says_what_to_do(project, arguments, message):
    with Session.create() as session, pytest.raises(SessionError) as error:
        session.run(**arguments)
    assert str(error.value) == message
    assert not (project / "data/report.txt").exists()


def test_unusable_runtime_parameters_are_a_session_error(project):
    with pytest.raises(SessionError, match="runtime_params is 'list'; it must be a dict of parameter values"):
        Session.create(runtime_params=["a"])  # type: ignore[arg-type]
