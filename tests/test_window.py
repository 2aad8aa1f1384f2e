"""Facts about the window of a social cut: even, inside the picture, and calm."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights.errors import ReleaseError
from houselights.manifest import Place, box_at
from houselights.window import ASPECTS, STEP_S, STILL, Interest, course, size

HD = (1280, 720)
RATE = 25
Walk = Callable[[float], tuple[float, float] | None]


def frames(seconds: float, walk: Walk, cuts: tuple[float, ...] = (), rate: float = RATE) -> Iterator[Interest]:
    """Frames of a clip in which the eye should go where a walk is."""
    times = [round(number / rate, 6) for number in range(max(1, round(seconds * rate)))]
    begun = 0
    for now in times:
        cut = begun < len(cuts) and now >= cuts[begun]
        begun += cut
        yield Interest(now, cut, walk(now))


def middles(places: tuple[Place, ...]) -> list[float]:
    """The middle of the window across, at each place."""
    return [place.box[0] + place.box[2] / 2 for place in places]


def inside(places: tuple[Place, ...], whole: tuple[int, int]) -> bool:
    """Whether every window lies in the picture."""
    return all(
        place.box[0] >= 0
        and place.box[1] >= 0
        and place.box[0] + place.box[2] <= whole[0]
        and place.box[1] + place.box[3] <= whole[1]
        for place in places
    )


@pytest.mark.parametrize("aspect", ASPECTS)
@given(whole=st.tuples(st.integers(64, 4100), st.integers(64, 4100)))
def test_a_window_is_even_inside_and_of_its_shape(aspect: str, whole: tuple[int, int]) -> None:
    """In pictures of any size, odd ones as well, and as large as it can be but for evenness."""
    try:
        width, height = size(whole, aspect)
    except ReleaseError as fault:
        assert "too small" in fault.message  # noqa: PT017 - either is right
        return
    across, down = ASPECTS[aspect]
    assert width % 2 == height % 2 == 0
    assert width <= whole[0]
    assert height <= whole[1]
    assert abs(width * down - height * across) < 2 * max(across, down)
    assert width > whole[0] - 2 or height > whole[1] - 2


@pytest.mark.parametrize(
    ("whole", "aspect", "wanted"),
    [
        ((1920, 1080), "16:9", (1920, 1080)),
        ((1920, 1080), "9:16", (606, 1080)),
        ((1080, 1920), "9:16", (1080, 1920)),
        ((1280, 720), "1:1", (720, 720)),
        ((1280, 720), "4:5", (576, 720)),
        ((1279, 719), "1:1", (718, 718)),
        ((720, 1280), "16:9", (720, 404)),
    ],
)
def test_usual_pictures_have_the_windows_that_everybody_expects(
    whole: tuple[int, int], aspect: str, wanted: tuple[int, int]
) -> None:
    """The largest that fits."""
    assert size(whole, aspect) == wanted


def test_a_shape_that_is_not_known_or_does_not_fit_is_refused() -> None:
    """Naming it, and what there is."""
    with pytest.raises(ReleaseError, match="2:3") as refused:
        size(HD, "2:3")
    assert "9:16" in (refused.value.hint or "")
    with pytest.raises(ReleaseError, match="20x20"):
        size((20, 20), "9:16")


@given(
    st.lists(st.none() | st.tuples(st.floats(-500, 2000), st.floats(-500, 2000)), min_size=1, max_size=60),
    st.sets(st.integers(0, 59)),
    st.sampled_from(sorted(ASPECTS)),
    st.tuples(st.integers(100, 1400), st.integers(100, 1400)),
)
def test_a_window_stays_inside_whatever_it_follows(
    wanted: list[tuple[float, float] | None], cuts: set[int], aspect: str, whole: tuple[int, int]
) -> None:
    """Also beyond the picture, through cuts and gaps; it is there at every frame's time, and times rise."""
    seen = [Interest(round(number / 7, 6), number in cuts, each) for number, each in enumerate(wanted)]
    places = course(seen, whole, aspect)
    assert inside(places, whole)
    assert all(earlier.time_s < later.time_s for earlier, later in pairwise(places))
    for each in seen:
        box = box_at(places, each.seconds)
        assert box is not None
        assert box[2:] == size(whole, aspect)


def test_it_follows_somebody_who_walks_across() -> None:
    """They are in it all the time, though it moves later than they do."""
    places = course(frames(12, lambda now: (200 + 75 * now, 300.0)), HD, "9:16")
    assert inside(places, HD)
    for number in range(12 * RATE):
        left, top, width, height = box_at(places, number / RATE) or (0, 0, 0, 0)
        assert left < 200 + 75 * number / RATE < left + width
        assert (top, height) == (0, 720)
    assert middles(places)[-1] - middles(places)[0] > 600


def test_it_does_not_move_for_jitter() -> None:
    """What trembles by less than a share of the window's side leaves it where it is, to the pixel."""
    random = np.random.default_rng(4)
    width = size(HD, "9:16")[0]
    places = course(frames(20, lambda _: (640 + width * STILL / 2 * random.uniform(-1, 1), 360.0)), HD, "9:16")
    assert len({place.box for place in places}) == 1


def test_it_does_not_cross_a_cut() -> None:
    """The last frame before a cut shows what is before, and the first after it what is after: it does not slide."""

    def walk(now: float) -> tuple[float, float]:
        return (250.0, 360.0) if now < 5 else (1000.0, 360.0)

    places = course(frames(10, walk, cuts=(5.0,)), HD, "9:16")
    for number in range(10 * RATE):
        left, _, width, _ = box_at(places, number / RATE) or (0, 0, 0, 0)
        assert left + width / 2 == pytest.approx(250 if number / RATE < 5 else 1000, abs=0.02)


@pytest.mark.parametrize("leap", [0.5, 2.0, 3.0, 5.0, 5.6, 5.8, 5.9])
@pytest.mark.parametrize("rate", [25, 30000 / 1001, 7])
def test_it_never_jerks(leap: float, rate: float) -> None:
    """Somebody else across the picture, whenever that comes, is reached with less than half of the way in a second."""

    def walk(now: float) -> tuple[float, float]:
        return (250.0, 360.0) if now < leap else (1000.0, 360.0)

    places = course(frames(6, walk, rate=rate), HD, "9:16")
    for one, other in pairwise(places):
        speed = abs(other.box[0] - one.box[0]) / (other.time_s - one.time_s)
        assert speed < 0.5 * 750


def test_it_stays_where_it_was_while_nothing_asks_for_it() -> None:
    """Nobody in the picture is no reason to move; and with nobody at all it is in the middle."""
    gone = course(frames(8, lambda now: (300.0, 360.0) if now < 2 else None), HD, "1:1")
    assert {place.box for place in gone} == {(0.0, 0.0, 720.0, 720.0)}
    late = course(frames(8, lambda now: None if now < 6 else (700.0, 360.0)), HD, "1:1")
    assert {place.box for place in late} == {(340.0, 0.0, 720.0, 720.0)}
    nobody = course(frames(8, lambda _: None), HD, "1:1")
    assert {place.box for place in nobody} == {(280.0, 0.0, 720.0, 720.0)}


def test_a_single_frame_has_one_place() -> None:
    """A photograph, a shot of one frame, a clip shorter than a step; without frames there is none."""
    (place,) = course([Interest(0.0, cut=True, middle=(100.0, 100.0))], HD, "1:1")
    assert place == Place(0.0, (0.0, 0.0, 720.0, 720.0))
    one, other = course(frames(0.2, lambda _: (640.0, 360.0)), HD, "1:1")
    assert one.box == other.box
    assert (one.time_s, other.time_s) == (0.0, 0.16)
    shots = course(frames(1, lambda now: (640.0 + 400 * now, 360.0), cuts=(0.52, 0.56)), HD, "1:1")
    assert [place.time_s for place in shots if 0.46 < place.time_s < 0.58] == [0.48, 0.52, 0.56]
    assert course([], HD, "1:1") == ()


def test_a_long_clip_needs_little_memory() -> None:
    """Half an hour in one shot: some places a second, not one a frame."""
    tracemalloc.start()
    try:
        places = course(
            (
                Interest(number / RATE, number == 0, (640 + 300 * np.sin(number / 500), 360.0))
                for number in range(1800 * RATE)
            ),
            HD,
            "9:16",
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(places) <= 1800 / STEP_S + 1
    assert peak < 8e6
