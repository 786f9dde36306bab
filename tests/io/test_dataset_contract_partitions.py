"""The contract of datasets kept by folders of partitions: locally, replaced as a whole, and in a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fsspec
from test_dataset_contract import InTheMemoryOfFsspec

from incremental.io import AbstractDataset, Version
from incremental.io.catalog.markers import SUFFIX, mark
from incremental.io.files.partitions import PartitionedDataset
from incremental.testing import DatasetContract


class TestPartitions(DatasetContract):
    overwrite = False

    def make(self, folder: str, version: Version | None = None, **more: Any) -> AbstractDataset[Any, Any]:
        return PartitionedDataset(
            path=f"{folder}/made/parts",
            dataset="json.JSONDataset",
            filename_suffix=".json",
            overwrite=self.overwrite,
            **more,
        )

    def make_secret(self, folder: str, secret: str) -> AbstractDataset[Any, Any]:
        return self.make(folder, credentials={"secret": secret})

    def examples(self) -> Sequence[Any]:
        return [{"a": [1, "ü", None], "b/c": "text"}, {"a": ["other"], "d": 1.5}]

    def unwritable(self) -> Any:
        return {"a": ["x" * 1000] * 3000, "d": object()}

    def loaded(self, dataset: AbstractDataset[Any, Any]) -> Any:
        return {name: load() for name, load in dataset.load().items()}

    def after(self, former: Any, data: Any) -> Any:
        return {**former, **data}

    def leave_half(self, folder: str) -> None:
        parts = Path(folder, "made/parts")
        parts.mkdir(parents=True)
        mark(str(parts), durable=False)
        (parts / "a.json").write_text("[1]")


class TestWholeFolder(TestPartitions):
    overwrite = True

    def after(self, former: Any, data: Any) -> Any:
        return data

    def test_pieces_show_as_a_whole_once_they_are_published(self) -> None:
        """Pieces add to each other, and all of them replace what was there."""
        with self.folder() as folder:
            dataset = self.make(folder)
            dataset.save({"former": 1})
            chunks = dataset.stage_chunks()
            assert chunks is not None
            for piece in self.examples():
                chunks.write(piece)
            staged = chunks.finish()
            self._holds(self.make(folder), {"former": 1})
            staged.publish()
            first, second = self.examples()
            self._holds(self.make(folder), {**first, **second})


class InAStore(InTheMemoryOfFsspec):
    """Where the mark of what is being published lies among the partitions."""

    def leave_half(self, folder: str) -> None:
        files = fsspec.filesystem("memory")
        for name in (SUFFIX, "a.json"):
            files.pipe(f"{folder}/made/parts/{name}", b"[1]")


class TestPartitionsInTheMemoryOfFsspec(InAStore, TestPartitions):
    pass


class TestWholeFolderInTheMemoryOfFsspec(InAStore, TestWholeFolder):
    pass
