"""Speed of a whole search beside the limit, decode alone, in one run: `python bench/search.py [FOOTAGE --gallery DIR]`.

Rounds of both take turns, since other work on the machine comes and goes; the table gives the median round. A search is
counted from the first frame to the last template: loading the models and enrolling the gallery are not in it. Short
footage is searched several times over in one file, so that what is paid once a file weighs less. Without arguments an
event is made.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import _common as common
import av

from houselights import batch, event, policy
from houselights.result import FootageUse
from houselights.sampling import Sampling
from houselights.script import EventSettings

# Frames/s over decode-only frames/s on opera_house_exit.mp4, every frame, two cores with AMX, measured once elsewhere.
PEERS = {
    "InsightFace (SCRFD-500M at 640, MobileFaceNet)": 8.9 / 232,
    "face_recognition": 0.83 / 232,
    "a plain loop of decode and YuNet at 960x544 in f32": 0.24,
}


class Silent:
    """Nobody watches a benchmark."""

    def gallery(self, done: int, total: int) -> None:
        """Photographs looked at."""

    def identified(self, done: int, total: int) -> None:
        """Hashed."""

    def files(self, files: list[Path]) -> None:
        """All the footage there will be."""

    def begin(self, file: int, facts: object, *, kept: bool) -> None:
        """A file is open."""

    def progress(self, file: int, seconds: float, frames: int) -> None:
        """Seconds of footage done."""

    def end(self, file: int, use: FootageUse) -> None:
        """A file is done."""


def decode(path: Path) -> tuple[int, float]:
    """Frames, and the seconds that PyAV alone takes to decode them all on two threads."""
    began = time.perf_counter()
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
        frames = sum(1 for _ in container.decode(stream))
    return frames, time.perf_counter() - began


def lengthen(path: Path, out: Path, times: int) -> Path:
    """The footage so many times over in one file, its packets copied."""
    with av.open(str(out), "w") as target:
        stream, offset = None, 0
        for _ in range(times):
            with av.open(str(path)) as source:
                video = source.streams.video[0]
                stream = stream or target.add_stream_from_template(video)
                end = 0
                for packet in source.demux(video):
                    if packet.dts is None:
                        continue
                    end = max(end, packet.pts + (packet.duration or 1))
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    target.mux(packet)
                offset += end
    return out


def main() -> None:
    """Measure and print."""
    parser = common.options(__doc__)
    parser.add_argument("footage", type=Path, nargs="?")
    parser.add_argument("--gallery", type=Path)
    parser.add_argument("--sample", default="all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=4, help="the footage so many times over in one file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if chosen.footage is None:
            event.make(Path(place) / "event", common.actors(), EventSettings(width=1920, height=1080))
            chosen.footage, chosen.gallery = Path(place) / "event" / "event.mp4", Path(place) / "event" / "gallery"
        path = lengthen(chosen.footage, Path(place) / f"footage{chosen.footage.suffix}", chosen.repeat)
        request = batch.Request(
            footage=(path,),
            authority=policy.authority("evaluation", "benchmark", "bench"),
            gallery=chosen.gallery,
            sampling=Sampling.parse(chosen.sample),
            resume=False,
        )
        rounds = []
        for done in range(chosen.rounds):
            common.progress(done, chosen.rounds, "rounds")
            frames, decoding = decode(path)
            result = batch.run(request, common.record(), Silent()).result
            rounds.append((frames / decoding, frames / result.timing.footage_s, decoding / result.timing.footage_s))
    decoded, searched, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
    spread = f"{min(each[2] for each in rounds):.3f} to {max(each[2] for each in rounds):.3f}"
    rows = [
        {"what": "decode alone", "frames/s": round(decoded, 1), "of decode alone": 1.0, "rounds": ""},
        {
            "what": "the whole search",
            "frames/s": round(searched, 1),
            "of decode alone": round(ratio, 3),
            "rounds": spread,
        },
        *(
            {"what": name, "frames/s": "", "of decode alone": round(peer, 3), "rounds": ""}
            for name, peer in PEERS.items()
        ),
    ]
    use = result.footage[0]
    shots = sum(candidate.shots for candidate in result.candidates)
    seen = f"{use.frames_analysed} of {use.frames} frames analysed, {use.faces} faces, {use.tracks} tracks"
    elsewhere = "rows without frames/s were measured elsewhere, on opera_house_exit.mp4: docs/performance.md"
    notes = (f"{seen}, {shots} shots in candidates", elsewhere)
    common.show(f"{chosen.footage.name}, --sample {chosen.sample}", rows, chosen.json, notes)


if __name__ == "__main__":
    main()
