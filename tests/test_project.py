"""What must hold of the tree itself: what it may not contain, and what its documents must name."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import houselights

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "houselights").rglob("*.py"))
LOCKS = ("requirements.lock", "requirements-bench.lock")

WEIGHTS = {".onnx", ".pt", ".pth", ".safetensors", ".tflite", ".caffemodel", ".pb", ".npz", ".npy", ".whl"}
MEDIA = {".mp4", ".mov", ".mkv", ".avi", ".webm", ".ts", ".mjpeg", ".gif", ".wav"}
PHOTOGRAPHS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"}
LARGEST = 1_000_000  # bytes: nothing that is written by hand comes near


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Return the files that git keeps."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    if not listed:
        pytest.skip("nothing is committed yet")
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def project() -> dict[str, Any]:
    """Return the table `project` of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def name_of(requirement: str) -> str:
    """Return the package that a requirement asks for."""
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def pins(lock: str) -> dict[str, list[str]]:
    """Return the hashes of a lock by package and version."""
    found: dict[str, list[str]] = {}
    package = ""
    for line in (ROOT / lock).read_text("utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            package = line.split(" ")[0]
            found[package] = []
        elif "--hash=" in line:
            found[package].append(line.strip(" \\").removeprefix("--hash="))
    return found


def test_no_weights_footage_or_photographs_are_kept(tracked: list[Path]) -> None:
    """The repository holds no weights, media or photographs; pictures of the demo are PNG files in docs/images."""
    shown = ROOT / "docs" / "images"
    kept = [file for file in tracked if file.suffix.lower() in WEIGHTS | MEDIA | PHOTOGRAPHS]
    assert [file for file in kept if file.parent != shown or file.suffix != ".png"] == []


def test_nothing_large_is_kept(tracked: list[Path]) -> None:
    """No tracked file is larger than a megabyte."""
    assert [file for file in tracked if file.stat().st_size > LARGEST] == []


def test_every_dependency_has_its_reason() -> None:
    """The record on dependencies has a row for each requirement of pyproject.toml, extras too, and for nothing else."""
    table = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text("utf-8")
    rows = set(re.findall(r"^\| ([a-z0-9-]+) (?:\([^|]*\) )?\|", table, re.MULTILINE)) - {"package"}
    extras = project()["optional-dependencies"]
    required = [*project()["dependencies"], *(each for extra in extras.values() for each in extra)]
    assert rows == {name_of(requirement) for requirement in required}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    """Each package of a lock is pinned to one version and to the SHA-256 of its files."""
    locked = pins(lock)
    assert locked
    for package, hashes in locked.items():
        assert re.fullmatch(r"[a-z0-9.-]+==[^=]+", package)
        assert hashes, package
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), package


def test_the_lock_holds_every_requirement() -> None:
    """What the package and its extras but `bench` ask for stands in the lock."""
    locked = {package.split("==")[0] for package in pins("requirements.lock")}
    extras = project()["optional-dependencies"]
    required = [
        *project()["dependencies"],
        *(each for name, extra in extras.items() if name != "bench" for each in extra),
    ]
    assert {name_of(requirement) for requirement in required} <= locked


def test_the_locks_agree() -> None:
    """The lock of the benchmarks is the lock and more, so that peers are measured beside the same packages."""
    assert pins("requirements.lock").items() <= pins("requirements-bench.lock").items()


@pytest.mark.parametrize("lock", LOCKS)
def test_opencv_comes_once(lock: str) -> None:
    """Only the headless OpenCV is locked: the other one would overwrite its `cv2`."""
    assert [package.split("==")[0] for package in pins(lock) if "opencv" in package] == ["opencv-python-headless"]


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_place(lock: str) -> None:
    """A lock holds no path and no address: it installs from whatever index is configured."""
    assert re.findall(r"file:|https?:|--find-links|--index|--extra-index", (ROOT / lock).read_text("utf-8")) == []


def test_the_build_uses_the_locked_hatchling() -> None:
    """The build backend of pyproject.toml and the one in the lock are the same version."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert set(build) <= set(pins("requirements.lock"))


def test_the_changelog_names_the_version() -> None:
    """The version of the package has its heading in the changelog."""
    assert f"## [{houselights.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_module_says_what_it_is(source: Path) -> None:
    """Each module has a docstring."""
    assert ast.get_docstring(ast.parse(source.read_text("utf-8")))


def test_decisions_are_numbered_without_gaps() -> None:
    """Records of decisions are numbered from 1 on."""
    numbers = [int(file.name[:4]) for file in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_links_between_documents_lead_somewhere() -> None:
    """Every relative link of a Markdown document names a file of the tree."""
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    links = [
        (document, target)
        for document in documents
        for target in re.findall(r"\]\((?!\w+:|#)([^)#]+)", document.read_text("utf-8"))
    ]
    assert [(document.name, target) for document, target in links if not (document.parent / target).exists()] == []
