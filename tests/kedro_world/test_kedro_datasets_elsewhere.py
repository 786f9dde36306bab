"""Datasets of kedro-datasets that keep their data in an object store, in a database, or for workers of Dask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kedro_datasets", reason="tries kedro-datasets, which is not installed")

from incremental.errors import NodeRunError
from incremental.io import DataCatalog
from incremental.io.catalog.types import PACKAGES_OF_KEDRO
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import Plan, plan_missing
from incremental.planner.facts import State
from incremental.runner import DaskRunner, SequentialRunner
from incremental.runner.prepare import gather_facts
from incremental.state import MemoryLedger

SECRET = "canary-in-a-cage"
CLOUD = {
    "raw": {"type": "pandas.CSVDataset", "filepath": "s3://bucket-of-kedro/raw.csv", "credentials": "cloud"},
    "table": {
        "type": "pandas.ParquetDataset", "filepath": "s3://bucket-of-kedro/out/table.pq", "credentials": "cloud",
    },
    "total": {
        "type": "pandas.CSVDataset", "filepath": "s3://bucket-of-kedro/out/total.csv", "credentials": "cloud",
    },
    "model": {
        "type": "pandas.CSVDataset", "filepath": "s3://bucket-of-kedro/model.csv", "credentials": "cloud",
        "versioned": True,
    },
}  # fmt: skip


class _Unwritable:
    def __str__(self) -> str:
        raise RuntimeError("cannot be written")


class Sums:
    """A node's function that makes a table, or one whose last line cannot be written."""

    def __init__(self) -> None:
        self.breaks = False

    def __call__(self, table: Any) -> Any:
        import pandas as pd

        if self.breaks:
            return pd.DataFrame({"a": [*range(1_000), _Unwritable()]})
        return table[["a"]]


@pytest.fixture
def cloud(endpoint: str) -> dict[str, Any]:
    """Credentials of a store with a bucket that has one raw table."""
    import s3fs

    credentials = {"key": "key", "secret": SECRET, "client_kwargs": {"endpoint_url": endpoint}}
    store = s3fs.S3FileSystem(**credentials)
    if store.exists("bucket-of-kedro"):
        store.rm("bucket-of-kedro", recursive=True)
    store.mkdir("bucket-of-kedro")
    store.pipe({"bucket-of-kedro/raw.csv": b"a,b\n1,x\n2,y\n"})
    return credentials


def plan_of(pipeline: Pipeline, catalog: DataCatalog) -> Plan:
    assert catalog.ledger is not None
    return plan_missing(select(pipeline), gather_facts(pipeline, catalog, catalog.ledger.marks()))


def running(pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
    return [step.node.name for step in plan_of(pipeline, catalog).running]


def catalog_of(config: dict[str, Any], before: DataCatalog | None = None, **credentials: Any) -> DataCatalog:
    """Return a new catalog, as each run has one, that knows what the one before has noted."""
    made = DataCatalog.from_config(config, credentials, packages=PACKAGES_OF_KEDRO)
    made.ledger = MemoryLedger() if before is None else before.ledger
    return made


def same(table: Any) -> Any:
    return table


def test_tables_in_an_object_store_are_planned_made_and_skipped(cloud: dict[str, Any]) -> None:
    pipeline = Pipeline([
        node(same, "raw", "table", name="clean"), node(Sums(), "table", "total", name="sums"),
        node(same, "table", "model", name="fit"),
    ])  # fmt: skip
    catalog = catalog_of(CLOUD, cloud=cloud)
    assert sorted(running(pipeline, catalog)) == ["clean", "fit", "sums"]
    SequentialRunner().run(pipeline, catalog)
    catalog = catalog_of(CLOUD, catalog, cloud=cloud)
    plan = plan_of(pipeline, catalog)
    assert plan.running == ()
    assert list(plan.facts.versions) == ["model"]
    result = SequentialRunner().run(pipeline, catalog, only_missing_outputs=True)
    assert result["total"].load().to_dict("list") == {"a": [1, 2]}
    assert SECRET not in f"{plan.to_json()}{catalog!r}{result['model']!r}"

    again = catalog_of(CLOUD, catalog, cloud=cloud)
    SequentialRunner().run(pipeline, again)
    catalog = catalog_of(CLOUD, again, cloud=cloud)
    versions = plan_of(pipeline, catalog).facts.versions
    assert versions["model"] > plan.facts.versions["model"]


def test_half_an_object_that_a_failed_save_has_left_is_not_believed(cloud: dict[str, Any]) -> None:
    sums = Sums()
    pipeline = Pipeline([node(sums, "raw", "total", name="sums"), node(same, "total", "model", name="fit")])
    catalog = catalog_of(CLOUD, cloud=cloud)
    SequentialRunner().run(pipeline, catalog)
    sums.breaks = True
    catalog = catalog_of(CLOUD, catalog, cloud=cloud)
    with pytest.raises(NodeRunError, match="dataset 'total': cannot save it") as caught:
        SequentialRunner().run(pipeline, catalog)
    assert SECRET not in str(caught.value)
    catalog = catalog_of(CLOUD, catalog, cloud=cloud)
    plan = plan_of(pipeline, catalog)
    assert plan.facts.states["total"] is State.INCOMPLETE
    assert [step.node.name for step in plan.running] == ["sums"]
    sums.breaks = False
    result = SequentialRunner().run(pipeline, catalog, only_missing_outputs=True)
    assert len(result["model"].load()) == 2
    assert running(pipeline, catalog_of(CLOUD, catalog, cloud=cloud)) == []


def test_a_table_in_a_database_is_there_if_it_says_so(tmp_path: Path) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    where = f"sqlite:///{tmp_path}/all.db"
    config = {
        "raw": {"type": "json.JSONDataset", "filepath": str(tmp_path / "raw.json")},
        "table": {
            "type": "pandas.SQLTableDataset", "table_name": "things", "credentials": "db",
            "save_args": {"if_exists": "replace"},
        },
        "rows": {"type": "pandas.SQLQueryDataset", "sql": "select a from things", "credentials": "db"},
        "count": {"type": "json.JSONDataset", "filepath": str(tmp_path / "count.json")},
    }  # fmt: skip
    (tmp_path / "raw.json").write_text('{"a": [1, 2]}')
    sums = Sums()

    def make(raw: dict[str, Any]) -> Any:
        import pandas as pd

        return sums(pd.DataFrame(raw))

    pipeline = Pipeline([node(make, "raw", "table", name="make"), node(len, "table", "count", name="count")])
    catalog = catalog_of(config, db={"con": where})
    assert sorted(running(pipeline, catalog)) == ["count", "make"]
    SequentialRunner().run(pipeline, catalog)
    assert catalog.load("rows")["a"].tolist() == [1, 2]
    catalog = catalog_of(config, catalog, db={"con": where})
    assert running(pipeline, catalog) == []

    engine = sqlalchemy.create_engine(where)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("drop table things"))
    assert running(pipeline, catalog) == ["make"]
    sums.breaks = True
    with pytest.raises(NodeRunError, match="dataset 'table': cannot save it"):
        SequentialRunner().run(pipeline, catalog, only_missing_outputs=True)
    catalog = catalog_of(config, catalog, db={"con": where})
    assert plan_of(pipeline, catalog).facts.states["table"] is State.INCOMPLETE
    sums.breaks = False
    SequentialRunner().run(pipeline, catalog, only_missing_outputs=True)
    assert running(pipeline, catalog_of(config, catalog, db={"con": where})) == []
    engine.dispose()


@pytest.mark.slow
def test_workers_of_dask_read_and_write_what_is_of_kedro_datasets(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    import clusters

    def table(raw: dict[str, list[int]]) -> Any:
        import pandas as pd

        return pd.DataFrame(raw)

    def total(table: Any) -> dict[str, int]:
        return {"total": int(table["a"].sum())}

    config = {
        "raw": {"type": "json.JSONDataset", "filepath": str(tmp_path / "raw.json")},
        "table": {"type": "pandas.ParquetDataset", "filepath": str(tmp_path / "table.pq")},
        "total": {"type": "json.JSONDataset", "filepath": str(tmp_path / "total.json"), "versioned": True},
    }
    (tmp_path / "raw.json").write_text('{"a": [1, 2]}')
    pipeline = Pipeline([node(table, "raw", "table", name="t"), node(total, "table", "total", name="s")])
    catalog = catalog_of(config)
    result = DaskRunner(client=clusters.client()).run(pipeline, catalog)
    assert result["total"].load() == {"total": 3}
    assert running(pipeline, catalog_of(config, catalog)) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
