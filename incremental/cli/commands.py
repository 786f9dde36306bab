"""Our kinds of click commands: found by name without being imported, with examples. It defines no command."""

from __future__ import annotations

import contextlib
import sys
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

import click

from incremental.cli.interrupts import Interrupted, interruptible
from incremental.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Decorated = TypeVar("Decorated", bound="Callable[..., Any]")


class Writes(Enum):
    """When a command writes to disk; a test holds each to what it declares."""

    NEVER = "it only looks"
    IF_ASKED = "only with an option that says so; without any it only looks"
    UNLESS_DRY = "always, but with --dry-run it only looks"
    ALWAYS = "always"


def common(command: Decorated) -> Decorated:
    """Give a command the options that every command takes, before or after its name."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


def examples(*lines: str) -> str:
    """Return the examples that end the help of a command."""
    width = max((len(line.partition("  # ")[0]) for line in lines if "  # " in line), default=0)
    told = []
    for line in lines:
        command, _, comment = line.partition("  # ")
        told.append(f"  {command.ljust(width)}  {comment}".rstrip())
    return "\n".join(["\b", "Examples:", *told])


class Command(click.Command):
    """A command that leaves stdout to its answer: what the user's code prints goes to stderr.

    Args:
        writes: when it writes to disk.
    """

    def __init__(self, *args: Any, writes: Writes | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.writes = writes

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; an error in them knows its command, so that the right help can be named."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an interrupt comes out as itself, which click would reword."""
        try:
            with interruptible(), contextlib.redirect_stdout(sys.stderr):
                return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted(error) from error


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called.

    Args:
        lazy: command name to (module and attribute, one line of help).
        default: the command to call when the first word is none of them.
    """

    def __init__(
        self, *args: Any, lazy: Mapping[str, tuple[str, str]], default: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy
        self.default = default

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a user's day, not of the alphabet."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        from importlib import import_module

        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command where none is named."""
        named = any(word in self.lazy or word in ("-h", "--help") for word in args)
        if self.default is not None and not named and not ctx.resilient_parsing:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one gets the nearest names."""
        if args and args[0] not in self.lazy and not args[0].startswith("-"):
            near = did_you_mean(args[0], self.lazy) or f"; there are {', '.join(self.lazy)}"
            raise click.UsageError(f"no command {args[0]!r}{near}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their lines of help, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy.items()])


def _take(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    call = ctx.obj
    if call is None or not value:
        return
    if param.name == "verbose":
        call.verbosity += value
    elif param.name == "quiet":
        call.verbosity -= value
    else:
        setattr(call, str(param.name), value)


_COMMON = (
    click.option(
        "--project",
        metavar="PATH",
        type=click.Path(),
        callback=_take,
        expose_value=False,
        help="The project folder, when it is not the working folder or above it.",
    ),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=_take,
        expose_value=False,
        help="Answer with one JSON document.",
    ),
    click.option(
        "-v",
        "--verbose",
        count=True,
        callback=_take,
        expose_value=False,
        help="Log more: -v what happens, -vv everything.",
    ),
    click.option(
        "-q", "--quiet", count=True, callback=_take, expose_value=False, help="No progress, errors only."
    ),
    click.option(
        "--traceback",
        is_flag=True,
        callback=_take,
        expose_value=False,
        help="Show the whole traceback of an error.",
    ),
)
