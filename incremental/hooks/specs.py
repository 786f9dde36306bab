"""The hooks that a project or plug-in may implement, with the names and arguments that Kedro users know.

An implementation takes any subset of the arguments. Pipeline hooks run in the process that started
the run; node and dataset hooks run where the node runs. It declares, it calls nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from incremental.io import DataCatalog
    from incremental.pipeline import Node, Pipeline
    from incremental.planner import Plan

NAMESPACE = "incremental"
KEDROS_NAMESPACE = "kedro"  # of methods that are marked with the hook_impl of kedro.framework.hooks

hook_spec = pluggy.HookspecMarker(NAMESPACE)
hook_impl = pluggy.HookimplMarker(NAMESPACE)


class ContextSpecs:
    """Around the making of a session's context and catalog."""

    @hook_spec
    def after_context_created(self, context: Any) -> None:
        """Called once the context is there: ``context.config_loader``, ``.params``, ``.env``."""

    @hook_spec
    def after_catalog_created(
        self,
        catalog: DataCatalog,
        conf_catalog: dict[str, Any],
        conf_creds: dict[str, Any],
        parameters: dict[str, Any],
        save_version: str | None,
        load_versions: dict[str, str] | None,
    ) -> None:
        """Called once the catalog is there, with the configuration that it was made from."""


class PipelineSpecs:
    """Around a run as a whole."""

    @hook_spec
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Called before anything is surveyed or planned; may add to the catalog."""

    @hook_spec
    def after_plan_created(self, plan: Plan, catalog: DataCatalog) -> None:
        """Called with the plan, before its first node runs, and also when one only asks for a plan."""

    @hook_spec
    def on_node_skipped(self, node: Node, reason: str) -> None:
        """Called for each node that the plan skips, before the first node runs."""

    @hook_spec
    def after_pipeline_run(
        self, run_params: dict[str, Any], run_result: Any, pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Called after a run that succeeded, also when there was nothing to do."""

    @hook_spec
    def on_pipeline_error(
        self, error: BaseException, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Called when a run fails; ``error.__cause__`` is what the node raised."""


class NodeSpecs:
    """Around one node."""

    @hook_spec
    def before_node_run(
        self, node: Node, catalog: DataCatalog, inputs: dict[str, Any], is_async: bool, run_id: str | None
    ) -> dict[str, Any] | None:
        """Called with the loaded inputs; what it returns by dataset name takes their place."""

    @hook_spec
    def after_node_run(
        self,
        node: Node,
        catalog: DataCatalog,
        inputs: dict[str, Any],
        outputs: dict[str, Any],
        is_async: bool,
        run_id: str | None,
    ) -> None:
        """Called with what the node returned, before it is saved."""

    @hook_spec
    def on_node_error(
        self,
        error: BaseException,
        node: Node,
        catalog: DataCatalog,
        inputs: dict[str, Any],
        is_async: bool,
        run_id: str | None,
    ) -> None:
        """Called with what the node raised."""


class DatasetSpecs:
    """Around the loading and saving of one dataset by one node."""

    @hook_spec
    def before_dataset_loaded(self, dataset_name: str, node: Node) -> None:
        """Called before an input is loaded."""

    @hook_spec
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Node) -> None:
        """Called with the loaded input."""

    @hook_spec
    def before_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Called before an output, or a piece of one that a generator yields, is saved."""

    @hook_spec
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Called once an output is whole and visible; with the last piece of what comes in pieces."""


ALL_SPECS = (ContextSpecs, PipelineSpecs, NodeSpecs, DatasetSpecs)
