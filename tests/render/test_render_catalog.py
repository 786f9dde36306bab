"""Whole texts of ``catalog`` and ``pipelines``."""

from __future__ import annotations

from graphs import graph

from incremental.render.catalog import (
    Entry,
    catalog_document,
    catalog_text,
    entry_document,
    entry_text,
    pipeline_parts,
    pipeline_text,
    pipelines_document,
    pipelines_text,
)
from incremental.render.text import Look

MODEL = Entry(
    "model",
    "pickle.PickleDataset",
    "present",
    "/data/model.pkl",
    version="2026-01-01",
    pattern="{name}",
    origin="conf/base/catalog.yml:3",
    made_by="train",
    read_by=("score", "report"),
    arguments={"backend": "joblib", "load_args": {"a": 1}},
)
TABLE = Entry("table", "MemoryDataset", "in memory")
FLIGHTS = graph("raw, params:x -> clean -> model; clean -> ()", tags={"clean": ["daily", "big"]})


def test_a_catalog_is_a_line_a_dataset() -> None:
    assert catalog_text([MODEL, TABLE], Look(), ["{name}"]) == (
        "present    model  pickle.PickleDataset  /data/model.pkl; version 2026-01-01, from {name}\n"
        "in memory  table  MemoryDataset\n"
        "patterns, in the order they are tried: {name}"
    )


def test_an_empty_catalog_says_so() -> None:
    assert catalog_text([], Look()) == "the catalog is empty"


def test_a_dataset_is_described_line_by_line() -> None:
    assert entry_text(MODEL, Look()) == (
        "name           model\n"
        "type           pickle.PickleDataset\n"
        "state          present\n"
        "location       /data/model.pkl\n"
        "version        2026-01-01\n"
        "pattern        {name}\n"
        "configured in  conf/base/catalog.yml:3\n"
        "made by        train\n"
        "read by        score, report\n"
        "backend        joblib\n"
        "load_args      {'a': 1}"
    )


def test_catalog_documents_have_formats() -> None:
    assert catalog_document([TABLE])["datasets"][0]["state"] == "in memory"
    assert entry_document(MODEL)["format"] == "incremental-dataset/1"


def test_pipelines_are_listed_with_what_goes_in_and_comes_out() -> None:
    assert pipelines_text({"b": FLIGHTS, "a": graph("")}, Look()) == (
        "a  0 nodes  () → ()\nb  3 nodes  raw → model"
    )


def test_no_pipelines_are_a_line() -> None:
    assert pipelines_text({}, Look()) == "no pipeline is registered"


def test_a_pipeline_is_shown_in_the_order_it_runs() -> None:
    assert pipeline_text("flights", FLIGHTS, Look()) == (
        "flights: 3 nodes\n"
        "inputs   params:x, raw\n"
        "  clean        raw, params:x → clean  [big, daily]\n"
        "  after_clean  clean → ()\n"
        "  model        clean → model\n"
        "outputs  model"
    )


def test_pipeline_documents_have_nodes_inputs_and_outputs() -> None:
    parts = pipeline_parts(FLIGHTS)
    assert parts["inputs"] == ["params:x", "raw"]
    assert parts["nodes"][0] == {
        "name": "clean",
        "inputs": ["raw", "params:x"],
        "outputs": ["clean"],
        "tags": ["big", "daily"],
        "namespace": None,
    }
    assert pipelines_document({"flights": FLIGHTS})["pipelines"] == {"flights": parts}
