"""Every code block of the README does what the README shows."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pages
import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = pages.blocks_of(README)
BINARIES = Path(sys.executable).parent
KNOWN = {"console", "python", "yaml", "toml", "sh"}
TIMES = re.compile(r"\d+(\.\d+)? (ms|s|min)\b")
IDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z|\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?")


def blocks(kind: str) -> list[str]:
    return [text for language, text in BLOCKS if language == kind]


def test_every_block_is_of_a_kind_that_is_tested():
    assert {language for language, _ in BLOCKS} <= KNOWN
    assert README.count("```") == 2 * len(BLOCKS)


def test_the_commands_print_what_the_readme_shows(tmp_path):
    """All ``console`` blocks are one session: each line after ``$`` is typed, what follows is its output."""
    folder = tmp_path
    for block in blocks("console"):
        for command, expected in pages.typed(block):
            if command.startswith("cd "):
                folder = folder / command[3:]
                continue
            assert normalised(pages.shell(command, folder, BINARIES)) == normalised(expected), command


def normalised(text: str) -> str:
    text = re.sub(r" +", " ", IDS.sub("ID", TIMES.sub("TIME", text)))
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: code.splitlines()[0][:40])
def test_the_python_blocks_run(code, tmp_path):
    """Those that open a project find the one that the console blocks make."""
    pages.shell("incremental init hello", tmp_path, BINARIES)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "hello", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("text", blocks("yaml"), ids=lambda text: text.splitlines()[0][:40])
def test_the_yaml_blocks_are_catalogs(text):
    import yaml

    from incremental.io import DataCatalog

    catalog = DataCatalog.from_config(yaml.safe_load(text), credentials={"lake": {"key": "k", "secret": "s"}})
    assert len(list(catalog)) + len(catalog.list_patterns()) > 0


def test_the_set_up_commands_are_targets_of_the_makefile_or_pip(tmp_path):
    for block in blocks("sh"):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["make"]:
                subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True)
            elif words:
                assert words[:2] in (["pip", "install"], ["git", "clone"], ["cd", "incremental"]), line
