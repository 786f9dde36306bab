"""All that a worker does for one node: load, compute, stage. It publishes nothing and knows no session."""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError, HookError
from incremental.executors.base import Answer, leave
from incremental.io.memory import copied
from incremental.runner.calls import call, in_threads, interleaved
from incremental.runner.memory import load_unchanged, named
from incremental.runner.sizes import bytes_read
from incremental.runner.travel import Trace, hooks_received, hooks_to_send, portable, release_all

if TYPE_CHECKING:
    from collections.abc import Generator

    from incremental.executors import Executor
    from incremental.io import DataCatalog
    from incremental.io.dataset import ChunkStage, Staged
    from incremental.io.memory import CopyMode
    from incremental.pipeline import Node


@dataclass(slots=True)
class Task:
    """One node, with what it takes to run it besides what all tasks share."""

    node: Node
    memory: Mapping[str, Any]
    """Input datasets that live in memory, by name."""
    versions: Mapping[str, str]
    """The version to read of versioned inputs, as the plan resolved it."""
    persistent: frozenset[str]
    """The outputs that are saved; the others come back as values."""
    in_place: frozenset[str] = frozenset()
    """Those of them that the driver does not publish: marked before, and written here for all to see."""
    returned: frozenset[str] = frozenset()
    """Outputs in memory that the driver has to see, where values else stay with the workers."""
    copy_modes: Mapping[str, CopyMode] = field(default_factory=dict)
    """How to copy inputs that stayed with the workers and that others read, too, where it is said."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """What was committed of inputs that run code when they are loaded; another content is refused."""

    def __reduce__(self) -> Any:
        """Send the node by its name: the worker has it already."""
        _, *details = [getattr(self, each.name) for each in fields(self)]
        return Task, (self.node.name, *details)


@dataclass(slots=True)
class Outcome:
    """What a task came to. Staged outputs are whole but not yet visible."""

    values: dict[str, Any] = field(default_factory=dict)
    staged: dict[str, Staged] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    """Outputs written in place, at least in part."""
    saved: dict[str, Any] = field(default_factory=dict)
    """The data of each output, the last piece of what came in pieces; kept only for hooks."""
    versions: dict[str, str | None] = field(default_factory=dict)
    """The version that was saved of each persistent output, told by workers that share no memory with us."""
    digests: dict[str, str | None] = field(default_factory=dict)
    """The digest of each staged output, where it is known."""
    confirmable: dict[str, Any] = field(default_factory=dict)
    """The inputs that keep a checkpoint, as they were loaded, from workers that share no memory with us."""
    attempt: int = 1
    """Which attempt of the node this is, as the driver counts."""
    error: BaseException | None = None
    """What the node, a dataset or a hook raised; an interrupt too."""
    trace: Trace | None = None
    """Where it was raised, told by workers that share no memory with us."""
    bytes_in: int | None = None
    """The size of what was loaded from storage, where somebody wants to know and it is cheap to tell."""
    started: float = 0.0
    load_seconds: float = 0.0
    compute_seconds: float = 0.0
    save_seconds: float = 0.0

    def __reduce__(self) -> Any:
        """Send the fields in order, which costs a third of sending them by name."""
        return Outcome, tuple([getattr(self, each.name) for each in fields(self)])

    def discard(self) -> None:
        """Remove what was staged; the outputs are as they were before."""
        for staged in self.staged.values():
            staged.discard()
        self.staged.clear()


class Worker:
    """What all tasks of a run share; called with a task it runs one node. It travels once to each worker.

    Args:
        catalog: where inputs are loaded from and outputs are saved to.
        run_id: the run, for the hooks.
        hooks: their manager, if there are any.
        is_async: load inputs and save outputs in threads.
        executor: where this works. In another process than the driver, which then has to be told
            what it would else see: versions, frames; perhaps with values that stay there.
        nodes: what tasks name, by name, where they travel without their node.
        measures: whether somebody wants to know how much is read.
    """

    def __init__(
        self,
        catalog: DataCatalog,
        run_id: str | None = None,
        hooks: Any = None,
        is_async: bool = False,
        executor: Executor[Any] | None = None,
        nodes: Mapping[Any, Node] | None = None,
        measures: bool = False,
    ) -> None:
        self._catalog = catalog
        self._run_id = run_id
        self._hooks = hooks
        self._is_async = is_async
        self._apart = executor is not None and not executor.in_process
        self._keeps = executor is not None and executor.keeps_values
        self._copies = executor is not None and executor.shares_kept
        self._nodes = nodes
        self._measures = measures
        self._tells_saved = tells_saved(hooks)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_hooks": hooks_to_send(self._hooks)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._hooks = hooks_received(state["_hooks"])

    def __call__(self, task: Task, kept: Mapping[str, Any] | None = None) -> Outcome | Answer:
        """Run one node. Its error, or an interrupt, is in the outcome, and nothing staged is left then."""
        if self._nodes is not None:
            task.node = self._nodes.get(task.node, task.node)
        outcome = self._run(task, kept or {})
        if not self._keeps:
            return outcome
        if outcome.error is not None:
            return Answer(outcome, None)
        staying: dict[str, Any] = {}
        returned: dict[str, Any] = {}
        for name, value in outcome.values.items():  # that a value is None, the driver will complain of
            (returned if value is None or name in task.returned else staying)[name] = value
        outcome.values = returned
        return Answer(outcome, staying)

    def _run(self, task: Task, kept: Mapping[str, Any]) -> Outcome:
        outcome = Outcome(started=time.time())
        try:
            if self._measures:
                outcome.bytes_in = bytes_read(self._catalog, task, kept)
            begin = time.perf_counter()
            inputs = self._load_inputs(task, kept)
            if self._hooks is not None:
                inputs |= self._replaced_inputs(task, inputs)
            loaded = time.perf_counter()
            outputs = self._compute(task, inputs)
            del inputs
            computed = time.perf_counter()
            if task.node.is_generator and outputs:
                self._save_chunks(task, outputs, outcome)
            else:
                self._save_outputs(task, outputs, outcome)
            if self._apart:
                self._hand_over(task, outcome)
            outcome.load_seconds = loaded - begin
            outcome.compute_seconds = computed - loaded
            outcome.save_seconds = time.perf_counter() - computed
        except BaseException as error:  # noqa: BLE001 - the loop takes back its marks and raises it again
            outcome.discard()
            outcome.error = error
            if self._apart:
                outcome.trace = Trace.of(error)
                outcome.error = portable(error)
                outcome.values.clear()
                outcome.saved.clear()
        return outcome

    def _hand_over(self, task: Task, outcome: Outcome) -> None:
        """Publish what cannot travel staged, and tell the driver what it would see in its own catalog."""
        for name in [name for name in outcome.staged if name in task.in_place]:
            leave.get()()
            outcome.touched.add(name)
            outcome.staged[name].publish()
            del outcome.staged[name]
        for name in task.persistent:
            outcome.versions[name] = self._catalog.note_saved(name)
        for name in task.node.reads:
            if hasattr(self._catalog.built(name), "confirm"):
                outcome.confirmable[name] = copy(self._catalog[name])  # it knows what it has loaded
        release_all(self._catalog, (*task.node.reads, *task.node.writes))

    def _load_inputs(self, task: Task, kept: Mapping[str, Any]) -> dict[str, Any]:
        names = task.node.reads
        if self._is_async and len(names) > 1:
            return dict(zip(names, in_threads(lambda name: self._load(task, name, kept), names), strict=True))
        return {name: self._load(task, name, kept) for name in names}

    def _load(self, task: Task, name: str, kept: Mapping[str, Any]) -> Any:
        hooks = self._hooks
        if hooks is not None:
            hooks.hook.before_dataset_loaded(dataset_name=name, node=task.node)
        dataset = task.memory.get(name)
        if name in kept:
            data = copied(kept[name], task.copy_modes.get(name)) if self._copies else kept[name]
            data = self._checked(name, data, "load")
        elif dataset is None:
            data = self._load_stored(task, name)
        else:
            try:
                data = dataset.load()
            except DatasetError as error:
                raise named(name, "load it", error) from error
            data = self._checked(name, data, "load")
        if hooks is not None:
            hooks.hook.after_dataset_loaded(dataset_name=name, data=data, node=task.node)
        return data

    def _checked(self, name: str, data: Any, mode: str) -> Any:
        """Return data that did not go through the catalog as its validator returns it."""
        return self._catalog.checked(name, data, mode) if self._catalog.validates else data

    def _load_stored(self, task: Task, name: str) -> Any:
        version, digest = task.versions.get(name), task.digests.get(name)
        if digest is None:
            return self._catalog.load(name, version=version)
        data = load_unchanged(self._catalog, name, digest, version)
        return self._checked(name, data, "load")

    def _replaced_inputs(self, task: Task, inputs: dict[str, Any]) -> dict[str, Any]:
        answers = self._hooks.hook.before_node_run(
            node=task.node,
            catalog=self._catalog,
            inputs=dict(inputs),
            is_async=self._is_async,
            run_id=self._run_id,
        )
        replaced: dict[str, Any] = {}
        for answer in answers or ():  # as in Kedro, the hook that is called last has the last word
            if answer is None:
                continue
            if not isinstance(answer, Mapping):
                raise HookError(
                    f"before_node_run of node {task.node.name!r} returned {type(answer).__name__!r}; "
                    "it may return None or a dict of inputs by dataset name"
                )
            replaced.update(answer)
        return replaced

    def _compute(self, task: Task, inputs: dict[str, Any]) -> dict[str, Any]:
        hooks = self._hooks
        if hooks is None:
            return call(task.node.run, inputs)
        about = {
            "node": task.node,
            "catalog": self._catalog,
            "inputs": inputs,
            "is_async": self._is_async,
            "run_id": self._run_id,
        }
        try:
            outputs = call(task.node.run, inputs)
        except Exception as error:
            _tell_failure(hooks, error, about)
            raise
        if task.node.is_generator:
            outputs = {name: _watched(stream, hooks, about) for name, stream in outputs.items()}
        hooks.hook.after_node_run(outputs=outputs, **about)
        return outputs

    def _save_outputs(self, task: Task, outputs: dict[str, Any], outcome: Outcome) -> None:
        persistent = [(name, data) for name, data in outputs.items() if name in task.persistent]
        for name, data in outputs.items():
            if name not in task.persistent:
                self._before_save(task, name, data)
                outcome.values[name] = self._checked(name, data, "save")
                self._keep_for_hooks(task, outcome, name, data)
        if self._is_async and len(persistent) > 1:
            in_threads(lambda item: self._save(task, item[0], item[1], outcome), persistent)
            return
        for name, data in persistent:
            self._save(task, name, data, outcome)

    def _save(self, task: Task, name: str, data: Any, outcome: Outcome) -> None:
        self._before_save(task, name, data)
        if self._writes_in_place(task, name):
            catalog = self._catalog
            valid = self._checked(name, data, "save")  # what is refused leaves the output untouched
            leave.get()()
            outcome.touched.add(name)
            (catalog.write if catalog.validates else catalog.save)(name, valid)
        else:
            outcome.staged[name] = staged = self._catalog.stage(name, data)
            outcome.digests[name] = getattr(staged, "digest", None)
        self._keep_for_hooks(task, outcome, name, data)

    def _writes_in_place(self, task: Task, name: str) -> bool:
        return name in task.in_place and not (self._apart and self._catalog.can_stage(name))

    def _save_chunks(
        self, task: Task, streams: Mapping[str, Generator[Any, None, None]], outcome: Outcome
    ) -> None:
        """Save what a generator yields chunk by chunk; staged outputs become visible only as a whole."""
        stages: dict[str, ChunkStage[Any]] = {}
        try:
            for name in streams:
                if self._writes_in_place(task, name):
                    leave.get()()
                    outcome.touched.add(name)
                    self._catalog.reset(name)
                elif name in task.persistent:
                    stages[name] = self._catalog.stage_chunks(name)
            for name, chunk in interleaved(streams):
                self._save_chunk(task, name, chunk, stages, outcome)
            for name, stage in stages.items():
                outcome.staged[name] = staged = stage.finish()
                outcome.digests[name] = getattr(staged, "digest", None)
        except BaseException:
            for stage in stages.values():
                stage.discard()
            raise
        finally:
            for stream in streams.values():
                stream.close()  # what the node's generator holds is let go of now

    def _save_chunk(
        self, task: Task, name: str, chunk: Any, stages: Mapping[str, ChunkStage[Any]], outcome: Outcome
    ) -> None:
        self._before_save(task, name, chunk)
        if name in stages:
            stages[name].write(chunk)
        elif name in task.persistent:
            self._catalog.save(name, chunk)
        else:
            outcome.values[name] = self._checked(name, chunk, "save")
        self._keep_for_hooks(task, outcome, name, chunk)

    def _before_save(self, task: Task, name: str, data: Any) -> None:
        if self._hooks is not None:
            self._hooks.hook.before_dataset_saved(dataset_name=name, data=data, node=task.node)

    def _keep_for_hooks(self, task: Task, outcome: Outcome, name: str, data: Any) -> None:
        if self._tells_saved:
            outcome.saved[name] = data


def tells_saved(hooks: Any) -> bool:
    """Tell whether a hook wants to see what was saved, so that it must be kept until it is published."""
    return hooks is not None and bool(hooks.hook.after_dataset_saved.get_hookimpls())


def _watched(
    stream: Generator[Any, None, None], hooks: Any, about: dict[str, Any]
) -> Generator[Any, None, None]:
    """Yield what a generator yields, and tell the hooks if it raises."""
    try:
        yield from stream
    except Exception as error:
        _tell_failure(hooks, error, about)
        raise


def _tell_failure(hooks: Any, error: Exception, about: dict[str, Any]) -> None:
    from incremental.hooks.manager import tell_error

    tell_error(hooks, "on_node_error", error, **about)
