"""The page for people who come from Kedro: its blocks do what they show, its tables leave no public name out."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pages
import pytest

pytest.importorskip("kedro", reason="compares with Kedro")
pytest.importorskip("kedro_datasets", reason="compares with Kedro")

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "migrating-from-kedro.md").read_text(encoding="utf-8")
BLOCKS = pages.blocks_of(PAGE)
CHANGING = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z|\d+(\.\d+)? (ms|s)\b|^kedro\.(?!runner\.)[\w.]+:.*\n|.*synchronous mode.*\n"
    r"|.*Pipeline execution completed.*\n",
    re.MULTILINE,
)
SHOP = {
    "pyproject.toml": '[tool.kedro]\npackage_name = "shop"\nproject_name = "Shop"\nkedro_init_version = "1.7.0"\n',
    "conf/base/catalog.yml": """
orders: {type: json.JSONDataset, filepath: data/orders.json}
totals: {type: json.JSONDataset, filepath: data/totals.json}
report: {type: text.TextDataset, filepath: data/report.txt}
""",
    "conf/base/parameters.yml": "smallest: 5\n",
    "conf/local/.gitkeep": "",
    "conf/logging.yml": """
version: 1
disable_existing_loggers: false
formatters:
  short: {format: "%(name)s: %(message)s"}
handlers:
  console: {class: logging.StreamHandler, formatter: short, stream: "ext://sys.stdout"}
loggers:
  kedro.runner: {level: INFO}
root: {level: WARNING, handlers: [console]}
""",
    "data/orders.json": '[["ann", 12], ["bob", 3], ["ann", 8]]',
    "data/totals.json": '{"ann": 20}',
    "data/report.txt": "ann 20\n",
    "src/shop/__init__.py": "",
    "src/shop/settings.py": "",
    "src/shop/pipeline_registry.py": """from kedro.pipeline import Pipeline, node


def keep_large(orders, smallest):
    return [order for order in orders if order[1] >= smallest]


def add_up(orders):
    totals = {}
    for name, amount in orders:
        totals[name] = totals.get(name, 0) + amount
    return totals


def write_report(totals):
    return "".join(f"{name} {amount}\\n" for name, amount in totals.items())


def register_pipelines():
    nodes = [
        node(keep_large, ["orders", "params:smallest"], "large_orders", name="keep_large"),
        node(add_up, "large_orders", "totals", name="add_up"),
        node(write_report, "totals", "report", name="write_report"),
    ]
    return {"__default__": Pipeline(nodes)}
""",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The project of the page."""
    for name, text in SHOP.items():
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "shop"


def shell(command: str, folder: Path) -> str:
    binaries = folder.parent / "bin"  # Kedro's command, wherever it is installed
    binaries.mkdir(exist_ok=True)
    for module in ("kedro", "incremental"):
        script = binaries / module
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        script.chmod(0o755)
    return pages.shell(command, folder, binaries, DO_NOT_TRACK="1", PYTHONWARNINGS="ignore")


def normalised(text: str) -> str:
    text = re.sub(r" +", " ", CHANGING.sub("", text + "\n"))
    return "\n".join(line.strip() for line in text.strip().splitlines())


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {language for language, _ in BLOCKS} == {"console", "python"}
    assert PAGE.count("```") == 2 * len(BLOCKS)


def test_the_blocks_do_what_the_page_shows(shop: Path) -> None:
    """They are one session: each line after ``$`` is typed, what follows is its output."""
    for language, block in BLOCKS:
        if language == "python":
            said = shell(f"{sys.executable} -c '{block}'", shop)
            assert "nothing to do: 3 nodes up to date" in said, said
            continue
        for command, expected in pages.typed(block):
            assert normalised(shell(command, shop)) == normalised(expected), command


# -- names

MODULES = dict(re.findall(r"^\| `(kedro[\w.]*)` \| `(incremental[\w.]*)` \|$", PAGE, re.MULTILINE))
SECTIONS = re.split(r"^##+ ", PAGE, flags=re.MULTILINE)[1:]
CLASSES = {
    "kedro.pipeline": ("Pipeline", "Node"),
    "kedro.io": ("DataCatalog", "AbstractDataset", "AbstractVersionedDataset", "CatalogConfigResolver",
                 "MemoryDataset", "CachedDataset"),
    "kedro.framework.session": ("KedroSession",),
    "kedro.framework.context": ("KedroContext",),
    "kedro.config": ("OmegaConfigLoader", "AbstractConfigLoader"),
}  # fmt: skip
OUR_CLASS = {"KedroSession": "Session", "KedroContext": "Context"}


def rows(title: str) -> list[tuple[list[str], list[str]]]:
    """Return what stands in backquotes in the first two columns of a section's table."""
    text = next(section for section in SECTIONS if section.splitlines()[0] == title)
    lines = re.findall(r"^\| (`.*?) \| (.*?) \|", text, re.MULTILINE)
    return [(re.findall(r"`([^`]+)`", first), re.findall(r"`([^`]+)`", second)) for first, second in lines]


def told(title: str) -> set[str]:
    return {name for names, _ in rows(title) for name in names}


def public_names(module: Any) -> list[str]:
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
        or name in ("settings", "pipelines", "LOGGING")
    ]
    return [name for name in names if not name.startswith("_")]


def members(kind: type[Any]) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_of_a_module_of_kedro_is_ours_or_on_the_page(name: str) -> None:
    theirs, ours = importlib.import_module(name), importlib.import_module(MODULES[name])
    known = told(f"`{name}`") if f"`{name}`" in {section.splitlines()[0] for section in SECTIONS} else set()
    missing = [each for each in public_names(theirs) if each not in known and not hasattr(ours, each)]
    for kind in CLASSES.get(name, ()):
        counterpart = getattr(ours, OUR_CLASS.get(kind, kind))
        missing += [
            f"{kind}.{each}"
            for each in members(getattr(theirs, kind))
            if f"{kind}.{each}" not in known and not hasattr(counterpart, each)
        ]
    assert missing == []


@pytest.mark.parametrize("name", MODULES)
def test_every_name_on_the_page_is_there(name: str) -> None:
    title = f"`{name}`"
    if title not in {section.splitlines()[0] for section in SECTIONS}:
        return
    theirs = importlib.import_module(name)
    for names, ours in rows(title):
        for each in names:
            assert attribute(theirs, each) is not None or each == "LOGGING", each
        for path in ours:
            module, rest = re.match(r"(incremental\.[a-z_]+)\.(.+)", path).groups()  # type: ignore[union-attr]
            assert attribute(importlib.import_module(module), rest) is not None, path


@pytest.mark.parametrize("name", MODULES)
def test_no_name_on_the_page_is_said_to_be_lacking_that_is_there(name: str) -> None:
    if f"`{name}`" not in {section.splitlines()[0] for section in SECTIONS}:
        return
    ours = importlib.import_module(MODULES[name])
    lacking = [each for names, counterparts in rows(f"`{name}`") if not counterparts for each in names]
    assert [each for each in lacking if attribute(ours, each) is not None] == []


def attribute(owner: Any, path: str) -> Any:
    for part in path.split("."):
        try:
            owner = getattr(owner, part, None)
        except ImportError:  # what says that it is not offered
            return None
    return owner


def test_every_option_of_its_run_command_is_ours_or_on_the_page() -> None:
    from kedro.framework.cli.project import run as theirs

    from incremental.cli.run import run as ours

    known = told("Options of `kedro run`") | {option for each in ours.params for option in each.opts}
    assert {option for each in theirs.params for option in each.opts} <= known


def test_every_command_is_on_the_page() -> None:
    from kedro.framework.cli.cli import cli, global_commands, project_commands

    groups = (project_commands.lazy_subcommands, global_commands.lazy_subcommands, cli.commands)
    assert {f"kedro {name}" for group in groups for name in group} == told("Commands")


def test_every_hook_of_kedro_is_ours_with_the_same_arguments() -> None:
    import inspect

    from kedro.framework.hooks import specs as theirs

    from incremental.hooks import specs as ours

    def hooks(module: Any) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(hook).parameters)
            for kind in vars(module).values()
            if inspect.isclass(kind) and kind.__module__ == module.__name__
            for name, hook in vars(kind).items()
            if not name.startswith("_")
        }

    assert hooks(theirs).items() <= hooks(ours).items()
