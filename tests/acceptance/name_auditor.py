"""Uses generated names wherever this package takes a name, and writes down each file opened outside a folder.

Run as ``python name_auditor.py ROOT KIND SEED COUNT``. ROOT is a project; ``ROOT/../outside`` is bait, and links
called ``link`` that lead to it are planted where names are looked up.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import io
import os
import random
import site
import sys
import sysconfig
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import incremental
from incremental import DataCatalog, Session
from incremental.cli.main import invoke
from incremental.io.dataset import Version
from incremental.io.files.formats import TextDataset
from incremental.io.files.partitions import PartitionedDataset
from incremental.session.store import JSONSessionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(sys.argv[1]).resolve()
OUTSIDE = ROOT.parent / "outside"
WATCHED = {
    "open": (0,), "os.mkdir": (0,), "os.rename": (0, 1), "os.remove": (0,), "os.rmdir": (0,), "os.link": (0, 1),
    "os.symlink": (1,), "os.scandir": (0,), "os.listdir": (0,), "os.chmod": (0,), "os.truncate": (0,),
    "os.utime": (0,), "os.mkfifo": (0,), "sqlite3.connect": (0,), "shutil.copyfile": (0, 1), "shutil.rmtree": (0,),
    "tempfile.mkdtemp": (0,), "glob.glob": (0,),
}  # fmt: skip
INNOCENT = tuple(
    os.path.realpath(place) + os.sep
    for place in (
        sys.prefix, sys.base_prefix, *site.getsitepackages(), *sysconfig.get_paths().values(), *filter(os.path.isabs, sys.path),
        Path(incremental.__file__).parent, "/proc", "/dev", "/sys", "/etc", "/usr",
        Path(os.environ["XDG_STATE_HOME"], "incremental"),  # claims, whose names are ours
    )
)  # fmt: skip

PIECES = [
    "..", ".", "/", "\\", "\0", "~", "~root", "$HOME", "%2e%2e", "%2f", ":", "C:", "c:\\", "\\\\host\\share", "//", "file://",
    "s3://b/", "http://127.0.0.1:1/", "link", "outside", "x", "é", "\u2024", "\u2025", "\uff0e\uff0e", "\uff0f", "\u2215", "\u29f8",
    "\u202e", "\ud800", "\n", "\r", " ", "-", "--", "*", "?", "[a]", "{x}", "|", ";", "'", '"', "x" * 300, "CON", "NUL",
    ".sqlite", "-wal", ".yml", ".json", "base", "__pycache__",
]  # fmt: skip
FIXED = [
    "../outside/bait", "../../outside/bait", "../outside", "..", ".", "", "/", "~", "link", "link/bait", "link/../bait",
    str(OUTSIDE / "bait"), f"file://{OUTSIDE}/bait", "..\\outside\\bait", "x/../../outside/bait", "\0", "bait\0.txt",
    "x" * 300, "\uff0e\uff0e\uff0foutside\uff0fbait", "C:\\outside\\bait", "....//outside//bait",
]  # fmt: skip


def names(seed: int, count: int) -> Iterator[str]:
    """Yield the worst names first, then generated ones."""
    chosen = random.Random(seed)
    yield from FIXED[:count]
    for _ in range(count - len(FIXED)):
        name = "".join(chosen.choices(PIECES, k=chosen.randint(1, 5)))
        yield "../" * chosen.choice((0, 0, 1, 2, 5)) + name


def use_env(name: str) -> None:
    with Session.create(ROOT, save_on_close=False, env=name) as session:
        session.plan(only_missing_outputs=True)


def use_version(name: str) -> None:
    path = str(ROOT / "data/versions.txt")
    for use in (
        lambda: TextDataset(filepath=path, version=Version(name, None)).load(),
        lambda: TextDataset(filepath=path, version=Version(name, None)).exists(),
        lambda: TextDataset(filepath=path, version=Version(None, name)).save("x"),
        lambda: catalog(load_versions={"versioned": name})["versioned"].load(),
        lambda: catalog(save_version=name)["versioned"].save("x"),
        lambda: _plan(load_versions={"versioned": name}),
    ):
        attempt(use)


def use_session(name: str) -> None:
    for use in (
        lambda: JSONSessionStore(str(ROOT), name).read(),
        lambda: JSONSessionStore(str(ROOT), name).save({}),
    ):
        attempt(use)


def use_run(name: str) -> None:
    with Session.create(ROOT, save_on_close=False) as session:
        assert session.history.run(name) is None


def use_dataset(name: str) -> None:
    for text in (name, f"{name}_text", f"raw.{name}"):
        for use in (
            lambda text=text: catalog()[text].load(),
            lambda text=text: catalog()[text].exists(),
            lambda text=text: catalog()[text].save("x"),
            lambda text=text: _plan(to_outputs=[text]),
            lambda text=text: _plan(from_inputs=[text]),
        ):
            attempt(use)


def use_selector(name: str) -> None:
    for selector in ("node_names", "from_nodes", "to_nodes", "tags", "namespaces", "pipeline_names", "force"):
        attempt(lambda selector=selector: _plan(**{selector: [name]}))


def use_command(name: str) -> None:
    for words in (
        ["runs", "show", name], ["why", name], ["catalog", "describe", name], ["catalog", "describe", f"{name}_text"],
        ["plan", "--dry-run", "--env", name], ["plan", "--dry-run", "--load-versions", f"versioned:{name}"],
        ["plan", "--dry-run", "--nodes", name], ["pipelines", name], ["run", "--env", name], ["run", "--pipeline", name],
        ["run", "--load-versions", f"versioned:{name}", "--to-outputs", "report"],
    ):  # fmt: skip
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as told:
            code = invoke(words)
        if code not in (0, 1, 2, 3):
            failures.append(f"{words} ended with {code}: {told.getvalue()[-300:]}")


def use_partition(name: str) -> None:
    for folder, overwrite in (("data/parts", False), ("data/whole", True)):
        partitions = PartitionedDataset(
            path=str(ROOT / folder), dataset="text.TextDataset", filename_suffix=".txt", overwrite=overwrite
        )
        for data in ({name: "x"}, {"fine": "x", name: "y"}):
            attempt(functools.partial(partitions.save, data))
        attempt(lambda partitions=partitions: [load() for load in partitions.load().values()])
        partitions.overwrite = True
        attempt(partitions.reset)  # the next name finds few files to read


USES: dict[str, Callable[[str], None]] = {
    "env": use_env, "version": use_version, "session": use_session, "run": use_run, "dataset": use_dataset,
    "selector": use_selector, "command": use_command, "partition": use_partition,
}  # fmt: skip

failures: list[str] = []


def attempt(use: Callable[[], Any]) -> None:
    """Use a name; to refuse it is fine, as long as it is an error of ours."""
    try:
        use()
    except (incremental.errors.IncrementalError, FileNotFoundError):
        pass
    except Exception as error:
        failures.append(f"{name!r}: {type(error).__name__}: {error}")


def catalog(**versions: Any) -> DataCatalog:
    entries = {
        "versioned": {
            "type": "text.TextDataset",
            "filepath": str(ROOT / "data/versions.txt"),
            "versioned": True,
        },
        "{x}_text": {"type": "text.TextDataset", "filepath": str(ROOT / "data") + "/{x}.txt"},
        "raw.{x}": {"type": "text.TextDataset", "filepath": str(ROOT / "data") + "/{x}/{x}"},
    }
    return DataCatalog.from_config(entries, **versions)


def _plan(**arguments: Any) -> None:
    with Session.create(ROOT, save_on_close=False) as session:
        session.plan(**arguments)


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not watching or event not in WATCHED:
        return
    for place in WATCHED[event]:
        path = arguments[place] if place < len(arguments) else None
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str | os.PathLike):
            check(event, os.fspath(path))


def check(event: str, path: str) -> None:
    if event == "sqlite3.connect":
        path = path.removeprefix("file://").partition("?")[0]
    watching.clear()
    try:
        real = os.path.realpath(path)
        if real != str(ROOT) and not real.startswith((str(ROOT) + os.sep, *INNOCENT)):
            failures.append(f"{name!r}: {event} {path!r}")
    except ValueError:  # a NUL: no file has such a name
        pass
    finally:
        watching.append(True)


watching: list[bool] = []
name = ""

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    kind, seed, count = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.chdir(ROOT)
    importlib.metadata.entry_points = functools.cache(importlib.metadata.entry_points)  # each session asks
    use = USES[kind]
    for name in ("plain", "other"):
        attempt(functools.partial(use, name))  # what is imported late is imported now
    failures.clear()
    sys.addaudithook(watch)
    watching.append(True)
    used = 0
    for name in names(seed, count):
        attempt(functools.partial(use, name))
        used += 1
    watching.clear()
    for failure in failures[:20]:
        print(failure.encode("utf-8", "backslashreplace").decode())
    print(f"{used} names, {len(failures)} failures")
