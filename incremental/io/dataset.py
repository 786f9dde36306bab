"""The dataset interface: what a thing must do so that the engine can load it, save it and ask for it.

It knows no storage, no catalog and no graph.
"""

from __future__ import annotations

import os
from abc import ABC
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from incremental.errors import DatasetError, VersionNotFoundError, did_you_mean
from incremental.secrets import Redactor, mask, strip_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from logging import Logger

In = TypeVar("In")
Out = TypeVar("Out")
_InChunk = TypeVar("_InChunk", contravariant=True)

_LONGEST_SHOWN = 200  # characters of one argument in a repr
_PLACES = ("_filepath", "filepath", "_path")
TYPE, VERSIONED, VERSION = "type", "versioned", "version"
_OF_THE_CATALOG = frozenset({TYPE, VERSIONED, VERSION, "validator"})


class Version(NamedTuple):
    """The version to load and the version to save; ``None`` is the latest, and a new timestamp."""

    load: str | None = None
    save: str | None = None


class Staged(Protocol):
    """An output that is written whole and, if asked for, durable, but not yet visible."""

    def publish(self) -> None:
        """Make it visible in one atomic step."""

    def discard(self) -> None:
        """Remove it without trace; safe after :meth:`publish` and when called twice."""


class ChunkStage(Protocol[_InChunk]):
    """An output that arrives in pieces, as a generator yields them."""

    def write(self, chunk: _InChunk) -> None:
        """Take the next piece. What was written so far is discarded if this fails."""

    def finish(self) -> Staged:
        """Return the whole. Raises DatasetError when no piece was written."""

    def discard(self) -> None:
        """Remove what was written; safe when called twice."""


class AbstractDataset(ABC, Generic[In, Out]):
    """Something that can be loaded and saved.

    A subclass defines ``load`` and ``save``, and if it can ``exists``, ``release`` and ``describe``;
    or the same names with an underscore, as Kedro's datasets do. With the underscore, errors come
    out as :class:`DatasetError` and ``save(None)`` is refused.

    Example::

        class LinesDataset(AbstractDataset[list[str], list[str]]):
            def __init__(self, filepath: str):
                self._filepath = Path(filepath)

            def _load(self) -> list[str]:
                return self._filepath.read_text().splitlines()

            def _save(self, data: list[str]) -> None:
                self._filepath.write_text("\\n".join(data))

            def _exists(self) -> bool:
                return self._filepath.exists()
    """

    ephemeral: bool = False  # lives in memory only
    metadata: Any = None
    runs_code: bool = False  # loading runs code that is in the data; has ``load_unchanged(digest)`` then
    _given: tuple[tuple[Any, ...], dict[str, Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_EPHEMERAL" in vars(cls):  # Kedro's name for it
            cls.ephemeral = bool(vars(cls)["_EPHEMERAL"])

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if (cls.load is AbstractDataset.load and cls._load is AbstractDataset._load) or (
            cls.save is AbstractDataset.save and cls._save is AbstractDataset._save
        ):
            raise TypeError(f"{cls.__qualname__} is abstract: it must define 'load' and 'save'")
        dataset = super().__new__(cls)
        object.__setattr__(dataset, "_given", (args, kwargs))
        return dataset

    # -- what users call

    def load(self) -> Out:
        """Return the data. Raises DatasetError."""
        try:
            return self._load()
        except DatasetError:
            raise
        except Exception as error:
            raise self._failure("load data from", error) from error

    def save(self, data: In) -> None:
        """Store the data; ``None`` is refused. Raises DatasetError."""
        refuse_none(self, data)
        try:
            self._save(data)
        except DatasetError:
            raise
        except Exception as error:
            raise self._failure("save data to", error) from error

    def exists(self) -> bool:
        """Tell whether there is data to load. Raises DatasetError when asking fails."""
        try:
            return self._exists()
        except VersionNotFoundError:
            return False
        except DatasetError:
            raise
        except Exception as error:
            raise self._failure("ask for", error) from error

    def release(self) -> None:
        """Forget whatever is kept in memory. Raises DatasetError."""
        try:
            self._release()
        except DatasetError:
            raise
        except Exception as error:
            raise self._failure("release", error) from error

    def describe(self) -> dict[str, Any]:
        """Return what identifies this dataset to a reader, by name."""
        return self._describe()

    # -- what subclasses define instead

    def _load(self) -> Out:
        raise NotImplementedError(f"{type(self).__qualname__} does not define 'load'")

    def _save(self, data: In) -> None:
        raise NotImplementedError(f"{type(self).__qualname__} does not define 'save'")

    def _exists(self) -> bool:
        return False

    def _release(self) -> None:
        return None

    def _describe(self) -> dict[str, Any]:
        hidden = ("metadata", "credentials")
        return mask_values({name: value for name, value in self._arguments().items() if name not in hidden})

    # -- what the engine asks

    @property
    def can_test_existence(self) -> bool:
        """False where the subclass defines neither ``exists`` nor ``_exists``."""
        cls = type(self)
        return cls.exists is not AbstractDataset.exists or cls._exists is not AbstractDataset._exists

    @property
    def location(self) -> str | None:
        """The absolute path, or the URL without userinfo; ``None`` when it has none.

        The default reads ``_filepath``, ``filepath`` or ``_path``, and ``_protocol``: what datasets usually
        have.
        """
        filepath = next(filter(None, (getattr(self, name, None) for name in _PLACES)), None)
        if not isinstance(filepath, str | PurePath):
            return None
        path = str(filepath)
        protocol = getattr(self, "_protocol", None)
        if "://" in path:
            return strip_url(path)
        if protocol in (None, "", "file", "local"):
            return os.path.abspath(path)  # noqa: PTH100 (Path.resolve asks the disk)
        return strip_url(f"{protocol}://{path}")

    @property
    def can_stage(self) -> bool:
        """Whether a save is whole before it is visible; False where the dataset writes in place."""
        return False

    @property
    def can_send_stage(self) -> bool:
        """Whether what ``stage`` returns can be pickled, and published by another process of this machine."""
        return False

    def stage(self, data: In) -> Staged | None:
        """Write the data beside its target without showing it; ``None``: this dataset writes in place."""
        return None

    def stage_chunks(self) -> ChunkStage[In] | None:
        """Begin an output that arrives in pieces; ``None``: each piece is saved in place."""
        return None

    def resolve_load_version(self) -> str | None:
        """Return the version that ``load`` reads; ``None`` when this dataset has no versions."""
        return None

    def resolve_save_version(self) -> str | None:
        """Return the version that ``save`` writes; ``None`` when this dataset has no versions."""
        return None

    # -- configuration

    def to_config(self) -> dict[str, Any]:
        """Return what :meth:`from_config` needs to build an equal dataset, credentials included."""
        from copy import deepcopy

        config: dict[str, Any] = {TYPE: f"{type(self).__module__}.{type(self).__qualname__}"}
        for name, value in self._arguments().items():
            if name == VERSION:
                if value:
                    config[VERSIONED] = True
            elif isinstance(value, AbstractDataset):
                config[name] = value.to_config()
            else:
                config[name] = deepcopy(value) if isinstance(value, dict | list) else value
        return config

    @classmethod
    def from_config(
        cls,
        name: str,
        config: Mapping[str, Any],
        load_version: str | None = None,
        save_version: str | None = None,
    ) -> AbstractDataset[Any, Any]:
        """Build the dataset that a catalog entry describes.

        ``type`` is a class, a dotted path, or one of the short names in ``incremental.io.files``.
        Versions count only when the entry says ``versioned: true``. Raises DatasetError.
        """
        kind = dataset_class(name, config)
        arguments = arguments_of(kind, config, load_version, save_version)
        try:
            dataset: AbstractDataset[Any, Any] = kind(**arguments)
        except DatasetError as error:
            raise type(error)(f"dataset {name!r}: {error}") from error
        except TypeError as error:
            raise DatasetError(_wrong_arguments(name, kind, arguments, error)) from error
        except Exception as error:
            text = Redactor.of(config).scrub(explain(error))
            raise DatasetError(
                f"dataset {name!r} of type {kind.__qualname__} cannot be built: {text}"
            ) from error
        return dataset

    @property
    def _logger(self) -> Logger:
        """What datasets written for Kedro log with."""
        from logging import getLogger

        return getLogger(type(self).__module__)

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments that the constructor was called with, by name."""
        from inspect import Parameter, signature

        args, kwargs = self._given
        if not args:
            return dict(kwargs)
        bound = signature(type(self).__init__).bind(self, *args, **kwargs)
        named: dict[str, Any] = {}
        for position, (name, value) in enumerate(bound.arguments.items()):
            if position == 0:
                continue  # self
            if bound.signature.parameters[name].kind is Parameter.VAR_KEYWORD:
                named.update(value)
            else:
                named[name] = value
        return named

    def _failure(self, verb: str, error: BaseException) -> DatasetError:
        """Return the one error that wraps ``error``, naming this dataset and hiding its credentials."""
        text = Redactor.of(self._given[1]).scrub(explain(error))
        return DatasetError(f"cannot {verb} {self!r}: {text}")

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={_shown(value)}"
            for name, value in mask_values(self.describe()).items()
            if value is not None and value != {}
        )
        return f"{type(self).__qualname__}({shown})"


def explain(error: BaseException) -> str:
    """Return an error in one phrase: an OSError by its own text, others with the name of their class."""
    text = str(error)
    if isinstance(error, OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def refuse_none(dataset: AbstractDataset[Any, Any], data: object) -> None:
    """Raise DatasetError when there is nothing to save."""
    if data is None:
        raise DatasetError(f"cannot save None to {dataset!r}; return a value, or remove the output")


def mask_values(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description without secrets; versions, which are tuples with names, are kept as they are."""
    rest = {name: value for name, value in described.items() if not isinstance(value, Version)}
    masked = mask(rest)
    return {name: masked.get(name, value) for name, value in described.items()}


def dataset_class(name: str, config: Mapping[str, Any]) -> type[Any]:
    """Return the class that ``config["type"]`` names. Raises DatasetError."""
    from incremental.io.catalog.types import find_class

    kind = config.get(TYPE)
    if kind is None:
        raise DatasetError(
            f"dataset {name!r} has no 'type'; give it one, for instance 'type: json.JSONDataset'"
        )
    if isinstance(kind, str):
        try:
            kind = find_class(kind)
        except DatasetError as error:
            raise DatasetError(f"dataset {name!r}: {error}") from error.__cause__
    if not isinstance(kind, type) or not callable(getattr(kind, "load", None)):
        raise DatasetError(f"dataset {name!r}: type {kind!r} is no dataset class; extend AbstractDataset")
    return kind


def arguments_of(
    kind: type[Any], config: Mapping[str, Any], load_version: str | None, save_version: str | None
) -> dict[str, Any]:
    """Return the arguments that an entry has for the constructor of its class."""
    from copy import deepcopy

    arguments = {
        key: deepcopy(value) if isinstance(value, dict | list) else value
        for key, value in config.items()
        if key not in _OF_THE_CATALOG
    }
    if config.get(VERSIONED) or getattr(kind, VERSIONED, False):
        arguments[VERSION] = Version(load_version, save_version)
    return arguments


def _wrong_arguments(name: str, kind: type[Any], arguments: Mapping[str, Any], error: TypeError) -> str:
    from inspect import Parameter, signature

    parameters = list(signature(kind.__init__).parameters.values())[1:]
    known = [parameter.name for parameter in parameters if parameter.kind is not Parameter.VAR_KEYWORD]
    begin = f"dataset {name!r} of type {kind.__qualname__}"
    unknown = [word for word in arguments if word not in known]
    if unknown and len(known) == len(parameters):
        faults = "; ".join(f"{word!r} is no argument{did_you_mean(word, known)}" for word in unknown)
        return f"{begin}: {faults} (it takes {', '.join(known)})"
    missing = [
        parameter.name
        for parameter in parameters
        if parameter.default is Parameter.empty
        and parameter.name not in arguments
        and parameter.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
    ]
    if missing:
        return f"{begin} needs {', '.join(map(repr, missing))}"
    return f"{begin} cannot be built: {Redactor.of(arguments).scrub(str(error))}"


def _shown(value: object) -> str:
    text = " ".join(repr(str(value) if isinstance(value, PurePath) else value).split())
    return strip_url(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
