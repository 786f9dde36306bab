"""The digest of a folder of members names each of them, and tells which of them is not as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from incremental.io.files.member_digests import completed, differing_members, digest_of_members, members_in

NAMES = st.text(min_size=1, max_size=3)
MEMBERS = st.dictionaries(NAMES, st.one_of(st.none(), st.text("0123456789abcdef", min_size=1)))
KNOWN = st.dictionaries(NAMES, st.text("0123456789abcdef", min_size=1), min_size=1)
OF_A_FILE = "0" * 32


@given(MEMBERS)
def test_what_goes_into_a_digest_comes_out_of_it_unless_no_member_is_known(
    members: dict[str, str | None],
) -> None:
    digest = digest_of_members(members)
    if any(members.values()) or not members:
        assert members_in(str(digest)) == members
    else:
        assert digest is None


@given(KNOWN)
def test_the_order_of_members_makes_no_difference(members: dict[str, str]) -> None:
    assert digest_of_members(members) == digest_of_members(dict(reversed(members.items())))


@given(KNOWN, KNOWN)
def test_exactly_the_members_that_are_lost_others_or_new_differ(
    was: dict[str, str], now: dict[str, str]
) -> None:
    found = differing_members(str(digest_of_members(was)), str(digest_of_members(now)))
    assert found == tuple(sorted({name for name, _ in was.items() ^ now.items()}))


def test_a_member_whose_digest_is_not_known_does_not_differ() -> None:
    was, now = digest_of_members({"a": "1", "b": None}), digest_of_members({"a": "1", "b": "2"})
    assert differing_members(str(was), str(now)) == ()
    assert differing_members(str(now), str(was)) == ()


def test_the_digest_of_a_file_names_no_members() -> None:
    folder = str(digest_of_members({"a": "1"}))
    assert members_in(OF_A_FILE) is None
    assert differing_members(OF_A_FILE, folder) is None
    assert differing_members(folder, OF_A_FILE) is None


def test_what_stayed_keeps_the_digest_it_had_and_what_was_saved_has_its_own() -> None:
    saved = str(digest_of_members({"a": None, "b": "2", "c": None}))
    former = digest_of_members({"a": "1", "b": "old", "gone": "3"})
    assert members_in(str(completed(saved, former))) == {"a": "1", "b": "2", "c": None}


def test_without_a_former_digest_of_a_folder_there_is_nothing_to_complete() -> None:
    saved = str(digest_of_members({"a": None, "b": "2"}))
    assert completed(saved, None) == saved
    assert completed(saved, OF_A_FILE) == saved
