"""The shape of the package, checked from its source: which room may import which, and at what cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "incremental"
ROOM_BY_LAYER = (
    ("kedro", "testing"),
    ("cli",),
    ("render",),
    ("session",),
    ("project",),
    ("config",),
    ("runner", "validation"),
    ("executors",),
    ("hooks",),
    ("state",),
    ("io",),
    ("planner",),
    ("pipeline",),
    ("events",),
    ("privacy",),
    ("secrets",),
    ("errors",),
    ("_version", "_lazy"),
)
LAYER_BY_ROOM = {room: layer for layer, rooms in enumerate(ROOM_BY_LAYER) for room in rooms}
PURE = ("pipeline", "planner")
IMPURE_MODULES = {
    "os", "io", "pathlib", "subprocess", "socket", "sqlite3", "logging", "tempfile", "shutil", "threading",
    "yaml", "fsspec", "click", "rich", "omegaconf", "pluggy", "joblib", "pandas", "filelock", "time", "random",
}  # fmt: skip
HEAVY = (
    "networkx", "fsspec", "cloudpickle", "yaml", "omegaconf", "pluggy", "click", "rich", "pandas", "numpy", "sqlite3",
    "logging", "asyncio", "importlib.metadata", "xxhash", "filelock", "dask", "multiprocessing",
)  # fmt: skip
MODULES = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = frozenset(map(name_of, MODULES))


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports_of(tree: ast.Module, *, typing_too: bool) -> Iterator[tuple[ast.stmt, str]]:
    """Yield every imported module, those inside functions too."""
    skipped = {
        id(inner)
        for outer in ast.walk(tree)
        if not typing_too and isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test)
        for inner in ast.walk(outer)
    }
    for statement in ast.walk(tree):
        if id(statement) in skipped:
            continue
        if isinstance(statement, ast.Import):
            yield from ((statement, alias.name) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                inner = f"{statement.module}.{alias.name}"
                yield statement, inner if inner in NAMES else statement.module


def test_every_room_has_a_layer() -> None:
    rooms = {room_of(name_of(path)) for path in MODULES} - {"", "__main__"}
    assert rooms <= LAYER_BY_ROOM.keys(), "give the new room its place in ROOM_BY_LAYER"


def test_imports_run_one_way() -> None:
    wrong = []
    for path, tree in MODULES.items():
        room = room_of(name_of(path))
        if room in ("", "__main__"):
            continue
        for statement, module in imports_of(tree, typing_too=False):
            other = room_of(module)
            if module.startswith("incremental.") and other in LAYER_BY_ROOM and other != room:
                if LAYER_BY_ROOM[other] <= LAYER_BY_ROOM[room]:
                    wrong.append(f"{name_of(path)}:{statement.lineno} imports {module}")
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        name_of(path): {
            module for _, module in imports_of(tree, typing_too=False) if module in NAMES - {"incremental"}
        }
        - {name_of(path)}
        for path, tree in MODULES.items()
    }
    while True:
        leaves = [name for name, targets in graph.items() if not targets]
        if not leaves:
            break
        for leaf in leaves:
            del graph[leaf]
        for targets in graph.values():
            targets.difference_update(leaves)
    assert graph == {}, f"a circle among {sorted(graph)}"


def test_pure_rooms_open_nothing() -> None:
    wrong = [
        f"{name_of(path)}:{statement.lineno} imports {module}"
        for path, tree in MODULES.items()
        if room_of(name_of(path)) in PURE
        for statement, module in imports_of(tree, typing_too=False)
        if module.split(".")[0] in IMPURE_MODULES
    ]
    opened = [
        f"{name_of(path)}:{call.lineno} calls open"
        for path, tree in MODULES.items()
        if room_of(name_of(path)) in PURE
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in ("open", "print")
    ]
    assert wrong + opened == []


def test_nobody_reaches_into_the_privates_of_another_object() -> None:
    """``self``, ``cls`` and what a class makes of its own kind are one's own; so are one's own module's classes."""
    wrong = []
    for path, tree in MODULES.items():
        own = private_names_defined_in(tree)
        for access in ast.walk(tree):
            if not isinstance(access, ast.Attribute) or not access.attr.startswith("_"):
                continue
            if access.attr.startswith("__") and access.attr.endswith("__"):
                continue
            if isinstance(access.value, ast.Name) and access.value.id in ("self", "cls"):
                continue
            if access.attr in own:
                continue
            wrong.append(f"{name_of(path)}:{access.lineno} {ast.unparse(access)}")
    assert wrong == []


def private_names_defined_in(tree: ast.Module) -> set[str]:
    found = set()
    for part in ast.walk(tree):
        if isinstance(part, ast.FunctionDef | ast.ClassDef):
            found.add(part.name)
        elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
            found.add(part.attr)
        elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            found.add(part.target.id)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.startswith("_"):
            found.add(part.value)  # __slots__
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_and_functions_stay_small(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= 400, f"{name_of(path)} has {lines} lines: which type is missing?"
    for part in ast.walk(MODULES[path]):
        if isinstance(part, ast.FunctionDef):
            body = part.body[1:] if ast.get_docstring(part) else part.body
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert length <= 50, f"{name_of(path)}.{part.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(MODULES[path]), f"{name_of(path)} has no docstring"


def loaded_by(code: str) -> set[str]:
    script = f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import incremental") & set(HEAVY) == set()


def test_building_and_planning_a_pipeline_loads_no_graph_or_storage_library() -> None:
    code = (
        "from incremental.pipeline import Pipeline, node; from incremental.pipeline.selection import select; "
        "from incremental.planner import Facts, plan_missing; "
        "plan_missing(select(Pipeline([node(len, 'a', 'b')])), Facts())"
    )
    assert loaded_by(code) & {"networkx", "fsspec", "yaml", "pandas", "numpy", "joblib", "omegaconf"} == set()


def test_a_catalog_of_local_files_is_surveyed_without_fsspec_or_pandas(tmp_path: Path) -> None:
    config = {"table": {"type": "pandas.CSVDataset", "filepath": str(tmp_path / "t.csv")}}
    code = f"from incremental.io import DataCatalog, survey; survey(DataCatalog.from_config({config!r}), ['table'])"
    assert loaded_by(code) & {"fsspec", "pandas", "numpy", "pyarrow"} == set()
