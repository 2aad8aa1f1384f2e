"""Facts about the sound of released files: it stays in step with the pictures, or is silence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from test_film import BASE, drawing, film_of, shown
from test_footage import drawn, write

from houselights.boxes import atoms, strangers
from houselights.errors import ReleaseError
from houselights.film import Film
from houselights.sound import AudioPlan

RATE = 48_000


def tone(path: Path, seconds: float = 3, *, rate: int = RATE, layout: str = "mono", late: float = 0) -> Path:
    """A clip of pictures with a sound that is silent but for a click of 20 ms at each full second of the clip."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25)
        video.width, video.height = 64, 48
        sound = file.add_stream("pcm_s16le" if path.suffix == ".mkv" else "aac", rate=rate)
        sound.layout = layout
        for number in range(round(seconds * 25)):
            frame = av.VideoFrame.from_ndarray(drawn(number), "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, BASE
            file.mux(video.encode(frame))
        file.mux(video.encode())
        at = np.arange(round(late * rate), round(seconds * rate)) / rate
        wave = np.where(at % 1 < 0.02, 0.8 * np.sin(at * 6283 * 2), 0).astype(np.float32)
        channels = 1 if layout == "mono" else 2
        for number in range(0, len(wave), 1024):
            part = np.tile(wave[number : number + 1024], (channels, 1))
            samples = av.AudioFrame.from_ndarray(part, "fltp", layout)
            samples.sample_rate, samples.time_base = rate, Fraction(1, rate)
            samples.pts = number + round(late * rate)
            if path.suffix == ".mkv":
                whole = np.ascontiguousarray((part * 32767).astype(np.int16).T.reshape(1, -1))
                packed = av.AudioFrame.from_ndarray(whole, "s16", layout)
                packed.sample_rate, packed.time_base, packed.pts = rate, Fraction(1, rate), samples.pts
                samples = packed
            file.mux(sound.encode(samples))
        file.mux(sound.encode())
    return path


def heard(path: Path) -> tuple[NDArray[np.float32], int]:
    """All samples of a film's one track of sound (channels, n), from time 0 on, and their rate."""
    with av.open(str(path)) as file:
        (stream,) = file.streams.audio
        assert stream.metadata == {"language": "und", "handler_name": "SoundHandler"}
        frames = list(file.decode(stream))
        assert frames[0].pts == 0
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1), stream.rate


def clicks(samples: NDArray[np.float32], rate: int) -> list[float]:
    """When it begins to be loud after 0.1 s of quiet, in seconds."""
    loud = np.flatnonzero(np.abs(samples[0]) > 0.2) / rate
    return [float(each) for number, each in enumerate(loud) if number == 0 or each - loud[number - 1] > 0.1]


def sounding(path: Path, plan: AudioPlan, seconds: float = 3) -> Film:
    """A film of so many seconds with that sound."""
    return film_of(path, [drawing(number % 20) for number in range(round(seconds * 25))], audio=plan)


@pytest.mark.parametrize(
    ("name", "rate", "layout"),
    [("a.mp4", RATE, "mono"), ("a.mkv", 44_100, "stereo"), ("a.mkv", 37_800, "mono"), ("a.mp4", 22_050, "stereo")],
)
def test_sound_is_kept_in_step(tmp_path: Path, name: str, rate: int, layout: str) -> None:
    """One track, with each click where it was and as long as the pictures are."""
    source = tone(tmp_path / name, rate=rate, layout=layout)
    film = sounding(tmp_path / "film.mp4", AudioPlan(source, Fraction(0)))
    samples, given_rate = heard(film.path)
    assert given_rate == (rate if rate != 37_800 else RATE)
    assert samples.shape[0] == (1 if layout == "mono" else 2)
    assert clicks(samples, given_rate)[-2:] == pytest.approx([1, 2], abs=0.004)
    assert samples.shape[1] / given_rate == pytest.approx(3, abs=1024 / given_rate)
    assert (film.audio, film.audio_damaged) == ("kept", 0)
    assert strangers(film.path) == ()
    assert shown(film.path)[1][:3] == [0, BASE, 2 * BASE]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("start", [Fraction(3, 10), Fraction(77, 25)])
def test_sound_begins_with_the_pictures(tmp_path: Path, name: str, start: Fraction) -> None:
    """From a later start, reached by seeking where it is far, each click comes as much earlier; it ends at `end`."""
    source = tone(tmp_path / name, 6)
    film = sounding(tmp_path / "film.mp4", AudioPlan(source, start, start + Fraction(5, 2)), seconds=2.8)
    samples, rate = heard(film.path)
    wanted = [second - float(start) for second in range(1, 6) if 0 < second - start < 2.5]
    assert clicks(samples, rate) == pytest.approx(wanted, abs=0.004)
    assert samples.shape[1] / rate == pytest.approx(2.5, abs=1024 / rate)


def test_sound_that_begins_late_is_preceded_by_silence(tmp_path: Path) -> None:
    """A track without an edit list begins at 0, so what is missing is filled."""
    film = sounding(tmp_path / "film.mp4", AudioPlan(tone(tmp_path / "a.mkv", late=0.5), Fraction(0)))
    samples, rate = heard(film.path)
    assert clicks(samples, rate) == pytest.approx([1, 2], abs=0.004)
    assert np.abs(samples[:, : rate // 2 - 2048]).max() < 1e-4


def test_muted_sound_is_silence_of_the_same_length(tmp_path: Path) -> None:
    """Not one sample of the voice is left."""
    source = tone(tmp_path / "a.mp4")
    kept = sounding(tmp_path / "kept.mp4", AudioPlan(source, Fraction(0)))
    film = sounding(tmp_path / "film.mp4", AudioPlan(source, Fraction(0), mute=True))
    samples, _ = heard(film.path)
    assert not samples.any()
    assert samples.shape == heard(kept.path)[0].shape
    assert film.audio == "muted"


def test_footage_without_sound_gives_a_film_without(tmp_path: Path) -> None:
    """Nothing is made up."""
    source = write(tmp_path / "a.mp4", "libx264")
    film = sounding(tmp_path / "film.mp4", AudioPlan(source, Fraction(0)), seconds=0.2)
    assert film.audio == "none"
    assert [box for box in atoms(film.path) if box == "moov/trak"] == ["moov/trak"]


def test_damaged_sound_does_not_stop_a_film(tmp_path: Path) -> None:
    """Packets that do not decode are counted, silence stands for them, and what follows is in its place."""
    source = tone(tmp_path / "a.mp4", 4)
    whole = bytearray(source.read_bytes())
    with av.open(str(source)) as file:
        packets = [packet for packet in file.demux(audio=0) if packet.size and 1.3 < (packet.pts or 0) / RATE < 1.8]
    for packet in packets:
        whole[packet.pos or 0 : (packet.pos or 0) + packet.size] = b"\xff" * packet.size
    source.write_bytes(whole)
    film = sounding(tmp_path / "film.mp4", AudioPlan(source, Fraction(0)), seconds=4)
    samples, rate = heard(film.path)
    assert film.audio_damaged > 10
    assert clicks(samples, rate)[-1] == pytest.approx(3, abs=0.004)


def test_a_source_that_is_none_leaves_no_film(tmp_path: Path) -> None:
    """Sound that cannot be read is said so before pictures are written; what was there under the name stays there."""
    (tmp_path / "a.mp4").write_bytes(b"not a film")
    (tmp_path / "film.mp4").write_bytes(b"older")
    with pytest.raises(ReleaseError, match=r"a\.mp4"):
        sounding(tmp_path / "film.mp4", AudioPlan(tmp_path / "a.mp4", Fraction(0)))
    assert (tmp_path / "film.mp4").read_bytes() == b"older"
