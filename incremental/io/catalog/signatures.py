"""Which arguments a class of kedro-datasets takes, read from its source.

It imports none of these classes: they load pandas, plotly and the like, which a plan does without.
"""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import dataclass
from pathlib import Path

_MODULE = r"^\s*from \.(\w+) import {}$"
_CLASS = r"^class {}\(.*?^    (def __init__\(.*?\)(?: ->[^:\n]+)?:)(?=[^\n]*\n        )"
_NEXT_CLASS = re.compile(r"^class ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Signature:
    """The names of the arguments of a class, and of those that it says have to be given."""

    known: frozenset[str]
    required: frozenset[str] = frozenset()


@functools.cache
def signature_of(folder: str, kind: str) -> Signature | None:
    """Return the signature of a class; None where its source does not tell, or where it takes any argument.

    Args:
        folder: of the package.
        kind: such as ``pandas.CSVDataset``.
    """
    group, _, name = kind.rpartition(".")
    try:
        found = re.search(_MODULE.format(name), _text(folder, group, "__init__"), re.MULTILINE)
        return None if found is None else _read(_text(folder, group, found[1]), name)
    except (OSError, ValueError, SyntaxError):
        return None


def _text(folder: str, group: str, module: str) -> str:
    return Path(folder, group, f"{module}.py").read_text(encoding="utf-8")


def _read(text: str, name: str) -> Signature | None:
    found = re.search(_CLASS.format(name), text, re.MULTILINE | re.DOTALL)
    if found is None or _NEXT_CLASS.search(found[0], 1):  # it inherits what another class takes
        return None
    (function,) = ast.parse(f"{found[1]} ...").body
    assert isinstance(function, ast.FunctionDef)
    taken = function.args
    if taken.kwarg is not None or taken.vararg is not None:
        return None
    named = [each.arg for each in (*taken.posonlyargs, *taken.args)][1:]
    by_keyword = [each.arg for each in taken.kwonlyargs]
    required = named[: len(named) - len(taken.defaults)]
    required += [each for each, value in zip(by_keyword, taken.kw_defaults, strict=True) if value is None]
    return Signature(frozenset((*named, *by_keyword)), frozenset(required))
