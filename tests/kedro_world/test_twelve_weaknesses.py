"""The twelve weaknesses of ``--only-missing-outputs`` in Kedro 1.7.0, each shown there and gone here.

One scenario runs in three worlds: Kedro's runner, ours behind Kedro's interface, and ours alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kedro", reason="compares with Kedro")
pytest.importorskip("kedro_datasets", reason="compares with Kedro")

import kedro.framework.project
import kedro.io
import kedro.pipeline
import kedro.runner
import kedro_datasets.text

import incremental.io
import incremental.io.files.formats
import incremental.pipeline
import incremental.runner
from incremental.errors import IncrementalError
from incremental.kedro import IncrementalRunner


@dataclass(frozen=True)
class World:
    """Whose words a scenario is told in, and who runs it."""

    io: Any
    text: Any
    pipelines: Any
    runner: Callable[[], Any]

    def pipeline(self, *nodes: tuple[Any, ...]) -> Any:
        node = self.pipelines.node
        return self.pipelines.Pipeline([node(*arguments, name=name) for name, *arguments in nodes])

    def run(self, pipeline: Any, catalog: Any, *, missing: bool = True) -> dict[str, Any]:
        """Run, and return the results by name, each loaded."""
        found = self.runner().run(pipeline, catalog, only_missing_outputs=missing)
        return {name: dataset.load() for name, dataset in found.items()}


KEDRO = World(kedro.io, kedro_datasets.text.TextDataset, kedro.pipeline, kedro.runner.SequentialRunner)
PLUGIN = World(kedro.io, kedro_datasets.text.TextDataset, kedro.pipeline, IncrementalRunner)
OWN = World(
    incremental.io,
    incremental.io.files.formats.TextDataset,
    incremental.pipeline,
    incremental.runner.SequentialRunner,
)
OURS = pytest.mark.parametrize("world", [PLUGIN, OWN], ids=["behind Kedro", "alone"])


class Three:
    """``raw -> a -> b -> c``: a function that notes each call, and a file each, unless it is to be in memory."""

    def __init__(self, world: World, folder: Path, in_memory: str = "") -> None:
        self.world, self.folder = world, folder
        self.called: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        self.path("raw").write_text("r")
        self.stored = [name for name in ("raw", "a", "b", "c") if name != in_memory]
        self.pipeline = world.pipeline(
            ("make_a", self.adds("a"), "raw", "a"),
            ("make_b", self.adds("b"), "a", "b"),
            ("make_c", self.adds("c"), "b", "c"),
        )

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.txt"

    def adds(self, letter: str) -> Callable[[str], str]:
        def add(text: str) -> str:
            self.called.append(letter)
            return text + letter

        return add

    def catalog(self, **others: Any) -> Any:
        files = {name: self.world.text(filepath=str(self.path(name))) for name in self.stored}
        return self.world.io.DataCatalog({**files, **others})

    def made(self) -> Three:
        """Run everything once."""
        self.world.run(self.pipeline, self.catalog(), missing=False)
        self.called.clear()
        return self

    def run(self) -> dict[str, Any]:
        return self.world.run(self.pipeline, self.catalog())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is a project of Kedro: the runner behind Kedro keeps its ledger there."""
    (tmp_path / "pyproject.toml").write_text('[tool.kedro]\npackage_name = "none"\nproject_name = "none"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kedro.framework.project, "PACKAGE_NAME", None)  # whatever project was open before
    return tmp_path


@OURS
def test_1_a_last_output_in_memory_is_produced(world: World, folder: Path) -> None:
    theirs = Three(KEDRO, folder / "kedro", in_memory="c").made()
    assert (theirs.run(), theirs.called) == ({}, [])

    ours = Three(world, folder / "ours", in_memory="c").made()
    assert (ours.run(), ours.called) == ({"c": "rabc"}, ["c"])


@OURS
def test_2_the_results_of_nodes_that_are_skipped_are_there(world: World, folder: Path) -> None:
    def two_ends(one: World, place: Path) -> dict[str, Any]:
        three = Three(one, place)
        nodes = one.pipeline(
            ("make_a", three.adds("a"), "raw", "a"),
            ("make_b", three.adds("b"), "a", "b"),
            ("make_c", three.adds("c"), "a", "c"),
        )
        one.run(nodes, three.catalog(), missing=False)
        three.path("c").unlink()
        return one.run(nodes, three.catalog())

    assert two_ends(KEDRO, folder / "kedro") == {"c": "rac"}
    assert two_ends(world, folder / "ours") == {"b": "rab", "c": "rac"}


@OURS
def test_3_when_all_outputs_exist_all_results_are_there(world: World, folder: Path) -> None:
    theirs = Three(KEDRO, folder / "kedro").made()
    assert (theirs.run(), theirs.called) == ({}, [])

    ours = Three(world, folder / "ours").made()
    assert (ours.run(), ours.called) == ({"c": "rabc"}, [])


@OURS
def test_4_what_was_made_from_an_output_that_is_made_again_is_flagged(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = Three(KEDRO, folder / "kedro").made()
    theirs.path("a").unlink()
    caplog.clear()
    theirs.run()
    assert theirs.called == ["a"]
    assert [
        each for each in caplog.records if each.levelno >= logging.WARNING
    ] == []  # nothing says that b is older

    ours = Three(world, folder / "ours").made()
    ours.path("a").unlink()
    plans = plans_of(world, monkeypatch)
    catalog = ours.catalog()
    world.run(ours.pipeline, catalog)
    assert ours.called == ["a"]
    assert [each.dataset for each in plans[0].suspects] == ["b"]


@OURS
def test_4_and_stays_flagged_until_it_is_made_again(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Three(world, folder / "ours")
    catalog = ours.catalog()  # ours alone keeps its ledger with it
    world.run(ours.pipeline, catalog, missing=False)
    ours.path("a").unlink()
    world.run(ours.pipeline, catalog)
    plans = plans_of(world, monkeypatch)
    world.run(ours.pipeline, catalog)
    assert [(each.dataset, each.inputs) for each in plans[0].suspects] == [("b", ("a",))]


def plans_of(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list that gets every plan which is checked before it is carried out."""
    plans: list[Any] = []
    check = incremental.runner.AbstractRunner.check_plan

    def noting(self: Any, plan: Any, catalog: Any) -> None:
        plans.append(plan)
        check(self, plan, catalog)

    monkeypatch.setattr(incremental.runner.AbstractRunner, "check_plan", noting)
    return plans


@OURS
def test_5_a_generator_that_stopped_half_way_runs_again(world: World, folder: Path) -> None:
    def half_way(one: World, place: Path) -> str:
        place.mkdir()
        (place / "raw.txt").write_text("abc")
        breaks = [True]

        def letters(text: str) -> Iterator[str]:
            for letter in text:
                if letter == "c" and breaks:
                    breaks.clear()
                    raise OSError("the source went away")
                yield letter

        class Appending(one.io.AbstractDataset):  # type: ignore[misc,name-defined]
            def __init__(self, filepath: str) -> None:
                self._filepath = filepath

            def _load(self) -> str:
                return Path(self._filepath).read_text()

            def _save(self, data: str) -> None:
                with Path(self._filepath).open("a") as file:
                    file.write(data)

            def _exists(self) -> bool:
                return Path(self._filepath).exists()

            def _describe(self) -> dict[str, Any]:
                return {}

            def reset(self) -> None:
                Path(self._filepath).unlink(missing_ok=True)

        nodes = one.pipeline(("spell", letters, "raw", "out"))
        datasets = {
            "raw": one.text(filepath=str(place / "raw.txt")),
            "out": Appending(str(place / "out.txt")),
        }
        catalog = one.io.DataCatalog(datasets)
        with pytest.raises((OSError, IncrementalError)):
            one.run(nodes, catalog)
        one.run(nodes, catalog)
        return (place / "out.txt").read_text()

    assert half_way(KEDRO, folder / "kedro") == "ab"
    assert half_way(world, folder / "ours") == "abc"


@OURS
def test_5_a_save_that_failed_runs_again(world: World, folder: Path) -> None:
    def full_disk(one: World, place: Path) -> str:
        place.mkdir()
        (place / "raw.txt").write_text("abc")
        full = [True]

        class Torn(one.io.AbstractDataset):  # type: ignore[misc,name-defined]
            def __init__(self, filepath: str) -> None:
                self._filepath = filepath

            def _load(self) -> str:
                return Path(self._filepath).read_text()

            def _save(self, data: str) -> None:
                Path(self._filepath).write_text(data[:1] if full else data)
                if full:
                    full.clear()
                    raise OSError("No space left on device")

            def _exists(self) -> bool:
                return Path(self._filepath).exists()

            def _describe(self) -> dict[str, Any]:
                return {}

        nodes = one.pipeline(("copy", lambda text: text, "raw", "out"))
        datasets = {"raw": one.text(filepath=str(place / "raw.txt")), "out": Torn(str(place / "out.txt"))}
        with pytest.raises(Exception, match="No space left"):
            one.run(nodes, one.io.DataCatalog(datasets))
        one.run(nodes, one.io.DataCatalog(datasets))
        return (place / "out.txt").read_text()

    assert full_disk(KEDRO, folder / "kedro") == "a"
    assert full_disk(world, folder / "ours") == "abc"


def untestable(world: World) -> type[Any]:
    """Return a class of datasets that cannot tell whether they exist."""

    class TableDataset(world.io.AbstractDataset):  # type: ignore[misc,name-defined]
        def _load(self) -> str:
            return "rows"

        def _save(self, data: str) -> None:
            pass

        def _describe(self) -> dict[str, Any]:
            return {}

    return TableDataset


@OURS
def test_6_a_dataset_that_cannot_tell_whether_it_exists_is_named_in_a_warning(
    world: World, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def said(one: World, place: Path) -> list[str]:
        three = Three(one, place).made()
        caplog.clear()
        one.run(three.pipeline, three.catalog(c=untestable(one)()))
        assert three.called == ["c"]
        return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]

    theirs = said(KEDRO, folder / "kedro")
    assert theirs == ["'exists()' not implemented for 'TableDataset'. Assuming output does not exist."]
    ours = said(world, folder / "ours")
    assert len(ours) == 1
    assert "'c'" in ours[0]
    assert "TableDataset" in ours[0]


@OURS
def test_7_an_existence_test_that_fails_names_the_dataset(world: World, folder: Path) -> None:
    def said(one: World, place: Path) -> str:
        class Broken(untestable(one)):  # type: ignore[misc]
            def _exists(self) -> bool:
                raise ConnectionError("no route to host")

        three = Three(one, place)
        with pytest.raises(Exception, match="no route to host") as caught:
            one.run(three.pipeline, three.catalog(b=Broken()))
        assert three.called == []
        return str(caught.value)

    assert "'b'" not in said(KEDRO, folder / "kedro")
    assert "dataset 'b': " in said(world, folder / "ours")


@OURS
def test_8_a_pinned_version_that_is_not_there_is_an_error_before_the_run(world: World, folder: Path) -> None:
    def late(one: World, place: Path) -> tuple[list[str], str]:
        three = Three(one, place)
        entries = {
            name: {"type": kind(one), "filepath": str(three.path(name)), "versioned": name == "pinned"}
            for name in ("raw", "a", "pinned", "c")
        }
        nodes = one.pipeline(
            ("make_a", three.adds("a"), "raw", "a"),
            ("make_c", lambda a, pinned: a + pinned, ["a", "pinned"], "c"),
        )
        catalog = one.io.DataCatalog.from_config(
            entries, load_versions={"pinned": "2020-01-01T00.00.00.000Z"}
        )
        with pytest.raises(Exception, match="2020-01-01") as caught:
            one.run(nodes, catalog)
        return three.called, str(caught.value)

    assert late(KEDRO, folder / "kedro")[0] == ["a"]
    called, said = late(world, folder / "ours")
    assert called == []
    assert "dataset 'pinned' is pinned to version '2020-01-01T00.00.00.000Z', which does not exist" in said


def kind(world: World) -> str:
    return f"{world.text.__module__}.{world.text.__qualname__}"


@OURS
def test_9_the_missing_half_of_a_transcoded_dataset_is_made_for_its_reader(
    world: World, folder: Path
) -> None:
    def half(one: World, place: Path) -> Any:
        class WithIndex(one.io.AbstractDataset):  # type: ignore[misc,name-defined]
            """Writes a table and, beside it, the index that the other half reads."""

            def __init__(self, filepath: str) -> None:
                self._filepath = filepath

            def _load(self) -> str:
                return Path(self._filepath).read_text()

            def _save(self, data: str) -> None:
                Path(self._filepath).write_text(data)
                Path(self._filepath).with_suffix(".index").write_text(data[::-1])

            def _exists(self) -> bool:
                return Path(self._filepath).exists()

            def _describe(self) -> dict[str, Any]:
                return {}

        three = Three(one, place)
        nodes = one.pipeline(
            ("make_a", three.adds("a"), "raw", "a@table"),
            ("make_c", three.adds("c"), "a@index", "c"),
        )

        def catalog() -> Any:
            return three.catalog(
                **{
                    "a@table": WithIndex(str(place / "a.table")),
                    "a@index": one.text(filepath=str(place / "a.index")),
                }
            )

        one.run(nodes, catalog(), missing=False)
        (place / "a.index").unlink()
        three.path("c").unlink()
        try:
            return one.run(nodes, catalog())
        except Exception as error:  # whichever
            return error

    failed = half(KEDRO, folder / "kedro")
    assert isinstance(failed, kedro.io.DatasetError)
    assert "a.index" in str(failed)
    assert half(world, folder / "ours") == {"c": "arc"}


@OURS
def test_10_an_input_that_is_missing_and_filtered_out_is_reported_before_the_run(
    world: World, folder: Path
) -> None:
    def late(one: World, place: Path) -> tuple[list[str], str]:
        three = Three(one, place)
        whole = one.pipeline(
            ("make_a", three.adds("a"), "raw", "a"),
            ("make_b", three.adds("b"), "raw", "b"),
            ("make_c", lambda a, b: a + b, ["a", "b"], "c"),
        )
        part = whole.only_nodes("make_b", "make_c")
        with pytest.raises(Exception, match="a.txt") as caught:
            one.run(part, three.catalog())
        return three.called, str(caught.value)

    assert late(KEDRO, folder / "kedro")[0] == ["b"]
    called, said = late(world, folder / "ours")
    assert called == []
    assert "dataset 'a', read by 'make_c', does not exist" in said


@OURS
def test_11_a_cached_dataset_that_exists_is_not_made_again(world: World, folder: Path) -> None:
    def again(one: World, place: Path) -> list[str]:
        three = Three(one, place).made()
        three.path("c").unlink()
        cached = one.io.CachedDataset(one.text(filepath=str(three.path("b"))))
        one.run(three.pipeline, three.catalog(b=cached))
        return three.called

    assert again(KEDRO, folder / "kedro") == ["b", "c"]
    assert again(world, folder / "ours") == ["c"]


@OURS
def test_11_a_cached_dataset_that_is_missing_is_made(world: World, folder: Path) -> None:
    def missing(one: World, place: Path) -> list[str]:
        three = Three(one, place).made()
        three.path("c").unlink()
        cached = one.io.CachedDataset(one.text(filepath=str(three.path("c"))))
        one.run(three.pipeline, three.catalog(c=cached))
        return three.called

    assert missing(KEDRO, folder / "kedro") == []
    assert missing(world, folder / "ours") == ["c"]


@OURS
def test_12_a_node_that_makes_a_parameter_runs(world: World, folder: Path) -> None:
    """A configured parameter of that name says nothing of what the node would make."""

    def stale(one: World, place: Path) -> tuple[list[str], dict[str, Any]]:
        three = Three(one, place)
        nodes = one.pipeline(
            ("make_a", three.adds("a"), "raw", "a"), ("choose", three.adds("p"), "a", "params:word")
        )

        def catalog() -> Any:
            return three.catalog(**{"params:word": one.io.MemoryDataset("configured")})

        one.run(nodes, catalog(), missing=False)
        three.called.clear()
        results = one.run(nodes, catalog())
        return three.called, results

    assert stale(KEDRO, folder / "kedro") == ([], {})
    assert stale(world, folder / "ours") == (["p"], {"params:word": "rap"})
