"""Facts about runtimes: either gives the same faces, neither phones home, and what cannot be run is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_faces import group, portrait
from test_frame import frame_of

from houselights import models, rounding, runtime
from houselights.errors import ModelError, SettingsError
from houselights.faces import Detector, overlap
from houselights.runtime import PRECISION, VARIABLE, Inputs, Network, chosen, describe, in_use, open_network

SHAPE = (1, 3, 192, 320)


@pytest.fixture(params=["openvino", "onnxruntime"])
def each_runtime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both runtimes in turn."""
    monkeypatch.setenv(VARIABLE, request.param)
    name: str = request.param
    return name


@pytest.fixture
def network(each_runtime: str, detector_path: Path) -> Network:
    """The detector's network on each runtime."""
    opened = open_network(detector_path, SHAPE, nv12="bgr", exact=True)
    assert each_runtime in opened.runtime.lower().replace(" ", "")
    return opened


def noise(seed: int) -> Inputs:
    """A picture of noise as luma and chroma."""
    random = np.random.default_rng(seed)
    return random.integers(16, 235, (192, 320), np.uint8), random.integers(16, 240, (96, 160, 2), np.uint8)


def test_both_runtimes_find_the_same_faces(
    cast_folder: Path, detector_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boxes, points and scores of one picture agree, up to what fewer bits of precision change."""
    found = {}
    frame = frame_of(group(cast_folder))
    for name in ("openvino", "onnxruntime"):
        monkeypatch.setenv(VARIABLE, name)
        found[name] = Detector(detector_path, ((960, 544),)).detect(frame)
    one, other = found.values()
    assert len(one) == len(other) == 4
    pairs = overlap(one.boxes, other.boxes).argmax(axis=1)
    assert sorted(pairs) == [0, 1, 2, 3]
    assert overlap(one.boxes, other.boxes).max(axis=1).min() > 0.95
    assert np.abs(one.points - other.points[pairs]).max() < 3
    assert np.abs(one.scores - other.scores[pairs]).max() < 0.03


def test_both_runtimes_compute_the_same_in_full_precision(
    recogniser_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recogniser's output for the same tensor is the same but for rounding."""
    tensor = np.random.default_rng(4).uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)
    vectors = []
    for name in ("openvino", "onnxruntime"):
        monkeypatch.setenv(VARIABLE, name)
        opened = open_network(recogniser_path, (1, 3, 112, 112), nv12=None, exact=True)
        assert opened.precision == "f32"
        vectors.append(opened.run((tensor,))[0].ravel().astype(np.float64))
    cosine = vectors[0] @ vectors[1] / np.linalg.norm(vectors[0]) / np.linalg.norm(vectors[1])
    assert cosine > 0.99999


def test_a_stream_keeps_the_order_and_equals_single_runs(network: Network) -> None:
    """However many inputs are under way, each comes with its own outputs, to the bit."""
    inputs = [noise(seed) for seed in range(11)]
    alone = [network.run(each) for each in inputs]
    together = list(network.stream(zip(inputs, range(11), strict=True)))
    assert [item for _, item in together] == list(range(11))
    for (outputs, _), expected in zip(together, alone, strict=True):
        assert [output.tobytes() for output in outputs] == [output.tobytes() for output in expected]
    assert list(network.stream([])) == []


def test_outputs_stay_when_the_next_input_comes(network: Network) -> None:
    """What was given back is the caller's: later runs do not write into it."""
    first = network.run(noise(1))
    copies = [output.copy() for output in first]
    network.run(noise(2))
    assert all(np.array_equal(output, copy) for output, copy in zip(first, copies, strict=True))


def test_inputs_may_be_turned_views(network: Network) -> None:
    """Planes that do not lie row by row in memory give the same as copies of them."""
    luma, chroma = noise(3)
    views = np.rot90(np.rot90(luma, 2).copy(), 2), np.rot90(np.rot90(chroma, 2).copy(), 2)
    for one, other in zip(network.run((luma, chroma)), network.run(views), strict=True):
        assert np.array_equal(one, other)


def test_a_stream_that_is_left_can_be_begun_again(network: Network) -> None:
    """Leaving amid a stream loses nothing of the next one."""
    for _ in range(3):
        stream = network.stream((noise(seed), seed) for seed in range(9))
        assert next(stream)[1] == 0
        stream.close()  # type: ignore[attr-defined]
    assert [item for _, item in network.stream((noise(seed), seed) for seed in range(3))] == [0, 1, 2]


def test_an_error_of_the_caller_comes_through(network: Network) -> None:
    """What the iterable of inputs raises reaches who reads the stream."""

    def broken() -> object:
        yield noise(1), 1
        raise KeyError("decoder")

    with pytest.raises(KeyError, match="decoder"):
        list(network.stream(broken()))  # type: ignore[arg-type]


def test_a_runtime_that_is_not_known_is_a_settings_error(monkeypatch: pytest.MonkeyPatch, detector_path: Path) -> None:
    """The error names the variable, the value and what is expected."""
    monkeypatch.setenv(VARIABLE, "tensorflow")
    for ask in (chosen, describe, lambda: open_network(detector_path, SHAPE, nv12="bgr", exact=False)):
        with pytest.raises(SettingsError, match=f"{VARIABLE} is 'tensorflow', expected openvino or onnxruntime"):
            ask()


def test_a_precision_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """f32 always can be; 8 bits only where the ranges are known, and never where exactness is asked for."""
    ranges = rounding.built_in(models.default("detector"))
    monkeypatch.setenv(VARIABLE, "openvino")
    monkeypatch.setenv(PRECISION, "f32")
    assert in_use(exact=False, ranges=ranges)[1] == "f32"
    monkeypatch.delenv(PRECISION)
    fastest, fast = in_use(exact=False)[1], in_use(exact=False, ranges=ranges)[1]
    assert fastest in {"bf16", "f32"}
    assert fast in {"int8", fastest}
    monkeypatch.setenv(PRECISION, "int8")
    assert in_use(exact=False)[1] == fastest
    assert (in_use(exact=False, ranges=ranges)[1] == "int8") == cv2.checkHardwareSupport(23)
    assert in_use(exact=True, ranges=ranges)[1] == "f32"
    monkeypatch.setenv(VARIABLE, "onnxruntime")
    assert in_use(exact=False, ranges=ranges)[1] == "f32"


@pytest.mark.usefixtures("each_runtime")
@pytest.mark.parametrize("exact", [True, False])
def test_a_precision_that_is_not_known_is_a_settings_error(monkeypatch: pytest.MonkeyPatch, *, exact: bool) -> None:
    """The value is named, and so are those that are known, whatever is run."""
    monkeypatch.setenv(PRECISION, "f16")
    with pytest.raises(SettingsError, match="HOUSELIGHTS_PRECISION is 'f16', expected f32, bf16 or int8"):
        in_use(exact=exact)


def test_a_runtime_that_is_not_installed_is_a_settings_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was asked for is never replaced by the other; without either, the hint says what to install."""
    monkeypatch.setattr(runtime, "_installed", lambda name: name == "onnxruntime")
    monkeypatch.delenv(VARIABLE, raising=False)
    assert chosen() == "onnxruntime"
    monkeypatch.setenv(VARIABLE, "openvino")
    with pytest.raises(SettingsError, match="openvino is not installed"):
        chosen()
    monkeypatch.setattr(runtime, "_installed", lambda _: False)
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(SettingsError, match="neither openvino nor onnxruntime") as caught:
        chosen()
    assert "pip install openvino" in str(caught.value.hint)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x07\x12\x04test" * 40, "cut"])
def test_a_file_that_is_no_model_is_a_model_error(
    tmp_path: Path, each_runtime: str, detector_path: Path, content: bytes | str
) -> None:
    """Nothing, text, nonsense and half a model: the error names the file, on either runtime."""
    assert each_runtime
    whole = detector_path.read_bytes()
    path = tmp_path / "broken.onnx"
    path.write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
    with pytest.raises(ModelError, match=r"model 'broken\.onnx' does not load") as caught:
        open_network(path, SHAPE, nv12="bgr", exact=False)
    assert caught.value.hint


def test_a_shape_that_a_model_does_not_take_is_a_model_error(each_runtime: str, recogniser_path: Path) -> None:
    """A recogniser takes 112x112 pixels and no other size."""
    assert each_runtime
    with pytest.raises(ModelError, match="does not load with input"):
        open_network(recogniser_path, (1, 3, 544, 960), nv12=None, exact=True).run(
            (np.zeros((1, 3, 544, 960), np.float32),)
        )


def test_what_is_told_of_the_machine(each_runtime: str) -> None:
    """Processor, cores, runtime with its version, and the detector's precision."""
    facts = describe()
    assert each_runtime in facts["runtime"].lower().replace(" ", "")
    assert facts["cores"] == str(os.cpu_count())
    assert facts["detector precision"] in {"f32", "bf16", "int8"}
    assert all(facts.values())


def test_no_telemetry_is_loaded() -> None:
    """In a fresh interpreter, both runtimes are imported and run without the packages that send usage data."""
    code = (
        "import sys, os\n"
        "from houselights import runtime\n"
        "runtime.describe()\n"
        "import openvino, onnxruntime\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry.')]\n"
        "assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_portrait_is_found_by_the_runtime_that_the_machine_has(
    cast_folder: Path, detector_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the variable, OpenVINO is used where it is installed."""
    monkeypatch.delenv(VARIABLE, raising=False)
    detector = Detector(detector_path, ((320, 320),))
    assert detector.runtime.startswith("OpenVINO ")
    assert detector.precision in {"f32", "bf16"}
    assert len(detector.detect(frame_of(portrait(cast_folder, "P001", 400)))) == 1
