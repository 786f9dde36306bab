"""Parameters as the objects that functions ask for: pydantic models and dataclasses, by their type hints.

It imports no pydantic: who asks for a model has done so. It reads no configuration.
"""

from __future__ import annotations

import copy
import dataclasses
import logging
import sys
from types import SimpleNamespace, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from incremental.errors import did_you_mean
from incremental.pipeline.signature import innermost
from incremental.pipeline.transcoding import PARAMETER_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from inspect import Signature

    from incremental.pipeline import Node, Pipeline

logger = logging.getLogger(__name__)

_PLAIN = frozenset(
    {"str", "int", "float", "bool", "dict", "list", "tuple", "set", "bytes", "object", "Any", "None"}
)
_MOST_SHOWN = 3  # things that are wrong with one parameter


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What a parameter is to be, and the node that asks for it."""

    kind: type
    may_be_none: bool
    node: str


@dataclasses.dataclass(frozen=True, slots=True)
class Misfit:
    """A parameter that does not make what is asked for: where it stands, and why."""

    path: tuple[Any, ...]
    text: str


def find_wishes(pipelines: Iterable[Pipeline]) -> dict[str, Wish]:
    """Return the types that functions ask for, by the parameter's dotted name without ``params:``.

    Where two nodes ask for different types of one parameter the last one wins, with a warning.
    """
    wishes: dict[str, Wish] = {}
    known: dict[Any, Mapping[str, Any]] = {}
    for pipeline in pipelines:
        for node in pipeline.nodes:
            for name in node.reads:  # no generator: most nodes read no parameter, and there are thousands
                if name.startswith(PARAMETER_PREFIX):
                    _add(wishes, _wishes_of(node, known))
                    break
    return wishes


def _add(wishes: dict[str, Wish], found: Iterable[tuple[str, Wish]]) -> None:
    for name, wish in found:
        before = wishes.get(name)
        if before is not None and before.kind is not wish.kind:
            one, other = before.kind.__qualname__, wish.kind.__qualname__
            logger.warning(
                "parameter %r is of class %s for node %r and %s for node %r; it will be the latter",
                *(name, one, before.node, other, wish.node),
            )
        wishes[name] = wish


def fulfil(parameters: Mapping[str, Any], wishes: Mapping[str, Wish]) -> tuple[dict[str, Any], list[Misfit]]:
    """Return a copy of the parameters with objects in place of what makes them, and what does not fit.

    A parameter that is not there is left to whoever looks for it.
    """
    result = copy.deepcopy(dict(parameters))
    misfits: list[Misfit] = []
    for name, wish in sorted(wishes.items(), key=lambda item: (item[0].count("."), item[0])):
        place = _find(result, name)
        if place is None:
            continue
        holder, path = place
        raw = holder[path[-1]]
        if isinstance(raw, wish.kind) or (raw is None and wish.may_be_none):
            continue
        try:
            holder[path[-1]] = _made(raw, wish.kind)
        except Exception as error:  # noqa: BLE001  of the user's class, whatever it is
            text = (
                f"{PARAMETER_PREFIX}{name} makes no {wish.kind.__qualname__}, as node {wish.node!r} "
                f"asks for: {_reason(error)}"
            )
            misfits.append(Misfit(path, text))
    return result, misfits


class _UnfitError(Exception):
    """Says why a value makes no object."""


def _wishes_of(node: Node, known: dict[Any, Mapping[str, Any]]) -> Iterator[tuple[str, Wish]]:
    func = node.func
    try:
        signature = known[func] if func in known else known.setdefault(func, _hints(func))
    except TypeError:  # a callable that cannot be hashed
        signature = _hints(func)
    if not any(signature.values()):
        return
    keywords = node.keywords
    pairs = zip(signature, node.inputs, strict=False) if keywords is None else keywords.items()
    for argument, name in pairs:
        hint = signature.get(argument)
        if hint is not None and name.startswith(PARAMETER_PREFIX):
            kind, may_be_none = hint
            yield name.removeprefix(PARAMETER_PREFIX), Wish(kind, may_be_none, node.name)


def _hints(func: Callable[..., Any]) -> dict[str, tuple[type, bool] | None]:
    """Return what each argument of a function is to be, in their order; None where it may be anything."""
    if not _is_annotated(func):
        return {}
    from inspect import Parameter, signature

    try:
        found: Signature = signature(func)
    except (TypeError, ValueError):
        return {}
    positional = [each for each in found.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
    return {
        each.name: None if each.kind is Parameter.VAR_POSITIONAL else _hint(each.annotation, func)
        for each in positional
    }


def _is_annotated(func: Any) -> bool:
    return bool(getattr(innermost(func), "__annotations__", None))


def _hint(annotation: Any, func: Callable[..., Any]) -> tuple[type, bool] | None:
    """Return the class that an annotation asks to be made, and whether None will do, too."""
    if isinstance(annotation, str):
        if annotation in _PLAIN:
            return None
        scope = getattr(innermost(func), "__globals__", {})
        try:  # one by one: a name that only type checkers can import hides no other
            annotation = get_type_hints(SimpleNamespace(__annotations__={"it": annotation}), scope)["it"]
        except Exception as error:  # noqa: BLE001  of whatever the text of the hint does
            logger.debug("type hint %r of %r cannot be read: %s", annotation, func, error)
            return None
    if get_origin(annotation) not in (Union, UnionType):
        return (annotation, False) if _is_makeable(annotation) else None
    others = [each for each in get_args(annotation) if each is not type(None)]
    if len(others) == 1 and _is_makeable(others[0]):
        return others[0], True
    if any(_is_makeable(each) for each in others):
        logger.warning("type hint %s names several classes; the parameter stays a dictionary", annotation)
    return None


def _is_makeable(kind: Any) -> bool:
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or _is_model(kind))


def _is_model(kind: type) -> bool:
    models = sys.modules.get("pydantic.main")  # the package alone would load it, which takes half a plan
    return models is not None and issubclass(kind, models.BaseModel)


def _made(raw: Any, kind: Any) -> Any:
    if raw is None:
        raise _UnfitError("it is null, and the type hint does not say '| None'")
    if _is_model(kind):
        return kind.model_validate(raw)
    if not isinstance(raw, dict):
        raise _UnfitError(f"it is of type {type(raw).__name__!r}, not a mapping")
    _check_names(raw, kind)
    return kind(**raw)


def _check_names(raw: Mapping[Any, Any], kind: type) -> None:
    """Say it better than Python would where a class does not take the names that are given."""
    from inspect import Parameter, signature

    taken = signature(kind).parameters.values()
    names = [each.name for each in taken if each.kind is not Parameter.VAR_KEYWORD]
    unknown = [str(name) for name in raw if name not in names]
    if unknown and len(names) == len(taken):
        near = did_you_mean(unknown[0], names)
        raise _UnfitError(f"it has no field {', '.join(map(repr, unknown[:_MOST_SHOWN]))}{near}")
    absent = [each.name for each in taken if each.default is Parameter.empty and each.name not in raw]
    if absent and len(names) == len(taken):
        raise _UnfitError(f"{', '.join(map(repr, absent[:_MOST_SHOWN]))} is missing")


def _reason(error: Exception) -> str:
    """Return why, without the value that was given: it may be a secret."""
    list_errors = getattr(error, "errors", None)
    if not callable(list_errors):
        return (str(error) or type(error).__name__).splitlines()[0]
    found = list_errors(include_url=False, include_input=False, include_context=False)
    told = [f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in found[:_MOST_SHOWN]]
    more = f"; and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return "; ".join(told) + more


def _find(tree: dict[Any, Any], name: str) -> tuple[dict[Any, Any], tuple[Any, ...]] | None:
    """Return the mapping that holds a dotted name, and the keys that lead there; the longest key wins."""
    if name in tree:
        return tree, (name,)
    cut = name.rfind(".")
    while cut > 0:
        inner = tree.get(name[:cut])
        found = _find(inner, name[cut + 1 :]) if isinstance(inner, dict) else None
        if found is not None:
            return found[0], (name[:cut], *found[1])
        cut = name.rfind(".", 0, cut)
    return None
