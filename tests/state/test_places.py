"""Places: two names for one place are one, and what lies in what is claimed is claimed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from faults.effects import raising
from hypothesis import given
from hypothesis import strategies as st

from incremental.state import places
from incremental.state.places import first_overlap, resolve

NAMES = st.sampled_from(["a", "b", "ab", "a b", "ä", "a.csv"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
URLS = PATHS.map(lambda path: f"s3://bucket{path}")
LOCATIONS = st.one_of(PATHS, URLS)
SETS = st.sets(LOCATIONS, max_size=5)


def covers(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(outer + "/")


def asked(mine: set[str], theirs: set[str]) -> str | None:
    return first_overlap({place: place for place in mine}, theirs)


@given(SETS, SETS)
def test_law_places_overlap_where_one_is_the_other_or_in_it(mine: set[str], theirs: set[str]) -> None:
    hit = [one for one in mine if any(covers(one, other) or covers(other, one) for other in theirs)]
    assert asked(mine, theirs) == min(hit, default=None)


@given(SETS, SETS)
def test_law_overlap_is_symmetric(mine: set[str], theirs: set[str]) -> None:
    assert (asked(mine, theirs) is None) is (asked(theirs, mine) is None)


def spellings(place: str) -> list[str]:
    """Return other ways to write a place that need no disk."""
    path = place.removeprefix("s3://bucket")
    detours = (path, path.replace("/", "//"), path.replace("/", "/./"), f"{path}/", f"/x/..{path}")
    if path != place:
        return [f"{scheme}://bucket{each}" for scheme in ("s3", "S3", "s3a", "s3n") for each in detours]
    return [f"file://{each}" for each in detours] + [f"file://localhost{path}", f"local://{path}", path]


@given(SETS, SETS, st.data())
def test_law_overlap_is_unaffected_by_how_places_are_written(
    mine: set[str], theirs: set[str], data: st.DataObject
) -> None:
    written = [data.draw(st.sampled_from(spellings(place))) for place in sorted(mine)]
    plain = asked(mine, theirs)
    other = first_overlap(resolve(written, "/p", 1), resolve(theirs, "/q", 2).keys())
    assert (other is None) is (plain is None)
    assert other is None or other in written


def places_of(*locations: str, project: str = "/p", pid: int = 1) -> list[str]:
    return sorted(resolve(locations, project, pid))


def test_a_path_over_links_is_the_path_that_they_lead_to(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "real/deep").mkdir(parents=True)
    (root / "folder").symlink_to(root / "real")
    (root / "real/file").touch()
    (root / "file").symlink_to("real/file")
    (root / "nowhere").symlink_to("real/to come")
    assert places_of(f"{root}/folder/deep/x") == [f"{root}/real/deep/x"]
    assert places_of(f"{root}/folder/new/x") == [f"{root}/real/new/x"]
    assert places_of(f"{root}/file", f"{root}/real/file") == [f"{root}/real/file"]
    assert places_of(f"{root}/nowhere") == [f"{root}/real/to come"]
    assert places_of(f"{root}/folder") == [f"{root}/real"]


def test_a_place_is_in_the_folder_that_is_named_whatever_its_last_letter(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    assert places_of(f"{root}/MAX/x") == [f"{root}/MAX/x"]


def test_links_are_found_among_many_names(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "n7").symlink_to("target")
    locations = [f"{root}/n{number}" for number in range(10)]
    found = resolve(locations, "/p", 1)
    assert found[f"{root}/target"] == f"{root}/n7"
    assert f"{root}/n7" not in found
    assert len(found) == 10


def test_links_at_the_root_are_found_too() -> None:
    locations = [f"/{name}" for name in os.listdir("/")]  # noqa: PTH208
    found = {place.casefold() for place in places_of(*locations)}
    assert found == {os.path.realpath(location).casefold() for location in locations}


def test_where_nothing_may_be_looked_at_letters_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "scandir", raising(PermissionError()))
    assert places_of("/Nowhere/x", "/nowhere/x") == ["/Nowhere/x", "/nowhere/x"]


def test_a_folder_that_is_not_there_has_no_links() -> None:
    locations = [f"/nowhere/at/all/{number}" for number in range(10)]
    assert places_of(*locations) == locations


def test_the_place_of_a_dataset_without_address_is_its_name_in_its_project() -> None:
    assert places_of("dataset:table", project="/X/one") == ["X/one:dataset:table"]
    mine = resolve(["dataset:table"], "/one", 1)
    assert first_overlap(mine, resolve(["dataset:table"], "/one", 2)) == "dataset:table"
    assert first_overlap(mine, resolve(["dataset:table"], "/other", 2)) is None
    assert first_overlap(mine, resolve(["dataset:tab", "/one"], "/one", 2)) is None


def test_what_is_in_memory_is_a_place_of_one_process() -> None:
    mine = resolve(["memory://a/b"], "/p", 1)
    assert first_overlap(mine, resolve(["memory://a"], "/q", 1)) == "memory://a/b"
    assert first_overlap(mine, resolve(["memory://a/b"], "/p", 2)) is None


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("file:///a/../b/", "/b"),
        ("local://localhost/b", "/b"),
        ("file://server/share/b", "/server/share/b"),
        ("FILE:///b//c", "/b/c"),
        ("memory://", "memory:7:"),
        ("memory://X", "memory:7:X"),
        ("memory://Xx/Yy/", "memory:7:Xx/Yy"),
        ("s3a://bucketX/", "s3://bucketX"),
        ("s3n://b//X/./y/", "s3://b/X/y"),
        ("sftp://Host/", "sftp://host"),
        ("sftp://Host/XX/key/", "sftp://host/XX/key"),
        ("dataset:a/", "p:dataset:a/"),
        ("dataset:X/", "p:dataset:X/"),
    ],
)
def test_each_place_has_one_spelling(location: str, place: str) -> None:
    assert list(resolve([location], "/p", 7)) == [place]


def test_host_names_ignore_case_and_buckets_and_keys_do_not() -> None:
    assert places_of("HTTPS://Host.org/A") == ["https://host.org/A"]
    assert places_of("s3://Bucket/A", "gcs://Bucket/A") == ["gs://Bucket/A", "s3://Bucket/A"]


def ignore_case(monkeypatch: pytest.MonkeyPatch, under: str) -> None:
    """Have a file system ignore case, as macOS does."""
    stat = os.lstat

    def lstat(path: str) -> os.stat_result:
        folder, _, name = path.rpartition("/")
        if not path.startswith(under):
            return stat(path)
        names = [each.name for each in os.scandir(folder or "/") if each.name.lower() == name.lower()]
        return stat(f"{folder}/{names[0] if names else name}")

    monkeypatch.setattr(places.os, "lstat", lstat)


@pytest.mark.parametrize("is_everywhere", [True, False])
def test_letters_do_not_matter_where_the_file_system_ignores_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_everywhere: bool
) -> None:
    ignore_case(monkeypatch, "/" if is_everywhere else f"{tmp_path}/")
    if is_everywhere:
        assert places_of("/Nowhere") == ["/nowhere"]
    (tmp_path / "Data").mkdir()
    for folder in ("Data", "Data/not/there/yet"):  # empty: judged by the folder that it is in
        one, other = f"{tmp_path}/{folder}/Out.csv", f"{tmp_path}/{folder.upper()}/oUT.CSV"
        assert first_overlap(resolve([one], "/p", 1), resolve([other], "/p", 2)) == one


def test_letters_matter_where_the_file_system_tells_them_apart(tmp_path: Path) -> None:
    (tmp_path / "File").touch()
    if (tmp_path / "fILE").exists():
        pytest.skip("this file system ignores case")
    one, other = f"{tmp_path}/x", f"{tmp_path}/X"
    assert first_overlap(resolve([one], "/p", 1), resolve([other], "/p", 2)) is None
    (tmp_path / "fILE").touch()  # both are there, and are two
    assert first_overlap(resolve([one], "/p", 1), resolve([other], "/p", 2)) is None
