"""How well the whole way from photograph to score parts people: LFW's development set, our detection and alignment.

The protocol: impostors are all pairs of different people's first photographs, genuine pairs are all pairs among a
person's first ten; pairs.txt is judged at its best threshold. Of each photograph the face nearest to the middle counts.
A photograph without a face is named. Templates live in memory only.

    python bench/verification.py [--data DIR] [--recogniser NAME|FILE --accept-licence] [--write-calibration]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import _common as common
import numpy as np

from houselights import config, lists, models, odds, photograph, verification
from houselights.faces import SIDE, Detector, alignment
from houselights.gallery import CANVASES, still
from houselights.models import Model
from houselights.templates import Recogniser, unit
from houselights.types import Faces, Float32, UInt8

RATES = (1e-3, 1e-4, 1e-5, 1e-6)
MOST = 10  # photographs of a person that make genuine pairs
CHUNK = 512  # photographs whose faces are held at a time
DATA = "LFW development people (lfw_dev), first photograph of each"
CALIBRATIONS = Path(__file__).parents[1] / "src" / "houselights" / "calibrations"


def main() -> None:
    """Measure, print and, where asked, write the calibration."""
    parser = common.options(__doc__)
    parser.add_argument("--data", type=Path, help="the folder lfw_dev; the one in HOUSELIGHTS_DATA where left out")
    parser.add_argument("--recogniser", default=models.default("recogniser").name, metavar="NAME|FILE.onnx")
    parser.add_argument("--accept-licence", action="store_true", help="accept the recogniser's terms")
    parser.add_argument("--write-calibration", action="store_true", help=f"write {CALIBRATIONS}/NAME.json")
    args = parser.parse_args()
    data = args.data or (config.data_dir() / "lfw_dev" if config.data_dir() else None)
    if data is None or not (data / "images").is_dir():
        sys.exit("not measured: LFW is not here; name its folder with --data, or set HOUSELIGHTS_DATA")
    model = models.recogniser(args.recogniser, accept_licence=args.accept_licence)
    run(data, model, args)


def run(data: Path, model: Model, args: argparse.Namespace) -> None:
    """The table for one recogniser."""
    files = sorted((data / "images").glob("*/*.jpg"))
    began = time.perf_counter()
    known, lost = embed(files, Recogniser(model, models.fetch(model)))
    seconds = time.perf_counter() - began
    people: dict[str, list[Float32]] = {}
    for file in files:
        if file in known:
            people.setdefault(file.parent.name, []).append(known[file])
    firsts = np.stack([photographs[0] for photographs in people.values()])
    rows = verified(firsts, [np.stack(photographs[:MOST]) for photographs in people.values()])
    right, missing = judged(data, known)
    notes = (
        f"pairs.txt: {right.right} of {right.pairs} right ({right.share:.2%}) at {right.threshold:.4f}",
        f"pairs that could not be judged: {missing}",
        f"{len(files)} photographs of {len(people)} people in {seconds:.0f} s; without a face: {len(lost)}",
        *(f"  {file.name}" for file in lost),
    )
    common.show(f"verification: {model.name} on lfw_dev", rows, args.json, notes)
    if args.write_calibration:
        calibration = odds.measure(model, DATA, firsts)
        (CALIBRATIONS / f"{model.name}.json").write_text(calibration.to_json(), "utf-8")
        common.console.print(f"wrote {CALIBRATIONS / model.name}.json: {calibration.describe()}")


def embed(files: list[Path], recogniser: Recogniser) -> tuple[dict[Path, Float32], list[Path]]:
    """Each photograph's template, made as that of a lone reference, in the mirror too; and the files without a face."""
    known: dict[Path, Float32] = {}
    lost: list[Path] = []
    finder = Finder()
    for start in range(0, len(files), CHUNK):
        patches = dict(finder.patches(files[start : start + CHUNK], lost))
        mirrored = [np.ascontiguousarray(patch[:, ::-1]) for patch in patches.values()]
        templates = unit(recogniser.embed(list(patches.values())) + recogniser.embed(mirrored))
        known.update(zip(patches, templates, strict=True))
        common.progress(min(start + CHUNK, len(files)), len(files), "photographs")
    return known, lost


class Finder:
    """Finds the face in the middle of a photograph, on the canvases that a gallery is enrolled with."""

    def __init__(self) -> None:
        """Compile the detectors."""
        path = common.weights("detector")
        self._first, *self._others = (Detector(path, (canvas,)) for canvas in CANVASES)

    def patches(self, files: list[Path], lost: list[Path]) -> Iterator[tuple[Path, UInt8]]:
        """Each photograph with its aligned face; those without one are added to `lost`."""
        frames = (still(photograph.read(file)) for file in files)
        for file, (frame, first) in zip(files, self._first.stream(frames), strict=True):
            found = first
            for detector in self._others:
                found = found if len(found) else detector.detect(frame)
            if len(found):
                yield file, frame.patch(alignment(found.points[middle(found, frame.size)][None])[0], SIDE)
            else:
                lost.append(file)


def middle(faces: Faces, size: tuple[int, int]) -> int:
    """The face nearest to the middle of the picture; half its height is taken off, so that a large one wins."""
    away = np.linalg.norm(faces.boxes[:, :2] + faces.boxes[:, 2:] / 2 - np.array(size) / 2, axis=1)
    return int(np.argmin(away - faces.boxes[:, 3] / 2))


def verified(firsts: Float32, people: Iterable[Float32]) -> list[common.Row]:
    """A row for each rate."""
    impostor = (firsts @ firsts.T)[np.triu_indices(len(firsts), 1)]
    genuine = np.concatenate([(one @ one.T)[np.triu_indices(len(one), 1)] for one in people])
    return [
        {
            "FMR": f"{each.rate:.0e}",
            "threshold": round(each.threshold, 4),
            "TAR %": round(100 * each.tar, 2),
            "95 % low": round(100 * each.low, 2),
            "high": round(100 * each.high, 2),
            "accepted": each.genuine_accepted,
            "genuine": each.genuine,
            "impostors accepted": each.impostors_accepted,
            "impostors": each.impostors,
        }
        for each in verification.verification(impostor, genuine, RATES)
    ]


def judged(data: Path, known: dict[Path, Float32]) -> tuple[verification.PairsAccuracy, int]:
    """How many of the pairs in pairs.txt are judged rightly, and how many could not be judged."""
    scores: dict[bool, list[float]] = {True: [], False: []}
    missing = 0
    for pair in lists.read_pairs(data / "pairs.txt"):
        files = [data / "images" / name / f"{name}_{number:04d}.jpg" for name, number in (pair.one, pair.other)]
        if all(file in known for file in files):
            scores[pair.same].append(float(known[files[0]] @ known[files[1]]))
        else:
            missing += 1
    return verification.pairs_accuracy(scores[False], scores[True]), missing


if __name__ == "__main__":
    main()
