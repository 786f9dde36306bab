"""One Dask cluster of two processes for all tests of a session: starting one takes seconds."""

from __future__ import annotations

import atexit
import functools
import os
from typing import Any


@functools.cache
def client() -> Any:
    from distributed import Client, LocalCluster

    before = dict(os.environ)
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
    )
    for name in os.environ.keys() - before.keys():  # Dask leaves there what it means for its workers
        del os.environ[name]
    atexit.register(cluster.close)
    return Client(cluster, set_as_default=False)
