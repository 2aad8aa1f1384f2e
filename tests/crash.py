"""What the tests of the log share: a log that is killed, a disk that fails, and a disk as a loss of power leaves it.

`python crash.py serve` forks a child for every job it reads. Under strace each child makes calls that change nothing
until the one that strace lies in wait for is the one the job names, so that one strace reaches every call of a child.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from houselights import custody
from houselights.custody import Checkpoint, CustodyError, Note, canonical, leaf_hash
from houselights.errors import RecordError
from houselights.log import Log, Signer

STRACE = shutil.which("strace")
SIGNER = Signer("example.org/event", bytes(range(32)))
OFTEN, SELDOM = 500, 60
"""The call of a kind, counted in each process, that strace lies in wait for: OFTEN for `openat`, of which the start of
Python makes some 200. No job gets there without calls in vain."""
DONE, REFUSED, BROKEN = 0, 3, 4
"""How a job ends: it returned, it raised RecordError, it raised something else."""
PRIVATE = "own/private"
"""Where in a home what is not published lies: in a folder that the log's own folders are not in."""
NOWHERE = "/nowhere/at/all"


# --------------------------------------------------------------------------------------------------- logs to work on


def entries(use: str, count: int) -> list[bytes]:
    """Entries of a use of its own, each naming the one before it."""
    made: list[bytes] = []
    for number in range(count):
        fields = {"use": use, "time": "2026-11-22T12:00:00Z", "number": number}
        made.append(canonical(fields | ({"after": leaf_hash(made[-1]).hex()} if made else {})))
    return made


def log_of(home: Path) -> Log:
    """The log of a home, whose folder is not there at first, nor is the one above it."""
    return Log(home / "site" / "log", home / PRIVATE, SIGNER)


def new_home(home: Path, size: int | None) -> Path:
    """A home with a log of `size` entries, or without a log."""
    (home / PRIVATE).mkdir(parents=True)
    if size is not None:
        log_of(home).append(entries("before", size))
    return home


def signed_in(home: Path) -> set[str]:
    """What the log's key has signed of all that lies in a home, files with odd names included."""
    return {text for path in home.rglob("*") if path.is_file() for text in statement(path.read_bytes())}


def statement(content: bytes) -> Iterator[str]:
    """The text of a signed checkpoint; nothing for any other content."""
    with suppress(CustodyError):
        yield Checkpoint.open(content, SIGNER.key).note.text


def examine(home: Path, signed: Iterable[str], sizes: Iterable[int]) -> None:
    """Assert that a log has one of these sizes, takes more entries, verifies, and stands by all it signed."""
    log, signed = log_of(home), {*signed, *signed_in(home)}
    size = log.checkpoint().size
    assert size in set(sizes)
    states = [Checkpoint.of(Note(text, ())) for text in sorted(signed)]
    assert len({state.size for state in states}) == len(states), states
    missing = max([state.size - size for state in states] + [0])
    assert log.append(entries(f"afterwards {size}", missing + 1)) == size
    for state in [log.checkpoint(), *states]:
        older = home / "older"
        older.write_bytes(bytes(SIGNER.sign(state.note.text)))
        assert not custody.verify(log.folder, SIGNER.key, older).faults
    assert (home / PRIVATE / "newest").read_text() == log.checkpoint().note.text


# ------------------------------------------------------------------------------------- children, watched from outside


@dataclass(frozen=True)
class Call:
    """A call of the system that came back, as strace saw it."""

    name: str
    numbers: tuple[str, ...]
    """What stands before the first string, and after the last: a handle of a folder or file; flags."""
    texts: tuple[bytes, ...]
    result: int
    """Below 0 where it failed."""


CHANGES = ("openat", "write", "fsync", "rename", "mkdir", "unlink", "rmdir", "unlinkat")
"""Kinds of calls by which a log changes the disk."""
OTHERS = (
    *("open", "creat", "openat2", "mknod", "mknodat", "pwrite64", "pwritev", "pwritev2", "fdatasync", "sync", "syncfs"),
    *("sync_file_range", "fallocate", "truncate", "ftruncate", "renameat", "renameat2", "mkdirat", "link", "linkat"),
    *("symlink", "symlinkat", "sendfile", "copy_file_range"),
)
"""Kinds that would change it, too, and that `Disk` does not know: the log makes none of them."""


def ambush(kind: str) -> int:
    """The number of the call that strace lies in wait for."""
    return OFTEN if kind == "openat" else SELDOM


class Children:
    """Children that append to logs under strace, which makes the calls in its ambush go wrong."""

    def __init__(self, trace: Path, injected: dict[str, str]) -> None:
        """`injected` says for each kind of call what goes wrong, in strace's words; `+` at the end: from then on."""
        self._trace, self._read, self._calls = trace, 0, dict[int, list[Call]]()
        traced = ",".join([*CHANGES, *(f"?{name}" for name in OTHERS)])
        watch = [str(STRACE), "-f", "-qq", "-xx", "-s", "9999999", "-o", str(trace), "-e", f"trace={traced}"]
        for kind, how in injected.items():
            watch += ["-e", f"inject={kind}:{how.removesuffix('+')}:when={ambush(kind)}{'+' * how.endswith('+')}"]
        self._server = subprocess.Popen(
            [*watch, sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._server:
            assert self._server.stdin is not None
            self._server.stdin.close()
        assert self._server.returncode == 0

    def run(self, home: Path, use: str, count: int, kind: str = "", number: int = 0) -> tuple[int, list[Call]]:
        """How a child ended that appended to a log (below 0: killed), and what it did.

        Its call `number` of a kind is the one in the ambush. With a count of 0 it asks for the checkpoint alone.
        """
        job = {"home": str(home), "use": use, "count": count, "kind": kind, "vain": ambush(kind) - number}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        process, status = map(int, self._server.stdout.readline().split())
        self._follow()
        return status, self._calls.get(process, [])

    def _follow(self) -> None:
        with self._trace.open() as file:
            file.seek(self._read)
            for line in file.read().splitlines(keepends=True):
                if not line.endswith("\n"):
                    break  # the end of a killed child, which is told later
                self._read += len(line)
                found = re.match(r"(\d+) +(\w+)\((.*)\) += (-?\d+)", line)
                if found and NOWHERE.encode().hex() not in line.replace(r"\x", ""):
                    texts = tuple(bytes.fromhex(x.replace(r"\x", "")) for x in re.findall(r'"([^"]*)"', found[3]))
                    numbers = tuple(part.strip() for part in re.sub(r'"[^"]*"', "", found[3]).split(","))
                    self._calls.setdefault(int(found[1]), []).append(Call(found[2], numbers, texts, int(found[4])))


def serve() -> None:
    """Do one job after the other, each in a child of its own."""
    null = os.open(os.devnull, os.O_WRONLY)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(work(json.loads(line), null))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.writev(1, [f"{child} {code}\n".encode()])  # not `write`: nobody lies in wait for this


def work(job: dict[str, Any], null: int) -> int:
    """Append to a log, or ask for its checkpoint; how it ended."""
    try:
        in_vain(null, job["kind"], job["vain"])
        log = log_of(Path(job["home"]))
        if job["count"]:
            log.append(entries(job["use"], job["count"]))
        else:
            log.checkpoint()
    except RecordError:
        return REFUSED
    except BaseException:  # noqa: BLE001 - whatever it is, the test shall see it
        traceback.print_exc()
        return BROKEN
    return DONE


def in_vain(null: int, kind: str, times: int) -> None:
    """Make calls of a kind that change nothing; of no kind, none."""
    calls: dict[str, Callable[[], object]] = {
        "openat": lambda: os.open(NOWHERE, os.O_RDONLY),
        "write": lambda: os.write(null, b""),
        "fsync": lambda: os.fsync(null),
        "rename": lambda: os.rename(NOWHERE, NOWHERE),  # noqa: PTH104 - the call itself is meant
        "mkdir": lambda: os.mkdir(NOWHERE),  # noqa: PTH102
        "unlink": lambda: os.unlink(NOWHERE),  # noqa: PTH108
        "rmdir": lambda: os.rmdir(NOWHERE),  # noqa: PTH106
        "unlinkat": lambda: os.unlink(NOWHERE, dir_fd=null),
    }
    for _ in range(times if kind else 0):
        with suppress(OSError):
            calls[kind]()


# ----------------------------------------------------------------------------------------------- a disk without power


@dataclass(eq=False)
class File:
    """A file's contents since it was last on the disk for sure; the first of them is what is there."""

    contents: list[bytes]


FOLDER = File([])
"""What stands for every folder."""


@dataclass
class Disk:
    """What calls have made of a home: what everybody sees, and what of it is on the disk for sure."""

    home: Path
    names: dict[str, list[File | None]] = field(default_factory=dict)
    """Of each path what it named since its folder was last on the disk for sure; the first is what is there."""
    signed: set[str] = field(default_factory=set)
    """Every checkpoint that was ever written with a signature, wherever it is now."""
    _open: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, home: Path) -> Disk:
        """A home that has been on the disk for long, or, where it has no log yet, was made a moment ago."""
        found = cls(home, signed=signed_in(home))
        for path in home.rglob("*"):
            found.names[str(path)] = [FOLDER if path.is_dir() else File([path.read_bytes()])]
        if not log_of(home).folder.exists():
            found.names[str(home / PRIVATE)] = [None, FOLDER]
        return found

    def size(self) -> int:
        """How many entries the checkpoint states that everybody sees."""
        file = self._now(str(log_of(self.home).folder / "checkpoint"))
        assert file is not None
        return Checkpoint.open(file.contents[-1], SIGNER.key).size

    def apply(self, call: Call) -> None:
        """What a call does."""
        assert call.name in CHANGES, f"no rule for {call}"
        if call.result >= 0:
            getattr(self, f"_{call.name}")(call)

    def _path(self, call: Call) -> str:
        """The path that a call names; some name it within a folder they have opened."""
        folder, name = call.numbers[0], os.fsdecode(call.texts[0])
        return f"{self._open[int(folder)]}/{name}" if folder.isdigit() else name

    def _now(self, path: str) -> File | None:
        return self.names.get(path, [None])[-1]

    def _name(self, path: str, what: File | None) -> None:
        if Path(path).is_relative_to(self.home):
            self.names.setdefault(path, [None]).append(what)

    def _openat(self, call: Call) -> None:
        path, flags = self._path(call), " ".join(call.numbers)
        self._open[call.result] = path
        file = self._now(path)
        if file is None and "O_CREAT" in flags:
            self._name(path, File([b""]))
        elif file is not None and "O_TRUNC" in flags:
            file.contents.append(b"")

    def _write(self, call: Call) -> None:
        file = self._now(self._open.get(int(call.numbers[0]), ""))
        if file is not None:
            file.contents.append(file.contents[-1] + call.texts[0][: call.result])
            self.signed.update(statement(file.contents[-1]))

    def _fsync(self, call: Call) -> None:
        path = self._open[int(call.numbers[0])]
        file = self._now(path)
        if file is not None and file is not FOLDER:
            del file.contents[:-1]
            return
        for name, history in self.names.items():
            if os.path.dirname(name) == path:  # noqa: PTH120 - thousands of times
                del history[:-1]

    def _rename(self, call: Call) -> None:
        old, new = map(os.fsdecode, call.texts)
        self._name(new, self._now(old))
        self._name(old, None)

    def _mkdir(self, call: Call) -> None:
        self._name(self._path(call), FOLDER)

    def _unlink(self, call: Call) -> None:
        self._name(self._path(call), None)

    _rmdir = _unlinkat = _unlink

    def after_loss(self, how: str) -> frozenset[tuple[str, bytes | None]]:
        """Names and contents (None: a folder) when the power is lost now.

        How: `nothing` that is not there for sure, `all`, `names` with torn contents, or a number that chooses.
        """
        chance = random.Random(how)
        chosen = {
            name: history[0] if how == "nothing" else chance.choice(history) if how.isdigit() else history[-1]
            for name, history in sorted(self.names.items())
        }
        return frozenset(
            (os.path.relpath(name, self.home), None if file is FOLDER else _torn(file.contents, how, chance))
            for name, file in chosen.items()
            if file is not None and all(chosen.get(above) is FOLDER for above in _above(name, str(self.home)))
        )


def _above(name: str, home: str) -> Iterator[str]:
    while (name := os.path.dirname(name)) != home:  # noqa: PTH120 - thousands of times
        yield name


def _torn(contents: list[bytes], how: str, chance: random.Random) -> bytes:
    """What is left of a file."""
    newest = contents[-1]
    if len(contents) == 1 or how == "all":
        return newest
    torn = [newest[: len(newest) // 2], b"", bytes(len(newest))]
    return {"nothing": contents[0], "names": torn[0]}.get(how) or chance.choice([*contents, *torn])


def lay_out(state: frozenset[tuple[str, bytes | None]], home: Path) -> Path:
    """A home as it was left, with the private folder that every caller makes where it is missing."""
    (home / PRIVATE).mkdir(parents=True)
    for name, content in sorted(state):
        if content is None:
            (home / name).mkdir(exist_ok=True)
        else:
            (home / name).write_bytes(content)
    return home


# ----------------------------------------------------------------------------------------------- other work of a child


def crowd(home: str, name: str) -> None:
    """Append from threads, with one log for all and one for each; print what was put where."""
    shared = log_of(Path(home))

    def member(number: int) -> Iterator[tuple[int, str]]:
        for turn in range(4):
            log, use = log_of(Path(home)) if turn % 2 else shared, f"{name} {number} {turn}"
            yield log.append(entries(use, 3)), use

    with ThreadPoolExecutor(3) as pool:
        said = [pool.submit(lambda number=number: list(member(number))) for number in range(3)]
        sys.stdout.write(json.dumps([line for lines in said for line in lines.result()]))


def full(folder: str) -> None:
    """Fill a small disk, but for one page more each time, until an append succeeds; then forbid writing.

    Needs a mount namespace of its own. Prints how many appends were refused; that on the read-only disk counts as 1000.
    """
    with ExitStack() as end:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", folder], check=True)
        end.callback(subprocess.run, ["umount", folder], check=True)
        home, ballast, page, refused = (
            new_home(Path(folder) / "home", 250),
            Path(folder) / "ballast",
            os.statvfs(folder).f_frsize,
            0,
        )
        for pages in range(200):
            space = os.statvfs(folder).f_bavail
            ballast.write_bytes(bytes((space - pages) * page))
            signed, size = signed_in(home), log_of(home).checkpoint().size if pages else 250
            try:
                log_of(home).append(entries(f"with {pages}", 10))
                break
            except RecordError:
                refused += 1
            finally:
                ballast.unlink()
            examine(home, signed, {size, size + 10})
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        try:
            log_of(home).append(entries("read-only", 1))
        except RecordError:
            refused += 1000
        assert before == {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        sys.stdout.write(str(refused))


if __name__ == "__main__":
    {"serve": serve, "crowd": crowd, "full": full}[sys.argv[1]](*sys.argv[2:])
