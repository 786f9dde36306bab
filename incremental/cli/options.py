"""Options that several commands share, and how their words are read. It opens no project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from incremental.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from incremental.session.request import Request

    _ParamType = click.ParamType[Any]  # older versions of click cannot be asked for this at run time
else:
    _ParamType = click.ParamType

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")


class Words(_ParamType):
    """Names with commas between; commas within brackets, as default node names have them, do not separate."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split a text. One without a name is refused: an empty variable must not select everything."""
        words = tuple(word for word in map(str.strip, _split(value)) if word)
        if not words:
            self.fail("it names nothing; give a name, or leave the option out", param, ctx)
        return words


class LoadVersions(_ParamType):
    """``dataset:version`` pairs with commas between."""

    name = "versions"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """Split a text into pairs."""
        if isinstance(value, dict):
            return value
        pairs: dict[str, str] = {}
        for word in filter(None, map(str.strip, value.split(","))):
            name, colon, version = word.partition(":")
            if not (name and colon and version):
                self.fail(f"{word!r} is no dataset with a version; write 'dataset:version'", param, ctx)
            pairs[name.strip()] = version.strip()
        return pairs


class Parameters(_ParamType):
    """``a.b=1,c=x``, read as in ``parameters.yml``."""

    name = "params"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Read a text."""
        if isinstance(value, dict):
            return value
        from incremental.config import parse_parameters

        return parse_parameters(value)


class OneFile(_ParamType):
    """The file of a project that is one file."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what is no Python file."""
        text = str(value)
        if not text.endswith(".py"):
            group = None if ctx is None or ctx.parent is None else ctx.parent.command
            near = did_you_mean(text, getattr(group, "lazy", ()))
            if ctx is not None and any(each.name == "nodes" for each in ctx.command.params):
                is_folder = Path(text).is_dir()
                meant = "name a project with --project" if is_folder else "pick nodes with --nodes"
                near = f"; {meant}={text}"
            raise click.UsageError(f"{text!r} is no Python file, as a project of one file is{near}", ctx)
        return text


def _complete(kind: str) -> Callable[..., list[Any]]:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from incremental.cli.completion import candidates

        return candidates(kind, ctx, incomplete)

    return complete


def words_option(*names: str, kind: str, help: str) -> Callable[[Decorated], Decorated]:  # noqa: A002
    """Return an option that takes names, may be repeated, and completes names of a kind."""
    return click.option(
        *names, type=Words(), multiple=True, metavar="NAMES", shell_complete=_complete(kind), help=help
    )


_SELECTORS = (
    words_option(
        "-p", "--pipelines", "--pipeline", "pipelines", kind="pipeline", help="Registered pipelines."
    ),
    words_option("-t", "--tags", "tags", kind="tag", help="Only nodes with any of these tags."),
    words_option("-n", "--nodes", "nodes", kind="node", help="Only these nodes."),
    words_option("--from-nodes", kind="node", help="Only these nodes and what follows from them."),
    words_option("--to-nodes", kind="node", help="Only these nodes and what leads to them."),
    words_option("--from-inputs", kind="dataset", help="Only what follows from these datasets."),
    words_option("--to-outputs", kind="dataset", help="Only what leads to these datasets."),
    words_option(
        "-ns", "--namespaces", "--namespace", "namespaces", kind="namespace", help="Only these namespaces."
    ),
    click.option(
        "-lv",
        "--load-versions",
        type=LoadVersions(),
        multiple=True,
        metavar="DATASET:VERSION",
        help="Versions to load, in place of the latest.",
    ),
    words_option("--force", kind="node", help="Nodes to run whatever is there."),
    click.option("--propagate", is_flag=True, help="Also make again what is older than its inputs."),
    click.option("--resume", is_flag=True, help="Finish the last run that failed or was interrupted."),
)

_OPENING = (
    click.option("-e", "--env", metavar="NAME", help="The environment of the configuration."),
    click.option(
        "--params",
        type=Parameters(),
        multiple=True,
        metavar="A.B=1,C=X",
        help="Parameters over the configured ones.",
    ),
    click.option(
        "--conf-source",
        metavar="PATH",
        type=click.Path(),
        help="The configuration to use: a folder, a .zip or .tar.gz of one, or a URL.",
    ),
)


def selectors(command: Decorated) -> Decorated:
    """Give a command the options that say which part of which pipeline."""
    return _with(command, _SELECTORS)


def opening(command: Decorated) -> Decorated:
    """Give a command the options that say with which configuration, and FILE."""
    return _with(click.argument("file", type=OneFile(), required=False)(command), _OPENING)


def configured(command: Decorated) -> Decorated:
    """Give a command the options that say with which configuration, without FILE."""
    return _with(command, _OPENING)


def outputs_argument(command: Decorated) -> Decorated:
    """Give a command the names of outputs to look at."""
    argument = click.argument(
        "datasets", metavar="[DATASET]...", nargs=-1, shell_complete=_complete("dataset")
    )
    return argument(command)


def _with(command: Decorated, options: tuple[Any, ...]) -> Decorated:
    for option in reversed(options):
        command = option(command)
    return command


def flat(groups: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Return the words of an option that was given several times."""
    return tuple(dict.fromkeys(word for group in groups for word in group))


def merged(groups: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    """Return the pairs of an option that was given several times; the last one wins."""
    return {key: value for group in groups for key, value in group.items()}


def request_of(options: Mapping[str, Any], *, only_missing_outputs: bool) -> Request:
    """Return what the selectors of a command ask for."""
    from incremental.session.request import Request

    return Request.of(
        pipeline_names=flat(options["pipelines"]),
        tags=flat(options["tags"]),
        node_names=flat(options["nodes"]),
        from_nodes=flat(options["from_nodes"]),
        to_nodes=flat(options["to_nodes"]),
        from_inputs=flat(options["from_inputs"]),
        to_outputs=flat(options["to_outputs"]),
        namespaces=flat(options["namespaces"]),
        load_versions=merged(options["load_versions"]),
        only_missing_outputs=only_missing_outputs,
        force=flat(options["force"]),
        propagate=options["propagate"],
        resume=options["resume"],
    )


def selector_given(options: Mapping[str, Any]) -> str | None:
    """Return the first selector that was given, as it is written."""
    names = (
        "pipelines",
        "tags",
        "nodes",
        "from_nodes",
        "to_nodes",
        "from_inputs",
        "to_outputs",
        "namespaces",
    )
    for name in (*names, "load_versions", "force", "propagate", "resume"):
        if options[name]:
            return f"--{name.replace('_', '-')}"
    return None


def _split(text: str) -> Iterator[str]:
    depth = begin = 0
    for position, character in enumerate(text):
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth <= 0:
            yield text[begin:position]
            begin = position + 1
    yield text[begin:]
