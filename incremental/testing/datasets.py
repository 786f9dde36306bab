"""The contract of datasets as a class of tests: derive, say how to make one, and let pytest find it.

It needs no pytest by itself: each method is plain assertions, and may be called by anything.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from incremental.io import AbstractDataset, Version
from incremental.secrets import strip_url
from incremental.testing.elsewhere import elsewhere, refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class DatasetContract(ABC):
    """What runs rely on. Derive from it, define the abstract methods, and name the class ``Test…``."""

    writes_in_place: bool = False
    """Whether a save shows before it is whole: the dataset does not stage."""

    tests_existence: bool = True
    """Whether the dataset can be asked if there is data."""

    has_versions: bool = False
    """Whether ``make`` takes a version, so that each save goes to a version of its own."""

    is_ephemeral: bool = False
    """Whether the data lives in the object alone."""

    is_shared: bool = True
    """Whether another process of this machine sees what was saved here."""

    # -- what there is to know about a dataset

    @abstractmethod
    def make(self, folder: str, version: Version | None = None) -> AbstractDataset[Any, Any]:
        """Return a new dataset below ``folder``; two of one folder are the same data."""

    @abstractmethod
    def examples(self) -> Sequence[Any]:
        """Return two or more different values to save, each new with every call."""

    @abstractmethod
    def unwritable(self) -> Any:
        """Return data whose save raises, best after a good part of it was written."""

    def make_secret(self, folder: str, secret: str) -> AbstractDataset[Any, Any]:
        """Return a dataset with ``secret`` among its credentials."""
        raise SkipTest("make_secret is not defined: it takes no credentials")

    def leave_half(self, folder: str) -> None:
        """Leave there what a save leaves that was killed half way."""
        raise SkipTest("leave_half is not defined: no half-written output can be made")

    def loaded(self, dataset: AbstractDataset[Any, Any]) -> Any:
        """Return what a dataset loads, in a form that compares."""
        return dataset.load()

    def same(self, one: Any, other: Any) -> bool:
        """Tell whether what was loaded is what was saved."""
        return bool(one == other)

    def after(self, former: Any, data: Any) -> Any:
        """Return what is loaded once ``data`` was saved over ``former``; by default the last save counts."""
        return data

    @contextmanager
    def folder(self) -> Iterator[str]:
        """Give a new and empty place, and remove it."""
        with tempfile.TemporaryDirectory() as folder:
            yield folder

    def names(self, folder: str) -> set[str]:
        """Return the names of all that is below a folder, folders and hidden files too."""
        return {str(path.relative_to(folder)) for path in Path(folder).rglob("*")}

    # -- saving and loading

    def test_what_is_saved_is_loaded(self) -> None:
        for data, again in zip(self.examples(), self.examples(), strict=True):
            with self.folder() as folder:
                dataset = self.make(folder)
                dataset.save(data)
                self._holds(dataset, again)

    def test_what_is_loaded_after_a_second_save_is_what_it_says(self) -> None:
        with self.folder() as folder:
            dataset = self._saved(folder, 0)
            dataset.save(self.examples()[1])
            self._holds(dataset, self._after_both())

    def test_what_was_never_saved_cannot_be_loaded(self) -> None:
        with self.folder() as folder:
            refused("to load what was never saved", self.make(folder).load)

    def test_it_exists_once_it_was_saved_and_not_before(self) -> None:
        self._needs(self.tests_existence, "it cannot be asked whether it exists")
        with self.folder() as folder:
            dataset = self.make(folder)
            before = self.names(folder)
            assert dataset.exists() is False
            assert self.names(folder) == before, "looking leaves a trace"
            dataset.save(self.examples()[0])
            assert dataset.exists() is True

    def test_none_is_refused_and_changes_nothing(self) -> None:
        with self.folder() as folder:
            dataset = self._saved(folder, 0)
            refused("to save None", lambda: dataset.save(None))
            self._holds(dataset, self.examples()[0])

    def test_two_of_one_place_agree(self) -> None:
        self._needs(not self.is_ephemeral, "it lives in one object")
        with self.folder() as folder:
            one, other = self._saved(folder, 0), self.make(folder)
            self._holds(other, self.examples()[0])
            one.save(self.examples()[1])
            other.release()
            self._holds(other, self._after_both())

    def test_a_release_forgets_what_is_in_memory_and_nothing_else(self) -> None:
        with self.folder() as folder:
            dataset = self._saved(folder, 0)
            dataset.release()
            dataset.release()
            if self.is_ephemeral:
                refused("to load what was released", dataset.load)
            else:
                self._holds(dataset, self.examples()[0])

    def test_a_save_that_fails_is_an_error(self) -> None:
        with self.folder() as folder:
            refused("data that cannot be written", lambda: self.make(folder).save(self.unwritable()))

    def test_what_a_killed_save_left_does_not_exist_and_is_in_nobodys_way(self) -> None:
        self._needs(self.tests_existence, "it cannot be asked whether it exists")
        with self.folder() as folder:
            self.leave_half(folder)
            dataset = self.make(folder)
            assert dataset.exists() is False
            dataset.save(self.examples()[0])
            self._holds(dataset, self.examples()[0])

    # -- what it says of itself

    def test_it_says_of_itself_what_the_contract_says_of_it(self) -> None:
        with self.folder() as folder:
            dataset = self.make(folder)
            assert dataset.can_stage is not self.writes_in_place, "see writes_in_place"
            assert dataset.can_test_existence is self.tests_existence, "see tests_existence"
            assert dataset.ephemeral is self.is_ephemeral, "see is_ephemeral"
            assert dataset.resolve_save_version() is None, "made without a version it has one"
            if self.writes_in_place:
                assert dataset.stage(self.examples()[0]) is None
                assert dataset.stage_chunks() is None

    def test_its_location_is_absolute_the_same_for_one_place_and_without_a_password(self) -> None:
        with self.folder() as folder, self.folder() as other:
            location = self.make(folder).location
            assert self.make(folder).location == location
            if location is not None:
                assert "://" in location or os.path.isabs(location)  # noqa: PTH117 - it may be a URL
                assert strip_url(location) == location
                assert self.make(other).location != location

    def test_it_shows_no_credentials(self) -> None:
        secret = f"canary-{uuid.uuid4().hex}"
        with self.folder() as folder:
            dataset = self.make_secret(folder, secret)
            shown = [repr(dataset), repr(dataset.describe()), str(dataset.location)]
            shown.append(str(refused("to load what was never saved", dataset.load)))
            shown.append(str(refused("what cannot be written", lambda: dataset.save(self.unwritable()))))
            assert [text for text in shown if secret in text] == []

    def test_its_configuration_makes_an_equal_one(self) -> None:
        with self.folder() as folder:
            dataset = self._saved(folder, 0)
            config = dataset.to_config()
            again = AbstractDataset.from_config("again", config)
            assert type(again) is type(dataset)
            assert (again.to_config(), again.location) == (config, dataset.location)
            if not self.is_ephemeral:
                self._holds(again, self.examples()[0])

    def test_it_works_in_another_process(self) -> None:
        with self.folder() as folder:
            dataset = self._saved(folder, 0)
            if self.is_shared or self.is_ephemeral:  # what lives in the object travels with it
                assert self.same(elsewhere(self.loaded, dataset), self.examples()[0])
            else:
                assert elsewhere(repr, dataset) == repr(dataset)

    # -- staging

    def test_nothing_shows_before_it_is_published(self) -> None:
        self._needs_staging()
        with self.folder() as folder:
            staged = self._staged(self.make(folder), 0)
            if self.tests_existence:
                assert self.make(folder).exists() is False
            refused("to load what is not published", self.make(folder).load)
            staged.publish()
            self._holds(self.make(folder), self.examples()[0])
            staged = self._staged(self.make(folder), 1)
            self._holds(self.make(folder), self.examples()[0])
            staged.publish()
            self._holds(self.make(folder), self._after_both())

    def test_a_published_save_leaves_what_a_plain_one_leaves(self) -> None:
        self._needs_staging()
        with self.folder() as plain, self.folder() as folder:
            self._saved(plain, 0)
            staged = self._staged(self.make(folder), 0)
            staged.publish()
            staged.publish()
            staged.discard()
            assert self.names(folder) == self.names(plain)
            self._holds(self.make(folder), self.examples()[0])

    def test_a_discarded_save_leaves_no_trace(self) -> None:
        self._needs_staging()
        with self.folder() as folder:
            for expected in (False, True):
                before = self.names(folder)
                staged = self._staged(self.make(folder), 1)
                staged.discard()
                staged.discard()
                assert self.names(folder) == before
                if self.tests_existence:
                    assert self.make(folder).exists() is expected
                if not expected:
                    self._saved(folder, 0)
            self._holds(self.make(folder), self.examples()[0])

    def test_a_failed_save_leaves_no_trace(self) -> None:
        self._needs_staging()
        with self.folder() as folder:
            before = self.names(folder)
            refused("data that cannot be written", lambda: self.make(folder).save(self.unwritable()))
            refused("data that cannot be written", lambda: self.make(folder).stage(self.unwritable()))
            assert self.names(folder) == before
            dataset = self._saved(folder, 0)
            before = self.names(folder)
            refused("data that cannot be written", lambda: dataset.save(self.unwritable()))
            assert self.names(folder) == before
            self._holds(dataset, self.examples()[0])
            self._holds(self.make(folder), self.examples()[0])

    def test_what_another_process_staged_is_published_here(self) -> None:
        self._needs_staging()
        with self.folder() as folder:
            dataset = self.make(folder)
            self._needs(dataset.can_send_stage, "what it stages is published by the process that staged it")
            staged = elsewhere(dataset.stage, self.examples()[0])
            refused("to load what is not published", dataset.load)
            staged.publish()
            self._holds(dataset, self.examples()[0])

    # -- pieces

    def test_pieces_show_as_a_whole_once_they_are_published(self) -> None:
        with self.folder() as plain, self.folder() as folder:
            for number in range(len(self.examples())):
                self._saved(plain, number)
            chunks = self._chunks(folder)
            for piece in self.examples():
                chunks.write(piece)
            staged = chunks.finish()
            refused("to load what is not published", self.make(folder).load)
            staged.publish()
            self._holds(self.make(folder), reduce(self.after, self.examples()))
            chunks.discard()
            assert self.names(folder) == self.names(plain)

    def test_discarded_pieces_leave_no_trace(self) -> None:
        with self.folder() as folder:
            before = self.names(folder)
            chunks = self._chunks(folder)
            chunks.write(self.examples()[0])
            chunks.discard()
            chunks.discard()
            assert self.names(folder) == before
            chunks = self._chunks(folder)
            chunks.write(self.examples()[0])
            refused("a piece that cannot be written", lambda: chunks.write(self.unwritable()))
            chunks.discard()
            assert self.names(folder) == before

    def test_no_piece_at_all_is_refused(self) -> None:
        with self.folder() as folder:
            before = self.names(folder)
            chunks = self._chunks(folder)
            refused("to finish without a piece", chunks.finish)
            chunks.discard()
            assert self.names(folder) == before

    # -- versions

    def test_the_latest_version_is_loaded_and_the_one_announced_is_saved(self) -> None:
        self._needs_versions()
        with self.folder() as folder:
            dataset = self.make(folder, Version())
            assert dataset.exists() is False
            saved = []
            for data in self.examples():
                dataset.save(data)
                saved.append(dataset.resolve_save_version())
                assert dataset.resolve_load_version() == saved[-1]
            assert len(set(saved)) == len(saved)
            self._holds(dataset, self.examples()[-1])
            self._holds(self.make(folder, Version()), self.examples()[-1])

    def test_a_version_is_never_overwritten(self) -> None:
        self._needs_versions()
        with self.folder() as folder:
            self.make(folder, Version(None, "v1")).save(self.examples()[0])
            again = self.make(folder, Version(None, "v1"))
            refused("a version that is there", lambda: again.save(self.examples()[1]))
            self._holds(self.make(folder, Version("v1")), self.examples()[0])

    def test_a_pinned_version_is_the_one_that_is_loaded(self) -> None:
        self._needs_versions()
        with self.folder() as folder:
            for number, name in enumerate(("v1", "v2")):
                self.make(folder, Version(None, name)).save(self.examples()[number])
            self._holds(self.make(folder, Version("v1")), self.examples()[0])
            self._holds(self.make(folder, Version()), self.examples()[1])
            absent = self.make(folder, Version("v0"))
            assert absent.exists() is False
            refused("a version that is not there", absent.load)

    def test_a_save_that_fails_makes_no_version(self) -> None:
        self._needs_versions()
        with self.folder() as folder:
            before = self.names(folder)
            dataset = self.make(folder, Version())
            refused("data that cannot be written", lambda: dataset.save(self.unwritable()))
            assert dataset.exists() is False
            assert self.names(folder) == before

    # -- what the laws are made of

    def _saved(self, folder: str, number: int) -> AbstractDataset[Any, Any]:
        dataset = self.make(folder)
        dataset.save(self.examples()[number])
        return dataset

    def _holds(self, dataset: AbstractDataset[Any, Any], data: Any) -> None:
        found = self.loaded(dataset)
        assert self.same(found, data), f"{dataset!r} loads {found!r}, not {data!r}"

    def _after_both(self) -> Any:
        first, second = self.examples()[:2]
        return self.after(first, second)

    def _staged(self, dataset: AbstractDataset[Any, Any], number: int) -> Any:
        staged = dataset.stage(self.examples()[number])
        assert staged is not None, "can_stage, and stages nothing"
        return staged

    def _chunks(self, folder: str) -> Any:
        self._needs_staging()
        chunks = self.make(folder).stage_chunks()
        self._needs(chunks is not None, "it does not stage pieces")
        return chunks

    def _needs_staging(self) -> None:
        self._needs(not self.writes_in_place, "it writes in place")

    def _needs_versions(self) -> None:
        self._needs(self.has_versions, "it has no versions")

    def _needs(self, given: bool, otherwise: str) -> None:
        if not given:
            raise SkipTest(otherwise)
