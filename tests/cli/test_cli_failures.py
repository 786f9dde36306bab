"""``--keep-going``, ``--retries`` and ``--timeout``."""

from __future__ import annotations

from pathlib import Path

FILE = """
from pathlib import Path

from incremental.pipeline import Pipeline, node


def bad(source):
    mark = Path(__file__).with_name("tried")
    if not mark.exists():
        mark.touch()
        raise ValueError("not yet")
    return source


pipeline = Pipeline(
    [
        node(lambda: "text", None, "source", name="source"),
        node(bad, "source", "bad", name="bad"),
        node(lambda bad: bad, "bad", "after", name="after"),
        node(lambda source: source, "source", "good", name="good"),
    ]
)
"""
CATALOG = """
good: {type: text.TextDataset, filepath: good.txt}
after: {type: text.TextDataset, filepath: after.txt}
"""


def make(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "pipeline.py").write_text(FILE)
    (tmp_path / "catalog.yml").write_text(CATALOG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_keep_going_makes_what_it_can_and_resume_makes_the_rest(cli, tmp_path, monkeypatch):
    folder = make(tmp_path, monkeypatch)
    said = cli("run", "--keep-going")
    assert said.code == 1
    assert (folder / "good.txt").is_file()
    assert "error: node 'bad' failed: ValueError: not yet\n" in said.err
    assert "not run for lack of them: 'after'" in said.err
    again = cli("run", "--resume")
    assert again.code == 0, again.err
    assert (folder / "after.txt").is_file()


def test_retries_are_told_and_help(cli, tmp_path, monkeypatch):
    make(tmp_path, monkeypatch)
    said = cli("run", "--retries", "1")
    assert said.code == 0, said.err
    assert "retry  bad  ValueError in attempt 1, again in 500 ms" in said.err


def test_a_time_out_that_cannot_be_kept_is_wrong_use(cli, tmp_path, monkeypatch):
    make(tmp_path, monkeypatch)
    said = cli("run", "--timeout", "5")
    assert said.code in (1, 2)
    assert "SequentialRunner cannot stop a node that takes too long" in said.err
    assert cli("run", "--retries", "-1").code == 2
