"""Interpolation: ``${...}`` in configuration, resolved by OmegaConf where it takes more than everyday forms.

It reads no files; what a resolver may know is handed in. OmegaConf is imported here only.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from incremental.config.growth import find_excess
from incremental.config.making import LONGEST, bounded
from incremental.config.references import ENVIRONMENT, resolve_simply
from incremental.errors import did_you_mean

if TYPE_CHECKING:
    from omegaconf import DictConfig

Resolver = Callable[..., Any]
_NOTHING = object()
_MOST_REFERENCES = 100  # in one text; the time to read it grows with the square of that, too
_RUNTIME = re.compile(r"runtime_params:\s*([^,}\s]+)")
_MOST = 9  # faults looked for: one more than are shown
# OmegaConf keeps its resolvers in the class: two loaders must not resolve at one time.
_RESOLVING = threading.RLock()


@dataclass(frozen=True, slots=True)
class Scope:
    """What ``${globals:...}``, ``${runtime_params:...}``, ``${oc.env:...}`` and custom resolvers may see."""

    runtime_params: Mapping[str, Any] = field(default_factory=dict)
    global_values: Mapping[str, Any] | None = None  # None: this is globals itself
    custom: Mapping[str, Resolver] = field(default_factory=dict)
    environment: bool = False


class InterpolationFault(Exception):  # noqa: N818  it is a value on its way to a Fault
    """An interpolation that cannot be resolved: where in the values, and why."""

    def __init__(self, path: tuple[object, ...], text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text


def resolve(
    layers: list[dict[Any, Any]], scope: Scope, over: Mapping[str, Any] | None = None
) -> tuple[dict[Any, Any], list[InterpolationFault]]:
    """Merge the values of several files, put ``over`` on top, and resolve every interpolation.

    Returns the values, or what could not be resolved, at most one fault an entry.
    """
    over = over or {}
    excessive = [fault for layer in (*layers, over) for fault in _excessive(layer)]
    try:
        excessive += _excessive_together([*layers, over], scope)
        if excessive:
            return {}, excessive[:_MOST]
        simple = resolve_simply(layers, scope, over)
        return resolve_by_omegaconf(layers, scope, over) if simple is None else (simple, [])
    except RecursionError:
        path, _ = next(text for layer in (*layers, over) for text in _interpolated(layer, ()))
        text = "references lead through more others than can be followed; write the values out"
        return {}, [InterpolationFault(path, text)]


def resolve_by_omegaconf(
    layers: list[dict[Any, Any]], scope: Scope, over: Mapping[str, Any]
) -> tuple[dict[Any, Any], list[InterpolationFault]]:
    """Do what :func:`resolve` does by OmegaConf, whatever the values; nothing bounds how long that takes."""
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    with _RESOLVING, _resolvers(scope) as reasons:
        for place, layer in enumerate(layers):
            for upper in (*layers[place + 1 :], over):
                _clear_way(layer, upper)
        try:
            merged = OmegaConf.unsafe_merge(*[_config(layer) for layer in (*layers, over)])
        except OmegaConfBaseException as error:
            return {}, [_merge_fault(error, [*layers, dict(over)], scope)]
        assert isinstance(merged, DictConfig)
        try:
            return _plain(merged, resolve=True), []
        except OmegaConfBaseException:
            return {}, list(islice(_faults(merged, scope, reasons), _MOST))


def types_chosen_by_runtime(layer: Mapping[Any, Any], scope: Scope) -> list[InterpolationFault]:
    """Find dataset types for which a runtime parameter that was given decides what is imported."""
    return [
        InterpolationFault(
            place, f"runtime parameter {name!r} may not choose the type of a dataset; write it out"
        )
        for place, text in _interpolated(layer, ())
        if place[-1] == "type"
        for name in _RUNTIME.findall(text)
        if _lookup("runtime_params", scope.runtime_params, [])(name, None) is not None
    ]


def _excessive(layer: Mapping[Any, Any]) -> Iterator[InterpolationFault]:
    """Find texts that OmegaConf's grammar would take minutes to read."""
    for place, text in _interpolated(layer, ()):
        if len(text) > LONGEST or text.count("${") > _MOST_REFERENCES:
            yield InterpolationFault(
                place,
                f"a text with '${{' has at most {LONGEST:,} characters and {_MOST_REFERENCES} references; "
                "split it",
            )


def _excessive_together(layers: list[Mapping[Any, Any]], scope: Scope) -> list[InterpolationFault]:
    """Find texts that are short, and refer to one another until no memory holds what they stand for."""
    known = {"globals": scope.global_values or {}, "runtime_params": scope.runtime_params}
    path = find_excess(layers, known)
    if path is None:
        return []
    text = "references to references repeat more than is sensible; write the values out"
    return [InterpolationFault(path, text)]


def _faults(merged: DictConfig, scope: Scope, reasons: list[str]) -> Iterator[InterpolationFault]:
    from omegaconf import Container, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    raw = _plain(merged, resolve=False)
    for key in merged:
        reasons.clear()
        try:
            value = merged[key]
            if isinstance(value, Container):
                OmegaConf.to_container(value, resolve=True)
        except OmegaConfBaseException as error:
            path, expression = _find(raw[key], (key,), str(error.full_key or key))
            yield InterpolationFault(path, _explain(error, expression, reasons, scope, raw))


def _clear_way(under: dict[Any, Any], over: Mapping[Any, Any]) -> None:
    """Take out what a list replaces as a mapping, or the other way round: OmegaConf refuses to."""
    for key, value in over.items():
        present = under.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _clear_way(present, value)
        elif isinstance(present, dict | list) and isinstance(value, dict | list):
            del under[key]


def _merge_fault(error: Exception, layers: list[dict[Any, Any]], scope: Scope) -> InterpolationFault:
    """Explain an error before resolving: an interpolation that cannot be read."""
    full_key = str(getattr(error, "full_key", ""))
    for layer in layers:
        for place, text in _interpolated(layer, ()):
            if _full_key(place) == full_key:
                return InterpolationFault(place, _explain(error, text, [], scope, {}))
    return InterpolationFault((), f"values of several files cannot be merged: {_first_line(error)}")


def _find(value: Any, path: tuple[object, ...], full_key: str) -> tuple[tuple[object, ...], str]:
    """Find the interpolated text that OmegaConf calls ``full_key``; the entry itself if it cannot be told."""
    candidates = list(_interpolated(value, path))
    for place, text in candidates:
        if _full_key(place) == full_key.replace("\\", ""):
            return place, text
    return candidates[0] if candidates else (path, "")


def _interpolated(value: Any, path: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], str]]:
    if isinstance(value, str) and "${" in value:
        yield path, value
    items = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in items:
        yield from _interpolated(item, (*path, key))


def _full_key(path: tuple[object, ...]) -> str:
    return "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in path).lstrip(".")


def _explain(
    error: Exception, expression: str, reasons: list[str], scope: Scope, known: Mapping[Any, Any]
) -> str:
    from omegaconf.errors import GrammarParseError, InterpolationKeyError, UnsupportedInterpolationType

    what = _first_line(error)
    if reasons:
        return reasons[-1]
    if isinstance(error, UnsupportedInterpolationType):
        return _explain_resolver(what.rpartition(" ")[2], scope)
    if isinstance(error, InterpolationKeyError):
        key = (re.findall(r"'([^']*)'", what) or [expression])[0]
        near = did_you_mean(key.partition(".")[0], [str(word) for word in known])
        return f"'${{{key}}}' refers to a key that the files of this environment do not have{near}"
    if isinstance(error, GrammarParseError):
        return "interpolation cannot be read; close its brace, or write '\\${' for the characters themselves"
    # what a resolver of the user's says may hold a part of the credentials
    return "interpolation failed" if scope.environment else f"interpolation failed: {what}"


def _explain_resolver(name: str, scope: Scope) -> str:
    if name == ENVIRONMENT:
        return (
            f"'${{{name}:...}}' works in credentials only; hand the value in as a runtime parameter, "
            f"or add {name!r} to custom_resolvers"
        )
    if name == "runtime_params":
        return f"'${{{name}:...}}' cannot be used in globals; use it where the value is needed"
    if name == "globals":
        return "'${globals:...}' cannot be used in globals; write '${name}' for another key there"
    known = sorted({"globals", "runtime_params", *scope.custom})
    return (
        f"no resolver {name!r}{did_you_mean(name, known)}; add it to custom_resolvers in CONFIG_LOADER_ARGS"
    )


@contextmanager
def bounded_resolvers() -> Iterator[None]:
    """Keep OmegaConf's own resolvers within bounds while others than we resolve with them."""
    from omegaconf.resolvers import oc

    with _RESOLVING:
        own = bounded(oc, lambda text: _refuse(text, []))
        try:
            for name, resolver in own.items():
                _register(name, resolver)
            yield
        finally:
            _restore(own, oc)


def _restore(names: Iterable[str], oc: Any) -> None:
    for name in names:
        _register(name, getattr(oc, name.removeprefix("oc.")))


@contextmanager
def _resolvers(scope: Scope) -> Iterator[list[str]]:
    """Register the resolvers of ``scope`` while its values are resolved; yields why one of ours refused."""
    from omegaconf import OmegaConf
    from omegaconf.resolvers import oc

    reasons: list[str] = []
    own = bounded(oc, lambda text: _refuse(text, reasons))
    ours = {name: each for name, each in scope.custom.items() if not OmegaConf.has_resolver(name)}
    if scope.global_values is not None:
        ours["globals"] = _lookup("globals", scope.global_values, reasons)
        ours["runtime_params"] = _lookup("runtime_params", scope.runtime_params, reasons)
    hide_environment = not scope.environment and ENVIRONMENT not in scope.custom
    try:
        for name, resolver in (own | ours).items():
            _register(name, resolver)
        if scope.environment:
            _register(ENVIRONMENT, scope.custom.get(ENVIRONMENT, _environment(oc.env, reasons)))
        elif hide_environment:
            OmegaConf.clear_resolver(ENVIRONMENT)
        yield reasons
    finally:
        for name in ours:
            OmegaConf.clear_resolver(name)
        _restore((*own, ENVIRONMENT), oc)


def _register(name: str, resolver: Resolver) -> None:
    from inspect import signature

    from omegaconf import OmegaConf

    if "annotation_validation" in signature(OmegaConf.register_resolver).parameters:
        OmegaConf.register_resolver(name, resolver, replace=True, annotation_validation="off")
    else:  # before OmegaConf 2.4, where register_resolver is another function
        OmegaConf.register_new_resolver(name, resolver, replace=True)


def _lookup(kind: str, values: Mapping[str, Any], reasons: list[str]) -> Resolver:
    from omegaconf import OmegaConf

    def look_up(variable: str, default: Any = _NOTHING) -> Any:
        if kind == "globals" and variable.startswith("_"):
            return _refuse(f"'${{globals:{variable}}}' begins with '_', and such keys are private", reasons)
        value = OmegaConf.select(_config(values), variable, default=default)
        if value is not _NOTHING:
            return value
        where = "globals.yml" if kind == "globals" else "the runtime parameters (--params)"
        near = did_you_mean(variable.partition(".")[0], [str(word) for word in values])
        return _refuse(
            f"'${{{kind}:{variable}}}' is not in {where}{near}; add it, "
            f"or give a default: '${{{kind}:{variable}, value}}'",
            reasons,
        )

    return look_up


def _environment(read: Resolver, reasons: list[str]) -> Resolver:
    def look_up(variable: str, *default: Any) -> Any:
        try:
            return read(variable, *default)
        except KeyError:
            return _refuse(
                f"environment variable {variable!r} is not set; set it, or give a default", reasons
            )

    return look_up


def _refuse(text: str, reasons: list[str]) -> Any:
    reasons.append(text)
    raise LookupError(text)


def _config(values: Mapping[Any, Any]) -> DictConfig:
    """Wrap plain values; what a caller hands in as a parameter may be any object."""
    from omegaconf import OmegaConf

    return OmegaConf.create(dict(values), flags={"allow_objects": True})


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def _plain(config: DictConfig, resolve: bool) -> dict[Any, Any]:
    from omegaconf import OmegaConf

    values = OmegaConf.to_container(config, resolve=resolve)
    assert isinstance(values, dict)
    return values
