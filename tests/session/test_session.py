from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xxhash
from projects import CATALOG, make_project, snapshot

from incremental.errors import DatasetError, NodeRunError, PlanMismatchError, SelectionError, UnmetInputsError
from incremental.events import NodeFinished, NodeSkipped, RunFinished, RunStarted
from incremental.session import Session, SessionError
from incremental.session.request import Request

HOOKS = """
from incremental.hooks import hook_impl

calls = []


class Recorder:
    @hook_impl
    def after_context_created(self, context):
        calls.append("after_context_created")

    @hook_impl
    def after_catalog_created(self, catalog, parameters, save_version):
        calls.append("after_catalog_created")

    @hook_impl
    def before_pipeline_run(self, run_params, pipeline, catalog):
        calls.append(("before_pipeline_run", run_params["only_missing_outputs"]))

    @hook_impl
    def after_plan_created(self, plan):
        calls.append(("after_plan_created", plan.summary))

    @hook_impl
    def on_node_skipped(self, node, reason):
        calls.append(("on_node_skipped", node.name, reason))

    @hook_impl
    def before_node_run(self, node):
        calls.append(("before_node_run", node.name))

    @hook_impl
    def after_pipeline_run(self, run_result):
        calls.append(("after_pipeline_run", sorted(run_result)))

    @hook_impl
    def on_pipeline_error(self, error):
        calls.append(("on_pipeline_error", type(error).__name__, repr(error.__cause__)))
"""
WITH_HOOKS = "from PACKAGE.hooks import Recorder\nHOOKS = (Recorder(),)\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def calls_of(root: Path) -> list[object]:
    package = next((root / "src").iterdir()).name
    return sys.modules[f"{package}.hooks"].calls


def test_planning_writes_nothing(project):
    with Session.create(project, save_on_close=False) as session:
        session.pipelines["__default__"]
        before = snapshot(project)
        assert len(session.plan(only_missing_outputs=True).running) == 3
        assert snapshot(project) == before


def test_a_session_and_its_context_say_in_a_notebook_what_they_are_of_and_claim_nothing_for_it(project):
    with Session.create(project, env="local") as session:
        before = snapshot(project)
        assert repr(session) == f"<Session of {session.project.project_name!r} in {project}>"
        assert repr(session.load_context()) == f"<Context of {project}, env 'local'>"
        assert snapshot(project) == before


def test_a_result_that_other_nodes_read_says_where_it_is(project):
    with Session.create(project) as session:
        result = session.run()
        read = next(name for step in result.plan.steps for name in step.node.writes if name not in result)
        with pytest.raises(KeyError, match=f"no result '{read}'; other nodes read it: name it in to_outputs"):
            result[read]
        assert session.run(to_outputs=[read])[read] is not None


def test_hooks_hear_of_everything_in_order(tmp_path):
    root = make_project(tmp_path, settings=WITH_HOOKS, files={"src/PACKAGE/hooks.py": HOOKS})
    with Session.create(root) as session:
        session.run(to_nodes=["count"])
        calls = calls_of(root)
        assert calls == [
            "after_context_created",
            "after_catalog_created",
            ("before_pipeline_run", False),
            ("after_plan_created", "2 of 2 nodes to run · 0 skipped"),
            ("before_node_run", "clean"),
            ("before_node_run", "count"),
            ("after_pipeline_run", ["counts"]),
        ]
        calls.clear()
        session.run(only_missing_outputs=True)
        assert calls == [
            "after_catalog_created",
            ("before_pipeline_run", True),
            ("after_plan_created", "1 of 3 nodes to run · 2 skipped"),
            ("on_node_skipped", "clean", "cleaned in memory, and nothing that runs reads it"),
            ("on_node_skipped", "count", "counts present"),
            ("before_node_run", "report"),
            ("after_pipeline_run", ["report"]),
        ]
        calls.clear()
        session.plan()
        assert calls == ["after_catalog_created", ("after_plan_created", "3 of 3 nodes to run · 0 skipped")]


def test_a_run_with_nothing_to_do_still_fires_the_pipeline_hooks_and_is_recorded(tmp_path):
    root = make_project(tmp_path, settings=WITH_HOOKS, files={"src/PACKAGE/hooks.py": HOOKS})
    with Session.create(root) as session:
        session.run()
        calls_of(root).clear()
        result = session.run(only_missing_outputs=True)
        assert [call[0] for call in calls_of(root) if isinstance(call, tuple)] == [
            "before_pipeline_run", "after_plan_created", *["on_node_skipped"] * 3, "after_pipeline_run",
        ]  # fmt: skip
        record = session.history.run(result.run_id)
    assert (record.status, record.steps, record.skipped) == ("succeeded", (), 3)


def test_the_error_hook_gets_the_cause(tmp_path):
    root = make_project(tmp_path, settings=WITH_HOOKS, files={"src/PACKAGE/hooks.py": HOOKS})
    (root / "data/raw.txt").write_text(" ")
    with Session.create(root, runtime_params={"least": "three"}) as session, pytest.raises(NodeRunError):
        (root / "data/raw.txt").write_text("word")
        session.run()
    name, kind, cause = calls_of(root)[-1]
    assert (name, kind) == ("on_pipeline_error", "NodeRunError")
    assert cause.startswith("TypeError(")


@pytest.mark.parametrize("hook", ["after_catalog_created", "before_pipeline_run"])
def test_a_run_whose_hook_fails_before_it_is_planned_has_failed(tmp_path, hook):
    broken = (
        "from incremental.hooks import hook_impl\n\n\nclass Recorder:\n"
        f"    @hook_impl\n    def {hook}(self):\n        raise ValueError('broken')\n\n"
        "    @hook_impl\n    def on_pipeline_error(self):\n        raise AssertionError\n"
    )
    root = make_project(tmp_path, settings=WITH_HOOKS, files={"src/PACKAGE/hooks.py": broken})
    with Session.create(root) as session:
        with pytest.raises(ValueError, match="broken"):
            session.run()
        (record,) = session.history.runs()
    assert (record.status, record.error and "broken" in record.error) == ("failed", True)


def test_listeners_hear_the_events_of_a_run(project):
    events = []
    with Session.create(project) as session:
        session.run(node_names=["clean", "count"])
        session.run(only_missing_outputs=True, listeners=[events.append])
    assert [type(event) for event in events] == [
        RunStarted,
        NodeSkipped,
        NodeSkipped,
        *_one_node(),
        RunFinished,
    ]
    assert (events[0].planned, events[0].skipped) == (1, 2)
    assert events[-1].status == "succeeded"


def _one_node():
    from incremental.events import NodeStarted

    return [NodeStarted, NodeFinished]


def test_run_ids_sort_by_time_and_each_run_has_its_own(project):
    with Session.create(project) as session:
        ids = [session.run(only_missing_outputs=True).run_id for _ in range(5)]
        assert ids == sorted(set(ids))
        assert ids[0] == session.session_id
        assert [record.run_id for record in session.history.runs()] == ids[::-1]


def test_sessions_that_start_in_the_same_millisecond_get_different_ids(project):
    def open_one(_):
        return Session.create(project, save_on_close=False).session_id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(open_one, range(40)))
    assert len(set(ids)) == 40


VERSIONED = """
raw: {type: text.TextDataset, filepath: data/raw.txt}
counts: {type: json.JSONDataset, filepath: data/counts.json, versioned: true}
"""


def test_versioned_outputs_are_saved_under_the_run_id_and_read_back(tmp_path):
    root = make_project(tmp_path, catalog=VERSIONED)
    with Session.create(root) as session:
        first = session.run(only_missing_outputs=True)
        assert (root / "data/counts.json" / first.run_id / "counts.json").is_file()
        (root / "data/raw.txt").write_text("mouse mouse")
        second = session.run()
        assert second["report"] == "mouse: 2"
        pinned = session.run(from_nodes=["report"], load_versions={"counts": first.run_id})
        assert pinned["report"].startswith("and: 2")
        assert session.plan(only_missing_outputs=True).facts.versions == {"counts": second.run_id}


def test_what_was_made_last_is_read_though_the_clock_went_back(tmp_path):
    root = make_project(tmp_path, catalog=VERSIONED)
    with Session.create(root) as session:
        session.run()
        ahead = session.history.claim("2999-01-01T00.00.00.000Z")
        (root / "data/counts.json" / session.session_id).rename(root / "data/counts.json" / ahead)
        (root / "data/counts.json" / ahead / "counts.json").write_text('{"old": 1}')
        (root / "data/raw.txt").write_text("mouse mouse")
        session.run()
    with Session.create(root) as later:
        assert later.run(from_nodes=["report"])["report"] == "mouse: 2"
        assert [run.run_id for run in later.history.runs()] == sorted(
            (run.run_id for run in later.history.runs()), reverse=True
        )


def test_a_pin_on_what_the_plan_would_make_again_is_refused_before_anything_runs(tmp_path):
    root = make_project(tmp_path, catalog=VERSIONED)
    with Session.create(root) as session:
        version = session.run().run_id
        with pytest.raises(UnmetInputsError, match="is pinned to version"):
            session.run(load_versions={"counts": version})
        with pytest.raises(UnmetInputsError, match=r"is pinned to version '2020', which does not exist"):
            session.run(load_versions={"counts": "2020"}, only_missing_outputs=True)
        with pytest.raises(
            DatasetError, match="load versions name datasets that are not in the catalog: 'county'"
        ):
            session.run(load_versions={"county": version})


def test_a_filtered_out_producer_is_named_with_the_flag_that_brings_it_in(project):
    with Session.create(project) as session, pytest.raises(UnmetInputsError) as error:
        session.run(from_nodes=["report"])
    assert str(error.value) == (
        "dataset 'counts', read by 'report', is made by node 'count', which the selection leaves out: "
        "add it with --from-nodes=count,report"
    )
    assert not (project / ".incremental/ledger.sqlite-wal").exists()


def test_a_forced_node_runs_and_its_readers_are_suspect_until_they_are_made_again(project):
    with Session.create(project) as session:
        session.run()
        result = session.run(only_missing_outputs=True, force=["count"])
        assert result.executed == ("clean", "count")
        assert [suspect.dataset for suspect in result.plan.suspects] == ["report"]
        later = session.plan(only_missing_outputs=True)
        assert [(suspect.dataset, suspect.inputs) for suspect in later.suspects] == [("report", ("counts",))]
        assert later.running == ()
        assert session.run(propagate=True).executed == ("report",)
        assert session.plan(only_missing_outputs=True).suspects == ()


def test_an_unknown_forced_node_is_refused(project):
    with Session.create(project) as session, pytest.raises(SelectionError, match="did you mean 'count'"):
        session.run(force=["coutn"])


FLAKY = """
from pathlib import Path
from incremental.pipeline import Pipeline, node

ROOT = Path(__file__).resolve().parents[2]


def first(raw):
    return raw


def second(cleaned):
    if not (ROOT / "fixed").exists():
        raise RuntimeError("broken")
    return {"n": len(cleaned)}


def third(counts):
    return str(counts)


def register_pipelines():
    return {
        "__default__": Pipeline(
            [
                node(first, "raw", "cleaned", name="first"),
                node(second, "cleaned", "counts", name="second"),
                node(third, "counts", "report", name="third"),
            ]
        )
    }
"""


def test_resume_finishes_a_failed_full_run_over_older_outputs(tmp_path):
    root = make_project(tmp_path, registry=FLAKY)
    (root / "fixed").touch()
    with Session.create(root) as session:
        session.run()
        (root / "fixed").unlink()
        (root / "data/raw.txt").write_text("new")
        with pytest.raises(NodeRunError):
            session.run()
        assert (root / "data/report.txt").read_text() == "{'n': 34}"  # the failed run left it alone
        (root / "fixed").touch()
        plan = session.plan(resume=True)
        assert [step.node.name for step in plan.running] == ["first", "second", "third"]
        assert session.run(resume=True).executed == ("first", "second", "third")
        assert (root / "data/report.txt").read_text() == "{'n': 3}"
        assert session.run(resume=True).executed == ()


def leave_a_debt(root, session):
    """Run to the end, and then once more, but for a node that fails."""
    session.run()
    (root / "fixed").unlink()
    with pytest.raises(NodeRunError):
        session.run()
    (root / "fixed").touch()


def test_resume_forgets_no_debt_over_a_later_run_that_paid_none_of_it(tmp_path):
    root = make_project(tmp_path, registry=FLAKY)
    (root / "fixed").touch()
    with Session.create(root) as session:
        leave_a_debt(root, session)
        assert session.run(node_names=["first"]).executed == ("first",)
        assert session.run(resume=True).executed == ("first", "second", "third")
        assert session.run(resume=True).executed == ()


def test_resume_names_what_is_owed_and_in_no_pipeline_any_more(tmp_path):
    root = make_project(tmp_path, registry=FLAKY)
    (root / "fixed").touch()
    with Session.create(root) as session:
        leave_a_debt(root, session)
    (registry,) = root.glob("src/*/pipeline_registry.py")
    registry.write_text(registry.read_text().replace('name="second"', 'name="renamed"'))
    script = (
        f"from incremental import Session\nwith Session.create({str(root)!r}) as session:\n"
        "    print(*session.plan(resume=True).warnings, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.stdout == (
        "the run that did not finish owes 'second', which no pipeline has any more: outputs may be old; "
        "--force the nodes that make them now\n"
    ), done.stderr


REFUSING = """
from pathlib import Path
from incremental.hooks import hook_impl

ROOT = Path(__file__).resolve().parents[2]


class Refusing:
    @hook_impl
    def before_pipeline_run(self):
        if (ROOT / "refuse").exists():
            raise RuntimeError("the tracker is down")


HOOKS = (Refusing(),)
"""


def test_a_run_that_a_hook_refuses_has_failed_and_pays_no_debt(tmp_path):
    root = make_project(tmp_path, registry=FLAKY, settings=REFUSING)
    (root / "fixed").touch()
    with Session.create(root) as session:
        leave_a_debt(root, session)
        (root / "refuse").touch()
        with pytest.raises(RuntimeError):
            session.run(resume=True)
        refused = session.history.runs()[0]
        assert (refused.status, refused.error) == ("failed", "RuntimeError: the tracker is down")
        (root / "refuse").unlink()
        assert session.run(resume=True).executed == ("first", "second", "third")


def test_threads_may_run_at_once_in_one_session(project):
    with Session.create(project) as session, ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: session.run("preparing"), range(4)))
        assert len({run.run_id for run in runs}) == 4
        assert [run.status for run in session.history.runs()] == ["succeeded"] * 4
        assert session.session_id in {run.run_id for run in runs}


def test_resume_forces_no_node_a_second_time(tmp_path):
    catalog = CATALOG + "cleaned: {type: text.TextDataset, filepath: data/cleaned.txt}\n"
    root = make_project(tmp_path, registry=FLAKY, catalog=catalog)
    with Session.create(root) as session:
        with pytest.raises(NodeRunError):
            session.run(force=["first"], only_missing_outputs=True)
        (root / "fixed").touch()
        assert session.run(resume=True).executed == ("second", "third")


def test_resume_in_another_environment_is_refused(tmp_path):
    root = make_project(tmp_path, registry=FLAKY)
    with Session.create(root, env="prod") as session, pytest.raises(NodeRunError):
        session.run()
    with Session.create(root) as session:
        with pytest.raises(
            SessionError, match="was in environment .prod., this is .default.: pass the same --env"
        ):
            session.run(resume=True)


def test_resume_keeps_to_the_selection_of_the_run_that_failed(tmp_path):
    root = make_project(tmp_path, registry=FLAKY)
    with Session.create(root) as session:
        with pytest.raises(NodeRunError):
            session.run(to_nodes=["second"])
        (root / "fixed").touch()
        assert session.run(resume=True).executed == ("first", "second")


def test_a_killed_run_is_listed_as_interrupted_and_can_be_resumed(tmp_path):
    registry = FLAKY.replace(
        'raise RuntimeError("broken")', "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = make_project(tmp_path, registry=registry)
    script = f"from incremental import Session\nwith Session.create({str(root)!r}) as s: s.run()"
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -9
    (root / "fixed").touch()
    with Session.create(root) as session:
        (record,) = session.history.runs()
        assert record.status == "interrupted"
        assert session.run(resume=True).executed == ("first", "second", "third")


def test_a_run_whose_hook_exits_has_failed(tmp_path):
    hooks = REFUSING.replace('raise RuntimeError("the tracker is down")', 'raise SystemExit("no tracker")')
    root = make_project(tmp_path, settings=hooks)
    (root / "refuse").touch()
    with Session.create(root) as session:
        with pytest.raises(SystemExit):
            session.run()
        (record,) = session.history.runs()
        assert (record.status, record.error) == ("failed", "SystemExit: no tracker")


def test_an_interrupt_is_recorded_and_leaves_what_was_there(tmp_path):
    registry = FLAKY.replace('raise RuntimeError("broken")', "raise KeyboardInterrupt")
    root = make_project(tmp_path, registry=registry)
    with Session.create(root) as session:
        with pytest.raises(KeyboardInterrupt):
            session.run()
        assert [record.status for record in session.history.runs()] == ["interrupted"]
    data = json.loads(next((root / ".incremental/sessions").iterdir()).read_text())
    assert data["runs"][0]["status"] == "interrupted"


def test_a_failure_is_in_the_record_of_the_session_without_secrets(tmp_path):
    registry = FLAKY.replace('RuntimeError("broken")', 'RuntimeError("cannot log in with hunter2hunter2")')
    files = {"conf/local/credentials.yml": "db:\n  password: hunter2hunter2\n"}
    root = make_project(tmp_path, registry=registry, files=files)
    with (
        pytest.raises(NodeRunError),
        Session.create(root, runtime_params={"token": "hunter3hunter3"}) as session,
    ):
        session.run()
    texts = [path.read_bytes() for path in (root / ".incremental").rglob("*") if path.is_file()]
    assert texts
    for text in texts:
        assert b"hunter2hunter2" not in text
        assert b"hunter3hunter3" not in text
    data = json.loads(next((root / ".incremental/sessions").iterdir()).read_text())
    assert data["exception"] == {
        "type": "NodeRunError",
        "message": "node 'second' failed: RuntimeError: cannot log in with ***",
    }
    assert data["extra_params"] == {"token": "***"}


def test_a_sealed_plan_runs_only_while_the_world_is_as_it_was(project):
    with Session.create(project) as session:
        request = Request.of(only_missing_outputs=True)
        text = session.seal(session.plan_request(request), request)
        assert session.run_sealed(text).executed == ("clean", "count", "report")
        with pytest.raises(PlanMismatchError) as error:
            session.run_sealed(text)
        assert str(error.value) == (
            "the world changed since the plan was made:\n"
            "node 'clean': planned to run, now to be skipped (cleaned in memory, and nothing that runs reads it)\n"
            "node 'count': planned to run, now to be skipped (counts present)\n"
            "node 'report': planned to run, now to be skipped (report present)\n"
            "accept it with --replan"
        )
        assert session.run_sealed(text, replan=True).executed == ()


def _resealed(text: str) -> str:
    document = json.loads(text)
    rest = {key: value for key, value in document.items() if key != "digest"}
    plain = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return json.dumps({**rest, "digest": xxhash.xxh3_128_hexdigest(plain.encode())})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace('"count"', '"coumt"'), "was changed after it was written"),
        (lambda text: text.replace('"node_names": []', '"node_names": ["clean"]'), "was changed after"),
        (lambda text: _resealed(text.replace('"tags": []', '"tags": [[1]]')), "given as a plan is none"),
        (lambda text: "{}", "the file given as a plan is none"),
        (lambda text: "not json", "the file given as a plan is none; make one with: incremental plan -o"),
        (
            lambda text: text.replace("sealed-plan/1", "sealed-plan/9"),
            "has format 'incremental-sealed-plan/9'",
        ),
    ],
)
def test_a_plan_file_that_was_tampered_with_is_refused(project, change, message):
    with Session.create(project) as session:
        request = Request.of(only_missing_outputs=True)
        text = session.seal(session.plan_request(request), request)
        with pytest.raises(PlanMismatchError, match=message):
            session.run_sealed(change(text))


def test_a_sealed_plan_is_refused_under_other_parameters_or_another_environment(project):
    request = Request.of(only_missing_outputs=True)
    with Session.create(project, save_on_close=False) as session:
        text = session.seal(session.plan_request(request), request)
    with Session.create(project, runtime_params={"least": 9}) as session:
        with pytest.raises(PlanMismatchError, match="the parameters changed since the plan was made"):
            session.run_sealed(text)
    with (
        Session.create(project, env="prod") as session,
        pytest.raises(PlanMismatchError, match="environment"),
    ):
        session.run_sealed(text)


def test_a_closed_session_runs_nothing_more_and_closes_twice(project):
    session = Session.create(project)
    session.close()
    session.close()
    with pytest.raises(SessionError, match="the session is closed; create a new one"):
        session.run()


def test_a_store_whose_constructor_does_not_fit_is_explained(tmp_path):
    store = """
    from incremental.session import BaseSessionStore

    class Store(BaseSessionStore):
        def __init__(self, session_id): ...
        def save(self, data): ...
        def read(self): ...
    """
    settings = "from PACKAGE.stores import Store\nSESSION_STORE_CLASS = Store\n"
    root = make_project(tmp_path, settings=settings, files={"src/PACKAGE/stores.py": store})
    session = Session.create(root)
    with pytest.raises(
        SessionError, match="'Store' cannot be made: .*; its constructor takes path, session_id"
    ):
        session.run()


def test_custom_context_catalog_and_loader_classes_are_used(tmp_path):
    module = """
    from incremental.config import OmegaConfigLoader
    from incremental.io import DataCatalog
    from incremental.session import Context

    class MyContext(Context):
        @property
        def answer(self):
            return 42

    class MyCatalog(DataCatalog): ...
    class MyLoader(OmegaConfigLoader): ...
    """
    settings = (
        "from PACKAGE.own import MyCatalog, MyContext, MyLoader\n"
        "CONTEXT_CLASS = MyContext\nDATA_CATALOG_CLASS = MyCatalog\nCONFIG_LOADER_CLASS = MyLoader\n"
    )
    root = make_project(tmp_path, settings=settings, files={"src/PACKAGE/own.py": module})
    with Session.create(root, save_on_close=False) as session:
        context = session.load_context()
        assert context.answer == 42
        assert [type(each).__name__ for each in (context.catalog, context.config_loader)] == [
            "MyCatalog",
            "MyLoader",
        ]


def test_two_projects_in_one_process_do_not_mix(tmp_path):
    one = make_project(tmp_path / "one")
    two = make_project(tmp_path / "two", parameters="least: 5\n")
    with Session.create(one) as first, Session.create(two) as second:
        assert second.run()["report"] == "mouse: 1"
        assert first.run()["report"].startswith("and: 2")


def test_relative_paths_begin_at_the_project_whatever_the_working_folder(project, monkeypatch):
    monkeypatch.chdir("/")
    with Session.create(project) as session:
        session.run()
    assert (project / "data/report.txt").is_file()


def test_the_git_commit_and_dirtiness_are_recorded(project):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=project, check=True, capture_output=True, text=True
        ).stdout.strip()

    (project / ".gitignore").write_text(
        "data\n.incremental\n__pycache__\n"
    )  # git is asked while these are written
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "x")
    found = []
    for text in ("", "# changed\n"):
        with (project / "conf/base/parameters.yml").open("a") as file:
            file.write(text)
        with Session.create(project) as session:
            session.run()
        data = json.loads((project / f".incremental/sessions/{session.session_id}.json").read_text())
        found.append((data["git_sha"], data["git_dirty"]))
    assert found == [(git("rev-parse", "HEAD"), False), (git("rev-parse", "HEAD"), True)]


def test_a_sealed_plan_is_refused_when_a_newer_version_would_be_read(tmp_path):
    catalog = """
    raw: {type: text.TextDataset, filepath: data/raw.txt}
    counts: {type: json.JSONDataset, filepath: data/counts.json, versioned: true}
    report: {type: text.TextDataset, filepath: data/report.txt}
    """
    root = make_project(tmp_path, catalog=catalog)
    request = Request.of(from_nodes=["report"])
    with Session.create(root) as session:
        first = session.run().run_id
        text = session.seal(session.plan_request(request), request)
        second = session.run().run_id
        with pytest.raises(PlanMismatchError) as error:
            session.run_sealed(text)
    assert f"dataset 'counts': planned with version {first}, now {second}" in str(error.value)


def test_many_differences_are_counted_after_the_first(tmp_path):
    registry = """
    from incremental.pipeline import Pipeline, node

    def register_pipelines():
        nodes = [node(lambda raw: raw, "raw", f"o{n}", name=f"n{n}") for n in range(8)]
        return {"__default__": Pipeline(nodes)}
    """
    catalog = "raw: {type: text.TextDataset, filepath: data/raw.txt}\n"
    catalog += '"o{n}": {type: text.TextDataset, filepath: "data/o{n}.txt"}\n'
    root = make_project(tmp_path, registry=registry, catalog=catalog)
    request = Request.of(only_missing_outputs=True)
    with Session.create(root) as session:
        text = session.seal(session.plan_request(request), request)
        session.run()
        with pytest.raises(PlanMismatchError, match="and 3 more differences"):
            session.run_sealed(text)


def test_the_environment_is_that_of_a_variable_unless_one_is_named(tmp_path, monkeypatch):
    project = make_project(tmp_path)
    monkeypatch.setenv("KEDRO_ENV", "nowhere")  # a ported project is ours
    monkeypatch.setenv("INCREMENTAL_ENV", "prod")
    for env, least in ((None, 4), ("base", 3)):
        with Session.create(project, env=env) as session:
            context = session.load_context()
            assert context.env == (env or "prod")
            assert context.params == {"least": least}


def test_parameters_may_have_keys_that_do_not_sort(project):
    parameters = project / "conf/base/parameters.yml"
    parameters.write_text("least: 1\nweights: {1: a, two: b, 2024-01-31: [c, {3: d, four: e}]}\n")
    with Session.create(project) as session:
        request = Request.of()
        text = session.seal(session.plan_request(request), request)
        session.run_sealed(text)
        assert session.history.run(session.session_id).details["parameters"]["weights"]["two"] == "b"
    parameters.write_text("least: 1\nweights: {1: a, two: b, 2024-01-31: [c, {3: f, four: e}]}\n")
    with Session.create(project) as session, pytest.raises(PlanMismatchError, match="parameters changed"):
        session.run_sealed(text)
