"""The survey of a real object store, as moto plays one: one listing a prefix, paged."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from incremental.io import DataCatalog
from incremental.io.catalog.survey import survey
from incremental.planner.facts import State

pytest.importorskip("moto")
pytest.importorskip("s3fs")


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is sent, by the name of the operation."""
    from aiobotocore.client import AioBaseClient

    sent: Counter[str] = Counter()
    make = AioBaseClient._make_api_call

    async def count(self: Any, operation: str, arguments: Any) -> Any:
        sent[operation] += 1
        return await make(self, operation, arguments)

    monkeypatch.setattr(AioBaseClient, "_make_api_call", count)
    return sent


def test_hundreds_of_datasets_under_one_prefix_of_s3_are_one_listing(
    endpoint: str, requests: Counter[str]
) -> None:
    import s3fs

    credentials = {"key": "key", "secret": "secret", "client_kwargs": {"endpoint_url": endpoint}}
    fs = s3fs.S3FileSystem(**credentials)
    fs.mkdir("bucket-of-surveys")
    fs.pipe({f"bucket-of-surveys/data/f{place}.json": b"1" for place in range(0, 300, 2)})
    fs.pipe({"bucket-of-surveys/model/v1/model": b"1", "bucket-of-surveys/model/v2/other": b"1"})
    config = {
        f"d{place}": {
            "type": "json.JSONDataset",
            "filepath": f"s3://bucket-of-surveys/data/f{place}.json",
            "credentials": "cloud",
        }
        for place in range(300)
    }
    requests.clear()
    facts = survey(DataCatalog.from_config(config, {"cloud": credentials}), config)
    assert Counter(facts.states.values()) == {State.PRESENT: 150, State.ABSENT: 150}
    assert requests == {"ListObjectsV2": 1}

    requests.clear()
    model = {
        "type": "pickle.PickleDataset", "filepath": "s3://bucket-of-surveys/model", "credentials": "cloud", "versioned": True,
    }  # fmt: skip
    facts = survey(DataCatalog.from_config({"model": model}, {"cloud": credentials}), ["model"])
    assert facts.versions == {"model": "v1"}
    assert requests["ListObjectsV2"] <= 3
