"""Memory of a search does not grow with the length of the footage: one minute beside twenty, each in its own process.

The long footage is the short one many times over, its packets copied, so that both show the same and nothing is encoded
anew.

    python bench/memory.py [--seconds 60] [--times 20]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _common as common
from search import Silent, lengthen

from houselights import batch, event, policy
from houselights.config import CACHE
from houselights.sampling import Sampling
from houselights.script import EventSettings

UNITS = 1024 * 1024 if sys.platform == "darwin" else 1024  # of ru_maxrss in a MiB


def main() -> None:
    """Make the footage, search each in a process of its own, print."""
    parser = common.options(__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="length of the short footage (default 60)")
    parser.add_argument("--times", type=int, default=20, help="how much longer the long one is (default 20)")
    parser.add_argument("--sample", default="auto")
    parser.add_argument(
        "--search", type=Path, nargs=2, metavar=("FOOTAGE", "GALLERY"), help="measure this process alone"
    )
    args = parser.parse_args()
    if args.search:
        print(json.dumps(searched(*args.search, args.sample)))
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        settings = EventSettings(seconds=args.seconds, people=max(4, round(args.seconds / 2)))
        event.make(folder / "event", common.actors(), settings)
        short, gallery = folder / "event" / "event.mp4", folder / "event" / "gallery"
        long = lengthen(short, folder / "long.mp4", args.times)
        rows = [apart(path, gallery, args.sample, folder) for path in (short, long)]
    ratio = rows[1]["peak MiB"] / rows[0]["peak MiB"]
    notes = (f"peak of {rows[1]['minutes']} minutes over peak of {rows[0]['minutes']}: {ratio:.2f}",)
    common.show(f"memory of a search, --sample {args.sample}", rows, args.json, notes)


def apart(path: Path, gallery: Path, sample: str, folder: Path) -> common.Row:
    """The row of one footage, searched in a fresh process with a cache of its own."""
    command = [sys.executable, __file__, "--sample", sample, "--search", str(path), str(gallery)]
    environment = {
        **os.environ,
        CACHE: str(folder / "cache"),
        "HOUSELIGHTS_MODELS": str(common.weights("detector").parent),
    }
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    row: common.Row = json.loads(done.stdout)
    return row


def searched(path: Path, gallery: Path, sample: str) -> common.Row:
    """What a search of one footage in this process took."""
    request = batch.Request(
        footage=(path,),
        authority=policy.authority("evaluation", "benchmark", "bench"),
        gallery=gallery,
        sampling=Sampling.parse(sample),
        resume=False,
    )
    began = time.perf_counter()
    result = batch.run(request, common.record(), Silent()).result
    (use,) = result.footage
    return {
        "minutes": round(use.duration_s / 60, 1),
        "frames": use.frames,
        "analysed": use.frames_analysed,
        "tracks": use.tracks,
        "candidates": len(result.candidates),
        "seconds": round(time.perf_counter() - began, 1),
        "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNITS, 1),
    }


if __name__ == "__main__":
    main()
