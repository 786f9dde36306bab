"""Partitioned folders: staged member by member or as a whole, never half there and believed."""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.errors import DatasetError, NodeRunError
from incremental.io import AbstractDataset, CachedDataset, DataCatalog
from incremental.io.catalog.survey import survey
from incremental.io.files import folders, members, staging
from incremental.io.files.formats import JSONDataset, TextDataset
from incremental.io.files.member_digests import members_in
from incremental.io.files.members import check_partition_id, in_order
from incremental.io.files.partitions import PartitionedDataset
from incremental.io.files.staging import is_staging_name
from incremental.pipeline import Pipeline, node
from incremental.planner.facts import State
from incremental.runner import ParallelRunner, SequentialRunner

TYPE = "partitions.PartitionedDataset"
TEXTS: dict[str, Any] = {"dataset": "text.TextDataset", "filename_suffix": ".txt"}


class InPlace(AbstractDataset[str, str]):
    """A foreign dataset: writes its own path, in two steps."""

    def __init__(self, filepath: str) -> None:
        self._filepath = filepath

    def _load(self) -> str:
        return Path(self._filepath).read_text()

    def _save(self, data: str) -> None:
        if data == "fails":
            Path(self._filepath).write_text("half")
            raise ValueError("half way")
        Path(self._filepath).write_text(data)

    def _exists(self) -> bool:
        return Path(self._filepath).exists()


def texts(folder: Path | str, **arguments: Any) -> PartitionedDataset:
    return PartitionedDataset(path=str(folder), **{**TEXTS, **arguments})


def loaded(dataset: Any) -> dict[str, Any]:
    return {name: load() for name, load in dataset.load().items()}


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def state_of(entry: Mapping[str, Any]) -> State:
    return survey(DataCatalog.from_config({"parts": dict(entry)}), ["parts"]).states["parts"]


def entry(folder: Path | str, **arguments: Any) -> dict[str, Any]:
    return {"type": TYPE, "path": str(folder), **TEXTS, **arguments}


@pytest.fixture(params=["local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "parts") if request.param == "local" else f"memory://{tmp_path.name}/parts"


# -- saving and loading


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_saved_comes_back_by_partition(place: str, overwrite: bool) -> None:
    dataset = texts(place, overwrite=overwrite)
    assert not dataset.exists()
    dataset.save({"b": "2", "a": "1", "2024/05/c": "3"})
    assert dataset.exists()
    assert loaded(texts(place)) == {"2024/05/c": "3", "a": "1", "b": "2"}
    assert list(dataset.load()) == ["2024/05/c", "a", "b"]


def test_partitions_that_are_not_saved_again_stay(place: str) -> None:
    texts(place).save({"a": "old", "b": "old"})
    texts(place).save({"b": "new", "c": "new"})
    assert loaded(texts(place)) == {"a": "old", "b": "new", "c": "new"}


def test_overwriting_replaces_the_whole_folder(place: str) -> None:
    texts(place).save({"a": "old", "deep/b": "old"})
    texts(place, overwrite=True).save({"b": "new"})
    assert loaded(texts(place)) == {"b": "new"}


def test_data_is_computed_when_its_turn_comes_unless_lazy_saving_is_off(tmp_path: Path) -> None:
    dataset = texts(tmp_path / "parts")
    dataset.save({"a": lambda: "computed"})
    assert loaded(dataset) == {"a": "computed"}
    eager = texts(tmp_path / "eager", save_lazily=False)
    with pytest.raises(DatasetError, match="partition 'a'"):
        eager.save({"a": lambda: "computed"})


def test_only_files_with_the_suffix_are_partitions_and_nothing_of_ours(tmp_path: Path) -> None:
    dataset = texts(tmp_path)
    dataset.save({"a": "1"})
    (tmp_path / "b.csv").write_text("x")
    (tmp_path / staging.staging_name("a.txt", keep_extension=True)).write_text("x")
    assert list(dataset.load()) == ["a"]
    assert list(PartitionedDataset(path=tmp_path, dataset="text.TextDataset").load()) == ["a.txt", "b.csv"]


def test_the_search_ends_at_its_depth(place: str) -> None:
    texts(place).save({"a": "1", "deep/b": "2"})
    assert list(texts(place, load_args={"maxdepth": 1}).load()) == ["a"]


def test_links_to_folders_are_not_followed_so_no_search_runs_in_circles(tmp_path: Path) -> None:
    dataset = texts(tmp_path)
    dataset.save({"a": "1"})
    (tmp_path / "again").symlink_to(tmp_path)
    assert list(dataset.load()) == ["a"]


def test_loading_an_empty_folder_tells_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no partitions were found in PartitionedDataset"):
        texts(tmp_path).load()


def test_a_member_may_be_configured_and_foreign(tmp_path: Path) -> None:
    dataset = PartitionedDataset(
        path=tmp_path, dataset={"type": "json.JSONDataset", "save_args": {"indent": None}}
    )
    dataset.save({"a.json": {"x": 1}})
    assert (tmp_path / "a.json").read_text() == '{"x": 1}'
    foreign = PartitionedDataset(path=tmp_path, dataset=InPlace)
    assert foreign.load()["a.json"]() == '{"x": 1}'


def test_loaders_travel_to_other_processes(tmp_path: Path) -> None:
    dataset = texts(tmp_path)
    dataset.save({"a": "1"})
    assert pickle.loads(pickle.dumps(dataset.load()))["a"]() == "1"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"dataset": {"type": "text.TextDataset", "filepath": "x"}}, "its 'filepath' from the partition"),
        ({"dataset": {"type": "text.TextDataset", "versioned": True}}, "partitions have no versions"),
        ({"dataset": "text.TxtDataset"}, "did you mean 'text.TextDataset'"),
        ({"path": ""}, "names no folder"),
        ({"path": "s3://"}, "names no folder"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_built(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(DatasetError, match=told):
        PartitionedDataset(**{"path": "parts", "dataset": "text.TextDataset", **arguments})


def test_data_that_is_no_dict_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot save 'list' .*; save a dict of data by partition id"):
        texts(tmp_path / "parts").save(["a"])  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_credentials_reach_the_members_unless_they_have_their_own(caplog: pytest.LogCaptureFixture) -> None:
    common = texts("memory://x", credentials={"token": "s3cret"})
    assert common.member("memory://x/a")._credentials == {"token": "s3cret"}
    own = PartitionedDataset(
        path="memory://x",
        dataset={"type": "text.TextDataset", "credentials": {"token": "own"}},
        credentials={"token": "s3cret"},
    )
    assert own.member("memory://x/a")._credentials == {"token": "own"}
    assert "its 'dataset' has its own" in caplog.text
    assert "s3cret" not in repr(common) + caplog.text


# -- ids never leave the folder


@pytest.mark.parametrize("bad", ["", ".", "..", "../a", "a/../../b", "/a", "a//b", "a/", "a\0b", "./a", 7])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_id_that_leaves_the_folder_is_refused(tmp_path: Path, bad: Any, overwrite: bool) -> None:
    with pytest.raises(DatasetError, match="cannot save partition"):
        texts(tmp_path / "parts", overwrite=overwrite).save({bad: "x"})
    assert list(tmp_path.iterdir()) == []


@given(st.text(alphabet=st.sampled_from("a./\\\0\u2024\uff0e~ "), max_size=12))
def test_law_every_accepted_id_is_a_path_below_the_folder(partition: str) -> None:
    try:
        check_partition_id(partition)
    except ValueError:
        return
    path = os.path.normpath(f"/root/parts/{partition}")
    assert path.startswith("/root/parts/")
    assert path == f"/root/parts/{partition}"


def test_a_planted_link_leads_no_partition_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("theirs")
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "deep").symlink_to(outside)
    (parts / "a.txt").symlink_to(outside / "a.txt")
    for partition in ("a", "deep/a", "deep/new"):
        with pytest.raises(DatasetError, match="a link leads out of the folder"):
            texts(parts).save({partition: "ours"})
    assert tree(outside) == {"a.txt"}
    assert (outside / "a.txt").read_text() == "theirs"


def test_a_folder_that_is_itself_a_link_is_filled_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "parts").symlink_to("real")
    texts(tmp_path / "parts").save({"a": "1"})
    texts(tmp_path / "parts", overwrite=True).save({"b": "2"})
    assert tree(tmp_path / "real") == {"b.txt"}
    assert (tmp_path / "parts").is_symlink()


def test_a_file_and_a_folder_of_one_name_are_refused_before_anything_shows(tmp_path: Path) -> None:
    dataset = PartitionedDataset(path=tmp_path / "parts", dataset="text.TextDataset")
    with pytest.raises(DatasetError, match="'a' cannot be a file and the folder of 'a/b'"):
        dataset.save({"a": "1", "a/b": "2", "c": "3"})
    assert list(tmp_path.iterdir()) == []


# -- staging


@pytest.mark.parametrize("overwrite", [False, True])
def test_nothing_shows_before_it_is_published_and_a_discard_leaves_no_trace(
    place: str, overwrite: bool
) -> None:
    dataset = texts(place, overwrite=overwrite)
    staged = dataset.stage({"a": "1", "deep/b": "2"})
    assert staged is not None
    assert not dataset.exists()
    staged.discard()
    staged.discard()
    assert not dataset.exists()
    if "://" not in place:
        assert list(Path(place).parent.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("error", [ValueError("half way"), KeyboardInterrupt()])
def test_a_save_that_fails_half_way_keeps_the_old_folder_and_leaves_nothing(
    place: str, overwrite: bool, error: BaseException
) -> None:
    def fail() -> str:
        raise error

    texts(place).save({"a": "old", "b": "old"})
    kind = DatasetError if isinstance(error, Exception) else KeyboardInterrupt
    with pytest.raises(kind, match="partition 'b'" if kind is DatasetError else None):
        texts(place, overwrite=overwrite).save({"a": "new", "b": fail})
    assert loaded(texts(place)) == {"a": "old", "b": "old"}
    if "://" not in place:
        assert tree(Path(place).parent) == {"parts/a.txt", "parts/b.txt"}


def test_an_error_names_partition_dataset_and_path(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        PartitionedDataset(path=tmp_path, dataset="json.JSONDataset").save({"a": {1, 2}})
    told = str(caught.value)
    assert told.startswith("cannot save partition 'a' of PartitionedDataset(")
    assert str(tmp_path) in told
    assert "set is not JSON serializable" in told
    assert ".incremental-tmp" not in told


def test_publishing_several_members_is_marked_from_before_the_first_until_after_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[State] = []
    publish = staging.LocalStage.publish

    def watched(stage: staging.LocalStage) -> None:
        is_member = stage.target.endswith(".txt")
        publish(stage)
        if is_member:
            seen.append(state_of(entry(tmp_path / "parts")))

    monkeypatch.setattr(staging.LocalStage, "publish", watched)
    texts(tmp_path / "parts").save({"a": "1", "b": "2", "c": "3"})
    assert seen == [State.INCOMPLETE] * 3
    assert state_of(entry(tmp_path / "parts")) is State.PRESENT
    assert tree(tmp_path) == {"parts/a.txt", "parts/b.txt", "parts/c.txt"}


def test_one_member_alone_needs_no_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "mark", lambda *_, **__: pytest.fail("marked"))
    texts(tmp_path / "parts").save({"a": "1"})
    assert tree(tmp_path) == {"parts/a.txt"}


@pytest.mark.parametrize("at", [0, 1])
def test_a_member_that_cannot_be_published_leaves_the_folder_marked_if_another_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    texts(tmp_path / "parts").save({"a": "old", "b": "old"})
    replace, calls = os.replace, []

    def fail(source: str, target: str) -> None:
        if target.endswith(".txt"):
            calls.append(target)
            if len(calls) == at + 1:
                raise OSError(5, "Input/output error", target)
        replace(source, target)

    monkeypatch.setattr(staging.os, "replace", fail)
    dataset = texts(tmp_path / "parts")
    staged = dataset.stage({"a": "new", "b": "new"})
    assert staged is not None
    with pytest.raises(DatasetError, match="Input/output error"):
        staged.publish()
    staged.discard()
    assert loaded(dataset) == {"a": "new" if at else "old", "b": "old"}
    assert state_of(entry(tmp_path / "parts")) is (State.INCOMPLETE if at else State.PRESENT)
    assert dataset.exists() is not bool(at)
    assert not any(is_staging_name(Path(name).name) for name in tree(tmp_path))


def test_a_dataset_that_is_built_and_one_around_it_say_that_they_are_half(tmp_path: Path) -> None:
    texts(tmp_path / "parts").save({"a": "1"})
    members.mark(str(tmp_path / "parts"))
    cached = {"type": "CachedDataset", "dataset": entry(tmp_path / "parts")}
    catalog = DataCatalog.from_config({"parts": entry(tmp_path / "parts"), "cached": cached})
    assert not catalog["parts"].exists()
    facts = survey(catalog, ["parts", "cached"])
    assert facts.states == {"parts": State.INCOMPLETE, "cached": State.INCOMPLETE}


def test_in_a_store_without_folders_the_mark_lies_within_and_is_no_member(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from incremental.io.files import uploads

    place = "memory://marked/parts"
    seen: list[State] = []
    publish = uploads.SpoolStage.publish

    def watched(stage: uploads.SpoolStage) -> None:
        publish(stage)
        seen.append(state_of(entry(place, filename_suffix="")))

    monkeypatch.setattr(uploads.SpoolStage, "publish", watched)
    dataset = texts(place, filename_suffix="", overwrite=True)
    dataset.save({"a": "1", "b": "2"})
    assert seen == [State.ABSENT, State.INCOMPLETE, State.INCOMPLETE]
    assert loaded(dataset) == {"a": "1", "b": "2"}
    assert state_of(entry(place, filename_suffix="")) is State.PRESENT


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_was_staged_can_be_published_by_another_process(tmp_path: Path, overwrite: bool) -> None:
    dataset = texts(tmp_path / "parts", overwrite=overwrite)
    assert dataset.can_send_stage
    pickle.loads(pickle.dumps(dataset.stage({"a": "1", "b": "2"}))).publish()
    assert loaded(dataset) == {"a": "1", "b": "2"}
    assert tree(tmp_path) == {"parts/a.txt", "parts/b.txt"}


def test_members_that_write_in_place_are_staged_only_as_a_whole_folder(tmp_path: Path) -> None:
    dataset = PartitionedDataset(path=tmp_path / "parts", dataset=InPlace)
    assert not dataset.can_stage
    assert dataset.stage({"a": "1"}) is None
    assert not PartitionedDataset(path="memory://x", dataset=InPlace, overwrite=True).can_stage
    whole = PartitionedDataset(path=tmp_path / "parts", dataset=InPlace, overwrite=True)
    whole.save({"a": "old"})
    with pytest.raises(DatasetError, match="half way"):
        whole.save({"a": "fails"})
    assert loaded(whole) == {"a": "old"}
    assert tree(tmp_path) == {"parts/a"}


# -- whole folders


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_exchanged_and_keeps_its_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_exchange: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(folders, "_exchanged", lambda *_: False)
    dataset = texts(tmp_path / "parts", overwrite=True)
    dataset.save({"a": "old"})
    (tmp_path / "parts").chmod(0o750)
    dataset.save({"b": "new"})
    assert tree(tmp_path) == {"parts/b.txt"}
    assert stat.S_IMODE((tmp_path / "parts").stat().st_mode) == 0o750
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]


def test_where_folders_cannot_be_exchanged_and_the_new_one_cannot_come_in_the_old_one_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = texts(tmp_path / "parts", overwrite=True)
    dataset.save({"a": "old"})
    monkeypatch.setattr(folders, "_exchanged", lambda *_: False)
    rename, calls = os.rename, []

    def fail_second(source: str, target: str) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(5, "Input/output error", target)
        rename(source, target)

    monkeypatch.setattr(folders.os, "rename", fail_second)
    with pytest.raises(DatasetError, match="Input/output error"):
        DataCatalog({"parts": dataset}).save("parts", {"b": "new"})
    assert loaded(dataset) == {"a": "old"}


def test_a_file_in_the_place_of_the_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "parts").write_text("theirs")
    for overwrite in (False, True):
        with pytest.raises(DatasetError, match="Not a directory"):
            texts(tmp_path / "parts", overwrite=overwrite).save({"a": "1"})
    assert tree(tmp_path) == {"parts"}


class DyingDisk:
    """The ``os`` module; the process dies instead of making one call."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in ("open", "replace", "rename", "mkdir", "unlink", "fsync", "chmod", "close"):
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                os._exit(9)
            return real(*args, **kwargs)

        return call


def dies_saving(dataset: PartitionedDataset, at: int, can_exchange: bool) -> bool:
    """Save in a process that dies at one call; tell whether it came so far."""
    child = os.fork()
    if child == 0:
        try:
            staging.os = folders.os = DyingDisk(at)  # type: ignore[assignment]
            if not can_exchange:
                folders._exchanged = lambda *_: False  # type: ignore[assignment]
            dataset.save({"a": "new", "b": "new"})
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("kind", ["members", "exchange", "no exchange"])
def test_dying_at_any_call_leaves_the_old_the_new_or_a_folder_that_says_so(tmp_path: Path, kind: str) -> None:
    overwrite = kind != "members"
    place, at, outcomes = tmp_path / "parts", 0, set()
    while True:
        at += 1
        texts(place, filename_suffix="", overwrite=True).save({"a": "old", "b": "old"})
        dataset = texts(place, filename_suffix="", overwrite=overwrite)
        if not dies_saving(dataset, at, can_exchange=kind != "no exchange"):
            break
        state = state_of(entry(place, filename_suffix="", overwrite=overwrite))
        if state is State.PRESENT:
            content = set(loaded(texts(place, filename_suffix="")).values())
            assert content in ({"old"}, {"new"}), f"died at call {at}"
        else:
            assert state is (State.ABSENT if kind == "no exchange" else State.INCOMPLETE)
        outcomes.add(state)
        texts(place, filename_suffix="").save({"a": "newer", "b": "newer"})
        assert state_of(entry(place, filename_suffix="")) is State.PRESENT
    assert at > 10
    if kind == "members":
        assert State.INCOMPLETE in outcomes
    if kind == "exchange":
        assert outcomes == {State.PRESENT}


# -- in pieces


def chunked(catalog: DataCatalog, make: Callable[..., Any], runner: Any = None) -> None:
    pipeline = Pipeline([node(make, None, "parts", name="make")])
    (runner or SequentialRunner()).run(pipeline, catalog)


@pytest.mark.parametrize("overwrite", [False, True])
def test_each_piece_of_a_generator_adds_partitions_that_show_together(place: str, overwrite: bool) -> None:
    texts(place).save({"before": "0"})
    seen: list[dict[str, Any]] = []

    def make() -> Iterator[dict[str, str]]:
        yield {"a": "1", "b": "first"}
        seen.append(loaded(texts(place)))
        yield {"b": "second"}

    chunked(DataCatalog.from_config({"parts": entry(place, overwrite=overwrite)}), make)
    assert seen == [{"before": "0"}]
    rest = {} if overwrite else {"before": "0"}
    assert loaded(texts(place)) == {"a": "1", "b": "second", **rest}


def test_a_generator_that_fails_half_way_leaves_the_old_partitions(place: str) -> None:
    texts(place).save({"a": "old"})

    def make() -> Iterator[dict[str, str]]:
        yield {"a": "new"}
        raise ValueError("half way")

    with pytest.raises(NodeRunError, match="half way"):
        chunked(DataCatalog.from_config({"parts": entry(place)}), make)
    assert loaded(texts(place)) == {"a": "old"}
    if "://" not in place:
        assert tree(Path(place)) == {"a.txt"}


def test_a_generator_without_a_piece_saves_nothing(tmp_path: Path) -> None:
    def make() -> Iterator[dict[str, str]]:
        yield from ()

    with pytest.raises(NodeRunError, match="the node yielded no data"):
        chunked(DataCatalog.from_config({"parts": entry(tmp_path / "parts")}), make)


def make_two() -> dict[str, str]:
    return {"a": "1", "b": "2"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_partitions_written_by_another_process_are_published_by_the_driver(
    tmp_path: Path, overwrite: bool
) -> None:
    catalog = DataCatalog.from_config({"parts": entry(tmp_path / "parts", overwrite=overwrite)})
    chunked(catalog, make_two, ParallelRunner(max_workers=1))
    assert loaded(catalog["parts"]) == {"a": "1", "b": "2"}


def test_cached_partitions_are_staged_too(tmp_path: Path) -> None:
    cached = CachedDataset({"type": TYPE, "path": str(tmp_path / "parts"), **TEXTS})
    staged = cached.stage({"a": "1", "b": "2"})
    assert staged is not None
    assert not cached.exists()
    staged.publish()
    assert cached.load() == {"a": "1", "b": "2"}  # what was saved; after a release, loaders
    cached.release()
    assert loaded(cached) == {"a": "1", "b": "2"}


# -- the survey


@pytest.mark.parametrize("above", ["", "/"])
def test_the_survey_tells_a_folder_with_partitions_from_one_without(place: str, above: str) -> None:
    assert state_of(entry(f"{place}{above}")) is State.ABSENT
    texts(place, filename_suffix=".csv").save({"deep/a": "1"})
    assert state_of(entry(f"{place}{above}")) is State.ABSENT
    texts(place).save({"deep/a": "1"})
    assert state_of(entry(f"{place}{above}")) is State.PRESENT
    assert state_of(entry(place, load_args={"maxdepth": 1})) is State.ABSENT


def test_the_survey_builds_no_dataset_and_reads_a_folder_only_until_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        (tmp_path / f"{number}.txt").write_text("x")
    monkeypatch.setattr(PartitionedDataset, "__init__", lambda *_, **__: pytest.fail("built"))
    listed: list[str] = []
    scandir = os.scandir

    def counted(path: Any) -> Any:
        listed.append(str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counted)
    assert state_of(entry(tmp_path)) is State.PRESENT
    assert [path.rstrip("/") for path in listed] == [str(tmp_path)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"path": ""}, "needs 'path'"),
        ({"path": 7}, "'path' is 7, which is no path"),
        ({"versioned": True}, "keeps no versions of its partitions"),
        ({"filename_sufix": ".txt"}, "did you mean 'filename_suffix'"),
    ],
)
def test_the_survey_refuses_an_entry_that_cannot_be(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(DatasetError, match=told):
        state_of(entry("parts", **arguments))


def test_a_location_is_known_without_building() -> None:
    assert PartitionedDataset.location_of({"path": "data/parts/"}) == ("data/parts", False)
    assert texts("/data/parts/").location == "/data/parts"
    assert texts("s3://user:secret@bucket/parts/").location == "s3://bucket/parts"
    with pytest.raises(DatasetError, match="needs 'path'"):
        PartitionedDataset.location_of({})


def test_members_are_as_durable_as_their_folder(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config({"parts": entry(tmp_path)}, durable=False)
    member = catalog["parts"].member(str(tmp_path / "a.txt"))
    assert isinstance(member, TextDataset)
    assert not member.durable
    assert isinstance(PartitionedDataset(path=tmp_path, dataset=JSONDataset).member("a"), JSONDataset)


def test_partitions_are_saved_in_the_order_of_their_ids(tmp_path: Path) -> None:
    assert [name for name, _ in in_order(texts(tmp_path), {"b": 1, "a": 2})] == ["a", "b"]


# -- digests


class Digesting(TextDataset):
    """A member that tells a digest of what it stages, and of what it stores."""

    def stage(self, data: str) -> Any:
        staged = super().stage(data)
        if staged is None:
            return None
        return Digested(staged, data)

    def content_digest(self, tell: Callable[[int], None] | None = None) -> str:
        text = self.load()
        if tell is not None:
            tell(len(text))
        return text


class Digested:
    def __init__(self, staged: Any, digest: str) -> None:
        self.digest, self.publish, self.discard = digest, staged.publish, staged.discard


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_digest_of_what_is_staged_is_that_of_the_folder_it_will_be(place: str, overwrite: bool) -> None:
    dataset = PartitionedDataset(path=place, dataset=Digesting, overwrite=overwrite)
    for data in ({"a": "1", "deep/b": "22"}, {"a": "3", "deep/b": "22"}):
        staged: Any = dataset.stage(data)
        staged.publish()
        read: list[int] = []
        assert staged.digest == dataset.content_digest(read.append)
        assert sorted(read) == [1, 2]
    swapped: Any = dataset.stage({"a": "22", "deep/b": "3"})
    assert swapped.digest != dataset.content_digest()
    swapped.discard()


def test_of_partitions_that_stay_and_of_members_without_one_no_digest_is_known(tmp_path: Path) -> None:
    dataset = PartitionedDataset(path=tmp_path / "parts", dataset=Digesting)
    with pytest.raises(FileNotFoundError):
        dataset.content_digest()
    dataset.save({"a": "1", "b": "2"})
    staged: Any = dataset.stage({"b": "3"})
    assert members_in(staged.digest) == {"a": None, "b": "3"}
    staged.discard()
    foreign = PartitionedDataset(path=tmp_path / "parts", dataset=InPlace, overwrite=True)
    whole: Any = foreign.stage({"a": "1"})
    assert whole.digest is None
    whole.discard()
    assert foreign.content_digest() is None


def test_a_save_of_one_partition_ends_what_a_save_of_several_began(place: str, monkeypatch: Any) -> None:
    def fail(self: Any) -> None:
        raise KeyboardInterrupt

    dataset = texts(place)
    dataset.save({"a": "1"})
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(members.MembersSave, "_end", fail)
        dataset.save({"a": "2", "b": "2"})
    assert not texts(place).exists()
    texts(place).save({"a": "3"})
    assert texts(place).exists()
    assert loaded(texts(place)) == {"a": "3", "b": "2"}
