"""What a node's function returned, bound to the names of its outputs. It calls no function."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Mapping
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from incremental.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

Outputs: TypeAlias = "str | tuple[str, ...] | dict[str, str] | None"


_ASYNCHRONOUS = (CoroutineType, AsyncGeneratorType)


class Named(Protocol):
    """What a message needs to know of a node."""

    @property
    def name(self) -> str:
        """The node's whole name."""

    @property
    def func_name(self) -> str:
        """The name of its function."""


def who(node: Named) -> str:
    """Return the node's name and its function's, for a message."""
    return f"node {node.name!r} (function {node.func_name!r})"


def name_results(value: Any, outputs: Outputs, node: Named, chunked: bool) -> dict[str, Any]:
    """Return output names with their values.

    ``chunked`` says that the node is a generator function. A generator is not advanced here: each
    output gets an iterator, and each chunk is checked when it is taken.
    """
    if type(value) in _ASYNCHRONOUS:
        raise _not_awaited(value, node)
    if outputs is None:
        _ignore(value, node)
        return {}
    if isinstance(outputs, str):
        if chunked and isinstance(value, GeneratorType):
            return {outputs: _checked(value, outputs, node)}
        if value is None:
            raise _none_for(outputs, node)
        return {outputs: value}
    if isinstance(value, GeneratorType):
        return _Deal(value, outputs, node).iterators()
    return _take_apart(value, outputs, node)


def _not_awaited(value: Any, node: Named) -> NodeError:
    if isinstance(value, CoroutineType):
        value.close()  # else Python warns besides that nobody awaited it
    return NodeError(
        f"{who(node)} is asynchronous, and nothing of it has run; give the node a function that calls "
        f"asyncio.run({node.func_name}(...))"
    )


def _ignore(value: Any, node: Named) -> None:
    if value is None:
        return
    if isinstance(value, GeneratorType):
        deque(value, maxlen=0)  # its effects are what the node is for
        return
    warnings.warn(
        f"{who(node)} has no outputs, so the {type(value).__name__!r} it returned is ignored; "
        f"name an output to keep it",
        UserWarning,
        stacklevel=4,
    )


def _take_apart(value: Any, outputs: tuple[str, ...] | dict[str, str], node: Named) -> dict[str, Any]:
    bind: Any = _by_key if isinstance(outputs, dict) else _by_position
    bound: dict[str, Any] = bind(value, outputs, node)
    for name, each in bound.items():
        if each is None:
            raise _none_for(name, node)
    return bound


def _by_position(value: Any, outputs: tuple[str, ...], node: Named) -> dict[str, Any]:
    if not isinstance(value, (list, tuple)):
        raise NodeError(
            f"{who(node)} must return a list or tuple of {len(outputs)} values, one for each of "
            f"{list(outputs)}, but returned {type(value).__name__!r}"
        )
    if len(value) != len(outputs):
        raise NodeError(
            f"{who(node)} returned {len(value)} values for its {len(outputs)} outputs {list(outputs)}"
        )
    return dict(zip(outputs, value, strict=True))


def _by_key(value: Any, outputs: dict[str, str], node: Named) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise NodeError(
            f"{who(node)} must return a dictionary with the keys {list(outputs)}, "
            f"but returned {type(value).__name__!r}"
        )
    if value.keys() != outputs.keys():
        missing = [key for key in outputs if key not in value]
        surplus = [key for key in value if key not in outputs]
        faults = [f"lacks {missing}"] * bool(missing) + [f"has {surplus} besides"] * bool(surplus)
        raise NodeError(
            f"{who(node)} must return a dictionary with the keys {list(outputs)}, "
            f"but what it returned {' and '.join(faults)}"
        )
    return {name: value[key] for key, name in outputs.items()}


def _checked(chunks: Generator[Any, None, Any], output: str, node: Named) -> Iterator[Any]:
    try:
        for chunk in chunks:
            if chunk is None:
                raise _none_for(output, node)
            yield chunk
    finally:
        chunks.close()


def _none_for(output: str, node: Named) -> NodeError:
    return NodeError(
        f"{who(node)} gave None for its output {output!r}; return a value, "
        f"or declare no output if there is none"
    )


class _Deal:
    """Deals the chunks of one generator out to several outputs.

    An output that runs ahead makes the others' chunks wait, and no more than those are kept. A failure
    reaches every output, so that none takes the end of the chunks for success.
    """

    def __init__(
        self, chunks: Generator[Any, None, Any], outputs: tuple[str, ...] | dict[str, str], node: Named
    ) -> None:
        self._chunks = chunks
        self._outputs = outputs
        self._node = node
        self._failure: BaseException | None = None
        names = outputs.values() if isinstance(outputs, dict) else outputs
        self._waiting: dict[str, deque[Any]] = {name: deque() for name in names}

    def iterators(self) -> dict[str, Any]:
        return {name: self._iterator(name) for name in self._waiting}

    def _iterator(self, name: str) -> Iterator[Any]:
        queue = self._waiting[name]
        try:
            while queue or self._pull():
                yield queue.popleft()
        finally:
            self._waiting.pop(name, None)
            if not self._waiting:
                self._chunks.close()

    def _pull(self) -> bool:
        if self._failure is not None:
            raise self._failure
        try:
            bound = _take_apart(next(self._chunks), self._outputs, self._node)
        except StopIteration:
            return False
        except BaseException as error:
            self._failure = error
            raise
        for name, queue in self._waiting.items():
            queue.append(bound[name])
        return True
