"""Parameters become what type hints ask for, and nothing else; what does not fit is named with its place."""

from __future__ import annotations

import functools
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pytest
from projects import make_project

from incremental import Session
from incremental.config import ConfigError
from incremental.pipeline import Pipeline, node
from incremental.session.typed import find_wishes, fulfil
from incremental.validation import ParameterValidationError


@dataclass
class Options:
    lr: float
    depth: int = 3
    words: list[str] = field(default_factory=list)


@dataclass
class Other:
    lr: float


class Strange:
    """Takes a parameter, too, and is not what hints are about."""


def takes(options: Options) -> None: ...
def takes_maybe(options: Options | None) -> None: ...
def takes_second(data: Any, options: Annotated[Options, "how"]) -> None: ...
def takes_union(options: Options | Other) -> None: ...
def takes_keyword(*, options: Options) -> None: ...
def takes_plain(options: dict, other: Strange, lr: float) -> None: ...
def takes_unreadable(data: NotThere, options: Options) -> None: ...  # noqa: F821
def takes_other(options: Other) -> None: ...


class Callable:
    def __call__(self, options: Options) -> None: ...

    def method(self, options: Options) -> None: ...


@functools.wraps(takes)
def wrapped(*args: Any) -> None: ...


def wishes(func: Any, inputs: Any) -> dict[str, tuple[Any, bool]]:
    found = find_wishes([Pipeline([node(func, inputs, None, name="n")])])
    return {name: (wish.kind, wish.may_be_none) for name, wish in found.items()}


@pytest.mark.parametrize(
    ("func", "inputs", "expected"),
    [
        (takes, "params:o", {"o": (Options, False)}),
        (takes, ["params:deep.er"], {"deep.er": (Options, False)}),
        (takes, {"options": "params:o"}, {"o": (Options, False)}),
        (takes_keyword, {"options": "params:o"}, {"o": (Options, False)}),
        (takes_maybe, "params:o", {"o": (Options, True)}),
        (takes_second, ["x", "params:o"], {"o": (Options, False)}),
        (takes_second, {"options": "params:o", "data": "x"}, {"o": (Options, False)}),
        (takes_unreadable, ["x", "params:o"], {"o": (Options, False)}),
        (functools.partial(takes_second, None), ["params:o"], {"o": (Options, False)}),
        (Callable(), "params:o", {"o": (Options, False)}),
        (Callable().method, "params:o", {"o": (Options, False)}),
        (wrapped, "params:o", {"o": (Options, False)}),
        (takes_union, "params:o", {}),
        (takes_plain, ["params:o", "params:p", "params:lr"], {}),
        (takes, "o", {}),
        (takes, "parameters", {}),
        (lambda options: None, "params:o", {}),
        (print, ["params:o"], {}),
    ],
)
def test_a_hint_on_an_argument_is_a_wish_for_its_parameter(func, inputs, expected):
    assert wishes(func, inputs) == expected


def test_a_package_that_has_models_is_not_loaded_to_look_for_one():
    pytest.importorskip("pydantic", reason="loads its models when they are asked for")
    script = """
import sys, pydantic
from incremental.pipeline import Pipeline, node
from incremental.session.typed import find_wishes
def plain(options: dict, rate: float): ...
assert not find_wishes([Pipeline([node(plain, ["params:options", "params:rate"], None)])])
print("pydantic.main" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_where_two_nodes_ask_for_different_classes_the_last_one_wins_with_a_warning(caplog):
    nodes = [node(takes, "params:o", "x", name="a"), node(takes_other, ["params:o"], None, name="b")]
    found = find_wishes([Pipeline([each]) for each in nodes])
    assert found["o"].kind is Other
    assert "parameter 'o' is of class Options for node 'a' and Other for node 'b'" in caplog.text


def made(parameters: dict[str, Any], func: Any = takes, name: str = "o") -> Any:
    return fulfil(parameters, find_wishes([Pipeline([node(func, f"params:{name}", None, name="n")])]))


def test_a_mapping_becomes_an_object_and_the_original_stays():
    parameters = {"o": {"lr": 1, "words": ["a"]}, "p": [1]}
    typed, misfits = made(parameters)
    assert (typed, misfits) == ({"o": Options(1, 3, ["a"]), "p": [1]}, [])
    assert parameters == {"o": {"lr": 1, "words": ["a"]}, "p": [1]}


def test_a_nested_parameter_becomes_an_object_in_its_place():
    assert made({"a": {"b.c": {"lr": 1}}, "x": 1}, name="a.b.c")[0] == {"a": {"b.c": Options(1)}, "x": 1}


@pytest.mark.parametrize("parameters", [{}, {"o": Options(2)}, {"p": {"lr": 1}}])
def test_what_is_absent_or_made_already_stays(parameters):
    assert made(parameters) == (parameters, [])


def test_null_stays_where_the_hint_allows_it():
    assert made({"o": None}, takes_maybe) == ({"o": None}, [])


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "it is null, and the type hint does not say '| None'"),
        ([1], "it is of type 'list', not a mapping"),
        ({"lr": 1, "dept": 2}, "it has no field 'dept'; did you mean 'depth'?"),
        ({"depth": 2}, "'lr' is missing"),
    ],
)
def test_what_does_not_fit_says_why(raw, reason):
    _, (misfit,) = made({"o": raw})
    assert misfit.text == f"params:o makes no Options, as node 'n' asks for: {reason}"


# --- in a project

REGISTRY = """
from __future__ import annotations
from dataclasses import dataclass
from incremental.pipeline import Pipeline, node
from pydantic import BaseModel, Field


class Model(BaseModel):
    lr: float = Field(gt=0)
    depth: int = 3


@dataclass
class Split:
    share: float

    def __post_init__(self):
        if not 0 < self.share < 1:
            raise ValueError(f"share {self.share} is no share")


def train(model: Model, lr: float) -> str:
    return f"{type(model).__name__} {model.lr!r} {model.depth} {lr!r}"


def split(split: Split):
    return f"{split}"


def register_pipelines():
    training = Pipeline([node(train, ["params:model", "params:model.lr"], "report", name="train")])
    splitting = Pipeline([node(split, {"split": "params:data.split"}, "counts", name="split")])
    return {"__default__": training + splitting, "training": training, "splitting": splitting}
"""
PARAMETERS = "model:\n  lr: '0.5'\ndata:\n  split: {share: 0.25}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    pytest.importorskip("pydantic", reason="one of the two kinds of classes that hints can name")
    return make_project(tmp_path, registry=REGISTRY, parameters=PARAMETERS)


def test_functions_of_a_project_get_models_and_dataclasses(project):
    with Session.create(project) as session:
        result = session.run()
        assert dict(result)["report"] == "Model 0.5 3 0.5"
        assert (project / "data/counts.json").read_text().strip('"\n') == "Split(share=0.25)"


def test_the_parameters_of_a_context_are_typed_and_the_configured_ones_are_not(project):
    with Session.create(project, runtime_params={"model.lr": 2}) as session:
        context = session.load_context()
        assert type(context.params["model"]).__name__ == "Model"
        assert context.params["model"].lr == 2.0
        assert context.params["data"]["split"].share == 0.25
        assert context.plain_params == {"model": {"lr": 2}, "data": {"split": {"share": 0.25}}}
        assert context.catalog.load("params:model.depth") == 3
        assert context.catalog.load("params:data.split.share") == 0.25
        assert "params:model.depth" in list(context.catalog)


def test_all_that_does_not_fit_is_told_with_file_and_line_before_anything_runs(project, monkeypatch):
    monkeypatch.chdir(project)
    (project / "conf/base/parameters.yml").write_text(
        "model:\n  lr: -1\n  depth: x\ndata:\n  split: {share: 2}\n"
    )
    with Session.create(project) as session, pytest.raises(ParameterValidationError) as refused:
        session.run()
    assert str(refused.value).splitlines() == [
        "2 faults in the configuration of 'parameters':",
        "  conf/base/parameters.yml:1: params:model makes no Model, as node 'train' asks for: lr: Input should "
        "be greater than 0; depth: Input should be a valid integer, unable to parse string as an integer",
        "  conf/base/parameters.yml:5: params:data.split makes no Split, as node 'split' asks for: "
        "share 2 is no share",
    ]
    assert not (project / "data/report.txt").exists()


def test_only_the_pipelines_that_run_ask_for_types(project):
    (project / "conf/base/parameters.yml").write_text("model: {lr: -1}\ndata: {split: {share: 0.5}}\n")
    with Session.create(project) as session:
        session.run("splitting")
        with pytest.raises(ConfigError):
            session.plan("training")
        session.plan("splitting")


def test_a_secret_that_does_not_fit_is_not_shown(tmp_path):
    registry = REGISTRY.replace(
        "class Model(BaseModel):", "class Model(BaseModel):\n    token: int\n"
    ).replace('is no share")', 'is no share")\n')
    registry = registry.replace("share: float\n", "share: float\n    password: str = ''\n").replace(
        "share {self.share} is no share", "share is none, {self.password}"
    )
    parameters = "model: {lr: 1, token: hunter-hunter-22}\ndata: {split: {share: 2, password: swordfish-7}}\n"
    project = make_project(tmp_path, registry=registry, parameters=parameters)
    with Session.create(project) as session, pytest.raises(ConfigError) as refused:
        session.plan()
    assert "token: Input should be a valid integer" in str(refused.value)
    assert "share is none" in str(refused.value)
    assert "hunter" not in str(refused.value)
    assert "swordfish" not in str(refused.value)


def test_pydantic_is_not_imported_for_projects_that_do_not_use_it(tmp_path):
    project = make_project(
        tmp_path,
        registry=REGISTRY.replace("from pydantic import BaseModel, Field", "").replace(
            "class Model(BaseModel):\n    lr: float = Field(gt=0)", "@dataclass\nclass Model:\n    lr: float"
        ),
    )
    (project / "conf/base/parameters.yml").write_text(PARAMETERS)
    code = (
        "import sys; from incremental import Session\n"
        "with Session.create(sys.argv[1]) as session: session.run()\n"
        "assert 'pydantic' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(project)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_typed_parameters_travel_to_other_processes(project):
    from incremental.runner import ParallelRunner

    with Session.create(project) as session:
        result = session.run("training", runner=ParallelRunner(max_workers=1))
        assert dict(result)["report"] == "Model 0.5 3 0.5"
