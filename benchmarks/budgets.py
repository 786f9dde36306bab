"""What the figures must stay below: seconds, or microseconds a node, of CPU time. It measures nothing."""

from __future__ import annotations

YARDSTICK = 0.010
"""Seconds that ``sum(range(1_000_000))`` takes on the machine that times are meant for; on another one
they are stretched by what it takes there. Ratios are not."""

BUDGETS = {
    "no-op, 10,000 nodes, layered: everything": 0.115,
    "no-op, 10,000 nodes, chain: everything": 0.115,
    "no-op, 10,000 nodes, layered: the plan alone": 0.05,
    "no-op, 10,000 nodes, chain: the plan alone": 0.05,
    "no-op, 100,000 nodes, layered: everything": 1.5,
    "no-op, 100,000 nodes, chain: everything": 1.5,
    "one node of 1,000, in memory": 20,
    "one node of 10,000, in memory": 20,
    "one node of 1,000, one small file a node, with ledger": 250,
    "trust: one small file a node of 1,000": 250,
    "trust: 20 MB written, durability process": 1.05,
    "trust: 20 MB written, durability power": 1.05,
    "trust: no-op plan of 10,000 outputs with records": 2,
    "trust: a damaged ledger of 10,000 outputs set aside": 0.2,
    "incremental plan --dry-run, 10 nodes": 0.08,
    "incremental plan --dry-run, 10,000 nodes": 0.15,
    "inline: one node of 1,000, in memory": 20,
    "inline: one node of 10,000, in memory": 20,
    "threads: one node of 1,000, in memory": 50,
    "threads: one node of 10,000, in memory": 50,
    "processes: one node of 1,000, in memory (Kedro: 100)": 300,
    "processes: one node of 10,000, in memory": 300,
    "inline: 100,000 nodes against 10,000": 12,
    "threads: 100,000 nodes against 10,000": 12,
    "processes: 100,000 nodes against 10,000": 12,
}

RATIOS = {
    "no-op, 10,000 nodes, layered: everything": 20,
    "no-op, 10,000 nodes, chain: everything": 20,
    "Kedro project of 9 nodes: survey and plan": 20,
}
"""How many times cheaper than Kedro a job must be."""

ABOVE_FLOOR = {
    "dask: one node of 1,000, in memory": 1.3,
    "dask: one node of 1,000, one small file each": 1.3,
}
"""How many times as dear as by hand a job may be."""
