"""What Kedro's session would run with our runner. It runs nothing, and writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from incremental.errors import SessionError, did_you_mean
from incremental.kedro.catalog import KedroCatalog
from incremental.kedro.nodes import handed_over
from incremental.pipeline.selection import select
from incremental.planner import plan_all, plan_missing
from incremental.runner.prepare import gather_facts
from incremental.state import FileLedger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from incremental.planner import Plan

OPTION_BY_SELECTOR = {
    "tags": "--tags",
    "node_names": "--nodes",
    "from_nodes": "--from-nodes",
    "to_nodes": "--to-nodes",
    "from_inputs": "--from-inputs",
    "to_outputs": "--to-outputs",
    "namespaces": "--namespaces",
}
"""Options of ``kedro run`` by the arguments of its session."""


def plan(
    project: Any = None,
    *,
    env: str | None = None,
    pipeline_names: Iterable[str] = ("__default__",),
    load_versions: Mapping[str, str] | None = None,
    only_missing_outputs: bool = True,
    **selection: Any,
) -> Plan:
    """Return what ``kedro run --runner=incremental.kedro.IncrementalRunner`` would run.

    Hooks hear that a context and a catalog were made, and nothing else. An invalid plan is returned, not
    raised: look at ``Plan.is_valid``.

    Args:
        project: the folder of the project, by default that around the working directory; or a
            ``KedroSession``, which can still run afterwards.
        env: the environment of the configuration; not with a session, which has one.
        pipeline_names: of registered pipelines.
        load_versions: the version to load, by dataset.
        only_missing_outputs: as for ``kedro run``; False plans every node.
        selection: the other selectors of ``KedroSession.run``: ``tags``, ``node_names``, ``from_nodes``,
            ``to_nodes``, ``from_inputs``, ``to_outputs``, ``namespaces``.

    Raises:
        SessionError: there is no project, no such pipeline, no such selector.
        DatasetError: entries of the catalog that cannot be used.
    """
    for word in selection:
        if word not in OPTION_BY_SELECTOR:
            raise SessionError(f"selector {word!r} is unknown{did_you_mean(word, OPTION_BY_SELECTOR)}")
    if isinstance(project, str | Path | None):
        from kedro.framework.session import KedroSession
        from kedro.framework.startup import bootstrap_project

        root = _root(project)
        bootstrap_project(root)
        session = KedroSession.create(root, save_on_close=False, env=env)
    else:
        session = project
    context = session.load_context()
    catalog = KedroCatalog(context.catalog, load_versions)
    selected = select(handed_over(filtered(tuple(pipeline_names), selection)))
    root = Path(context.project_path)
    ledger = FileLedger(root / ".incremental" / "ledger.sqlite", root)
    try:
        facts = gather_facts(selected.pipeline, catalog, ledger.marks())
    finally:
        ledger.close()
    return plan_missing(selected, facts) if only_missing_outputs else plan_all(selected, facts)


def filtered(names: tuple[str, ...], selection: Mapping[str, Any]) -> Any:
    """Return the pipeline that Kedro's session would hand to a runner.

    Raises:
        SessionError: there is no such pipeline.
    """
    from kedro.framework.project import pipelines
    from kedro.pipeline import Pipeline

    whole = Pipeline([])
    for name in names:
        if name not in pipelines:
            raise SessionError(f"pipeline {name!r} is not registered{did_you_mean(name, pipelines)}")
        whole += pipelines[name]
    renamed = {
        "node_namespaces" if key == "namespaces" else key: tuple(words) if words else None
        for key, words in selection.items()
    }
    return whole.filter(**renamed)


def _root(project: str | Path | None) -> Path:
    from kedro.utils import find_kedro_project

    start = Path(project or Path.cwd()).resolve()
    found = find_kedro_project(start)
    if found is None:
        raise SessionError(f"{start} is in no project of Kedro: there is no pyproject.toml with [tool.kedro]")
    return Path(found)
