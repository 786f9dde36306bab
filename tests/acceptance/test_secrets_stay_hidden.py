"""Canaries in every place where a secret may stand: none may come out of any command, nor stay on disk."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from shlex import split
from urllib.parse import quote

import pytest
from command_line import Answer, call, process
from projects import make_project

from incremental.state import FileLedger, History

CANARIES = {
    "credentials": "canary-Cred/1 +x",
    "nested credentials": "canary-Nested-2",
    "userinfo of a URL": "canary-Url-3",
    "--params": "canary-Param-4",
    "environment": "canary-Env-5",
    "inline credentials": "canary-Inline-6",
    "parameters": "canary-Conf-7",
    "number": "987654321012",
}

CATALOG = f"""
raw:
  type: text.TextDataset
  filepath: data/raw.txt
  credentials: store
vault:
  type: PACKAGE.vault.VaultDataset
  address: https://me:{CANARIES["userinfo of a URL"]}@vault.example/path
  credentials: store
inline:
  type: PACKAGE.vault.VaultDataset
  address: vault://two
  credentials:
    token: {CANARIES["inline credentials"]}
report:
  type: text.TextDataset
  filepath: data/report.txt
"""

CREDENTIALS = f"""
store:
  key: "{CANARIES["credentials"]}"
  client_kwargs:
    extra: {{inner: ["{CANARIES["nested credentials"]}"]}}
  pin: {CANARIES["number"]}
  from_environment: ${{oc.env:ACCEPTANCE_CANARY}}
"""

VAULT = """
import logging
from incremental.io import AbstractDataset
from incremental.state import FileLedger, History

class VaultDataset(AbstractDataset):
    def __init__(self, address, credentials=None):
        self.address, self.credentials = address, credentials
        logging.getLogger("vault").debug("opening %s with %s", address, credentials)

    def load(self):
        return {"address": self.address, **_clear(self.credentials)}

    def save(self, data):
        raise OSError(f"cannot write to {self.address} with {_clear(self.credentials)}")

    def exists(self):
        return True

    def _describe(self):
        return {"address": self.address, "credentials": self.credentials}


def _clear(value):
    if isinstance(value, dict):
        return {key: _clear(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_clear(each) for each in value]
    return value.reveal() if hasattr(value, "reveal") else value
"""

REGISTRY = """
import base64
import logging
from urllib.parse import quote
from incremental.pipeline import Pipeline, node


def use(raw, vault, inline, password):
    logging.getLogger("project").info("connecting with %s and %s", vault, password)
    return "done"


def fail(raw, vault, inline, password):
    key = vault["key"]
    try:
        raise ValueError(f"token {inline['token']} refused")
    except ValueError as error:
        raise RuntimeError(
            f"401 for {vault!r}, {password}, {quote(key)}, {quote(key, safe='')}, "
            f"{base64.b64encode(key.encode()).decode()}, {base64.b64encode(f'me:{key}'.encode()).decode()}"
        ) from error


def register_pipelines():
    inputs = ["raw", "vault", "inline", "params:db.password"]
    return {
        "__default__": Pipeline([node(use, inputs, "report", name="use")]),
        "failing": Pipeline([node(fail, inputs, "report", name="fail")]),
        "saving": Pipeline([node(use, inputs, "inline_copy", name="use"), node(lambda x: x, "inline_copy", "vault_out", name="save")]),
    }
"""

COMMANDS = {
    "plan": "plan",
    "plan without a trace": "plan --dry-run --json",
    "sealed plan": "plan --all -o plan.json",
    "run": "run",
    "run of a sealed plan": "run --plan plan.json",
    "failing run": "run --pipeline failing",
    "failing run as JSON": "run --json --pipeline failing",
    "failing save": "run --pipeline saving",
    "run with nothing to do": "run --only-missing-outputs",
    "run with an unknown node": "run --nodes usee",
    "run with malformed parameters": "run --params db.password:{param}",
    "run with secret options": "run --params db.password={param},api_token={param}x",
    "failing run with secret options": "run --pipeline failing --params db.password={param}",
    "run with a secret in a remote configuration": "run --conf-source https://me:{url}@host/conf",
    "why of a node": "why use",
    "why of a dataset": "why vault",
    "runs": "runs",
    "runs as JSON": "runs --json",
    "runs show": "runs show {run}",
    "runs show as JSON": "runs show {run} --json",
    "runs diff": "runs diff {run} last",
    "runs diff as JSON": "runs diff {run} last --json",
    "catalog list": "catalog list --json",
    "catalog describe": "catalog describe vault",
    "catalog describe inline": "catalog describe inline --json",
    "catalog describe a parameter": "catalog describe params:db.password",
    "catalog describe all parameters": "catalog describe parameters --json",
    "pipelines": "pipelines failing --json",
    "adopt": "adopt --json",
    "adopt all": "adopt --all",
    "verify": "verify --json",
    "doctor": "doctor --json",
    "clean": "clean --json --keep-versions 1 --keep-runs 1",
}

FORMS = ("", "-v", "-vv", "--traceback", "-vv --traceback")


def forms(canary: str) -> set[bytes]:
    """Return a secret as it is, quoted for a URL, in JSON, and in base64."""
    texts = {canary, quote(canary), quote(canary, safe=""), json.dumps(canary)[1:-1], repr(canary)[1:-1]}
    texts.add(base64.b64encode(canary.encode()).decode().rstrip("=")[:-1])
    return {text.encode() for text in texts}


SECRETS = {name: forms(canary) for name, canary in CANARIES.items()}


def found_in(data: bytes) -> list[str]:
    return [name for name, secrets in SECRETS.items() if any(secret in data for secret in secrets)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project with one successful and one failed run behind it."""
    root = make_project(tmp_path_factory.mktemp("secrets"), registry=REGISTRY, catalog="")
    package = next((root / "src").iterdir()).name
    (root / "src" / package / "vault.py").write_text(VAULT)
    output = "vault_out:\n  type: PACKAGE.vault.VaultDataset\n  address: https://me:canary-Url-3@vault.example/out\n  credentials: store\n"
    (root / "conf/base/catalog.yml").write_text((CATALOG + output).replace("PACKAGE", package))
    (root / "conf/local/credentials.yml").write_text(CREDENTIALS)
    (root / "conf/base/parameters.yml").write_text(f"db:\n  password: {CANARIES['parameters']}\n  user: me\n")
    return root


@pytest.fixture
def history(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACCEPTANCE_CANARY", CANARIES["environment"])
    if not (project / "plan.json").exists():
        assert call(project, "run").code == 0
        assert call(project, "run", "--pipeline", "failing").code == 1
        assert call(project, "plan", "--all", "-o", "plan.json").code == 0
    return project


def typed(project: Path, command: str, form: str) -> list[str]:
    words = {"param": CANARIES["--params"], "url": CANARIES["userinfo of a URL"], "run": last_run(project)}
    return [*split(command.format(**words)), *split(form)]


def last_run(project: Path) -> str:
    return History(FileLedger(project / ".incremental/ledger.sqlite", project)).runs()[-1].run_id


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_command_shows_or_keeps_a_secret(history: Path, command: str, form: str) -> None:
    answer = call(history, *typed(history, command, form))
    assert answer.code in (0, 1, 2), answer.err
    check(history, answer)


@pytest.mark.parametrize(
    "command", ["failing run", "failing save", "failing run with secret options", "catalog describe"]
)
def test_no_process_shows_or_keeps_a_secret(history: Path, command: str) -> None:
    arguments = typed(history, COMMANDS[command], "-vv --traceback")
    check(history, process(history, *arguments, ACCEPTANCE_CANARY=CANARIES["environment"]))


def test_log_files_of_the_project_hold_no_secret(history: Path, tmp_path: Path) -> None:
    root = shutil.copytree(history, tmp_path / "copy")
    (root / "conf/logging.yml").write_text(
        "version: 1\nhandlers:\n  file:\n    class: logging.FileHandler\n    filename: all.log\n"
        "root:\n  level: DEBUG\n  handlers: [file]\n"
    )
    assert call(root, "run", "-vv").code == 0
    assert call(root, "run", "-vv", "--pipeline", "failing").code == 1
    logged = (root / "all.log").read_bytes()
    assert b"connecting with" in logged
    assert found_in(logged) == []


def test_the_canaries_would_be_found() -> None:
    for name, canary in CANARIES.items():
        assert found_in(f"text {canary} text".encode()) == [name]


def check(root: Path, answer: Answer) -> None:
    assert found_in(answer.out.encode()) == []
    assert found_in(answer.err.encode()) == []
    kept = [*(root / ".incremental").rglob("*"), root / "plan.json", *root.glob("*.log")]
    for path in kept:
        if path.is_file():
            assert found_in(path.read_bytes()) == [], path
