"""``incremental plan`` and ``incremental why``: whole texts, exit codes, documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FULL = """\
run  read_orders   selected
run  add_up        selected
run  write_report  selected
3 of 3 nodes to run · 0 skipped
"""

TWO = """\
run  read_orders  orders needed by add_up
run  add_up       totals missing
2 of 2 nodes to run · 0 skipped
"""

MISSING = """\
run  read_orders   orders needed by add_up
run  add_up        totals missing
run  write_report  report missing
3 of 3 nodes to run · 0 skipped
"""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), MISSING),
        (("--only-missing-outputs",), MISSING),
        (("--all",), FULL),
        (
            ("--all", "--to-nodes", "read_orders"),
            "run  read_orders  selected\n1 of 1 node to run · 0 skipped\n",
        ),
        (("--nodes", "read_orders,add_up"), TWO),
    ],
)
def test_a_plan_says_what_would_run(cli, hello: Path, arguments: tuple[str, ...], text: str) -> None:
    said = cli("plan", *arguments)
    assert (said.code, said.out, said.err) == (0, text, "")


def test_exit_code_3_says_that_there_is_work(cli, hello: Path) -> None:
    assert cli("plan", "--exit-code").code == 3
    cli("run")
    assert cli("plan", "--exit-code").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--dry-run"),
        ("run", "--dry-run"),
        ("run", "--dry-run", "--only-missing-outputs"),
        ("why", "add_up"),
        ("runs",),
        ("catalog",),
        ("catalog", "describe", "totals"),
        ("pipelines",),
        ("doctor",),
        ("plan", "--dry-run", "--nodes", "nope"),
    ],
)
@pytest.mark.parametrize("has_run", [False, True])
def test_looking_leaves_no_trace(
    cli, hello: Path, snapshot, arguments: tuple[str, ...], has_run: bool
) -> None:
    if has_run:
        cli("run")
    before = snapshot(hello)
    assert cli(*arguments).code in (0, 2)
    assert snapshot(hello) == before


def test_run_dry_run_shows_what_run_would_do(cli, hello: Path) -> None:
    assert cli("run", "--dry-run").out == FULL
    assert cli("run", "--dry-run", "--only-missing-outputs").out == MISSING


def test_a_plan_that_cannot_run_says_why_on_stderr(cli, hello: Path) -> None:
    (hello / "data/orders.csv").unlink()
    for command in (("plan",), ("run", "--dry-run", "--only-missing-outputs")):
        said = cli(*command)
        assert said.code == 2
        assert said.out == MISSING.replace("0 skipped", "0 skipped · cannot run: 1 problem")
        place = f"{hello}/data/orders.csv"
        assert said.err.startswith(
            f"error: dataset 'orders_table', read by 'read_orders', does not exist at {place}"
        )


def test_a_plan_as_a_document_is_one_document(cli, hello: Path) -> None:
    document = json.loads(cli("plan", "--json").out)
    assert document["format"] == "incremental-plan/1"
    assert document["to_run"] == ["read_orders", "add_up", "write_report"]
    assert json.loads(cli("--json", "plan").out) == document


def test_a_sealed_plan_is_run_as_it_is_or_not_at_all(cli, hello: Path) -> None:
    said = cli("plan", "-o", "plan.json", "--env", "base")
    assert said.err == "sealed in plan.json; run it with: incremental run --plan plan.json\n"
    assert said.out == MISSING
    assert cli("run", "--plan", "plan.json").code == 0
    refused = cli("run", "--plan", "plan.json")
    assert refused.code == 2
    assert refused.err.splitlines()[0] == "error: the world changed since the plan was made:"
    assert refused.err.splitlines()[-1] == "  accept it with --replan"
    assert cli("run", "--plan", "plan.json", "--replan").out.startswith("nothing to do")


def test_an_invalid_plan_is_not_sealed(cli, hello: Path) -> None:
    (hello / "data/orders.csv").unlink()
    assert cli("plan", "-o", "plan.json").code == 2
    assert not (hello / "plan.json").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("plan", "--dry-run", "-o", "x"),
            "--dry-run writes nothing, so there can be no --output: drop one of the two",
        ),
        (
            ("plan", "--all", "--only-missing-outputs"),
            "--all and --only-missing-outputs exclude each other: drop one of the two",
        ),
        (("run", "--plan", "pyproject.toml", "--tags", "x"), "--plan brings its own selection: drop --tags"),
        (
            ("run", "--plan", "pyproject.toml", "--only-missing-outputs"),
            "--plan brings its own selection: drop --only-missing-outputs",
        ),
        (
            ("run", "--plan", "pyproject.toml", "--dry-run"),
            "--plan and --dry-run exclude each other: the file says what would run",
        ),
        (("run", "--replan"), "--replan needs a plan: name its file with --plan"),
        (
            ("plan", "--project", ".", "pipeline.py"),
            "give --project or the file of a one-file project, not both",
        ),
    ],
)
def test_options_that_exclude_each_other(cli, hello: Path, arguments: tuple[str, ...], text: str) -> None:
    said = cli(*arguments)
    command = arguments[0]
    assert (said.code, said.out) == (2, "")
    assert said.err == f"error: {text}\nsee: incremental {command} --help\n" or said.err == (
        f"error: {text}\nsee: incremental --help\n"
    )


def test_why_follows_a_node_to_the_cause(cli, hello: Path) -> None:
    assert cli("why", "read_orders").out == (
        "node read_orders would run\n"
        "  orders needed by add_up\n"
        "    add_up: totals missing\n"
        "\n"
        "reads   orders_table           present    data/orders.csv\n"
        "reads   params:smallest_order  parameter\n"
        "writes  orders                 in memory\n"
    )


def test_why_tells_of_outputs_that_nobody_vouches_for(cli, hello: Path) -> None:
    (hello / "out").mkdir()
    (hello / "out/totals.json").write_text("{}")
    assert cli("why", "totals").out == (
        "dataset totals: made by node add_up, which would be skipped\n"
        "  totals present\n"
        "\n"
        "is       totals        present    out/totals.json  unproven: no record says which run made it\n"
        "read by  write_report  would run\n"
    )


def test_why_as_a_document(cli, hello: Path) -> None:
    document = json.loads(cli("why", "orders", "--json").out)
    assert document["format"] == "incremental-why/1"
    assert document["reason"]["node"] == "read_orders"


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("ad_up", "the pipeline has no node and no dataset 'ad_up'; did you mean 'add_up'?"),
        ("reprot", "the pipeline has no node and no dataset 'reprot'; did you mean 'report'?"),
    ],
)
def test_why_offers_the_nearest_name(cli, hello: Path, word: str, text: str) -> None:
    said = cli("why", word)
    assert (said.code, said.err) == (2, f"error: {text}\n")
