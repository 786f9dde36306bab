"""What a plain YAML word means: the reading of OmegaConf (YAML 1.1, ``1e-3`` a float, dates strings).

It reads no documents: see ``document``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from yaml import SafeLoader, ScalarNode
from yaml.constructor import SafeConstructor

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = "tag:yaml.org,2002:"
_FALSE_WORDS = ("no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_TRUE_WORDS = ("yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(_FALSE_WORDS, False),
    **dict.fromkeys(_TRUE_WORDS, True),
}
_LONGEST_NUMBER = 1000  # characters; reading one to base 60 takes time that grows with the square
_NUMBER_STARTS = frozenset("-+0123456789.")
_EXPONENT = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*(?:\.[0-9_]*)?[eE][-+]?[0-9]+")
_SIMPLE_INTEGER = re.compile(r"(?:0|[1-9][0-9]{0,17})")
_PATTERNS = [
    (tag.removeprefix(_PREFIX), pattern)
    for tag, pattern in SafeLoader.yaml_implicit_resolvers["1"]
    if tag in (_PREFIX + "int", _PREFIX + "float")
]
# The class that PyYAML puts into its SafeLoader; here it only turns one word into a value.
_CONSTRUCTOR = SafeConstructor()
_NUMBERS: dict[str, Callable[[ScalarNode], Any]] = {
    "int": _CONSTRUCTOR.construct_yaml_int,
    "float": _CONSTRUCTOR.construct_yaml_float,
}


def plain(word: str) -> Any:
    """Return the value of an unquoted word without a tag.

    Raises ``ValueError`` where a word looks like a number and is none.
    """
    if word in _WORDS:
        return _WORDS[word]
    if word[0] not in _NUMBER_STARTS:
        return word
    if _SIMPLE_INTEGER.fullmatch(word):
        return int(word)
    for kind, pattern in _PATTERNS:
        if pattern.match(word):
            return _number(kind, word)
    return _number("float", word) if _EXPONENT.fullmatch(word) else word


def tagged(tag: str, word: str) -> Any:
    """Return the value of a word under an explicit tag such as ``tag:yaml.org,2002:int``.

    Raises ``LookupError`` for a tag that is not supported, ``ValueError`` for a word that does not fit.
    """
    kind = tag.removeprefix(_PREFIX) if tag.startswith(_PREFIX) else ""
    if kind == "str":
        return word
    if kind == "null":
        return None
    if kind in _NUMBERS:
        return _number(kind, word)
    if kind == "bool":
        value = _WORDS.get(word.lower()) if word else None
        if value is None:
            raise ValueError(word)
        return value
    if kind == "binary":
        import base64

        return base64.decodebytes(word.encode("ascii"))
    raise LookupError(tag)


def _number(kind: str, word: str) -> Any:
    if len(word) > _LONGEST_NUMBER:
        raise ValueError(word)
    try:
        return _NUMBERS[kind](ScalarNode(f"{_PREFIX}{kind}", word))
    except IndexError as error:  # PyYAML's own reading of '' or '+'
        raise ValueError(word) from error
