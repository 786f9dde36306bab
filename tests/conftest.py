"""What every test has around it: claims of runs apart, and lines counted where examples run them."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

SHARE_OF_EXAMPLES = float(os.environ.get("EXAMPLES", "0.35"))
"""Of those that a law is tried on by itself. Mutation testing runs each law a thousand times over, so it takes
fewer; the long runs take more."""

# Both read the clock, and a loaded machine is no fault of a law.
settings.register_profile(
    "share",
    max_examples=max(5, int(100 * SHARE_OF_EXAMPLES)),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("share")


@pytest.fixture(scope="session", autouse=True)
def _claims_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _logging_apart() -> Iterator[None]:
    """Log as if Kedro were not there: importing it, also when tests are collected, sets up handlers of its own."""
    _remove_log_handlers_of_kedro()
    yield
    _remove_log_handlers_of_kedro()


@pytest.fixture
def without_kedro_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an environment says in which kedro-datasets is not installed."""
    monkeypatch.setitem(sys.modules, "kedro_datasets", None)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A store of objects that answers as S3 does, on this machine."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def s3_options(endpoint: str) -> dict[str, str]:
    """What a client of it is made with."""
    return {"key": "k", "secret": "s", "endpoint_url": endpoint}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count no lines while laws and fault suites repeat them: tracing doubles the time that they take."""
    for item in items:
        is_law = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if is_law or "faults" in item.path.parts:
            item.add_marker("no_cover")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the garbage collector never look again at what lives to the end."""
    gc.collect()
    gc.freeze()


def _remove_log_handlers_of_kedro() -> None:
    known = logging.root.manager.loggerDict.values()
    for logger in (logging.root, *(each for each in known if isinstance(each, logging.Logger))):
        for handler in list(logger.handlers):
            if type(handler).__module__.partition(".")[0] in ("kedro", "rich"):
                logger.removeHandler(handler)
