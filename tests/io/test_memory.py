"""MemoryDataset: what is kept, when it is copied, and that nobody can change what another one holds."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading
import weakref
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.errors import DatasetError
from incremental.io.memory import UNSET, MemoryDataset, copied, inferred_copy_mode

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
NESTED = st.recursive(
    ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner)
)


class DataFrame:
    """Stands for the frame of a library that is not pandas."""


class Unpickable:
    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("cannot be copied")


def test_a_dataset_without_data_cannot_be_loaded() -> None:
    dataset = MemoryDataset()
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="no data has been saved to this MemoryDataset yet"):
        dataset.load()


def test_data_can_be_handed_in_saved_and_released() -> None:
    dataset = MemoryDataset([1])
    assert dataset.exists()
    assert dataset.load() == [1]
    dataset.save({"a": 2})
    assert dataset.load() == {"a": 2}
    dataset.release()
    assert not dataset.exists()


def test_none_is_data_when_handed_in_but_is_not_saved() -> None:
    dataset = MemoryDataset(None)
    assert dataset.exists()
    assert dataset.load() is None
    with pytest.raises(DatasetError, match="cannot save None"):
        dataset.save(None)


def test_it_lives_in_memory_only_and_has_no_location() -> None:
    assert MemoryDataset.ephemeral is True
    assert MemoryDataset().location is None
    assert MemoryDataset().stage(1) is None


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        (pd.DataFrame({"a": [1]}), "copy"),
        (np.array([1, 2]), "copy"),
        (pd.Series([1]), "deepcopy"),
        (DataFrame(), "assign"),
        ({"a": 1}, "deepcopy"),
        (object(), "deepcopy"),
    ],
)
def test_the_copy_mode_suits_the_type(data: Any, mode: str) -> None:
    assert inferred_copy_mode(data) == mode


def test_no_library_is_imported_to_find_the_copy_mode() -> None:
    code = (
        "import sys; from incremental.io.memory import MemoryDataset; MemoryDataset(object()).load();"
        "print([m for m in ('pandas', 'numpy', 'ibis', 'fsspec') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(("mode", "is_same"), [("assign", True), ("copy", False), ("deepcopy", False)])
def test_a_given_copy_mode_holds(mode: Any, is_same: bool) -> None:
    data = [[1], [2]]
    dataset = MemoryDataset(copy_mode=mode)
    dataset.save(data)
    loaded = dataset.load()
    assert (loaded is data) is is_same
    assert (loaded[0] is data[0]) is (mode != "deepcopy")


def test_an_unknown_copy_mode_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"copy mode 'asign' is unknown; did you mean 'assign'\?"):
        MemoryDataset(copy_mode="asign")  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match=r"copy mode 'x' is unknown; use one of assign, copy, deepcopy"):
        MemoryDataset(copy_mode="x")  # type: ignore[arg-type]


def test_data_that_cannot_be_copied_gives_one_error_with_its_cause() -> None:
    with pytest.raises(
        DatasetError, match=r"cannot save data to MemoryDataset.*TypeError: cannot be copied"
    ) as caught:
        MemoryDataset().save(Unpickable())
    assert isinstance(caught.value.__cause__, TypeError)
    with pytest.raises(DatasetError, match="cannot keep data in"):
        MemoryDataset(Unpickable())


@pytest.mark.parametrize("data", [1, "a", 1.5, b"b", True, (1, "a"), (), None])
def test_what_cannot_change_is_not_copied(data: Any) -> None:
    assert copied(data) is data
    assert MemoryDataset(data).load() is data


def test_a_frame_is_copied_on_the_way_in_and_on_the_way_out() -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    dataset = MemoryDataset(frame)
    frame.loc[0, "a"] = 9
    first = dataset.load()
    first.loc[1, "a"] = 9
    assert dataset.load()["a"].tolist() == [1, 2]


def _spoil(value: Any) -> None:
    if isinstance(value, list):
        value.append("spoilt")
    elif isinstance(value, dict):
        value["spoilt"] = "spoilt"
    for inner in list(
        value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    ):
        _spoil(inner)


@given(NESTED)
def test_law_changing_what_was_saved_or_loaded_never_changes_what_is_kept(data: Any) -> None:
    before = copy.deepcopy(data)
    dataset = MemoryDataset(data)
    _spoil(data)
    _spoil(dataset.load())
    assert dataset.load() == before


def test_a_released_value_is_not_kept_alive() -> None:
    class Big:
        """Something that can be watched."""

    big = Big()
    watch = weakref.ref(big)
    dataset = MemoryDataset(big, copy_mode="assign")
    del big
    dataset.release()
    gc.collect()
    assert watch() is None


def test_an_empty_dataset_stays_empty_when_pickled() -> None:
    assert not pickle.loads(pickle.dumps(MemoryDataset())).exists()
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET
    assert not copy.deepcopy(MemoryDataset()).exists()


def test_the_configuration_holds_no_data() -> None:
    assert MemoryDataset([1], "assign", {"a": 1}).to_config() == {
        "type": "incremental.io.memory.MemoryDataset",
        "copy_mode": "assign",
        "metadata": {"a": 1},
    }


def test_a_library_that_is_being_imported_by_another_thread_does_no_harm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", type(sys)("pandas"))  # begun, and empty so far
    assert inferred_copy_mode(threading.local()) == "deepcopy"
