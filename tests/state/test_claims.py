"""Claims: all or none, never two for one place, dead with their process, nothing to unlock."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from incremental.errors import ClaimError
from incremental.state.claims import Claim, Claims
from incremental.state.locks import Lock

HOLDER = """
import sys, time
from pathlib import Path
from incremental.state.claims import Claims
folder, project, run_id, *locations = sys.argv[1:]
claim = Claims(Path(project), [Path(folder)]).claim("holder", locations)
if run_id:
    claim.settle(run_id, locations)
print("claimed", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state/claims"


@pytest.fixture
def claims(tmp_path: Path, folder: Path) -> Claims:
    return Claims(tmp_path, [folder])


@contextlib.contextmanager
def holder(folder: Path, project: Path, run_id: str, *locations: str) -> Iterator[subprocess.Popen[str]]:
    """Give another process that has claimed locations."""
    command = [sys.executable, "-c", HOLDER, str(folder), str(project), run_id, *locations]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "claimed\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.claim"))


def settled(claims: Claims, *locations: str) -> Claim:
    claim = claims.claim("command", locations)
    claim.settle("r", locations)
    return claim


def test_what_is_claimed_is_refused_to_others_until_it_is_released(claims: Claims, folder: Path) -> None:
    claim = settled(claims, "/d/x", "/d/y")
    with pytest.raises(ClaimError, match="'/d/y' is being written by another run"):
        claims.claim("other", ["/d/z", "/d/y"])
    assert len(files(folder)) == 1
    settled(claims, "/d/z").release()
    claim.release()
    claim.release()
    assert files(folder) == []
    settled(claims, "/d/y").release()


def test_a_folder_covers_what_is_in_it(claims: Claims) -> None:
    with settled(claims, "/d/parts"):
        for inside in ("/d/parts/2024", "/d/parts/2024/01.csv"):
            with pytest.raises(ClaimError):
                claims.claim("other", [inside])
        settled(claims, "/d/parts2", "/d/part").release()
    with settled(claims, "/d/parts/2024/01.csv"), pytest.raises(ClaimError):
        claims.claim("other", ["/d/parts"])


def test_what_is_given_back_is_free_again(claims: Claims) -> None:
    with claims.claim("command", ["/x", "/y"]) as claim:
        claim.settle("r", ["/y"])
        settled(claims, "/x").release()
        with pytest.raises(ClaimError):
            claims.claim("other", ["/y"])


def test_a_refusal_is_one_line_that_names_who_where_since_when_and_what(tmp_path: Path, folder: Path) -> None:
    command = "run\nevil\x1b[31m " + "long " * 100
    with Claims(tmp_path, [folder]).claim(command, ["/d/new\nline"]) as claim:
        claim.settle("r", ["/d/new\nline"])
        with pytest.raises(ClaimError) as caught:
            Claims(tmp_path / "other", [folder]).claim("other", ["/d/new\nline"])
    told = str(caught.value)
    host = re.escape(socket.gethostname())
    assert re.fullmatch(
        rf"'/d/new\\nline' is being written by another run: process {os.getpid()} on {host}, "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: run evil \[31m (long )+.*…; --wait waits for it to end",
        told,
    )
    assert len(told) < 500


def test_who_holds_a_place_can_be_asked_and_is_in_nobodys_way(
    claims: Claims, folder: Path, tmp_path: Path
) -> None:
    assert claims.holders(["/d/a"]) == []
    assert not folder.exists()
    with settled(claims, "/d/a"), holder(folder, tmp_path, "other", "/d/b/c", "memory://x") as other:
        (mine,), (theirs,) = claims.holders(["/d/a", "/e"]), claims.holders(["/d/b"])
        for line, pid in ((mine, os.getpid()), (theirs, other.pid)):
            who, _, since = line.partition(", since ")
            assert who == f"process {pid} on {socket.gethostname()}"
            assert abs(time.mktime(time.strptime(since[:19], "%Y-%m-%d %H:%M:%S")) - time.time()) < 600
        assert sorted(claims.holders(["/d"])) == sorted([mine, theirs])
        assert claims.holders(["/e", "dataset:/d/a", "memory://x"]) == []
        before = files(folder)
        claims.holders(["/d"])
        assert files(folder) == before
    assert claims.holders(["/d"]) == []


def test_of_a_holder_is_told_since_when_it_claims(claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: 1e9)
        claim = settled(claims, "/x")
    with claim:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1e9))
        assert f", since {since}: command" in claims.holders(["/x"])[0]


def test_a_run_that_has_not_planned_gets_a_moment_to_give_back(claims: Claims) -> None:
    claim = claims.claim("planning", ["/x", "/y"])
    threading.Timer(0.2, claim.settle, ("r", ["/y"])).start()
    with claims.claim("other", ["/x"]):
        pass
    claim.release()


def test_a_run_that_plans_for_long_is_not_waited_for(claims: Claims) -> None:
    with claims.claim("planning", ["/x"]):
        begin = time.monotonic()
        with pytest.raises(ClaimError):
            claims.claim("other", ["/x"])
        assert time.monotonic() - begin < 2


def test_waiting_ends_when_the_other_run_does_and_says_once_for_whom(
    claims: Claims, caplog: pytest.LogCaptureFixture
) -> None:
    claim = settled(claims, "/x")
    threading.Timer(0.4, claim.release).start()
    with caplog.at_level(logging.WARNING):
        claims.claim("other", ["/x"], wait=True).release()
    assert [record.getMessage().partition(", since")[0] for record in caplog.records] == [
        f"waiting: '/x' is being written by another run: process {os.getpid()} on {socket.gethostname()}"
    ]


def test_a_killed_run_holds_nothing_and_the_next_one_sweeps_it(
    claims: Claims, folder: Path, tmp_path: Path
) -> None:
    with holder(folder, tmp_path, "r", "/x") as process:
        with pytest.raises(ClaimError, match=f"process {process.pid} on "):
            claims.claim("other", ["/x"])
    assert len(files(folder)) == 1
    with settled(claims, "/x"):
        [left] = files(folder)
        assert f".{os.getpid()}." in left
    assert sorted(path.name for path in folder.iterdir()) == ["lock"]


def test_a_project_under_another_name_is_the_same(claims: Claims, folder: Path, tmp_path: Path) -> None:
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    with settled(claims, "dataset:table"):
        with pytest.raises(ClaimError, match="'dataset:table'"):
            Claims(link, [folder]).claim("other", ["dataset:table"])
        assert len(Claims(link, [folder]).holders(["dataset:table"])) == 1
        assert Claims(tmp_path.parent, [folder]).holders(["dataset:table"]) == []


def test_the_dead_of_another_machine_stay_for_a_month(claims: Claims, folder: Path) -> None:
    settled(claims).release()
    young, old = folder / "elsewhere.1.aa.claim", folder / "elsewhere.2.bb.claim"
    young.touch()
    old.touch()
    os.utime(old, (time.time() - 31 * 86400,) * 2)
    settled(claims).release()
    assert files(folder) == [young.name]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", b"{}\n", b"[1]\n[2]\n", b"\xff\n\xff\n", b"{\n{\n", b"null\nnull\n",
        b'{"project": "/", "command": "c", "pid": 1, "host": "h", "started": 1}\n{"run": 1}\n',
        b'{"project": "/", "command": "c", "pid": 1, "host": "h", "started": 1}\n{"run": null, "locations": 7}\n',
    ],
)  # fmt: skip
def test_a_file_that_is_no_claim_counts_for_nothing_and_is_told(
    claims: Claims, folder: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    settled(claims).release()
    lock = Lock.create(str(folder / f"{socket.gethostname()}.1.aa.claim"))
    lock.append(content)
    settled(claims, "/x").release()
    [told] = caplog.messages
    assert told.startswith(f"the claim of a run cannot be read and counts for nothing: {folder}/")
    assert told.partition(": ")[2].partition(": ")[2] not in ("", "None")
    lock.release()
    settled(claims, "/x").release()
    assert files(folder) == []


def test_a_link_among_the_claims_is_not_followed_and_in_nobodys_way(
    claims: Claims, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settled(claims).release()
    (folder / f"{socket.gethostname()}.1.aa.claim").symlink_to(tmp_path / "theirs")
    with settled(claims, "/x"):
        assert len(caplog.messages) == 1
    assert len(files(folder)) == 1
    assert not (tmp_path / "theirs").exists()


def test_a_line_that_is_being_written_is_not_read(claims: Claims, folder: Path) -> None:
    with claims.claim("command", ["/x"]) as claim:
        claim.settle("r", ["/x"])
        [name] = files(folder)
        with (folder / name).open("ab") as file:
            file.write(b'{"run": "r", "loc')
        with pytest.raises(ClaimError):
            claims.claim("other", ["/x"])


def test_files_are_the_users_alone(claims: Claims, folder: Path) -> None:
    before = os.umask(0)
    try:
        with settled(claims, "/x"):
            modes = {path.name.rpartition(".")[2]: path.stat().st_mode & 0o777 for path in folder.iterdir()}
            assert modes == {"lock": 0o600, "claim": 0o600}
            assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        os.umask(before)


def test_the_first_folder_that_can_be_used_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    bad = [tmp_path / "file/claims", tmp_path / "file", tmp_path / "open", tmp_path / "link"]
    (tmp_path / "good").mkdir()
    (tmp_path / "good").chmod(0o755)  # others may look
    with settled(Claims(tmp_path, [*bad, tmp_path / "good"]), "/x"):
        assert len(files(tmp_path / "good")) == 1
    assert list((tmp_path / "mine").iterdir()) == []
    with pytest.raises(ClaimError) as caught:
        Claims(tmp_path, bad).claim("command", ["/x"])
    told = str(caught.value)
    assert told.startswith("claims of runs can be kept nowhere: ")
    for place, reason in zip(
        bad, ["File exists", "it is no folder", "others may write to it", "it is no folder"], strict=True
    ):
        assert re.search(rf"{re.escape(str(place))}: ({reason}|Not a directory)[;]", told), told
    assert told.endswith("let XDG_STATE_HOME name a folder that can be written")


def test_where_claims_are_kept_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in (("XDG_STATE_HOME", tmp_path / "state"), ("HOME", tmp_path)):
        monkeypatch.setenv(variable, str(value))
    with settled(Claims(tmp_path), "/x"):
        assert len(files(tmp_path / "state/incremental/claims")) == 1
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    with settled(Claims(tmp_path), "/x"):
        assert len(files(tmp_path / ".local/state/incremental/claims")) == 1
    monkeypatch.setenv("HOME", str(tmp_path / "state/incremental/claims/lock"))  # no folder
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with settled(Claims(tmp_path), "/x"):
        assert len(files(tmp_path / f"incremental-claims-{os.getuid()}")) == 1
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "empty"))
    with settled(Claims(tmp_path), "/x"):
        assert len(files(tmp_path / "empty/.local/state/incremental/claims")) == 1


def test_without_a_home_claims_are_kept_among_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # what it says where nobody has a home
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with settled(Claims(tmp_path), "/x"):
        assert len(files(tmp_path / f"temporary/incremental-claims-{os.getuid()}")) == 1
    assert list((tmp_path / "here").iterdir()) == []


def test_a_claim_that_cannot_be_written_leaves_nothing(
    claims: Claims, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ClaimError, match="cannot write the claims of runs: .*: No space left on device"):
        claims.claim("command", ["/x"])
    assert files(folder) == []


def test_a_claim_that_cannot_be_begun_says_where_and_why(
    claims: Claims, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def full(path: str, *arguments: int) -> int:
        if path.endswith(".claim"):
            raise OSError(28, "No space left on device", path)
        return real(path, *arguments)

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(ClaimError) as caught:
        claims.claim("command", ["/x"])
    assert str(caught.value) == f"cannot write the claims of runs in {folder}: No space left on device"


def test_one_that_ends_while_it_is_looked_at_hides_no_other(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    with settled(claims, "/x"):
        listed = os.listdir
        monkeypatch.setattr(os, "listdir", lambda folder: ["0.claim", *listed(folder)])
        monkeypatch.setattr("incremental.state.claims.is_held", lambda path: True)
        assert len(claims.holders(["/x"])) == 1


def test_one_that_claims_and_stands_still_is_told(claims: Claims, folder: Path) -> None:
    settled(claims).release()
    lock = Lock.wait_for(str(folder / "lock"), 0)
    with pytest.raises(ClaimError, match="another process claims and does not come to an end"):
        claims.claim("command", ["/x"])
    lock.release()


def test_of_many_processes_that_claim_at_once_one_wins(tmp_path: Path, folder: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from incremental.errors import ClaimError
from incremental.state.claims import Claims
claims = Claims(Path("/p"), [Path(sys.argv[1])])
print("ready", flush=True)
sys.stdin.readline()
try:
    claim = claims.claim("command", sys.argv[2:])
    claim.settle("r", sys.argv[2:])
    print("won", flush=True)
    sys.stdin.readline()
except ClaimError:
    print("lost", flush=True)
"""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(folder), f"/only/{number}", "/both"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        for number in range(5)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
    said = [worker.stdout.readline() for worker in workers if worker.stdout is not None]
    for worker in workers:
        worker.communicate("\n")
    assert sorted(said) == ["lost\n"] * 4 + ["won\n"]


NAMES = st.sampled_from(["a", "b", "c"])
LOCATIONS = st.sets(
    st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/none/" + "/".join(names)), max_size=3
)


class ClaimMachine(RuleBasedStateMachine):
    """Claims against a model that remembers who has what."""

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.root = (
            Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / f"claims-{os.urandom(8).hex()}"
        )
        self.claims = Claims(self.root, [self.root])
        self.model: dict[Claim, set[str]] = {}

    def teardown(self) -> None:
        for claim in self.model:
            claim.release()
        shutil.rmtree(self.root, ignore_errors=True)

    @rule(target=held, locations=LOCATIONS)
    def claim(self, locations: set[str]) -> object:
        taken = set().union(*self.model.values())
        meets = any(f"{one}/".startswith(f"{two}/") or f"{two}/".startswith(f"{one}/")
                    for one in locations for two in taken)  # fmt: skip
        try:
            claim = self.claims.claim("command", locations)
        except ClaimError:
            assert meets
            return multiple()
        assert not meets
        claim.settle("r", locations)
        self.model[claim] = locations
        return claim

    @rule(claim=held, data=st.data())
    def give_back(self, claim: Claim, data: st.DataObject) -> None:
        if claim in self.model:
            kept = (
                data.draw(st.sets(st.sampled_from(sorted(self.model[claim])))) if self.model[claim] else set()
            )
            claim.settle("r", kept)
            self.model[claim] = kept

    @rule(claim=consumes(held))
    def release(self, claim: Claim) -> None:
        claim.release()
        self.model.pop(claim)

    @rule(claim=consumes(held))
    def die(self, claim: Claim) -> None:
        claim._lock.release()  # what the kernel does; the file stays
        self.model.pop(claim)

    @invariant()
    def the_living_have_their_files(self) -> None:
        assert len(files(self.root)) >= len(self.model)


TestClaimMachine = ClaimMachine.TestCase
TestClaimMachine.settings = settings(max_examples=40, stateful_step_count=20)


def test_a_claim_is_written_as_lines_of_json(claims: Claims, folder: Path, tmp_path: Path) -> None:
    with claims.claim("command", ["/x", "/y"]) as claim:
        claim.settle("r1", ["/y"])
        [name] = files(folder)
        about, *rest = [json.loads(line) for line in (folder / name).read_text().splitlines()]
    assert (about["project"], about["pid"], about["command"]) == (str(tmp_path), os.getpid(), "command")
    assert rest == [{"run": None, "locations": ["/x", "/y"]}, {"run": "r1", "locations": ["/y"]}]


def test_where_the_system_has_no_locks_nothing_is_claimed(
    claims: Claims, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incremental.state.claims.can_lock", False)
    with settled(claims, "/x"), settled(claims, "/x"):
        assert claims.holders(["/x"]) == []
    assert not folder.exists()


def test_what_is_in_the_memory_of_a_process_is_one_place_in_it(claims: Claims) -> None:
    with settled(claims, "memory://x"):
        assert len(claims.holders(["memory://x"])) == 1
        with pytest.raises(ClaimError, match="'memory://x'"):
            claims.claim("other", ["memory://x"])


def test_one_that_writes_nothing_hides_none_that_does(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(256))
    monkeypatch.setattr(
        os, "urandom", lambda size: bytes([next(count)]) * size
    )  # they are looked at in order
    with settled(claims), settled(claims, "/x"), settled(claims):
        assert len(claims.holders(["/x"])) == 1
        with pytest.raises(ClaimError):
            claims.claim("other", ["/x"])


def test_a_run_that_waits_looks_less_and_less_often_and_at_least_twice_a_second(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, pauses = settled(claims, "/x"), list[float]()

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 20:
            claim.release()

    monkeypatch.setattr(time, "sleep", sleep)
    claims.claim("other", ["/x"], wait=True).release()
    assert pauses == sorted(pauses)
    assert 0 < pauses[0] < pauses[1] < 0.1
    assert pauses[-1] == 0.5


def test_a_file_is_named_after_its_host_as_any_file_system_takes_it(
    claims: Claims, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Büro/Ost-1." + "x" * 100)
    with settled(claims, "/x"):
        [name] = files(folder)
        assert re.fullmatch(rf"B_ro_Ost-1_x{{49}}\.{os.getpid()}\.[0-9a-f]{{16}}\.claim", name)
    left = Lock.create(str(folder / name))
    left.release()
    settled(claims).release()
    assert files(folder) == []  # it is known as ours again


def test_a_command_that_fits_is_told_whole(claims: Claims) -> None:
    for command, told in (("c" * 200, "c" * 200), ("c" * 201, f"{'c' * 200}…")):
        with claims.claim(command, ["/x"]) as claim:
            claim.settle("r", ["/x"])
            [line] = claims.holders(["/x"])
            assert line.endswith(f": {told}")
