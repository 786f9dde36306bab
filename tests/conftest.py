"""What every test has around it: claims of runs are kept in a folder of this test run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _claims_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def without_kedro_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an environment says in which kedro-datasets is not installed."""
    monkeypatch.setitem(sys.modules, "kedro_datasets", None)
