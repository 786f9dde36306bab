"""What can be learnt from a function without calling it. It knows no dataset."""

from __future__ import annotations

from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from inspect import Signature

_TAKES_MORE_POSITIONAL = 0x04  # inspect.CO_VARARGS; `inspect` is not loaded for the usual case
_TAKES_MORE_KEYWORDS = 0x08
_YIELDS = 0x20


def readable_name(func: Callable[..., Any]) -> str:
    """Return a name for messages, the same in every process."""
    name = getattr(func, "__name__", None)
    if isinstance(name, str):
        return name
    if isinstance(func, partial):
        return f"partial({readable_name(func.func)})"
    return type(func).__name__


def origin(func: Callable[..., Any]) -> tuple[str, str]:
    """Return where the function comes from, and what a node made of it is called after."""
    if isinstance(func, partial):
        called = f"partial({readable_name(func.func)})"
        return called, called
    called = readable_name(func)
    home = func if hasattr(func, "__name__") else type(func)
    return f"{getattr(home, '__module__', None)}.{called}", called


def is_generator_function(func: Callable[..., Any]) -> bool:
    """Tell whether calling it makes a generator; looks through partials, methods and wrappers."""
    code = getattr(innermost(func), "__code__", None)
    return code is not None and bool(code.co_flags & _YIELDS)


def innermost(func: Any) -> Any:
    """Return the function, or the class, that a call ends in under partials, methods and wrappers."""
    while True:
        if isinstance(func, partial):
            func = func.func
        elif isinstance(func, MethodType):
            func = func.__func__
        elif hasattr(func, "__wrapped__"):
            func = func.__wrapped__
        elif isinstance(func, type) or hasattr(func, "__code__"):
            return func
        else:
            return type(func).__call__


def accepts(func: Callable[..., Any], count: int) -> bool:
    """Tell whether the function can be called with so many positional arguments.

    A function that hides its signature (some written in C) is given the benefit of the doubt.
    """
    if type(func) is MethodType:
        return accepts(func.__func__, count + 1)
    if type(func) is FunctionType and not hasattr(func, "__signature__"):
        code = func.__code__
        most = code.co_argcount
        if code.co_kwonlyargcount > len(func.__kwdefaults__ or ()):
            return False
        if count < most - len(func.__defaults__ or ()):
            return False
        return count <= most or bool(code.co_flags & _TAKES_MORE_POSITIONAL)
    signature = _signature(func)
    return signature is None or _binds(signature, (None,) * count)


def keyword_order(func: Callable[..., Any], keywords: Sequence[str]) -> list[str] | None:
    """Return the keywords in the order of the function's arguments; None if they do not fit."""
    if type(func) is FunctionType and not hasattr(func, "__signature__"):
        code = func.__code__
        if not code.co_posonlyargcount:
            return _order_of_plain_function(func, keywords)
    signature = _signature(func)
    if signature is None:
        return list(keywords)
    try:
        bound = signature.bind(**{keyword: keyword for keyword in keywords})
    except TypeError:
        return None
    return [*bound.args, *bound.kwargs.values()]


def arguments(func: Callable[..., Any]) -> list[str]:
    """Return the names of the function's arguments; empty where they cannot be known."""
    signature = _signature(func)
    return list(signature.parameters) if signature else []


def _order_of_plain_function(func: FunctionType, keywords: Sequence[str]) -> list[str] | None:
    code = func.__code__
    positional = code.co_varnames[: code.co_argcount]
    keyword_only = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    given = set(keywords)
    optional = len(func.__defaults__ or ())
    required = {*positional[: len(positional) - optional], *keyword_only} - set(func.__kwdefaults__ or ())
    if not required <= given:
        return None
    known = [*positional, *keyword_only]
    others = [keyword for keyword in keywords if keyword not in known]
    if others and not code.co_flags & _TAKES_MORE_KEYWORDS:
        return None
    return [name for name in known if name in given] + others


def _signature(func: Callable[..., Any]) -> Signature | None:
    import inspect

    try:
        return inspect.signature(func, follow_wrapped=False)
    except (TypeError, ValueError):
        return None


def _binds(signature: Signature, values: tuple[None, ...]) -> bool:
    try:
        signature.bind(*values)
    except TypeError:
        return False
    return True
