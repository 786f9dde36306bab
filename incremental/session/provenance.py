"""What a run was made with: code, versions, parameters, by whom and how. Finding out never fails a run."""

from __future__ import annotations

import contextlib
import functools
import getpass
import os
import subprocess
import sys
import threading
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from incremental import __version__
from incremental.privacy import mask_argv, mask_parameters
from incremental.secrets import as_text
from incremental.state.liveness import birth_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from incremental.pipeline import Node
    from incremental.session.context import Context

_NOT_LISTED = frozenset({"incremental"})
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def circumstances(context: Context, runner: object) -> dict[str, Any]:
    """Return what is known at once: command, user, runner, parameters, versions of Python and of ours."""
    scrub_all = context.redactor.scrub_all
    return {
        "command": scrub_all(mask_argv(sys.argv, context.private_parameters)),
        "user": username(),
        "runner": context.redactor.scrub(as_text(runner)),
        "python": ".".join(map(str, sys.version_info[:3])),
        "incremental": __version__,
        "process": birth_of(os.getpid()),
        "parameters": scrub_all(mask_parameters(context.plain_params, context.private_parameters)),
    }


def username() -> str | None:
    """Return the name of the user, or None where the system has none (a bare container)."""
    with contextlib.suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return None


class Code:
    """The state of the code: what git says, and the versions of packages. Found out beside the run.

    Args:
        folder: the project.
        nodes: those whose modules are looked at; nothing is imported for it.
    """

    def __init__(self, folder: str, nodes: Iterable[Node] = ()) -> None:
        self._folder = folder
        self._packages: list[str] = []
        with contextlib.suppress(Exception):  # modules of any make
            self._packages = sorted(packages_of({module_of(node.func) for node in nodes}))
        self._git: subprocess.Popen[str] | None = None
        self._found: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._find, name="incremental-code", daemon=True)
        self._thread.start()

    @property
    def is_known(self) -> bool:
        """Whether all that can be found out was."""
        return not self._thread.is_alive()

    def known(self, patience: float) -> dict[str, Any]:
        """Return ``git`` (commit, and whether there are changes) and ``packages``.

        What is not known after ``patience`` seconds is None.
        """
        self._thread.join(patience)
        if self._thread.is_alive() and self._git is not None:
            with contextlib.suppress(OSError):
                self._git.kill()
            self._thread.join(patience)
        return {"git": {"commit": None, "dirty": None}, "packages": {}, **self._found}

    def _find(self) -> None:
        with contextlib.suppress(Exception):  # no git, broken metadata: then it is not known
            versions = {name: version_of(name) for name in self._packages}
            self._found["packages"] = {name: version for name, version in versions.items() if version}
        git: dict[str, Any] = {"commit": None, "dirty": None}
        self._found["git"] = git
        with contextlib.suppress(Exception):
            git["commit"] = self._ask("rev-parse", "--verify", "HEAD").strip() or None
            git["dirty"] = bool(self._ask("status", "--porcelain").strip())

    def _ask(self, *arguments: str) -> str:
        """Return what git answers.

        Raises:
            OSError: there is no git.
            ValueError: it has no answer.
        """
        with subprocess.Popen(
            ["git", "--no-optional-locks", "-C", self._folder, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
        ) as self._git:
            answer, _ = self._git.communicate()
        if self._git.returncode:
            raise ValueError(f"git ended with {self._git.returncode}")
        return answer


def module_of(function: Callable[..., Any]) -> str:
    """Return the module in which the function of a node is defined, without what wraps it."""
    for _ in range(100):  # a wrapper may wrap itself
        inner = (
            function.func if isinstance(function, functools.partial) else vars_of(function).get("__wrapped__")
        )
        if inner is None:
            break
        function = inner
    name = getattr(function, "__module__", None) or type(function).__module__
    return str(name)


def vars_of(value: object) -> dict[str, Any]:
    """Return the attributes of a value itself; asking for one could run code of the user's."""
    found = getattr(value, "__dict__", None)
    return found if isinstance(found, dict) else {}


def version_of(name: str) -> str | None:
    """Return the version of an imported module: its own word, else that of the distribution of its name."""
    module = sys.modules.get(name)
    own = vars_of(module).get("__version__")
    if isinstance(own, str):
        return own
    if not _is_installed(module):
        return None
    from importlib.metadata import PackageNotFoundError, version

    with contextlib.suppress(PackageNotFoundError, ValueError, OSError):
        return str(version(name.replace(".", "-")))
    return None


def packages_of(modules: set[str]) -> set[str]:
    """Return the packages that modules import, but for the standard library.

    What is not installed is code of the project: what that imports is looked at too.
    """
    found: set[str] = set()
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if name in seen or top in sys.stdlib_module_names or top in _NOT_LISTED:
            continue
        seen.add(name)
        module = sys.modules.get(name)
        if not _is_installed(module):
            waiting += _imported_by(module)
        package = _package(name)
        if package is not None:
            found.add(package)
    return found


def _is_installed(module: ModuleType | None) -> bool:
    file = vars_of(module).get("__file__")
    return isinstance(file, str) and any(place in file for place in _LIBRARIES)


def _imported_by(module: ModuleType | None) -> Iterator[str]:
    for value in list(vars_of(module).values()):
        kind = type(value)
        if issubclass(kind, ModuleType):
            yield value.__name__
        elif issubclass(kind, type | FunctionType | BuiltinFunctionType):
            name = getattr(value, "__module__", None)
            if isinstance(name, str):
                yield name


def _package(name: str) -> str | None:
    """Return the outermost package of a module that has code of its own: ``google.cloud.storage``."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        outer = ".".join(parts[:length])
        if vars_of(sys.modules.get(outer)).get("__file__"):
            return outer
    return None
