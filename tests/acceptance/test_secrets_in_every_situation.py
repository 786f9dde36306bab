"""Secrets on workers, in URLs and connection strings, in errors of libraries and hooks, in every ``repr``."""

from __future__ import annotations

import os
import signal
import time
import traceback
from pathlib import Path
from shlex import split

import pytest
from command_line import Answer, call, process, start
from projects import make_project

from incremental import DataCatalog, ParallelRunner, SequentialRunner, Session, ThreadRunner
from incremental.errors import IncrementalError

SECRETS = {
    "credentials": "canary-Cred-1/+x",
    "environment": "canary-Env-2",
    "userinfo": "canary-User-3",
    "signature": "canaryAmzSig4",
    "sas": "canarySas%2F5",
    "query token": "canaryQuery6",
    "DSN": "canaryDsn7",
    "DSN in braces": "canary;Dsn;8",
    "end of the DSN in braces": "Dsn;8",
    "key and value": "canaryPq9",
    "inline": "canary-Inline-10",
    "parameter": "canary-Param-11",
    "typed": "canary-Typed-12",
    "hook": "canary-Cred-1/+x",
}

URL = (
    f"https://me:{SECRETS['userinfo']}@host/path?X-Amz-Signature={SECRETS['signature']}"
    f"&sig={SECRETS['sas']}&token={SECRETS['query token']}"
)
DSN = f"Driver={{ODBC}};Server=db;Uid=me;Pwd={SECRETS['DSN']};Encrypt=yes"
DSN_IN_BRACES = f"Driver={{ODBC}};Server=db;Uid=me;PWD={{{SECRETS['DSN in braces']}}};Encrypt=yes"
PAIRS = f"host=db user=me password='{SECRETS['key and value']}' dbname=x"

CATALOG = f"""
raw:
  type: text.TextDataset
  filepath: data/raw.txt
vault:
  type: PACKAGE.vault.VaultDataset
  address: {URL}
  credentials: store
broken:
  type: PACKAGE.vault.VaultDataset
  address: "{DSN}"
  fails: true
  credentials: store
braces:
  type: PACKAGE.vault.VaultDataset
  address: "{DSN_IN_BRACES}"
  fails: true
  credentials: {{con: "{PAIRS}", token: "{SECRETS["inline"]}"}}
unbuildable:
  type: PACKAGE.vault.VaultDataset
  address: {URL}
  unknown: {{api_key: "{SECRETS["inline"]}"}}
refusing:
  type: PACKAGE.vault.RefusingDataset
  address: {URL}
  credentials: store
report:
  type: text.TextDataset
  filepath: data/report.txt
"""

CREDENTIALS = f"""
store:
  key: "{SECRETS["credentials"]}"
  environment: ${{oc.env:SITUATION_CANARY}}
"""

VAULT = """
import logging
from incremental.io import AbstractDataset


class VaultDataset(AbstractDataset):
    def __init__(self, address, credentials=None, fails=False):
        self.address, self.credentials, self.fails = address, credentials, fails

    def _load(self):
        logging.getLogger("vault").debug("opening %s with %s", self.address, clear(self.credentials))
        if self.fails:
            raise ConnectionError(f"cannot reach {self.address} with {clear(self.credentials)}")
        return {"address": self.address, **clear(self.credentials)}

    def _save(self, data):
        raise OSError(f"cannot write to {self.address} with {clear(self.credentials)}")

    def _exists(self):
        return True

    def _describe(self):
        return {"address": self.address, "credentials": self.credentials}


class RefusingDataset(VaultDataset):
    def __init__(self, address, credentials=None):
        raise ValueError(f"{address} refused {clear(credentials)}")


def clear(value):
    if isinstance(value, dict):
        return {key: clear(each) for key, each in value.items()}
    return value.reveal() if hasattr(value, "reveal") else value
"""

REGISTRY = """
import logging
import os
import time
from pathlib import Path
from incremental.pipeline import Pipeline, node


def use(raw, vault, password):
    logging.getLogger("project").debug("connecting with %s and %s", vault, password)
    return "done"


def fail(raw, vault, password):
    logging.getLogger("project").debug("connecting with %s and %s", vault, password)
    try:
        raise ValueError(f"token {vault['key']} refused")
    except ValueError as error:
        raise RuntimeError(f"401 for {vault}, {password}") from error


def wait(raw, vault, password):
    Path("begun").touch()
    time.sleep(60)


def take(value):
    return "done"


def register_pipelines():
    inputs = ["raw", "vault", "params:db.password"]
    return {
        "__default__": Pipeline([node(use, inputs, "report", name="use")]),
        "failing": Pipeline([node(fail, inputs, "report", name="fail")]),
        "waiting": Pipeline([node(wait, inputs, None, name="wait")]),
        "loading": Pipeline([node(take, "broken", "report", name="take")]),
        "loading_braces": Pipeline([node(take, "braces", "report", name="take")]),
        "saving": Pipeline([node(use, inputs, "vault_copy", name="use"), node(lambda text: text, "vault_copy", "broken", name="save")]),
        "building": Pipeline([node(take, "unbuildable", "report", name="take")]),
        "refusing": Pipeline([node(take, "refusing", "report", name="take")]),
    }
"""

HOOKS = """
from incremental.hooks import hook_impl


class Failing:
    @hook_impl
    def after_catalog_created(self, conf_creds, parameters):
        raise RuntimeError(f"cannot report to {conf_creds['store']['key']}, {parameters['params:db']['password']}")


HOOKS = (Failing(),)
"""

PIPELINES = ("failing", "loading", "loading_braces", "saving", "building", "refusing")
RUNNERS = {
    "sequential": "",
    "threads": "--runner threads --workers 2",
    "processes": "--runner processes --workers 2",
}
MALFORMED = (
    "db.password:{typed}",
    "db.password={typed}\\\\,{typed}",
    "db.password=[{typed}",
    "db.password={{a: {typed}",
    "api_key={typed},{typed}",
    "db.password=*{typed}",
    "db.password=!{typed}",
    "db.password=&{typed} &{typed}",
    "db.password='{typed}",
    "db={{password: {typed}",
    "db.url=https://me:{typed}@host/[",
    "={typed},db.password={typed}",
    "db.password.x={typed},db.password={typed}",
)


def found_in(data: bytes) -> list[str]:
    return [name for name, secret in SECRETS.items() if secret.encode() in data]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("situations"), registry=REGISTRY, catalog="")
    package = next((root / "src").iterdir()).name
    (root / "src" / package / "vault.py").write_text(VAULT)
    (root / "conf/base/catalog.yml").write_text(CATALOG.replace("PACKAGE", package))
    (root / "conf/local/credentials.yml").write_text(CREDENTIALS)
    (root / "conf/base/parameters.yml").write_text(f"db:\n  password: {SECRETS['parameter']}\n  user: me\n")
    (root / "tmp").mkdir()
    return root


@pytest.fixture
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the project to commands in this process."""
    monkeypatch.setenv("SITUATION_CANARY", SECRETS["environment"])
    return project


def environ(project: Path) -> dict[str, str]:
    return {"SITUATION_CANARY": SECRETS["environment"], "TMPDIR": str(project / "tmp")}


def check(root: Path, answer: Answer) -> None:
    assert found_in(answer.out.encode()) == [], answer.out
    assert found_in(answer.err.encode()) == [], answer.err
    check_files(root)


def check_files(root: Path) -> None:
    for folder in (".incremental", "tmp", "data"):
        for path in (root / folder).rglob("*"):
            if path.is_file():
                assert found_in(path.read_bytes()) == [], path


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_no_failing_run_shows_or_keeps_a_secret_on_any_runner(here: Path, pipeline: str, runner: str) -> None:
    answer = call(here, *split(f"run --pipeline {pipeline} -vv --traceback {runner}"))
    assert answer.code in (1, 2), answer.err
    assert "internal error" not in answer.err
    check(here, answer)


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_logs_of_workers_hold_no_secret(project: Path, runner: str) -> None:
    answer = process(project, *split(f"run -vv --json {runner}"), **environ(project))
    assert answer.code == 0, answer.err
    assert "connecting with" in answer.err
    assert "opening" in answer.err
    check(project, answer)


@pytest.mark.parametrize("params", MALFORMED)
def test_malformed_parameters_are_refused_without_being_shown(here: Path, params: str) -> None:
    typed = params.format(typed=SECRETS["typed"]).replace("\\\\", "\\")
    check(here, call(here, "plan", "--dry-run", "--params", typed, *split("-vv --traceback --json")))


@pytest.mark.parametrize("command", ["plan", "run --json", "why report", "catalog list", "doctor"])
def test_a_failing_hook_shows_no_secret(here: Path, command: str) -> None:
    settings = next((here / "src").iterdir()) / "settings.py"
    settings.write_text(HOOKS)
    try:
        answer = call(here, *split(command), *split("-vv --traceback"))
    finally:
        settings.write_text("")
    assert answer.code == 2
    assert "cannot report to ***, ***" in answer.out + answer.err
    check(here, answer)


def test_records_of_failed_runs_show_no_secret(here: Path) -> None:
    assert call(here, "run", "--pipeline", "failing").code == 1
    for command in ("runs --json", "runs show last", "runs show last --json -vv", "why report -vv"):
        answer = call(here, *split(command))
        assert answer.code == 0
        check(here, answer)


@pytest.mark.parametrize(
    "runner", [RUNNERS["sequential"], RUNNERS["processes"]], ids=["sequential", "processes"]
)
def test_a_killed_run_leaves_no_secret_behind(project: Path, runner: str) -> None:
    (project / "begun").unlink(missing_ok=True)
    running = start(project, *split(f"run -vv --pipeline waiting {runner}"), **environ(project))
    end = time.monotonic() + 30
    while not (project / "begun").exists():
        assert time.monotonic() < end, running.communicate()
        time.sleep(0.02)
    check_files(project)
    os.killpg(running.pid, signal.SIGKILL)
    out, err = running.communicate()
    check(project, Answer(running.returncode, out, err))


def test_no_repr_shows_a_secret(here: Path) -> None:
    parameters = {"db.password": SECRETS["typed"]}
    with Session.create(here, save_on_close=False, runtime_params=parameters) as session:
        context, plan = session.load_context(), session.plan()
        catalog = context.catalog
        datasets = [catalog[name] for name in ("raw", "vault", "broken", "braces", "report")]
        runners = [SequentialRunner(), ThreadRunner(), ParallelRunner()]
        things = [
            session, session.project, session.pipelines, session.history, context, context.config_loader,
            context.config_loader["credentials"], context.redactor, catalog, catalog.config_resolver,
            plan, plan.facts, *plan.steps, *runners, *datasets,
            DataCatalog.from_config({"x": {"type": "MemoryDataset"}}, context.config_loader["credentials"]),
        ]  # fmt: skip
        for thing in things:
            for text in (repr(thing), str(thing), f"{thing}", repr([thing])):
                assert found_in(text.encode()) == [], type(thing)
        assert found_in(plan.to_json().encode()) == []
        errors = [error_of(session, name) for name in PIPELINES]
    for error in errors:
        assert found_in("".join(traceback.format_exception_only(error)).encode()) == [], error


def error_of(session: Session, pipeline: str) -> IncrementalError:
    with pytest.raises(IncrementalError) as caught:
        session.run(pipeline)
    return caught.value


def test_the_canaries_would_be_found() -> None:
    for secret in SECRETS.values():
        assert found_in(f"text {secret} text".encode()) != []
