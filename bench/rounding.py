"""The ranges that let the detector be computed in 8 bits, and what that costs: `python bench/rounding.py`.

Measured on every fourth photograph of `facemask_dev` and every 67th of `lfw_dev`; compared with f32 on the other
photographs of `facemask_dev`, on a canvas of 960x544. `--write FILE` measures the ranges anew.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _common as common
import cv2
import numpy as np

from houselights import config, graph, models, photograph, rounding, runtime
from houselights.faces import SIDE, YUNET, Detector, alignment, overlap
from houselights.gallery import still
from houselights.rounding import Ranges
from houselights.templates import Recogniser
from houselights.types import Float32, UInt8

CANVAS = (960, 544)
SURE = 0.6  # faces from this score on are counted
SHARED = 0.4  # overlap from which two boxes are one face
ROUNDS = 40


def main() -> None:
    """Measure the ranges where asked to, compare, print."""
    parser = common.options(__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="measure the ranges, and write them there")
    args = parser.parse_args()
    model = models.default("detector")
    weights, data = common.weights("detector"), config.data_dir()
    if data is None:
        sys.exit("no photographs: set HOUSELIGHTS_DATA to a folder with facemask_dev and lfw_dev")
    crowds = sorted((data / "facemask_dev" / "images").iterdir())
    portraits = sorted((data / "lfw_dev" / "images").rglob("*.jpg"))
    found = rounding.built_in(model)
    if args.write:
        found = measured(model, weights, [*crowds[::4], *portraits[::67]])
        args.write.write_text(found.to_json(), "utf-8")
    if found is None:
        sys.exit(f"no ranges for {model.name}: --write FILE makes them")
    others = [path for number, path in enumerate(crowds) if number % 4]
    detectors = {"f32": Detector(weights, (CANVAS,)), "int8": Detector(weights, (CANVAS,), ranges=found)}
    if [each.precision for each in detectors.values()] != list(detectors):
        sys.exit("this machine computes in something else: f32 and int8 need OpenVINO, AVX-512 VNNI and no bf16")
    common.show("the detector in 8 bits beside f32", [compared(detectors, others)], args.json, speed(weights, found))


def measured(model: models.Model, weights: Path, pictures: Sequence[Path]) -> Ranges:
    """The largest value that goes into each convolution, over some pictures."""
    core = runtime.core()
    network = core.read_model(str(weights))
    network.reshape({network.inputs[0]: [1, 3, CANVAS[1], CANVAS[0]]})
    nodes = [node for node in graph.convolutions(network) if node.output(0).get_shape()[1] >= graph.NARROW]
    own = len(network.outputs)
    sources = {source(node): node.input_value(0) for node in nodes}
    network.add_outputs(list(sources.values()))
    request = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    largest: dict[str, Float32] = {}
    for done, path in enumerate(pictures):
        common.progress(done + 1, len(pictures), "pictures")
        request.infer({0: filled(path).transpose(2, 0, 1)[None].astype(np.float32)})
        values = {name: request.output_tensors[own + at].data[0] for at, name in enumerate(sources)}
        for node in nodes:
            if not graph.is_depthwise(node) and values[source(node)].min() < 0:
                sys.exit(f"{graph.name_of(node)} gets values below 0, for which 8 bits have no place")
            reach = np.abs(values[source(node)]).max(axis=(1, 2))
            reach = reach if graph.is_depthwise(node) else reach.max(keepdims=True)
            name = graph.name_of(node)
            largest[name] = np.maximum(largest.get(name, np.float32(0)), reach)
    said = f"{len(pictures)} photographs: every fourth of facemask_dev, every 67th of lfw_dev"
    return Ranges(model.sha256, said, largest)


def source(node: Any) -> str:  # noqa: ANN401 - openvino ships no usable types
    """What a convolution's input comes out of."""
    return str(node.input_value(0).get_node().get_friendly_name())


def filled(path: Path) -> UInt8:
    """A photograph (rows, columns, 3) on the canvas, no more than doubled, black beside it."""
    picture = cv2.imread(str(path))
    assert picture is not None, path
    by = min(CANVAS[0] / picture.shape[1], CANVAS[1] / picture.shape[0], 2.0)
    small = cv2.resize(picture, None, fx=by, fy=by, interpolation=cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR)
    out = np.zeros((CANVAS[1], CANVAS[0], 3), np.uint8)
    out[: small.shape[0], : small.shape[1]] = small[: CANVAS[1], : CANVAS[0]]
    return out


def compared(detectors: dict[str, Detector], pictures: Sequence[Path]) -> common.Row:
    """What 8 bits find of the faces that f32 finds, what besides, and how far scores and points move."""
    faces, missed, added = 0, 0, 0
    scores: list[float] = []
    points: list[float] = []
    patches: list[list[UInt8]] = [[], []]
    for done, path in enumerate(pictures):
        common.progress(done + 1, len(pictures), "pictures")
        frame = still(photograph.read(path))
        plain, rounded = (each.detect(frame) for each in detectors.values())
        shared = overlap(plain.boxes, rounded.boxes)
        for one in np.flatnonzero(plain.scores >= SURE):
            faces += 1
            other = int(shared[one].argmax()) if len(rounded) else -1
            if other < 0 or shared[one, other] < SHARED:
                missed += 1
                continue
            scores.append(float(rounded.scores[other] - plain.scores[one]))
            away = np.linalg.norm(rounded.points[other] - plain.points[one], axis=1).mean()
            points.append(float(away / plain.boxes[one, 2]))
            for kept, spots in zip(patches, (plain.points[one], rounded.points[other]), strict=True):
                kept.append(frame.patch(alignment(spots[None])[0], SIDE))
        fresh = rounded.scores >= SURE
        added += int((fresh & (shared.max(axis=0, initial=0) < SHARED)).sum())
    model = models.default("recogniser")
    recogniser = Recogniser(model, common.weights("recogniser"))
    likeness = (recogniser.embed(patches[0]) * recogniser.embed(patches[1])).sum(axis=1)
    return {
        "photographs": len(pictures),
        "faces": faces,
        "missed": missed,
        "added": added,
        "score moves by": round(float(np.mean(scores)), 4),
        "give or take": round(float(np.std(scores)), 4),
        "points move by (of the width)": round(float(np.mean(points)), 4),
        "in 95 of 100 by less than": round(float(np.percentile(points, 95)), 4),
        "likeness of templates": round(float(likeness.mean()), 4),
    }


def speed(weights: Path, ranges: Ranges) -> tuple[str, ...]:
    """How long one frame takes the network alone, the shortest of many in turns."""
    columns, rows = CANVAS
    inputs = np.zeros((rows, columns), np.uint8), np.zeros((rows // 2, columns // 2, 2), np.uint8)
    wanted = {"f32": None, "int8": ranges}
    networks = {
        name: runtime.open_network(weights, (1, 3, rows, columns), nv12=YUNET.channels, exact=each is None, ranges=each)
        for name, each in wanted.items()
    }
    best = dict.fromkeys(networks, np.inf)
    for _ in range(ROUNDS):
        for name, network in networks.items():
            began = time.perf_counter()
            network.run(inputs)
            best[name] = min(best[name], time.perf_counter() - began)
    said = ", ".join(f"{name} {seconds * 1e3:.1f} ms" for name, seconds in best.items())
    return (f"a frame alone: {said}; int8 {best['int8'] / best['f32']:.2f} of f32",)


if __name__ == "__main__":
    main()
