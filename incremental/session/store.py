"""Session stores: one record a session, kept where the project wants it. They do not know what is in it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from incremental.errors import SessionError
from incremental.secrets import as_text

_CHECKSUM = "checksum"
_WRITING = 60.0  # seconds that no save of a record takes
_SAFE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


class BaseSessionStore(ABC):
    """Keeps the record of one session; subclass it and name the class in ``settings.py``.

    ::

        SESSION_STORE_CLASS = MyStore
        SESSION_STORE_ARGS = {"bucket": "runs"}  # further constructor arguments

    Args:
        path: the project folder, unless ``SESSION_STORE_ARGS`` says otherwise.
        session_id: names the record; it never contains a path.
    """

    def __init__(self, path: str, session_id: str) -> None:
        self._path = path
        self._session_id = session_id

    @property
    def session_id(self) -> str:
        """The identifier of the session."""
        return self._session_id

    @abstractmethod
    def save(self, data: dict[str, Any]) -> None:
        """Keep the record, replacing the one of the same session."""

    @abstractmethod
    def read(self) -> dict[str, Any]:
        """Return the record.

        Raises:
            FileNotFoundError: there is none.
        """


class JSONSessionStore(BaseSessionStore):
    """One readable file a session, ``.incremental/sessions/<session id>.json``, private to the user.

    A record is replaced as a whole: a crash leaves the former one. Its checksum tells one that was damaged.

    Raises:
        SessionError: the session id is no plain name.
    """

    def __init__(self, path: str, session_id: str) -> None:
        super().__init__(path, session_id)
        if not _SAFE_ID.fullmatch(session_id) or ".." in session_id:
            raise SessionError(
                f"session id {session_id!r} is no plain name: use letters, digits, '.', '_', '-'"
            )
        self._file = Path(path) / ".incremental" / "sessions" / f"{session_id}.json"
        self._has_swept = False

    def save(self, data: dict[str, Any]) -> None:
        """Write the record as JSON; what JSON cannot express is written as text."""
        from incremental.state.private import make_private_folder, make_private_subfolder, write_private

        try:
            make_private_folder(self._file.parent.parent)
            make_private_subfolder(self._file.parent)
        except NotADirectoryError as error:
            raise SessionError(f"the session cannot be recorded: {error}") from error
        plain = json.loads(json.dumps(data, default=as_text))
        document = {**plain, _CHECKSUM: _checksum(plain)}
        text = json.dumps(document, indent=2, ensure_ascii=False)
        if not self._has_swept:
            self._sweep()
        write_private(self._file, f"{text}\n".encode("utf-8", "surrogatepass"))

    def _sweep(self) -> None:
        """Remove what killed processes were writing here: a record that lives is written in no time."""
        from incremental.io.files.staging import is_staging_name

        self._has_swept = True
        horizon = time.time() - _WRITING
        with os.scandir(self._file.parent) as found:
            for entry in found:
                with contextlib.suppress(OSError):
                    if is_staging_name(entry.name) and entry.stat(follow_symlinks=False).st_mtime < horizon:
                        Path(entry.path).unlink()

    def read(self) -> dict[str, Any]:
        """Return the record.

        Raises:
            FileNotFoundError: no session of this id was saved.
            SessionError: the file is no record of ours.
        """
        try:
            data = json.loads(self._file.read_bytes().decode("utf-8", "surrogatepass"))
        except FileNotFoundError:
            raise FileNotFoundError(f"no record of session {self.session_id!r} at {self._file}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise SessionError(f"the record {self._file} cannot be read: {error}") from error
        if not isinstance(data, dict):
            raise SessionError(f"the record {self._file} is no mapping")
        if data.pop(_CHECKSUM, None) != _checksum(data):
            raise SessionError(f"the record {self._file} is damaged: its checksum is another; delete it")
        return data


def _checksum(data: dict[str, Any]) -> str:
    import xxhash

    text = json.dumps(data, sort_keys=True)
    checksum: str = xxhash.xxh3_128_hexdigest(text.encode())
    return checksum
