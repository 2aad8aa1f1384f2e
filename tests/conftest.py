"""What tests share: weights and cast (fetched once into the user's cache), a film with known truth, and tiny clips."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from houselights import config, demo, fetching, models
from houselights.cover import Fill
from houselights.event import Event, EventSettings, read_truth
from houselights.record import Record
from houselights.redact import redact
from houselights.release import Request
from houselights.result import FootageUse

FILM = EventSettings(seconds=8, people=6)
SCENE = EventSettings(seconds=3, people=4, width=640, height=360, cuts=1, occluders=2, variable_rate=True, seed=3)
GREEN = Fill(colour="00c000")
"""A cover of a colour that is nowhere in a scene, so that a test can tell what is covered."""


class Unwatched:
    """Nobody looks at a release while it is made."""

    def stage(self, name: str, length_s: float) -> None:
        """A pass begins."""

    def progress(self, seconds: float) -> None:
        """Seconds done."""


class Silent:
    """Looks at a search and says nothing."""

    def gallery(self, done: int, total: int) -> None:
        """Photographs."""

    def identified(self, done: int, total: int) -> None:
        """Hashed."""

    def files(self, files: list[Path]) -> None:
        """Footage."""

    def begin(self, file: int, facts: object, *, kept: bool) -> None:
        """A file is open."""

    def progress(self, file: int, seconds: float, frames: int) -> None:
        """Seconds done."""

    def end(self, file: int, use: FootageUse) -> None:
        """A file is done."""


settings.register_profile("houselights", deadline=None, derandomize=True, max_examples=40, database=None)
settings.load_profile("houselights")


def pytest_configure() -> None:
    """Weights stay where they are cached; all else that the tests keep goes elsewhere, see `own_cache`."""
    os.environ[config.MODELS] = str(config.models_dir())


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache and a record of this run alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(config.CACHE, str(tmp_path_factory.mktemp("cache")))
        patch.setenv(config.RECORD, str(tmp_path_factory.mktemp("record")))
        yield


@pytest.fixture(scope="session")
def detector_path() -> Path:
    """The default detector's weights, fetched if need be, and the default recogniser's with them."""
    return fetching.fetch(models.default("detector"), beside=(models.default("recogniser"),))


@pytest.fixture(scope="session")
def recogniser_path() -> Path:
    """The default recogniser's weights, fetched if need be, and the default detector's with them."""
    return fetching.fetch(models.default("recogniser"), beside=(models.default("detector"),))


@pytest.fixture(scope="session")
def cast_folder() -> Path:
    """The openpeople cast: a folder for each of ten people who were never born."""
    fetching.fetch(models.default("cast"))
    return fetching.cast_dir()


@pytest.fixture(scope="session")
def film(
    detector_path: Path, recogniser_path: Path, cast_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with a film of the cast, event.mp4, and the gallery of the half of them who are enrolled."""
    assert detector_path.exists()
    assert recogniser_path.exists()
    assert cast_folder.exists()
    folder = tmp_path_factory.mktemp("film")
    demo.make_event(folder, FILM, lambda _done, _all: None)
    return folder


@pytest.fixture(scope="session")
def truth(film: Path) -> Event:
    """What is true of the film."""
    return read_truth(film / "truth.json")


@pytest.fixture(scope="session")
def second_detector_path() -> Path:
    """The weights that check releases, fetched if need be."""
    return fetching.fetch(models.default("second-detector"))


@pytest.fixture(scope="session")
def scene(
    detector_path: Path, second_detector_path: Path, cast_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder as `film`'s, small and short: two shots, a pillar, somebody who passes by, uneven times."""
    assert detector_path.exists()
    assert second_detector_path.exists()
    assert cast_folder.exists()
    folder = tmp_path_factory.mktemp("scene")
    demo.make_event(folder, SCENE, lambda _done, _all: None)
    return folder


@pytest.fixture(scope="session")
def released(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene with every head hidden under green, and all that lies beside it. Nobody may change it."""
    out = tmp_path_factory.mktemp("released") / "out.mp4"
    assert not redact(Request(scene / "event.mp4", out, fill=GREEN), Record.here(), Unwatched()).blocked
    return out
