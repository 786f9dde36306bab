"""``incremental run``: answers, options, failures and how to go on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

FILE = """
from incremental.pipeline import Pipeline, node

def clean(raw):
    print("cleaning")
    return raw.strip()

def train(clean, factor):
    BODY

def report(model):
    return model + "!"

pipeline = Pipeline([
    node(clean, "raw", "clean", name="clean", tags="daily"),
    node(train, ["clean", "params:factor"], "model", name="train"),
    node(report, "model", "report", name="report"),
])
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: raw.txt}
clean: {type: text.TextDataset, filepath: out/clean.txt}
model: {type: text.TextDataset, filepath: out/model.txt}
report: {type: text.TextDataset, filepath: out/report.txt}
"""


@pytest.fixture
def single(project) -> Callable[..., Path]:
    """Make a project of one file with a catalog beside it, and stand there."""

    def write(body: str = "return clean * factor") -> Path:
        return project(
            {
                "pipeline.py": FILE.replace("BODY", body),
                "catalog.yml": CATALOG,
                "parameters.yml": "factor: 2\n",
                "raw.txt": " ab ",
            }
        )

    return write


def resume_line(said) -> str:
    return said.err.splitlines()[-1]


def test_a_project_of_one_file_is_planned_and_run(cli, single) -> None:
    folder = single()
    assert cli("plan", "pipeline.py", "--dry-run").out.splitlines()[-1] == "3 of 3 nodes to run · 0 skipped"
    assert cli("run", "pipeline.py", "--params", "factor=3").code == 0
    assert (folder / "out/report.txt").read_text() == "ababab!"
    assert cli("why", "train", "pipeline.py").out.startswith("node train would be skipped\n")
    assert cli("runs", "pipeline.py").code == cli("runs", "show", "last", "pipeline.py").code == 0
    assert cli("catalog", "list", "pipeline.py").out == cli("catalog", "pipeline.py").out
    assert cli("pipelines", "pipeline.py").out == "__default__  3 nodes  raw → report\n"
    assert cli("pipelines", "__default__", "pipeline.py").out.startswith("__default__: 3 nodes\n")


def test_progress_and_prints_go_to_stderr(cli, single) -> None:
    single()
    said = cli("run")
    lines = [re.sub(r"\d\d:\d\d:\d\d|\b\d+ m?s\b|\S+Z", "#", line) for line in said.err.splitlines()]
    assert lines == [
        "# run    #: 3 nodes to run, 0 skipped",
        "# start  clean",
        "cleaning",
        "# done   clean  # (1/3)",
        "# start  train",
        "# done   train  # (2/3)",
        "# start  report",
        "# done   report  # (3/3)",
    ]
    assert len(said.out.splitlines()) == 1


def test_quiet_shows_no_progress(cli, single) -> None:
    single()
    assert cli("run", "-q").err == "cleaning\n"


def test_the_result_as_a_document(cli, single) -> None:
    single()
    document = json.loads(cli("run", "--json").out)
    assert document["format"] == "incremental-run/1"
    assert document["executed"] == ["clean", "train", "report"]
    assert document["outputs"] == ["report"]
    assert document["status"] == "succeeded"


def test_selectors_and_lists_with_commas(cli, single) -> None:
    single()
    assert json.loads(cli("run", "--json", "-n", "clean,train").out)["executed"] == ["clean", "train"]
    assert json.loads(cli("run", "--json", "-n", "clean", "--nodes", "train").out)["executed"] == [
        "clean",
        "train",
    ]
    assert json.loads(cli("run", "--json", "--tags", "daily").out)["executed"] == ["clean"]
    forced = cli("run", "--json", "--only-missing-outputs", "--force", "clean")
    assert json.loads(forced.out)["executed"] == ["clean", "report"]
    spread = cli("run", "--json", "--only-missing-outputs", "--propagate", "--force", "clean")
    assert json.loads(spread.out)["executed"] == ["clean", "train", "report"]


@pytest.mark.parametrize("runner", ["sequential", "SequentialRunner", "incremental.runner.SequentialRunner"])
def test_the_sequential_runner_has_three_names(cli, single, runner: str) -> None:
    single()
    assert cli("run", "--runner", runner, "--async").code == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--runner", "threads"],
        ["--runner", "ThreadRunner", "--workers", "2"],
        ["--runner", "incremental.runner.ThreadRunner", "--runner-params", "max_workers=3"],
        ["--runner", "processes", "--workers", "1"],
        ["--workers", "2"],
        ["--workers", "1"],
    ],
)
def test_other_runners_make_the_same(cli, single, options: list[str]) -> None:
    folder = single()
    assert cli("run").code == 0
    expected = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert cli("run", *options).code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == expected


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--workers", "0"], "0 is not in the range x>=1"),
        (["--runner", "sequential", "--workers", "2"], "unexpected keyword argument 'max_workers'"),
        (
            ["--runner", "threads", "--runner-params", "max_workers=0"],
            "it must be a whole number of 1 or more",
        ),
        (["--runner", "threads", "--runner-params", "speed=9"], "unexpected keyword argument 'speed'"),
    ],
)
def test_arguments_that_a_runner_does_not_take_are_refused(
    cli, single, options: list[str], text: str
) -> None:
    single()
    said = cli("run", *options)
    assert said.code == 2
    assert text in said.err


@pytest.mark.parametrize(
    ("runner", "text"),
    [
        ("sequentail", "no runner 'sequentail'; did you mean 'sequential' or 'SequentialRunner'?"),
        (
            "xyz",
            "no runner 'xyz'; there are 'sequential', 'threads', 'processes' and 'dask'; or write a dotted path",
        ),
        (
            ".",
            "no runner '.'; there are 'sequential', 'threads', 'processes' and 'dask'; or write a dotted path",
        ),
        ("runner.", "no runner 'runner.'; did you mean 'ThreadRunner'?"),
        ("nowhere.Runner", "runner 'nowhere.Runner' cannot be imported: No module named 'nowhere'"),
        (
            "incremental.runner.SequentialRuner",
            "module 'incremental.runner' has no runner 'SequentialRuner'; did you mean 'SequentialRunner'?",
        ),
        ("json.JSONDecoder", "'json.JSONDecoder' is no runner class; extend AbstractRunner"),
        (
            "pipeline.Needy",
            "runner 'pipeline.Needy' cannot be made: Needy.__init__() got an unexpected keyword argument 'is_async'",
        ),
    ],
)
def test_a_runner_that_is_none(cli, single, monkeypatch, runner: str, text: str) -> None:
    folder = single()
    (folder / "pipeline.py").write_text(
        (folder / "pipeline.py").read_text()
        + "\nfrom incremental.runner import SequentialRunner\n"
        + "class Needy(SequentialRunner):\n    def __init__(self): ...\n"
    )
    monkeypatch.syspath_prepend(folder)
    said = cli("run", "--runner", runner)
    assert (said.code, said.out) == (2, "")
    assert said.err == f"error: {text}\nsee: incremental run --help\n"
    assert not (folder / ".incremental").exists()


def test_a_failed_node_shows_the_users_frames_and_how_to_resume(cli, single) -> None:
    folder = single("return clean / factor")
    said = cli("run")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[-4:] == [
        "error: node 'train' failed: TypeError: unsupported operand type(s) for /: 'str' and 'int'",
        "  pipeline.py:9 in train",
        "    return clean / factor",
        "resume with: incremental run --resume",
    ]
    (folder / "pipeline.py").write_text(FILE.replace("BODY", "return clean * factor  # repaired"))
    resumed = json.loads(cli("run", "--resume", "--json").out)
    assert resumed["executed"] == ["train", "report"]


def test_a_library_that_raises_is_named_below_the_users_frames(cli, single) -> None:
    single("import json; return json.loads(clean)")
    lines = cli("run").err.splitlines()
    assert lines[-4:-2] == ["  pipeline.py:9 in train", "    import json; return json.loads(clean)"]
    assert re.fullmatch(r"  raised in json/decoder\.py:\d+ in raw_decode", lines[-2])


def test_the_error_behind_an_error_is_named(cli, single) -> None:
    single("raise ValueError('bad model') from KeyError('weights')")
    assert "  because of KeyError: 'weights'" in cli("run").err.splitlines()
    single("raise ValueError() from KeyError()")
    lines = cli("run").err.splitlines()
    assert "  because of KeyError" in lines
    assert "error: node 'train' failed: ValueError" in lines


def test_the_resume_line_has_the_options_that_matter(cli, single) -> None:
    folder = single("raise ValueError")
    said = cli(
        "run", "pipeline.py", "--conf-source", str(folder), "--params", "factor=2,token=hunter22,names=[a, b]",
        "--runner", "sequential", "--async", "--tags", "daily", "--to-nodes", "clean", "--force", "clean",
    )  # fmt: skip
    assert said.code == 0
    said = cli(
        "run", "pipeline.py", "--conf-source", str(folder), "--params", "token=hunter22,factor=2", "--async"
    )
    assert resume_line(said) == (
        f"resume with: incremental run --resume pipeline.py --conf-source={folder} "
        "'--params=token=***,factor=2' --async"
    )
    said = cli("--project", str(folder), "run", "--params", "l=[1, a]")
    assert (
        resume_line(said)
        == f"""resume with: incremental run --resume --project={folder} '--params=l=[1, "a"]'"""
    )


def test_a_failure_as_a_document(cli, single) -> None:
    single("raise ValueError('no rows')")
    said = cli("run", "--json", "-q")
    document = json.loads(said.out)
    assert document["format"] == "incremental-error/1"
    assert document["exit_code"] == said.code == 1
    assert document["message"] == "node 'train' failed: ValueError: no rows"
    assert document["frames"][-1]["line"] == 9


def test_traceback_shows_all_and_the_short_text_below(cli, single) -> None:
    single("raise ValueError('no rows')")
    said = cli("run", "--traceback", "-q")
    assert "Traceback (most recent call last):" in said.err
    assert "loop.py" in said.err
    assert resume_line(said) == "resume with: incremental run --resume"


def test_a_node_that_calls_exit_has_failed(cli, single) -> None:
    single("import sys; sys.exit(3)")
    said = cli("run", "-q")
    assert said.code == 1
    assert said.err.splitlines()[1:] == [
        "error: node 'train' failed: it calls sys.exit(3)",
        "  pipeline.py:9 in train",
        "    import sys; sys.exit(3)",
        "resume with: incremental run --resume",
    ]


def test_a_hook_that_fails_is_the_projects_own_fault(cli, single) -> None:
    folder = single()
    (folder / "pipeline.py").write_text(
        (folder / "pipeline.py").read_text()
        + "\nfrom incremental.hooks import hook_impl\n"
        + "class Mine:\n    @hook_impl\n    def before_pipeline_run(self):\n        return 1 / 0\n"
        + "HOOKS = (Mine(),)\n"
    )
    said = cli("run", "-q")
    assert said.code == 2
    assert (
        said.err.splitlines()[0] == "error: code of the project failed: ZeroDivisionError: division by zero"
    )
    assert "    return 1 / 0" in said.err.splitlines()


@pytest.fixture
def failing(monkeypatch) -> Callable[[str], None]:
    """Have planning fail as if a line of this package had raised."""

    def fail(expression: str) -> None:
        import incremental
        from incremental.session import Session

        names: dict[str, Callable[..., None]] = {}
        exec(compile(f"def broken(*_): raise {expression}", incremental.__file__, "exec"), names)
        monkeypatch.setattr(Session, "plan_request", names["broken"])

    return fail


def test_a_bug_of_ours_asks_to_be_reported(cli, single, failing) -> None:
    single()
    failing("AssertionError('how could that be')")
    said = cli("plan")
    assert said.code == 70
    lines = said.err.splitlines()
    assert lines[0] == "error: internal error: AssertionError: how could that be"
    assert re.fullmatch(r"  raised in \S+__init__\.py:1 in broken", lines[1])
    assert lines[2] == "this is a bug of incremental: please report it with the output of --traceback"
    assert json.loads(cli("plan", "--json").out)["exit_code"] == 70


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("PermissionError(13, 'Permission denied', 'out')", "Permission denied: 'out'"),
        ("OSError(28, 'No space left on device')", "No space left on device"),
        ("TimeoutError('no answer')", "TimeoutError: no answer"),
        ("ConnectionError()", "ConnectionError"),
    ],
)
def test_an_environment_that_does_not_let_us_is_no_bug(
    cli, single, failing, expression: str, text: str
) -> None:
    single()
    failing(expression)
    said = cli("plan")
    assert (said.code, said.err) == (2, f"error: {text}\n")


def test_ctrl_c_outside_a_run_is_silent(cli, single, monkeypatch) -> None:
    single()
    from incremental.session import Session

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "plan_request", interrupted)
    assert cli("plan").code == 130
    assert cli("plan").err == ""


def test_secrets_show_nowhere(cli, single) -> None:
    folder = single("raise ValueError('cannot log in with hunter22 at https://me:hunter22@host/x')")
    (folder / "credentials.yml").write_text("db: {password: hunter22}\n")
    (folder / "catalog.yml").write_text(
        CATALOG
        + "remote: {type: text.TextDataset, filepath: 's3://key:hunter22@bucket/x', credentials: db}\n"
    )
    said = [
        cli("run"),
        cli("run", "--json", "--traceback"),
        cli("run", "--params", "api_key=hunter22"),
        cli("runs", "show", "last"),
        cli("runs", "show", "last", "--json"),
        cli("catalog", "describe", "raw"),
        cli("plan", "-vv", "--json"),
        cli("plan", "-o", "plan.json", "--only-missing-outputs"),
    ]
    assert not [each for each in said if "hunter22" in each.out + each.err]
    records = [*folder.joinpath(".incremental").rglob("*"), folder / "plan.json"]
    assert not [each for each in records if each.is_file() and b"hunter22" in each.read_bytes()]


CONFIG = """
run:
  tags: [daily]
  params: {factor: 3, deep.er: 1}
  only-missing-outputs: true
  pipeline: __default__
  runner: sequential
  load_versions: null
"""


def test_options_come_from_a_file_and_the_command_line_wins(cli, single) -> None:
    folder = single()
    (folder / "run.yml").write_text(CONFIG)
    assert json.loads(cli("run", "--config", "run.yml", "--json").out)["executed"] == ["clean"]
    assert json.loads(cli("run", "--json", "--tags", "daily", "--config", "run.yml").out)["executed"] == []
    (folder / "run.yml").write_text("run:\n  node_names: clean,train\n  load_versions: null\n")
    assert json.loads(cli("run", "--config", "run.yml", "--json").out)["executed"] == ["clean", "train"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("runn: 1", "'run.yml' has no section 'run'; write 'run:' and below it options such as 'env: prod'"),
        ("run:\n  tagz: x", "run.yml:2: 'tagz' is no option of run; did you mean 'tags'?"),
        ("run:\n  propagate: 3", "run.yml:2: 'propagate' is on or off; write true or false"),
        ("run:\n  tags: {a: 1}", "run.yml:2: 'tags' is a mapping; write a text or a list of texts"),
        ("run:\n\ttags: x", None),
    ],
)
def test_a_file_of_options_that_is_wrong(cli, single, text: str, error: str | None) -> None:
    folder = single()
    (folder / "run.yml").write_text(text)
    said = cli("run", "--config", "run.yml")
    assert said.code == 2
    assert said.err == f"error: {error}\n" if error else said.err.startswith("error: run.yml:2: ")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("run", "--load-versions", "model"),
            "Invalid value for '--load-versions' / '-lv': 'model' is no dataset with a version; write 'dataset:version'",
        ),
        (
            ("run", "nope.txt"),
            "'nope.txt' is no Python file, as a project of one file is; pick nodes with --nodes=nope.txt",
        ),
        (("rnu",), "no command 'rnu'; did you mean 'run'?"),
        (
            ("xyz",),
            "no command 'xyz'; there are init, plan, run, why, adopt, verify, runs, catalog, pipelines, clean, doctor",
        ),
    ],
)
def test_wrong_use_says_what_and_where_to_look(cli, single, arguments: tuple[str, ...], text: str) -> None:
    single()
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    first, last = said.err.splitlines()
    assert first.replace("'-lv' / '--load-versions'", "'--load-versions' / '-lv'") == f"error: {text}"
    assert last.startswith("see: incremental")


def test_an_option_that_is_none_gets_the_nearest(cli, single) -> None:
    single()
    said = cli("run", "--tag", "x")
    assert said.code == 2
    assert re.match(r"error: No such option:? '?--tag'?\W+Did you mean '?--tags", said.err, re.IGNORECASE)


def test_wrong_use_is_a_document_too(cli, single) -> None:
    single()
    for arguments in (["run", "--json", "--nope"], ["rnu", "--json"], ["run", "--json", "-n", "nope"]):
        document = json.loads(cli(*arguments).out)
        assert document["format"] == "incremental-error/1"
        assert document["exit_code"] == 2


def test_an_interrupted_run_tells_how_to_go_on(cli, single) -> None:
    single("raise KeyboardInterrupt")
    said = cli("run", "-q")
    assert said.code == 130
    assert said.err.splitlines()[-2:] == [
        "stopped: the run was interrupted",
        "resume with: incremental run --resume",
    ]
    single("import os, signal, time; os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)")
    assert cli("run", "-q").code == 143


def test_commas_within_brackets_do_not_separate() -> None:
    from incremental.cli.options import LoadVersions, Words

    assert LoadVersions().convert({"a": "1"}, None, None) == {"a": "1"}
    assert Words().convert("f([a,b]) -> [c], g,", None, None) == ("f([a,b]) -> [c]", "g")


def test_load_versions_reach_the_plan(cli, single) -> None:
    single()
    said = cli("plan", "--load-versions", "modle:2026-01-01,raw:x")
    assert said.code == 2
    assert "modle" in said.err
    assert cli("plan", "--load-versions", " ").code == 0


def test_parameters_that_cannot_be_read(cli, single) -> None:
    single()
    said = cli("run", "--params", "factor")
    assert said.code == 2
    assert said.err.startswith("error: item 1 ('factor') of the parameters has no '='")
