"""All that a worker does for one node: load, compute, stage. It publishes nothing and knows no session."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError, HookError
from incremental.runner.memory import named

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from incremental.io import DataCatalog
    from incremental.io.dataset import ChunkStage, Staged
    from incremental.pipeline import Node


@dataclass(slots=True)
class Task:
    """One node with everything that it takes to run it."""

    node: Node
    catalog: DataCatalog
    memory: Mapping[str, Any]
    """Input datasets that live in memory, by name."""
    versions: Mapping[str, str]
    """The version to read of versioned inputs, as the plan resolved it."""
    persistent: frozenset[str]
    """The outputs that are saved; the others come back as values."""
    in_place: frozenset[str] = frozenset()
    """Those of them that cannot be staged."""
    run_id: str | None = None
    hooks: Any = None
    is_async: bool = False


@dataclass(slots=True)
class Outcome:
    """What a task came to. Staged outputs are whole but not yet visible."""

    values: dict[str, Any] = field(default_factory=dict)
    staged: dict[str, Staged] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    """Outputs written in place, at least in part."""
    saved: dict[str, Any] = field(default_factory=dict)
    """The data of each output, the last piece of what came in pieces; kept only for hooks."""
    error: BaseException | None = None
    """What the node, a dataset or a hook raised; an interrupt too."""
    started: float = 0.0
    load_seconds: float = 0.0
    compute_seconds: float = 0.0
    save_seconds: float = 0.0

    def discard(self) -> None:
        """Remove what was staged; the outputs are as they were before."""
        for staged in self.staged.values():
            staged.discard()
        self.staged.clear()


def perform(task: Task) -> Outcome:
    """Run one node. Its error, or an interrupt, comes back in the outcome; nothing staged is left then."""
    outcome = Outcome(started=time.time())
    try:
        begin = time.perf_counter()
        inputs = _load_inputs(task)
        if task.hooks is not None:
            inputs |= _replaced_inputs(task, inputs)
        loaded = time.perf_counter()
        outputs = _compute(task, inputs)
        del inputs
        computed = time.perf_counter()
        if task.node.is_generator and outputs:
            _save_chunks(task, outputs, outcome)
        else:
            _save_outputs(task, outputs, outcome)
        outcome.load_seconds = loaded - begin
        outcome.compute_seconds = computed - loaded
        outcome.save_seconds = time.perf_counter() - computed
    except BaseException as error:  # noqa: BLE001 - the loop takes back its marks and raises it again
        outcome.discard()
        outcome.error = error
    return outcome


def _load_inputs(task: Task) -> dict[str, Any]:
    names = task.node.reads
    if task.is_async and len(names) > 1:
        return dict(zip(names, _in_threads(lambda name: _load(task, name), names), strict=True))
    return {name: _load(task, name) for name in names}


def _load(task: Task, name: str) -> Any:
    hooks = task.hooks
    if hooks is not None:
        hooks.hook.before_dataset_loaded(dataset_name=name, node=task.node)
    dataset = task.memory.get(name)
    if dataset is None:
        data = task.catalog.load(name, version=task.versions.get(name))
    else:
        try:
            data = dataset.load()
        except DatasetError as error:
            raise named(name, "load it", error) from error
    if hooks is not None:
        hooks.hook.after_dataset_loaded(dataset_name=name, data=data, node=task.node)
    return data


def _replaced_inputs(task: Task, inputs: dict[str, Any]) -> dict[str, Any]:
    answers = task.hooks.hook.before_node_run(
        node=task.node,
        catalog=task.catalog,
        inputs=dict(inputs),
        is_async=task.is_async,
        run_id=task.run_id,
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


def _compute(task: Task, inputs: dict[str, Any]) -> dict[str, Any]:
    hooks = task.hooks
    if hooks is None:
        return task.node.run(inputs)
    about = {
        "node": task.node,
        "catalog": task.catalog,
        "inputs": inputs,
        "is_async": task.is_async,
        "run_id": task.run_id,
    }
    try:
        outputs = task.node.run(inputs)
    except Exception as error:
        hooks.hook.on_node_error(error=error, **about)
        raise
    if task.node.is_generator:
        outputs = {name: _watched(stream, hooks, about) for name, stream in outputs.items()}
    hooks.hook.after_node_run(outputs=outputs, **about)
    return outputs


def _watched(
    stream: Generator[Any, None, None], hooks: Any, about: dict[str, Any]
) -> Generator[Any, None, None]:
    """Yield what a generator yields, and tell the hooks if it raises."""
    try:
        yield from stream
    except Exception as error:
        hooks.hook.on_node_error(error=error, **about)
        raise


def _save_outputs(task: Task, outputs: dict[str, Any], outcome: Outcome) -> None:
    persistent = [(name, data) for name, data in outputs.items() if name in task.persistent]
    for name, data in outputs.items():
        if name not in task.persistent:
            _before_save(task, name, data)
            outcome.values[name] = data
            _keep_for_hooks(task, outcome, name, data)
    if task.is_async and len(persistent) > 1:
        _in_threads(lambda item: _save(task, item[0], item[1], outcome), persistent)
        return
    for name, data in persistent:
        _save(task, name, data, outcome)


def _save(task: Task, name: str, data: Any, outcome: Outcome) -> None:
    _before_save(task, name, data)
    if name in task.in_place:
        outcome.touched.add(name)
        task.catalog.save(name, data)
    else:
        outcome.staged[name] = task.catalog.stage(name, data)
    _keep_for_hooks(task, outcome, name, data)


def _save_chunks(task: Task, streams: Mapping[str, Generator[Any, None, None]], outcome: Outcome) -> None:
    """Save what a generator yields chunk by chunk; staged outputs become visible only as a whole."""
    stages: dict[str, ChunkStage[Any]] = {}
    try:
        for name in streams:
            if name in task.in_place:
                outcome.touched.add(name)
                task.catalog.reset(name)
            elif name in task.persistent:
                stages[name] = task.catalog.stage_chunks(name)
        for name, chunk in _interleaved(streams):
            _save_chunk(task, name, chunk, stages, outcome)
        for name, stage in stages.items():
            outcome.staged[name] = stage.finish()
    except BaseException:
        for stage in stages.values():
            stage.discard()
        raise
    finally:
        for stream in streams.values():
            stream.close()  # what the node's generator holds is let go of now


def _save_chunk(
    task: Task, name: str, chunk: Any, stages: Mapping[str, ChunkStage[Any]], outcome: Outcome
) -> None:
    _before_save(task, name, chunk)
    if name in stages:
        stages[name].write(chunk)
    elif name in task.in_place:
        task.catalog.save(name, chunk)
    else:
        outcome.values[name] = chunk
    _keep_for_hooks(task, outcome, name, chunk)


def _interleaved(streams: Mapping[str, Generator[Any, None, None]]) -> Iterator[tuple[str, Any]]:
    """Yield one chunk of each stream in turn until all are exhausted."""
    alive = dict(streams)
    while alive:
        for name in list(alive):
            try:
                chunk = next(alive[name])
            except StopIteration:
                del alive[name]
            else:
                yield name, chunk


def _before_save(task: Task, name: str, data: Any) -> None:
    if task.hooks is not None:
        task.hooks.hook.before_dataset_saved(dataset_name=name, data=data, node=task.node)


def _keep_for_hooks(task: Task, outcome: Outcome, name: str, data: Any) -> None:
    if task.hooks is not None:
        outcome.saved[name] = data


def _in_threads(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(thread_name_prefix="incremental-io") as pool:
        return list(pool.map(function, items))
