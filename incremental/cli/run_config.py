"""The options of ``run`` from a YAML file, as ``--config`` takes it. It runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.config.document import bytes_of, read
from incremental.config.faults import Fault, Origin, error_of, show_path
from incremental.config.origins import find_line
from incremental.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

_SECTION = "run"
_NOT_HERE = frozenset(
    {"plan_file", "replan", "config", "file", "project"}
)  # what is run is said where it is run
_ALIASES = {"pipeline": "pipelines", "node_names": "nodes", "namespace": "namespaces", "async": "is_async"}


def read_defaults(file: str, parameters: Sequence[click.Parameter]) -> dict[str, Any]:
    """Return the values of the ``run:`` section, as defaults that the command line overrides.

    Raises:
        ConfigError: all that is wrong with the file, with its lines.
    """
    data = bytes_of(file)
    document = read(file, data)
    if document.faults:
        raise error_of(document.faults, _SECTION)
    section = document.values.get(_SECTION)
    if not isinstance(section, dict):
        raise ConfigError(
            f"{show_path(file)!r} has no section 'run'; write 'run:' and below it options such as 'env: prod'"
        )
    known = {str(each.name): each for each in parameters if each.name not in _NOT_HERE}
    faults, defaults = [], {}
    for key, value in section.items():
        name = str(key).replace("-", "_")
        name = _ALIASES.get(name, name)
        problem = _problem(name, value, known)
        if problem:
            line = find_line(data.decode("utf-8", "replace"), (_SECTION, key))[1]
            faults.append(Fault(Origin(file, line), f"{problem.format(key=repr(key))}"))
        else:
            defaults[name] = _as_given(value, known[name])
    if faults:
        raise error_of(faults, _SECTION)
    return defaults


def _problem(name: str, value: Any, known: dict[str, click.Parameter]) -> str | None:
    if name not in known:
        words = [word.replace("_", "-").removeprefix("is-") for word in known]
        return f"{{key}} is no option of run{did_you_mean(name, words)}"
    is_flag = getattr(known[name], "is_flag", False)
    if is_flag and not isinstance(value, bool):
        return "{key} is on or off; write true or false"
    if isinstance(value, dict) and name not in ("params", "load_versions"):
        return "{key} is a mapping; write a text or a list of texts"
    return None


def _as_given(value: Any, parameter: click.Parameter) -> Any:
    """Return a value in the form that click has after reading an option: repeated ones are lists."""
    if value is None:
        return None
    if not getattr(parameter, "multiple", False):
        return value if isinstance(value, bool) else str(value)
    if isinstance(value, list | tuple):
        return [str(each) if not isinstance(each, dict) else each for each in value]
    return [value if isinstance(value, dict) else str(value)]
