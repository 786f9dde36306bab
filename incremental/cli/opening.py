"""Open the project that a call is about, with its logging and its secrets known. It asks nothing of it."""

from __future__ import annotations

import contextlib
import os
import shlex
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from incremental.cli.options import merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from incremental.cli.call import Call
    from incremental.session import Session
    from incremental.state.claims import Claim


class Trace(Enum):
    """What a command may write."""

    NONE = "nothing at all"
    CACHES = "what makes the next call quicker: bytecode"
    RECORD = "records of the session and its runs, too"


@contextlib.contextmanager
def opened(
    call: Call, options: Mapping[str, Any], trace: Trace = Trace.NONE, *, needs_config: bool = True
) -> Iterator[Session]:
    """Open the project for one command, and close it.

    Args:
        call: what the command was given.
        options: ``file`` and the options of :func:`incremental.cli.options.opening`, where there are any.
        trace: what the command may write.
        needs_config: whether the command fails when the configuration does.
    """
    from incremental.cli.logs import logging_as_asked, warnings_in_one_line
    from incremental.errors import IncrementalError
    from incremental.project import no_bytecode
    from incremental.session import Session

    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings_in_one_line(call))
        logs = stack.enter_context(logging_as_asked(call))
        stack.enter_context(no_bytecode(trace is Trace.NONE))
        session = Session.create(
            _project_path(call, options),
            save_on_close=trace is Trace.RECORD,
            env=options.get("env"),
            runtime_params=merged(options.get("params") or ()),
            conf_source=options.get("conf_source"),
        )
        stack.enter_context(session)
        try:
            context = session.load_context()
            call.out.redactor = context.redactor
            file = _logging_file(session)
            rule = context.import_rule if file is None else session.import_rule(file)
            logs.obey(context.config_loader, rule, to_files=trace is Trace.RECORD, file=file)
        except IncrementalError:
            if needs_config:
                raise
        yield session


def _logging_file(session: Session) -> str | None:
    """Return the file that the caller of a Kedro project wants logging configured by; None for its own."""
    file = os.environ.get("KEDRO_LOGGING_CONFIG") if session.project.of_kedro else None
    if file and not Path(file).is_file():
        from incremental.errors import ConfigError

        raise ConfigError(f"KEDRO_LOGGING_CONFIG names {file!r}, which is no file; correct it, or unset it")
    return file or None


def claimed(session: Session, locations: Iterable[str]) -> Claim:
    """Claim what a command writes or removes, as a run does.

    Raises:
        ClaimError: a run that is on writes there.
    """
    from incremental.session.execution import command_line
    from incremental.state.claims import Claims

    return Claims(session.project.path).claim(command_line(session.load_context()), tuple(locations))


def resume_options(call: Call, options: Mapping[str, Any]) -> list[str]:
    """Return the options of a run that its continuation needs again; secret values are left as ``***``."""
    from incremental.secrets import mask, strip_url

    found = [str(options["file"])] if options.get("file") else []
    if call.project:
        found.append(f"--project={call.project}")
    for name in ("env", "conf_source", "runner", "workers"):
        if options.get(name):
            found.append(f"--{name.replace('_', '-')}={strip_url(str(options[name]))}")
    params = mask(merged(options.get("params") or ()))
    if params:
        found.append(f"--params={','.join(f'{key}={_value(value)}' for key, value in params.items())}")
    arguments = mask(merged(options.get("runner_params") or ()))
    if arguments:
        told = ",".join(f"{key}={_value(value)}" for key, value in arguments.items())
        found.append(f"--runner-params={told}")
    if options.get("is_async"):
        found.append("--async")
    return [shlex.quote(word) for word in found]


def _value(value: Any) -> str:
    """Return a parameter as ``--params`` reads it: JSON is YAML."""
    import json

    return value if isinstance(value, str) else json.dumps(value, default=str)


def _project_path(call: Call, options: Mapping[str, Any]) -> str | None:
    file = options.get("file")
    if file and call.project:
        raise click.UsageError("give --project or the file of a one-file project, not both")
    return file or call.project
