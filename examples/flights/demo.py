"""The story of this project in six steps, told with the real command line.

Each step says what happens, shows the command, and runs it. Start it with `python examples/flights/demo.py`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent
CHART = Path("data/reporting/chart.png")
REPORT = Path("data/reporting/report.md")
MADE = ("data", ".incremental")


def main() -> None:
    """Plan, run, plan again, delete, plan, repair."""
    start_afresh()

    tell(
        "1. What would run?",
        "A plan is quick and changes nothing. Nothing has been made yet, so every node is in it.",
    )
    incremental("plan", "--only-missing-outputs", "--dry-run")

    tell("2. Run it.", "336,776 flights are cleaned, joined, turned into features, modelled and reported on.")
    incremental("run", "--only-missing-outputs")

    tell("3. What would run now?", "Every output is there.")
    incremental("plan", "--only-missing-outputs", "--dry-run")

    tell("4. Lose something.", "One output of many: the chart.")
    delete(CHART)

    tell(
        "5. What is missing, and why?",
        "The chart is drawn from two small tables in memory, so the nodes that make those come along.\n"
        "They are made from the predictions, and those are on disk: nothing further up has to run.",
    )
    incremental("plan", "--only-missing-outputs", "--dry-run")

    tell("6. Run just that.", "The model is not trained again.")
    incremental("run", "--only-missing-outputs")

    tell("What the pipeline found", f"The first lines of {PROJECT.name}/{REPORT}, the chart beside it:")
    print((PROJECT / REPORT).read_text(encoding="utf-8").split("\n![")[0])


def start_afresh() -> None:
    """Remove what an earlier demo made."""
    for name in MADE:
        shutil.rmtree(PROJECT / name, ignore_errors=True)


def tell(title: str, text: str) -> None:
    """Print the title of a step and what it is about."""
    print(f"\n{bold(title)}\n{text}\n")


def incremental(*arguments: str) -> None:
    """Run one command in the project, as a user would type it; stop the demo when it fails."""
    print(bold("$ incremental " + " ".join(arguments)), flush=True)
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "incremental", *arguments], cwd=PROJECT, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)
    print(f"({time.perf_counter() - started:.1f} s)")


def delete(path: Path) -> None:
    """Delete one file of the project."""
    print(bold(f"$ rm {path}"))
    (PROJECT / path).unlink()


def bold(text: str) -> str:
    """Return the text bold on a terminal, as it is elsewhere."""
    return f"\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() else text


if __name__ == "__main__":
    main()
