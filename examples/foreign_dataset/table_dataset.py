"""A dataset of a third party: one table of an SQLite database, saved and loaded as a list of dicts.

It writes in place, so that the engine keeps a record of each save that began; a transaction makes sure
that a save which fails changes nothing. ``incremental.testing`` holds what it must pass.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from incremental.io import AbstractDataset

Rows = list[dict[str, Any]]


class TableDataset(AbstractDataset[Rows, Rows]):
    """One table; every row has the same columns.

    In a catalog::

        cars:
          type: table_dataset.TableDataset
          database: data/cars.db
          table: cars
    """

    def __init__(self, database: str, table: str) -> None:
        self._database = Path(database).absolute()
        self._table = table

    @property
    def location(self) -> str:
        """The database and the table in it, as a URL."""
        return f"sqlite://{self._database}#{self._table}"

    def _load(self) -> Rows:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            found = database.execute(f"SELECT * FROM {self._name}")
            columns = [column[0] for column in found.description]
            return [dict(zip(columns, row, strict=True)) for row in found]

    def _save(self, data: Rows) -> None:
        self._database.parent.mkdir(parents=True, exist_ok=True)
        columns = list(data[0])
        with closing(sqlite3.connect(self._database)) as database, database:  # commits, or rolls back
            database.execute("BEGIN")
            database.execute(f"DROP TABLE IF EXISTS {self._name}")
            database.execute(f"CREATE TABLE {self._name} ({', '.join(map(_quoted, columns))})")
            places = ", ".join("?" * len(columns))
            rows = ([row[column] for column in columns] for row in data)
            database.executemany(f"INSERT INTO {self._name} VALUES ({places})", rows)

    def _exists(self) -> bool:
        if not self._database.exists():
            return False
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            asked = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
            return bool(database.execute(asked, (self._table,)).fetchone()[0])

    @property
    def _name(self) -> str:
        return _quoted(self._table)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
