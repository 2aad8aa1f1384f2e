"""Facts about sampling: when frames are analysed, and what counts as a cut."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from hypothesis import given
from hypothesis import strategies as st
from test_footage import drawn, make
from test_frame import frame_of

from houselights.errors import SettingsError
from houselights.footage import Facts, Footage, Tally
from houselights.frame import Frame
from houselights.sampling import AUTO, LATEST_S, SOONEST_S, Sampler, Sampling, Sight, thumbnail
from houselights.types import UInt8

STEP = 0.04


def scene(seed: int) -> UInt8:
    """A picture of blocks like no other."""
    blocks = np.random.default_rng(seed).integers(20, 236, (6, 8, 1), np.uint8)
    return blocks.repeat(12, axis=0).repeat(16, axis=1).repeat(3, axis=2)


def at(picture: UInt8, ticks: int) -> Frame:
    """A frame of that picture at that time."""
    return replace(frame_of(picture), ticks=ticks)


def watch(pictures: list[UInt8], sampling: Sampling = AUTO, *, step: float = STEP) -> list[Sight]:
    """What is decided of pictures that follow each other."""
    sampler = Sampler(sampling)
    return [sampler.look(at(picture, number), number * step) for number, picture in enumerate(pictures)]


def analysed(sights: list[Sight]) -> list[int]:
    """Which frames are analysed."""
    return [sight.ticks for sight in sights if sight.analyse]


def moved(number: int, speed: float) -> UInt8:
    """A light square that walks across a scene."""
    picture = scene(1).copy()
    left = round(number * speed) % 100
    picture[20:50, left : left + 25] = 250
    return picture


def test_a_still_scene_is_analysed_once_a_second() -> None:
    """Noise of a few levels moves nothing: ten seconds take eleven looks."""
    noise = np.random.default_rng(2)
    pictures = [np.clip(scene(1) + noise.normal(0, 4, (72, 128, 1)), 0, 255).astype(np.uint8) for _ in range(251)]
    assert analysed(watch(pictures)) == list(range(0, 251, 25))


def test_a_moving_scene_is_analysed_as_often_as_is_useful() -> None:
    """While somebody walks, every fifth frame of 30 a second is analysed: the first from SOONEST_S on."""
    sights = watch([moved(number, 2) for number in range(60)], step=1 / 30)
    assert analysed(sights) == list(range(0, 60, 5))
    assert not any(sight.cut for sight in sights)


def test_a_cut_is_seen_once_and_at_once() -> None:
    """The first frame of another scene is a cut and is analysed; the one after it is neither."""
    sights = watch([scene(1)] * 10 + [scene(2)] * 10 + [scene(1)] * 3)
    assert [sight.ticks for sight in sights if sight.cut] == [10, 20]
    assert analysed(sights) == [0, 10, 20]


@pytest.mark.parametrize("every", [2, 5, 7])
def test_a_cut_between_two_analysed_frames_is_told_at_the_next(every: int) -> None:
    """Where not every frame is analysed, no cut is lost, and each is told by one analysed frame."""
    sights = watch([scene(1)] * 11 + [scene(2)] * 20, Sampling("every", every))
    assert [sight.ticks for sight in sights if sight.analyse and sight.cut] == [-(-11 // every) * every]


@pytest.mark.parametrize(("gain", "more"), [(1.0, 60), (1.0, -60), (1.6, 0), (0.4, 0), (1.5, 40), (0.2, 10)])
def test_a_flash_is_no_cut(gain: float, more: float) -> None:
    """A scene that is lit or darkened for a frame is the same scene."""
    flash = np.clip(scene(1).astype(float) * gain + more, 0, 255).astype(np.uint8)
    sights = watch([scene(1)] * 5 + [flash] + [scene(1)] * 5)
    assert not any(sight.cut for sight in sights)


def test_a_pan_is_no_cut() -> None:
    """A camera that moves steadily sees one scene."""
    wide = np.hstack([scene(seed) for seed in range(4)])
    assert not any(sight.cut for sight in watch([wide[:, left : left + 128] for left in range(0, 380, 4)]))


def room(seed: int) -> UInt8:
    """A picture that shares its light, bright above and dark below, with all others of its kind."""
    light = np.linspace(200, 40, 72)[:, None, None]
    return np.clip(light + (scene(seed).astype(float) - 128) * 0.3, 0, 255).astype(np.uint8)


def test_a_cut_between_places_in_the_same_light_is_seen() -> None:
    """Their greys are alike, their edges are not."""
    pictures = [room(1)] * 10 + [room(2)] * 10
    assert np.corrcoef(pictures[0].ravel(), pictures[-1].ravel())[0, 1] > 0.7
    assert [sight.ticks for sight in watch(pictures) if sight.cut] == [10]


@pytest.mark.parametrize("step", [0.02, 0.08, 0.12, 0.15, 0.16, 0.2])
@pytest.mark.parametrize("before", [2, 5, 13])
def test_such_a_cut_is_seen_at_every_rate(step: float, before: int) -> None:
    """Also in the frames that `auto` reads where the decoder leaves some out, up to a fifth of a second apart."""
    pictures = [room(1)] * before + [room(2)] * 10
    assert [sight.ticks for sight in watch(pictures, step=step) if sight.cut] == [before]


def test_cuts_that_follow_each_other_soon_are_seen() -> None:
    """Each of four places is there for a third of a second."""
    pictures = [room(number) for number in range(4) for _ in range(9)]
    assert [sight.ticks for sight in watch(pictures) if sight.cut] == [9, 18, 27]


def test_a_flash_in_a_part_of_the_picture_is_no_cut() -> None:
    """What stands near the flash is lit three times as much as what stands far off; the edges stay where they were."""
    near = np.linspace(1, 3, 72)[:, None, None]
    flash = np.clip(room(1) * near, 0, 255).astype(np.uint8)
    assert not any(sight.cut for sight in watch([room(1)] * 10 + [flash] + [room(1)] * 10))


steps = st.lists(
    st.tuples(st.sampled_from(["still", "move", "cut", "flash"]), st.floats(0.005, 0.5)), min_size=2, max_size=60
)


def play(story: list[tuple[str, float]]) -> list[tuple[Frame, float]]:
    """Frames and their times after a story of what happens in each, and after how many seconds."""
    number, place, seconds = 0, 0, 0.0
    frames = []
    for ticks, (event, gap) in enumerate(story):
        number += event == "cut"
        place += event == "move"
        seconds += gap
        picture = scene(number).copy()
        picture[20:50, place % 90 : place % 90 + 25] = 250
        if event == "flash":
            picture = np.clip(picture.astype(int) + 50, 0, 255).astype(np.uint8)
        frames.append((at(picture, ticks), seconds))
    return frames


@given(story=steps)
def test_auto_keeps_between_soonest_and_latest(story: list[tuple[str, float]]) -> None:
    """The first frame LATEST_S after an analysed one is analysed at the latest, none before SOONEST_S but at a cut."""
    sampler = Sampler(AUTO)
    last = None
    for frame, seconds in play(story):
        sight = sampler.look(frame, seconds)
        gap = None if last is None else seconds - last
        assert sight.analyse or (gap is not None and gap < LATEST_S)
        assert not sight.analyse or gap is None or gap >= SOONEST_S or sight.cut
        last = seconds if sight.analyse else last


@given(story=steps, stop=st.integers(0, 59), mode=st.sampled_from(["auto", "all", "keys", "2", "7"]))
def test_a_resumed_sampler_decides_the_same(story: list[tuple[str, float]], stop: int, mode: str) -> None:
    """From any analysed frame on, every later decision is that of a sampler which never stopped."""
    frames = play(story)
    sampler = Sampler(Sampling.parse(mode))
    sights = [sampler.look(*each) for each in frames]
    kept = [number for number, sight in enumerate(sights) if sight.analyse]
    stop = kept[stop % len(kept)]
    again = Sampler(Sampling.parse(mode), sights[stop], frames[stop][0])
    assert [again.look(*each) for each in frames[stop + 1 :]] == sights[stop + 1 :]


@pytest.mark.parametrize(("text", "numbers"), [("all", list(range(12))), ("1", list(range(12))), ("5", [0, 5, 10])])
def test_fixed_modes_do_not_look_at_the_picture(text: str, numbers: list[int]) -> None:
    """`all` and every so many frames, whatever they show."""
    pictures = [scene(number // 3) for number in range(12)]
    assert analysed(watch(pictures, Sampling.parse(text))) == numbers


def test_a_thumbnail_shows_the_upright_picture_small(tmp_path: Path) -> None:
    """64x36 grey pixels, of a turned clip too, the same as of the upright one."""
    path = make(tmp_path, "h264.mp4", turn=(90, False, False))
    reformatter = VideoReformatter()
    for number, frame in enumerate(Footage(path).frames(Tally())):
        small = thumbnail(frame, reformatter)
        straight = thumbnail(frame_of(np.rot90(drawn(number))), reformatter)
        assert small.shape == (36, 64)
        assert np.abs(small.astype(int) - straight).mean() < 6


@pytest.mark.parametrize("text", ["all", "auto", "keys", "1", "5", "250"])
def test_a_sampling_is_written_as_it_is_read(text: str) -> None:
    """Its text names it again: kept detections are found by it."""
    parsed = Sampling.parse(text)
    assert str(parsed) == text
    assert Sampling.parse(str(parsed)) == parsed


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "ALL", "every", " 5", "²"])
def test_other_samplings_are_settings_errors(text: str) -> None:
    """The error names the value and what is expected."""
    with pytest.raises(SettingsError, match="expected all, auto, keys or a whole number from 1 up"):
        Sampling.parse(text)


@pytest.mark.parametrize(
    ("text", "rate", "skip"),
    [("all", 50, "none"), ("5", 50, "none"), ("keys", 5, "nonkey"), ("auto", 25, "nonref"), ("auto", 12, "none")],
)
def test_frames_are_left_out_only_where_the_mode_allows(text: str, rate: float, skip: str) -> None:
    """Key frames alone for `keys`; for `auto`, frames that no other needs, where there are many a second."""
    facts = Facts(Path("x"), "", 64, 48, Fraction(1, 1000), 0, 1.0, 25, rate, "h264", still=False)
    assert Sampling.parse(text).skip(facts) == skip
