"""Turn catalog configuration into entries: explicit, by pattern, with credentials. It builds no dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from incremental.errors import DatasetError, did_you_mean
from incremental.io.catalog.patterns import Pattern, Patterns, is_pattern
from incremental.io.catalog.types import PACKAGES, Types
from incremental.io.validation.specs import VALIDATOR
from incremental.pipeline.transcoding import is_parameter
from incremental.secrets import Redactor, without_references

Origin = Callable[[str], str]
"""Tells where an entry stands, as ``conf/base/catalog.yml:12``."""

CREDENTIALS = "credentials"
TYPE = "type"
_IN_MEMORY = ("MemoryDataset", "SharedMemoryDataset")


RUNTIME_PATTERNS: Mapping[str, Any] = MappingProxyType({"{default}": {TYPE: "MemoryDataset"}})
"""What a name is that no entry and no pattern of the user matches."""


class CatalogConfigResolver:
    """The entries of a catalog by name, with the precedence that Kedro has.

    An explicit entry first, then the most specific pattern, then the catch-all pattern of the user, then
    the runtime pattern, which by default means memory. A pattern never stands for a parameter. Nothing in
    here changes, so that several catalogs may share one.

    Args:
        config: entry by name or pattern; names that begin with ``_`` are templates and no entries.
        credentials: credentials by name, that entries refer to.
        default_runtime_patterns: what names are that are not in the catalog.
        origin: tells where an entry stands, for messages.
        packages: where short types are looked up, in this order.

    Raises:
        DatasetError: entries that are no mappings, have no type, or patterns that cannot be; all at once.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
        default_runtime_patterns: Mapping[str, Any] | None = None,
        *,
        origin: Origin | None = None,
        packages: Sequence[str] = PACKAGES,
    ) -> None:
        self.types = Types(packages)
        self._credentials = credentials or {}
        self._origin = origin
        self._entries: dict[str, dict[str, Any]] = {}
        self._resolved: dict[str, dict[str, Any]] = {}
        self._patterns = Patterns()
        self._runtime = Patterns()
        self.has_own_defaults = False
        """Whether names that are not in the catalog have another dataset than a plain one in memory."""
        self.validated: list[str] = []
        """The explicit names whose entries declare a validator."""
        self.has_validators = False
        patterns: list[Pattern] = []
        faults: list[str] = []
        for name, entry in (config or {}).items():
            if str(name).startswith("_"):
                continue
            if type(entry) is dict and TYPE in entry and type(name) is str and "{" not in name:
                self._entries[name] = entry
            else:
                self._take_rare(name, entry, patterns, faults)
        self.validated = [name for name, entry in self._entries.items() if VALIDATOR in entry]
        self.has_validators = bool(self.validated) or any(VALIDATOR in each.config for each in patterns)
        try:
            self._patterns = Patterns(patterns)
            self._take_runtime(
                RUNTIME_PATTERNS if default_runtime_patterns is None else default_runtime_patterns
            )
        except DatasetError as error:
            faults.append(str(error))
        if faults:
            raise DatasetError("\n".join(faults))

    def _take_runtime(self, patterns: Mapping[str, Any]) -> None:
        self._runtime = Patterns(Pattern(text, entry) for text, entry in patterns.items())
        self.has_own_defaults = any(
            entry.keys() != {TYPE} or str(entry[TYPE]).rpartition(".")[2] not in _IN_MEMORY
            for entry in patterns.values()
        )

    def _take_rare(self, name: Any, entry: Any, patterns: list[Pattern], faults: list[str]) -> None:
        """Take an entry that is a pattern, another kind of mapping, or wrong."""
        if not isinstance(name, str):
            faults.append(f"catalog entry {name!r} is named by {_kind(name)}, not by a text: quote its name")
        elif not isinstance(entry, Mapping):
            faults.append(
                f"{self.where(name)}catalog entry {name!r} is {_kind(entry)}, not a mapping with a 'type'; "
                "a value for other entries to use begins with '_'"
            )
        elif TYPE not in entry:
            near = did_you_mean(TYPE, [str(key) for key in entry])
            faults.append(
                f"{self.where(name)}catalog entry {name!r} has no 'type'"
                f"{near.replace('did you mean', 'is it') if near else '; add one, such as pandas.CSVDataset'}"
            )
        elif is_pattern(name):
            try:
                patterns.append(Pattern(name, entry))
            except DatasetError as error:
                faults.append(f"{self.where(name)}{error}")
        else:
            self._entries[name] = dict(entry)

    def __contains__(self, name: object) -> bool:
        return name in self._entries or (isinstance(name, str) and self._match(name) is not None)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the explicit names."""
        return iter(self._entries)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_origin": None}  # belongs to a configuration loader, which stays behind

    # -- as Kedro has it

    @property
    def config(self) -> dict[str, dict[str, Any]]:
        """The explicit entries by name, with the credentials that they refer to."""
        return {name: self.with_credentials(name, entry) for name, entry in self._entries.items()}

    @staticmethod
    def is_pattern(pattern: str) -> bool:
        """Whether a catalog key stands for many names."""
        return is_pattern(pattern)

    def list_patterns(self) -> list[str]:
        """Return all patterns, in the order in which they are tried; those for names at run time last."""
        patterns = [pattern.text for pattern in (*self._patterns, *self._runtime)]
        return list(dict.fromkeys(patterns))

    def match_dataset_pattern(self, ds_name: str) -> str | None:
        """Return the most specific pattern that stands for a name; a catch-all is none."""
        pattern = self._match(ds_name)
        return pattern.text if pattern is not None and pattern.specificity else None

    def match_user_catch_all_pattern(self, ds_name: str) -> str | None:
        """Return the pattern of the user that stands for every name, if it stands for this one."""
        if is_parameter(ds_name):
            return None
        found = (each for each in self._patterns if not each.specificity and each.matches(ds_name))
        return next((pattern.text for pattern in found), None)

    def match_runtime_pattern(self, ds_name: str) -> str:
        """Return the pattern for names that are not in the catalog. Raises DatasetError if there is none."""
        pattern = self._runtime.match(ds_name)
        if pattern is None:
            raise DatasetError(
                f"no runtime pattern stands for dataset {ds_name!r}; add '{{default}}' to them"
            )
        return pattern.text

    def resolve_pattern(self, ds_name: str) -> dict[str, Any]:
        """Return the entry of a name, placeholders filled in, with the credentials that it refers to.

        Raises:
            DatasetError: its credentials are not configured, or the name leads a path out of its folder.
        """
        entry = self.entry(ds_name)
        return self.with_credentials(ds_name, self.default_entry(ds_name) if entry is None else entry)

    # -- what the catalog asks

    @property
    def credentials(self) -> Mapping[str, Any]:
        """The credentials by name, in the clear."""
        return self._credentials

    def entry(self, name: str) -> dict[str, Any] | None:
        """Return the entry of a name as configured, patterns filled in, credentials still by name."""
        found = self._entries.get(name)
        if found is not None:
            return found
        found = self._resolved.get(name)
        if found is None:
            pattern = self._match(name)
            if pattern is None:
                return None
            found = self._resolved[name] = pattern.resolve(name)
        return found

    def pattern_of(self, name: str) -> str | None:
        """Return the pattern that an implicit name comes from."""
        if name in self._entries:
            return None
        pattern = self._match(name)
        return None if pattern is None else pattern.text

    def default_entry(self, name: str) -> dict[str, Any]:
        """Return the entry, by a runtime pattern, of a name that nothing else has. Raises DatasetError."""
        text = self.match_runtime_pattern(name)
        found: dict[str, Any] = next(each for each in self._runtime if each.text == text).resolve(name)
        return found

    def user_patterns(self) -> list[str]:
        """Return the patterns of the configuration, in the order in which they are tried."""
        return [pattern.text for pattern in self._patterns]

    def pattern_configs(self) -> dict[str, Any]:
        """Return the entry of each pattern as configured."""
        return {pattern.text: pattern.config for pattern in self._patterns}

    def where(self, name: str) -> str:
        """Return ``"file:line: "`` of an entry for the start of a message, or an empty string."""
        if self._origin is None:
            return ""
        place = self._origin(self.pattern_of(name) or name)
        return f"{place}: " if place else ""

    def redactor(self, name: str) -> Redactor:
        """Return what takes all credentials, and the secrets of one entry, out of a message."""
        return Redactor.of({CREDENTIALS: self._credentials}, without_references(self.entry(name)))

    def with_credentials(self, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Return an entry whose references to credentials are replaced by their values, nested ones too.

        Raises:
            DatasetError: it refers to credentials that are not configured.
        """
        return {key: self._resolve(name, key, value) for key, value in entry.items()}

    def _match(self, name: str) -> Pattern | None:
        return None if is_parameter(name) else self._patterns.match(name)

    def _resolve(self, name: str, key: str, value: Any) -> Any:
        if key == CREDENTIALS and isinstance(value, str):
            if value not in self._credentials:
                raise DatasetError(
                    f"{self.where(name)}dataset {name!r} uses credentials {value!r}, which are not configured"
                    f"{did_you_mean(value, self._credentials) or '; add them to credentials.yml'}"
                )
            return self._credentials[value]
        if isinstance(value, Mapping) and key != CREDENTIALS:
            return {inner: self._resolve(name, inner, each) for inner, each in value.items()}
        return value


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    names = {str: "a text", list: "a list", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")
