"""The files of a new project; ``PACKAGE`` stands for the name of its package. Text only."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PYPROJECT = """\
[project]
name = "PACKAGE"
version = "0.1.0"
dependencies = ["incremental-engine"]

[tool.incremental]
package_name = "PACKAGE"
source_dir = "src"
"""

_IGNORED = """\
# what the pipeline makes
out/
.incremental/
__pycache__/
# yours alone: credentials, and whatever only your machine has
conf/local/
"""

_CATALOG = """\
# Where each dataset lives. What is not here stays in memory: "orders" is an example.

orders_table:
  type: text.TextDataset
  filepath: data/orders.csv

totals:
  type: json.JSONDataset
  filepath: out/totals.json

report:
  type: text.TextDataset
  filepath: out/report.txt
"""

_PARAMETERS = """\
# A node reads one of these as "params:smallest_order".

smallest_order: 5.0 # orders of less are left out
currency: EUR
"""

_REGISTRY = '''\
"""The pipelines of this project: what the nodes do, and how they hang together."""

from __future__ import annotations

import csv
from collections import Counter

from incremental.pipeline import Pipeline, node


def read_orders(table: str, smallest: float) -> list[dict[str, str]]:
    """Split the table into a row for each order, and leave the smallest out."""
    return [row for row in csv.DictReader(table.splitlines()) if float(row["price"]) >= smallest]


def add_up(orders: list[dict[str, str]]) -> dict[str, float]:
    """Add up the prices of each product."""
    totals: Counter[str] = Counter()
    for order in orders:
        totals[order["product"]] += float(order["price"])
    return dict(totals.most_common())


def write_report(totals: dict[str, float], currency: str) -> str:
    """Write a line for each product, the best one first."""
    return "".join(f"{product:10} {total:8.2f} {currency}\\n" for product, total in totals.items())


def register_pipelines() -> dict[str, Pipeline]:
    """Name the pipelines; `incremental run` runs the one called __default__."""
    return {
        "__default__": Pipeline(
            [
                node(read_orders, ["orders_table", "params:smallest_order"], "orders", name="read_orders"),
                node(add_up, "orders", "totals", name="add_up"),
                node(write_report, ["totals", "params:currency"], "report", name="write_report"),
            ]
        )
    }
'''

_ORDERS = """\
product,price
tea,12.40
coffee,18.90
tea,6.20
cocoa,9.80
biscuit,2.10
coffee,24.50
"""

FILES: Mapping[str, str] = MappingProxyType(
    {
        "pyproject.toml": _PYPROJECT,
        ".gitignore": _IGNORED,
        "conf/base/catalog.yml": _CATALOG,
        "conf/base/parameters.yml": _PARAMETERS,
        "src/PACKAGE/pipeline_registry.py": _REGISTRY,
        "data/orders.csv": _ORDERS,
    }
)
