"""Layered configuration: ``conf/base``, an environment, runtime parameters, as plain dicts.

It does not know what a catalog entry or a parameter means, and it writes nothing.
"""

from __future__ import annotations

import functools
import logging
from itertools import islice
from typing import TYPE_CHECKING, Any

from incremental.config import merging
from incremental.config.abstract import AbstractConfigLoader
from incremental.config.document import Document, holds_interpolation, read
from incremental.config.faults import SHOWN, Fault, Origin, error_of, show_path
from incremental.config.origins import find_line
from incremental.config.parameters import expand, misspelt
from incremental.config.source import open_source
from incremental.errors import ConfigError, MissingConfigError, did_you_mean
from incremental.secrets import conceal, mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from incremental.config.folder import ConfigSource

logger = logging.getLogger(__name__)

_STRATEGIES = {"soft": merging.merge_softly, "destructive": merging.merge_destructively}
_RECURSIVE = ("catalog", "parameters", "credentials", "logging")
_Values = dict[Any, Any]
_Path = tuple[Any, ...]


class OmegaConfigLoader(AbstractConfigLoader):
    """Read and merge the YAML and JSON files of a configuration folder.

    ``loader["catalog"]`` reads afresh each time it is asked. Strings of ``loader["credentials"]``
    are :class:`~incremental.secrets.Secret`. Files without ``${`` never load OmegaConf.

    Args:
        conf_source: the folder with a folder for each environment; also a ``.zip`` or ``.tar.gz`` of it, or
            either at any URL that fsspec knows. What is no local folder is read once.
        env: the environment that is put on top of the base; None for ``default_run_env``.
        runtime_params: put on top of ``parameters``; dotted names reach into nested ones.
        config_patterns: more or other globs by kind, such as ``{"spark": ["spark*"]}``.
        base_env: the environment below all others, "base"; "" for ``conf_source`` itself.
        default_run_env: the environment when none is asked for, "local"; it may be absent.
        custom_resolvers: functions for ``${name:argument}``.
        merge_strategy: "soft" or "destructive" (the default) by kind.
        ignore_hidden: leave out files and folders whose name begins with a dot.
        restrict_runtime_params_type_selection: refuse runtime parameters that decide the ``type`` of a
            dataset, for parameters that come from people who may not choose what is imported.

    Raises:
        ConfigError: when asked for a kind, all that is wrong with its files, with file and line.
        MissingConfigError: also a KeyError; there is no file for that kind.
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        *,
        config_patterns: dict[str, list[str]] | None = None,
        base_env: str | None = None,
        default_run_env: str | None = None,
        custom_resolvers: dict[str, Callable[..., Any]] | None = None,
        merge_strategy: dict[str, str] | None = None,
        ignore_hidden: bool = True,
        restrict_runtime_params_type_selection: bool = False,
    ) -> None:
        super().__init__(conf_source, env, runtime_params)
        self.base_env = "base" if base_env is None else base_env
        self.default_run_env = "local" if default_run_env is None else default_run_env
        self.config_patterns = {
            **{kind: [f"{kind}*", f"{kind}*/**", f"**/{kind}*"] for kind in _RECURSIVE},
            "globals": ["globals.yml"],
            **(config_patterns or {}),
        }
        self.custom_resolvers = dict(custom_resolvers or {})
        self.merge_strategy = dict(merge_strategy or {})
        self.ignore_hidden = ignore_hidden
        self.restrict_runtime_params_type_selection = restrict_runtime_params_type_selection
        self._check_patterns()
        self._check_strategies()
        for name, resolver in self.custom_resolvers.items():
            if not callable(resolver):
                raise ConfigError(f"custom_resolvers has {name!r}: {resolver!r}; give a function")

    def __getitem__(self, key: str) -> dict[str, Any]:
        """Return the merged configuration of one kind: ``loader["parameters"]``."""
        values: dict[str, Any]
        if key in self.data:
            values = self.data[key]
        elif key == "credentials":
            values = conceal(self._load(key))
        else:
            values = self._load(key)
        return values

    @functools.cached_property
    def _source(self) -> ConfigSource:
        return open_source(self.conf_source, self.base_env, self.ignore_hidden)

    def keys(self) -> Any:
        """Return the kinds of configuration there can be."""
        return self.config_patterns.keys()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(conf_source={show_path(self.conf_source)!r}, env={self.env!r}, "
            f"runtime_params={mask(self.runtime_params)!r})"
        )

    def files(self, key: str) -> list[str]:
        """Return the files that make up one kind, those of the base first."""
        found = [self._source.files(env, self._patterns(key))[0] for env in self._environments()]
        return [file for files in found for file in files]

    def origin(self, key: str, *path: object) -> Origin | None:
        """Return the file and line that decide an entry, ``origin("catalog", "cars", "type")``.

        None when no file has its first word. Files are read again: this is for messages.
        """
        best: tuple[int, Origin] | None = None
        for file in reversed(self.files(key)):
            try:
                text = self._source.read(file).decode("utf-8", "replace")
            except OSError:
                continue
            depth, line = find_line(text, path)
            if depth and (best is None or depth > best[0]):
                best = depth, Origin(file, line)
        return best[1] if best else None

    def _check_patterns(self) -> None:
        for key, patterns in self.config_patterns.items():
            if not isinstance(patterns, list | tuple) or not all(isinstance(each, str) for each in patterns):
                raise ConfigError(f"config_patterns of {key!r} is {patterns!r}; give a list of globs")

    def _check_strategies(self) -> None:
        for key, strategy in self.merge_strategy.items():
            if key not in self.config_patterns:
                near = did_you_mean(key, self.config_patterns)
                raise ConfigError(f"merge_strategy names {key!r}, which is no kind of configuration{near}")
            if str(strategy).lower() not in _STRATEGIES:
                near = did_you_mean(str(strategy), _STRATEGIES)
                raise ConfigError(
                    f"merge_strategy of {key!r} is {strategy!r}; it can be 'soft' or 'destructive'{near}"
                )

    def _patterns(self, key: str) -> list[str]:
        if key not in self.config_patterns:
            raise MissingConfigError(
                f"no file patterns for configuration {key!r}{did_you_mean(key, self.config_patterns)}; "
                "add them to config_patterns in CONFIG_LOADER_ARGS"
            )
        return self.config_patterns[key]

    def _environments(self) -> list[str]:
        """Return the environments to read, the lowest first."""
        if not isinstance(self.env, str | None):
            raise ConfigError(f"environment {self.env!r} is not a name; give a string")
        if not self._source.check(self.base_env, asked_for=False):
            raise MissingConfigError(
                f"configuration folder {show_path(self.conf_source)!r} has no environment {self.base_env!r}; "
                f"create the folder {show_path(f'{self.conf_source}/{self.base_env}')!r}"
            )
        env = self.default_run_env if self.env is None else self.env
        if env == self.base_env:
            return [env]
        if self.env == "":
            raise ConfigError("environment '' is not a name; leave it out, or name a folder of conf_source")
        # the default environment is often not under version control: a fresh clone has none
        there = self._source.check(env, asked_for=self.env is not None)
        return [self.base_env, env] if there else [self.base_env]

    def _load(self, key: str) -> dict[str, Any]:
        patterns = self._patterns(key)
        faults: list[Fault] = []
        layers: list[list[Document]] = []
        for env in self._environments():
            files, unreadable = self._source.files(env, patterns)
            faults += unreadable
            layers.append([self._read(key, file) for file in files])
        for documents in layers:
            for document in documents:
                faults += document.faults or islice(self._key_faults(key, document), SHOWN + 1)
            if not faults:
                faults += islice(self._duplicates(key, documents), SHOWN + 1)
        if faults:
            raise error_of(faults, key)
        if not any(layers) and key == "parameters" and self.runtime_params:
            return expand(self.runtime_params)
        if not any(layers) and key != "globals":
            folders = " or ".join(repr(env or ".") for env in self._environments())
            raise MissingConfigError(
                f"no configuration files for {key!r} in {show_path(self.conf_source)!r}: "
                f"nothing in {folders} matches {', '.join(patterns)}"
            )
        return self._merge(key, layers)

    def _read(self, key: str, file: str) -> Document:
        try:
            return read(file, self._source.read(file), hide=key == "credentials")
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            fault = Fault(Origin(file, 1), f"cannot be read: {reason}; check its permissions")
            return Document(file, faults=(fault,))

    def _key_faults(self, key: str, document: Document) -> Iterator[Fault]:
        if key == "parameters":
            return
        for name in document.values:
            if not isinstance(name, str):
                yield Fault(self._line(document, (name,)), f"name {name!r} is not a text; quote it")

    def _duplicates(self, key: str, documents: list[Document]) -> Iterator[Fault]:
        if len(documents) < 2:
            return
        seen: dict[_Path, tuple[Document, bool]] = {}
        for document in documents:
            for path, is_mapping in _entries(document.values, deep=key == "parameters"):
                if str(path[0]).startswith("_"):
                    continue
                first, was_mapping = seen.setdefault(path, (document, is_mapping))
                if first is document or (is_mapping and was_mapping and key == "parameters"):
                    continue
                name = ".".join(map(str, path))
                yield Fault(
                    self._line(document, path),
                    f"{name!r} is also in {self._line(first, path)}; keep one of the two",
                )

    def _line(self, document: Document, path: _Path) -> Origin:
        text = self._source.read(document.file).decode("utf-8", "replace")
        return Origin(document.file, find_line(text, path)[1])

    def _merge(self, key: str, layers: list[list[Document]]) -> dict[str, Any]:
        runtime: _Values = {}
        if key == "parameters" and self.runtime_params:
            runtime = self._runtime(layers)
        resolved: list[_Values] = []
        own: list[set[Any]] = []
        for documents in layers:
            if documents:
                own.append({name for document in documents for name in document.values})
                resolved.append(self._resolve(key, documents, runtime))
        if not resolved:
            return {}
        result = resolved[0]
        for values, names in zip(resolved[1:], own[1:], strict=True):
            strategy = _STRATEGIES[self.merge_strategy.get(key, "destructive").lower()]
            strategy(result, {name: value for name, value in values.items() if name in names})
        # again, because a destructive merge of the environment may have put a whole entry over them
        merging.merge_softly(result, _like(runtime, resolved[-1]))
        if key != "parameters" and any(name.startswith("_") for name in result):
            return {name: value for name, value in result.items() if not name.startswith("_")}
        return result

    def _runtime(self, layers: list[list[Document]]) -> _Values:
        known: _Values = {}
        for documents in layers:
            for document in documents:
                merging.merge_softly(known, document.values)
        runtime = expand(self.runtime_params, known)
        for sentence in misspelt(runtime, known):  # it may be meant: a node may read what it likes
            logger.warning(sentence)
        return runtime

    def _resolve(self, key: str, documents: list[Document], runtime: Mapping[str, Any]) -> _Values:
        if not any(document.interpolated for document in documents) and not holds_interpolation(runtime):
            merged = documents[0].values
            for document in documents[1:]:
                merging.merge_softly(merged, document.values)
            merging.merge_softly(merged, dict(runtime))
            return merged
        return self._interpolate(key, documents, runtime)

    def _interpolate(self, key: str, documents: list[Document], runtime: Mapping[str, Any]) -> _Values:
        from incremental.config.interpolation import Scope, resolve, types_chosen_by_runtime

        scope = Scope(
            runtime_params=expand(self.runtime_params),
            global_values=None if key == "globals" else self["globals"],
            custom=self.custom_resolvers,
            environment=key == "credentials",
        )
        problems = []
        if key == "catalog" and self.restrict_runtime_params_type_selection:
            problems = [
                each for document in documents for each in types_chosen_by_runtime(document.values, scope)
            ]
        if not problems:
            values, problems = resolve([document.values for document in documents], scope, runtime)
        if not problems:
            return values
        faults = []
        for problem in problems:
            at = [
                self._line(each, problem.path) for each in documents if each.values.keys() & problem.path[:1]
            ]
            faults.append(Fault(at[-1] if at else None, problem.text))
        raise error_of(faults, key)


def _entries(values: _Values, deep: bool, path: _Path = ()) -> Iterator[tuple[_Path, bool]]:
    """Yield the path of each entry and whether it is a mapping; ``deep``: below the top level too."""
    for name, value in values.items():
        yield (*path, name), isinstance(value, dict)
        if deep and isinstance(value, dict):
            yield from _entries(value, deep, (*path, name))


def _like(pattern: _Values, values: _Values) -> _Values:
    """Return the values that stand in ``values`` where ``pattern`` has some."""
    found: _Values = {}
    for name, item in pattern.items():
        value = values.get(name, item)
        found[name] = _like(item, value) if isinstance(item, dict) and isinstance(value, dict) else value
    return found
