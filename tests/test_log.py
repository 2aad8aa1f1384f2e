"""Facts about the writer of the log: killed, without power or room, or in a crowd, it leaves a log that goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import crash
import pytest
from crash import CHANGES, DONE, PRIVATE, REFUSED, SIGNER, Call, Children, Disk, entries, examine, log_of, new_home
from hypothesis import given, settings
from hypothesis import strategies as st
from test_privacy import can_trace

from houselights import custody
from houselights.errors import RecordError
from houselights.log import Log, Signer

KILLED = -9
KILLS = dict.fromkeys(CHANGES, "signal=KILL")
FAULTS = {"openat": "EIO", "write": "ENOSPC", "fsync": "EIO", "rename": "EROFS", "mkdir": "ENOSPC", "unlink": "EROFS"}
CASES = [(None, 3), (5, 4), (250, 10)]
"""How many entries a log has, and how many it gets: its first ones, a few more, and some that fill a tile."""
SHM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
LOSSES = ["nothing", "all", "names", "1", "2", "3"]

traced = pytest.mark.skipif(not can_trace(), reason="strace is not installed or may not trace here: apt install strace")


def spoilt(path: Path) -> bytes:
    """Change one letter or bit of a file; what it held."""
    before = path.read_bytes()
    path.write_bytes(before[:-9] + bytes([before[-9] ^ 1]) + before[-8:])
    return before


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for the lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def copies(template: Path, into: Path) -> Iterator[Path]:
    """Homes like one that was made before."""
    number = 0
    while True:
        yield Path(shutil.copytree(template, into / f"{template.name}-{number}"))
        number += 1


def ambushes(calls: Sequence[Call]) -> Iterator[tuple[str, int]]:
    """Every call that changed something, or may have, as its kind and its number among those of its kind."""
    count = Counter[str]()
    for call in calls:
        count[call.name] += 1
        if call.result >= 0:
            yield call.name, count[call.name]


def sizes(size: int | None, added: int) -> list[int]:
    """How many entries a log may have after an append that did not return."""
    return [size or 0, (size or 0) + added]


# --------------------------------------------------------------------------------------- kills, and losses of power


@dataclass(frozen=True)
class Trial:
    """An append, killed or not, and what the next process did that asked for the checkpoint."""

    before: Disk
    calls: list[Call]
    after: list[Call]
    ended: int
    left: Path
    """The home as it was between the two."""
    size: int | None
    added: int


@pytest.fixture
def shm() -> Iterator[Path]:
    """A folder in memory, where there is one: thousands of calls of fsync take their time."""
    with TemporaryDirectory(dir=SHM) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def trials() -> Iterator[list[Trial]]:
    """Appends that were killed at each of their calls, and for each case one that was not."""
    with TemporaryDirectory(dir=SHM) as folder:
        yield list(killed(Path(folder)))


def killed(folder: Path) -> Iterator[Trial]:
    """What `trials` are made of."""
    with Children(folder / "trace", KILLS) as children:
        for size, added in CASES:
            homes = copies(new_home(folder / f"from {size}", size), folder)
            ways = [("", 0)]
            for kind, number in ways:
                before = Disk.of(next(homes))
                ended, calls = children.run(before.home, "killed", added, kind, number)
                ways.extend(() if kind else ambushes(calls))
                left = Path(shutil.copytree(before.home, f"{before.home} as it was left"))
                recovered, after = children.run(before.home, "", 0)
                assert recovered == DONE
                yield Trial(before, calls, after, ended, left, size, added)


@traced
def test_a_log_that_was_killed_at_any_call_verifies_goes_on_and_keeps_its_word(trials: list[Trial]) -> None:
    """After SIGKILL at each call that changes the disk all entries are there or none, and all that was signed holds."""
    assert [trial.ended for trial in trials].count(DONE) == len(CASES)
    for trial in trials:
        assert trial.ended in {DONE, KILLED}
        allowed = sizes(trial.size, trial.added)[trial.ended == DONE :]
        examine(trial.left, trial.before.signed, allowed)
        examine(trial.before.home, trial.before.signed, allowed)


@traced
def test_a_kill_reaches_every_kind_of_change(trials: list[Trial]) -> None:
    """The appends that are killed make every kind of call that a kill waits for, and no other that changes a disk."""
    assert {call.name for trial in trials for call in trial.calls} == set(CHANGES)


def losses(trials: list[Trial]) -> Iterator[tuple[Disk, list[int]]]:
    """Disks when the power is lost, with the sizes that their logs may have.

    That is after each call of an append that was not killed, and of the process that came after one that was.
    """
    for trial in trials:
        disk, allowed = trial.before, sizes(trial.size, trial.added)
        for call in trial.calls:
            disk.apply(call)
            if trial.ended == DONE:
                yield disk, allowed
        if trial.ended == DONE:
            allowed = allowed[1:]
            yield disk, allowed
        for call in trial.after:
            disk.apply(call)
            yield disk, allowed
        yield disk, [disk.size()]  # what a caller was told


@traced
def test_a_log_that_lost_its_power_at_any_call_verifies_goes_on_and_keeps_its_word(
    trials: list[Trial], shm: Path
) -> None:
    """Whatever a disk forgets that was not forced onto it, all that was told to a caller or signed holds.

    Also where a process was killed and the power is lost during the next one.
    """
    seen = set[object]()
    for disk, allowed in losses(trials):
        for how in LOSSES:
            state = disk.after_loss(how)
            if (key := (state, frozenset(disk.signed), tuple(allowed))) not in seen:
                seen.add(key)
                home = crash.lay_out(state, shm / str(len(seen)))
                examine(home, disk.signed, allowed)
                shutil.rmtree(home)
    assert len(seen) > 500


# ---------------------------------------------------------------------------------------------- disks that do not write


@traced
@pytest.mark.parametrize("lasting", ["", "+"], ids=["once", "from then on"])
def test_where_any_call_fails_an_append_is_refused_and_the_log_goes_on(lasting: str, shm: Path) -> None:
    """Whichever call fails before an append is done, once or from then on: RecordError, and the next one is taken."""
    faults = {kind: f"error={fault}{lasting}" for kind, fault in FAULTS.items()}
    with Children(shm / "trace", faults) as children:
        for size, added in CASES:
            homes = copies(new_home(shm / f"from {size}", size), shm)
            home = next(homes)
            ended, calls = children.run(home, "whole", added)
            assert ended == DONE
            done = max(at for at, call in enumerate(calls) if call.name == "fsync")
            for kind, number in ambushes(calls[: done + 1]):
                home = next(homes)
                signed = crash.signed_in(home)
                assert children.run(home, "refused", added, kind, number)[0] == REFUSED, (kind, number)
                examine(home, signed, sizes(size, added))


@traced
def test_partial_tiles_that_cannot_be_removed_do_no_harm(shm: Path) -> None:
    """Once the checkpoint stands, an append has succeeded, whether or not the tidying up does."""
    faults = dict.fromkeys(("unlinkat", "rmdir"), "error=EROFS+")
    with Children(shm / "trace", faults) as children:
        for kind in faults:
            home = new_home(shm / kind, 250)
            assert children.run(home, "added", 10, kind, 1)[0] == DONE
            assert (log_of(home).folder / "tile/0/000.p").exists()
            examine(home, [], [260])


def can_mount(folder: Path) -> bool:
    """Whether this machine lets us have a small disk of our own."""
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", folder]
    return shutil.which("unshare") is not None and subprocess.run(command, check=False).returncode == 0


def test_on_a_disk_that_is_full_or_read_only_an_append_is_refused_and_the_log_goes_on(tmp_path: Path) -> None:
    """With every amount of room from none to enough: RecordError and no harm; on a read-only disk nothing changes."""
    if not can_mount(tmp_path):
        pytest.skip("this machine lets us mount no small disk (unshare -rm)")
    command = ["unshare", "-rm", sys.executable, crash.__file__, "full", tmp_path]
    refused = int(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    assert refused > 1000 + 2  # a thousand stands for the read-only disk


# ------------------------------------------------------------------------------------------------------- many writers


def test_many_writers_at_once_lose_nothing_and_get_the_right_indices(tmp_path: Path) -> None:
    """Of four processes with three threads each, every entry is there once, at the index that its writer was told."""
    home = new_home(tmp_path / "home", None)
    commands = [[sys.executable, crash.__file__, "crowd", home, name] for name in "abcd"]
    with ThreadPoolExecutor(len(commands)) as pool:
        said = list(pool.map(lambda command: subprocess.run(command, check=True, stdout=subprocess.PIPE), commands))
    told = [(index, use) for writer in said for index, use in json.loads(writer.stdout)]
    log = log_of(home)
    kept = list(custody.read_entries(log.folder, log.checkpoint().size))
    assert len(told) == 4 * 3 * 4
    assert len(kept) == len(set(kept)) == 3 * len(told)
    for index, use in told:
        assert kept[index : index + 3] == entries(use, 3)
    examine(home, [], [len(kept)])


def test_who_holds_the_log_may_append_to_it(tmp_path: Path) -> None:
    """Within `locked` an append does not wait for itself, and another one waits until it ends."""
    log = log_of(new_home(tmp_path / "home", 2))
    other = log_of(tmp_path / "home")
    with ThreadPoolExecutor(1) as pool:
        with log.locked():
            waiting = pool.submit(other.append, entries("other", 1))
            assert log.append(entries("first", 1)) == 2
            assert log.append(entries("second", 1)) == 3
        assert waiting.result() == 4


# ----------------------------------------------------------------------------------------------- what is not written


def test_an_entry_that_is_too_long_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    """65,535 bytes are taken; with one more, nothing of that append is."""
    log = log_of(new_home(tmp_path / "home", 3))
    before = contents(tmp_path)
    with pytest.raises(RecordError, match="an entry has 65536 bytes, expected 65535 at most"):
        log.append([b"{}", bytes(65_536)])
    assert contents(tmp_path) == before
    assert log.append([bytes(65_535)]) == 3
    assert list(custody.read_entries(log.folder, 4))[3] == bytes(65_535)


def test_an_append_of_nothing_changes_nothing(tmp_path: Path) -> None:
    """It answers with the size."""
    log = log_of(new_home(tmp_path / "home", 3))
    before = contents(tmp_path)
    assert log.append([]) == 3
    assert contents(tmp_path) == before


def test_a_new_log_has_a_signed_checkpoint_of_no_entries(tmp_path: Path) -> None:
    """Asking for the checkpoint makes the log; it verifies."""
    log = log_of(new_home(tmp_path / "home", None))
    assert (log.checkpoint().size, log.checkpoint().root) == (0, custody.EMPTY)
    assert not custody.verify(log.folder, SIGNER.key).faults


def test_partial_tiles_go_when_the_whole_one_is_there(tmp_path: Path) -> None:
    """At 256 entries nothing partial is left but the tile above; at 257 there is the next one."""
    log = log_of(new_home(tmp_path / "home", 200))
    log.append(entries("to the border", 56))
    assert {path.name for path in log.folder.rglob("*.p")} == {"000.p"}
    assert sorted(contents(log.folder)) == ["checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/000"]
    log.append(entries("over the border", 1))
    assert "tile/entries/001.p/1" in contents(log.folder)


ALTERED = {
    "checkpoint": "not signed|not genuine|no base64|no signed note",
    "tile/0/001.p/4": "do not have the root",
    "tile/1/000.p/1": "do not have the root",
    "tile/entries/001.p/4": "does not hold what was logged",
}


@pytest.mark.parametrize("path", ALTERED)
def test_to_an_altered_log_nothing_is_added(path: str, tmp_path: Path) -> None:
    """An altered checkpoint, or tile or bundle that the next entries would build on: RecordError, nothing written."""
    log = log_of(new_home(tmp_path / "home", 260))
    whole = spoilt(log.folder / path)
    before = contents(tmp_path)
    with pytest.raises(RecordError, match=ALTERED[path]):
        log.append(entries("more", 1))
    assert contents(tmp_path) == before
    (log.folder / path).write_bytes(whole)
    examine(tmp_path / "home", [], [260])


@pytest.mark.parametrize("path", ["tile/0/001.p/4", "tile/1/000.p/1", "tile/entries/001.p/4"])
def test_where_a_file_of_the_log_is_gone_nothing_is_added(path: str, tmp_path: Path) -> None:
    """A tile or a bundle that is missing: RecordError, nothing written."""
    log = log_of(new_home(tmp_path / "home", 260))
    (log.folder / path).unlink()
    before = contents(tmp_path)
    with pytest.raises(RecordError, match=r"is missing|is gone"):
        log.append(entries("more", 1))
    assert contents(tmp_path) == before


def test_a_checkpoint_that_is_gone_is_there_again(tmp_path: Path) -> None:
    """What it said is known: the same statement is signed again, and the log goes on."""
    home = new_home(tmp_path / "home", 7)
    path = home / "site" / "log" / "checkpoint"
    before = path.read_bytes()
    path.unlink()
    assert bytes(log_of(home).checkpoint().note) == before == path.read_bytes()
    examine(home, [], [7])


@pytest.mark.parametrize("harm", ["older", "gone"])
def test_to_an_older_copy_that_was_put_back_nothing_is_added(harm: str, tmp_path: Path) -> None:
    """R4: a folder of before, or none at all, is no log to go on with: another history would be signed."""
    home = new_home(tmp_path / "home", 7)
    folder = home / "site" / "log"
    shutil.copytree(folder, tmp_path / "older")
    log_of(home).append(entries("more", 2))
    shutil.rmtree(folder)
    if harm == "older":
        shutil.copytree(tmp_path / "older", folder)
    before = contents(home)
    with pytest.raises(RecordError, match="is not whole"):
        log_of(home).append(entries("again", 1))
    assert contents(home) == before


def test_a_log_that_is_ahead_of_its_private_folder_is_not_gone_on_with(tmp_path: Path) -> None:
    """Where an older copy of what is private was put back, somebody may have signed what this machine forgot."""
    home = new_home(tmp_path / "home", 7)
    older = (home / PRIVATE / "newest").read_text()
    log_of(home).append(entries("more", 2))
    (home / PRIVATE / "newest").write_text(older)
    with pytest.raises(RecordError, match="it has 9 entries, this machine knows of 7"):
        log_of(home).append(entries("again", 1))


@pytest.mark.parametrize("signer", [Signer(SIGNER.key.name, bytes(32)), Signer("another", bytes(range(32)))])
@pytest.mark.parametrize("interrupted", [False, True])
def test_with_another_key_nothing_is_signed(signer: Signer, interrupted: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """A signer of another key or name is refused, also where an interrupted append waits to be signed."""
    home = new_home(tmp_path / "home", 7)
    if interrupted:
        (home / PRIVATE / "newest").write_text(log_of(home).checkpoint().note.text)
    before = contents(tmp_path)
    with pytest.raises(RecordError, match="is not whole"):
        Log(home / "site" / "log", home / PRIVATE, signer).append(entries("more", 1))
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "left", ["", "no checkpoint", "another\n3\n{root}\n", "{name}\n3\n{none}\n", "{name}\n9\n{root}\n"]
)
def test_what_was_left_to_sign_is_signed_only_where_the_tiles_hold_it(left: str, tmp_path: Path) -> None:
    """A `newest` that is damaged, or of another log or another state of this one: RecordError, nothing written."""
    log = log_of(new_home(tmp_path / "home", 3))
    name, size, root = log.checkpoint().note.text.splitlines()
    assert size == "3"
    none = b64encode(custody.EMPTY).decode()
    (tmp_path / "home" / PRIVATE / "newest").write_text(left.format(name=name, root=root, none=none))
    before = contents(tmp_path)
    with pytest.raises(RecordError, match="is not whole"):
        log.append(entries("more", 1))
    assert contents(tmp_path) == before


def test_without_a_private_folder_there_is_no_log(tmp_path: Path) -> None:
    """RecordError, which says where, and a hint."""
    with pytest.raises(RecordError, match="cannot be written: No such file") as caught:
        log_of(tmp_path).append(entries("more", 1))
    assert caught.value.hint
    assert not contents(tmp_path)


# ------------------------------------------------------------------------------------------------------ cosignatures


WITNESS = ("witness.example", b"\0\1\2\3" + bytes(72))


def test_cosignatures_stay_with_their_checkpoint(tmp_path: Path) -> None:
    """The newest checkpoint carries them, and `witnessed` keeps them when the log has grown; others join them."""
    home = new_home(tmp_path / "home", 7)
    log, other = log_of(home), ("another", WITNESS[1])
    note = log.cosign(log.checkpoint().note.text, [WITNESS])
    assert note.signatures == (*SIGNER.sign(note.text).signatures, WITNESS)
    assert log.checkpoint().note == note
    assert log.cosign(note.text, [WITNESS, other]).signatures == (*note.signatures, other)
    witnessed = (log.folder / "witnessed").read_bytes()
    assert witnessed == (log.folder / "checkpoint").read_bytes()
    log.append(entries("more", 3))
    assert (log.folder / "witnessed").read_bytes() == witnessed
    assert log.checkpoint().note == SIGNER.sign(log.checkpoint().note.text)
    assert not custody.verify(log.folder, SIGNER.key, log.folder / "witnessed").faults


def test_cosignatures_that_come_late_do_not_touch_the_newest_checkpoint(tmp_path: Path) -> None:
    """Those of a state that the log has left behind are kept as `witnessed` alone."""
    log = log_of(new_home(tmp_path / "home", 7))
    older = log.checkpoint().note.text
    log.append(entries("more", 3))
    newest = (log.folder / "checkpoint").read_bytes()
    note = log.cosign(older, [WITNESS])
    assert (log.folder / "witnessed").read_bytes() == bytes(note)
    assert (log.folder / "checkpoint").read_bytes() == newest
    examine(tmp_path / "home", [older], [10])


@pytest.mark.parametrize("text", ["{name}\n3\n{root}\n", "{name}\n9\n{root}\n", "{name}\n7\n{root}\nmore\n", "text"])
def test_only_what_the_log_holds_is_signed_for_a_witness(text: str, tmp_path: Path) -> None:
    """A root that the log does not have, more entries or other lines: RecordError, nothing written."""
    log = log_of(new_home(tmp_path / "home", 7))
    name, _, root = log.checkpoint().note.text.splitlines()
    before = contents(tmp_path)
    with pytest.raises(RecordError, match="is not whole"):
        log.cosign(text.format(name=name, root=root), [WITNESS])
    assert contents(tmp_path) == before


FORGED = (SIGNER.key.name, SIGNER.key.number + bytes(64))


@pytest.mark.parametrize("signature", [("two words", WITNESS[1]), ("a\nline", WITNESS[1])])
def test_a_signature_that_would_break_the_checkpoint_is_refused(signature: tuple[str, bytes], tmp_path: Path) -> None:
    """A name that is no word: RecordError, nothing written."""
    log = log_of(new_home(tmp_path / "home", 7))
    before = contents(tmp_path)
    with pytest.raises(RecordError, match="is not whole"):
        log.cosign(log.checkpoint().note.text, [signature])
    assert contents(tmp_path) == before


def test_each_key_signs_a_checkpoint_once(tmp_path: Path) -> None:
    """A false signature in the log's own name does not stand beside the true one; a newer cosignature replaces one."""
    log = log_of(new_home(tmp_path / "home", 7))
    own = log.checkpoint().note
    newer = (WITNESS[0], WITNESS[1][:4] + bytes(71) + b"\1")
    assert log.cosign(own.text, [FORGED]) == own
    assert log.cosign(own.text, [WITNESS]).signatures == (*own.signatures, WITNESS)
    assert log.cosign(own.text, [newer]).signatures == (*own.signatures, newer)


# ----------------------------------------------------------------------------------------------- one log, whatever way


@settings(max_examples=25)
@given(
    size=st.one_of(st.integers(0, 20), st.integers(250, 260), st.integers(505, 520), st.integers(0, 600)),
    data=st.data(),
)
def test_the_same_entries_make_the_same_log_however_they_are_divided(size: int, data: st.DataObject) -> None:
    """Checkpoint and tiles do not depend on how many appends brought the entries, but for old partial tiles."""
    cuts = data.draw(st.sets(st.integers(0, size), max_size=5))
    everything = entries("all", size)
    with TemporaryDirectory(dir=SHM) as folder:
        once, often = (new_home(Path(folder, name), None) for name in ("once", "often"))
        log_of(once).append(everything)
        for low, high in pairwise(sorted({0, size, *cuts})):
            assert log_of(often).append(everything[low:high]) == low
        examined = log_of(often).checkpoint()
        whole, parts = contents(log_of(once).folder), contents(log_of(often).folder)
        assert whole.items() <= parts.items()
        assert all(".p/" in path for path in parts.keys() - whole.keys())
        assert examined.size == size
        assert not custody.verify(log_of(often).folder, SIGNER.key).faults


def test_a_log_grows_over_a_border_of_the_third_level(tmp_path: Path) -> None:
    """From 65,530 entries to 65,540: the tile of level 2 appears, and the log goes on from its older checkpoint."""
    home = new_home(tmp_path / "home", 65_530)
    log = log_of(home)
    older = tmp_path / "older"
    older.write_bytes(bytes(log.checkpoint().note))
    assert not (log.folder / "tile/2").exists()
    assert log.append(entries("over the border", 10)) == 65_530
    assert (log.folder / "tile/2/000.p/1").stat().st_size == custody.SIZE
    assert (log.folder / "tile/1/000").exists()
    assert not custody.verify(log.folder, SIGNER.key, older).faults
