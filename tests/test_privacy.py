"""Nothing phones home, and nothing of a bystander rests on disk: watched from outside the process."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

STRACE = shutil.which("strace")


def can_trace() -> bool:
    """Whether this machine lets one process watch another."""
    return STRACE is not None and subprocess.run([STRACE, "-o", "/dev/null", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_trace(), reason="strace is not installed or may not trace here: apt install strace")
def test_a_search_opens_no_socket_and_writes_only_where_it_said(film: Path, tmp_path: Path) -> None:
    """A search with an empty home and no sign of CI opens no socket to anywhere and writes no file unasked."""
    home, out, trace = tmp_path / "home", tmp_path / "out", tmp_path / "trace"
    home.mkdir()
    out.mkdir()
    quiet = ("CI", "ORT_DISABLE_TELEMETRY", "GITHUB_ACTIONS")
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    environment |= {"HOME": str(home), "HOUSELIGHTS_CACHE": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"HOUSELIGHTS_MODELS": os.environ["HOUSELIGHTS_MODELS"], "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    watched = "socket,connect,sendto,openat,open,creat,rename,renameat,renameat2"
    command = [
        STRACE,
        "-f",
        "-qq",
        "-o",
        trace,
        "-e",
        f"trace={watched}",
        sys.executable,
        "-m",
        "houselights",
        "search",
    ]
    command += [film / "event.mp4", "--gallery", film / "gallery", "--purpose", "consented", "--sample", "5"]
    command += ["--json", out / "r.json", "--report", out / "r.html"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = trace.read_text(errors="replace").splitlines()
    assert [line for line in lines if re.search(r"AF_INET|AF_PACKET|AF_VSOCK", line)] == []
    opened = re.compile(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)", [^)]*O_(?:WRONLY|RDWR|CREAT)')
    written = {match[1] for line in lines if (match := opened.search(line))}
    written = {path for path in written if not path.startswith(("/dev/", "/proc/", "/sys/"))}
    assert written
    allowed = (str(tmp_path / "cache" / "detections"), str(out))
    record = os.environ["HOUSELIGHTS_RECORD"]
    kept = (f"{record}/log/", f"{record}/private/")  # hashes and closed words, and what lies sealed: test_record.py
    assert sorted(path for path in written if not path.startswith((*allowed, *kept))) == []
    assert list(home.iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == []
