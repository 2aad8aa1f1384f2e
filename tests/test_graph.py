"""Facts about graphs: what is changed in a network to save time hardly changes what it finds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_faces import group
from test_frame import frame_of

from houselights import graph, models, rounding, runtime
from houselights.faces import Detector, overlap
from houselights.rounding import Ranges
from houselights.types import Float32

ROWS, COLUMNS = 192, 320


@pytest.fixture
def ranges() -> Ranges:
    """Those of the detector."""
    found = rounding.built_in(models.default("detector"))
    assert found is not None
    return found


@pytest.fixture
def network(detector_path: Path) -> Any:  # noqa: ANN401 - openvino ships no usable types
    """The detector's graph."""
    read = runtime.core().read_model(str(detector_path))
    read.reshape({read.inputs[0]: [1, 3, ROWS, COLUMNS]})
    return read


def computed(network: Any) -> list[Float32]:  # noqa: ANN401
    """What a graph makes of a picture of noise, in f32."""
    request = runtime.core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    request.infer({0: np.random.default_rng(5).uniform(0, 255, (1, 3, ROWS, COLUMNS)).astype(np.float32)})
    return [np.array(tensor.data) for tensor in request.output_tensors]


def kinds(network: Any) -> Counter[str]:  # noqa: ANN401
    """How many nodes of each kind a graph has."""
    return Counter(node.get_type_name() for node in network.get_ordered_ops())


def test_joined_branches_give_what_they_gave(network: Any) -> None:  # noqa: ANN401
    """Four branches on each of three levels become one a level, and every output stays, in its place."""
    before, plain = kinds(network), computed(network)
    graph.join(network)
    after = kinds(network)
    assert sum(before[kind] - after[kind] for kind in ("Convolution", "GroupConvolution")) == 3 * (4 - 1) * 2
    for one, other in zip(plain, computed(network), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4)


def test_a_graph_without_such_branches_stays(recogniser_path: Path) -> None:
    """The recogniser has none: not a node of it changes."""
    read = runtime.core().read_model(str(recogniser_path))
    before = kinds(read)
    graph.join(read)
    assert kinds(read) == before


def test_only_named_convolutions_are_rounded(network: Any, ranges: Ranges) -> None:  # noqa: ANN401
    """One step to 8 bits for the weights of each that is named, and one for each place that their input comes from."""
    names = ("Conv_2", "Conv_3")
    graph.quantise(network, Ranges(ranges.sha256, "", {name: ranges.largest[name] for name in names}))
    assert kinds(network)["FakeQuantize"] == 2 * len(names)
    for node in graph.convolutions(network):
        feeds = {node.input_value(at).get_node().get_type_name() for at in range(2)}
        assert (feeds == {"FakeQuantize"}) == (graph.name_of(node) in names)


def test_ranges_of_no_use_cut_everything_off(network: Any, ranges: Ranges) -> None:  # noqa: ANN401
    """The ranges matter: with a thousandth of them the outputs are others."""
    plain = computed(network)
    graph.quantise(network, Ranges(ranges.sha256, "", {name: each / 1000 for name, each in ranges.largest.items()}))
    assert max(np.abs(one - other).max() for one, other in zip(plain, computed(network), strict=True)) > 1


def test_eight_bits_find_the_same_faces(cast_folder: Path, detector_path: Path, ranges: Ranges) -> None:
    """Every face of a group, with nearly its box, points and score; and the result says that 8 bits found them."""
    frame = frame_of(group(cast_folder))
    plain = Detector(detector_path, ((960, 544),)).detect(frame)
    fast = Detector(detector_path, ((960, 544),), ranges=ranges)
    if fast.precision != "int8":
        pytest.skip(f"this machine computes in {fast.precision}: 8 bits need OpenVINO and AVX-512 VNNI")
    found = fast.detect(frame)
    assert len(found) == len(plain) == 4
    shared = overlap(plain.boxes, found.boxes)
    pairs = shared.argmax(axis=1)
    assert sorted(pairs) == [0, 1, 2, 3]
    assert shared.max(axis=1).min() > 0.9
    moved = np.linalg.norm(found.points[pairs] - plain.points, axis=2).mean(axis=1)
    assert (moved < 0.05 * plain.boxes[:, 2]).all()
    assert np.abs(found.scores[pairs] - plain.scores).max() < 0.05
