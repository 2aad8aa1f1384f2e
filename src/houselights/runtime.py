"""How a model is run: OpenVINO where it is, ONNX Runtime elsewhere; inputs in, outputs out, in order.

Nothing here knows what a face is. Inputs are pictures in NV12 (for detectors) or float tensors (for recognisers).
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from houselights.errors import ModelError, SettingsError
from houselights.graph import join, quantise
from houselights.models import Model, default
from houselights.result import ModelUse
from houselights.rounding import Ranges, built_in
from houselights.types import Float32, UInt8

Inputs = tuple[NDArray[Any], ...]
Outputs = tuple[Float32, ...]
Precision = Literal["f32", "bf16", "int8"]
Channels = Literal["bgr", "rgb"]
Item = TypeVar("Item")

# Both runtimes send usage data when they are imported; this comes before any import of theirs (docs/decisions/0004).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

SLOTS = 4  # requests under way at once: enough to keep two cores busy while the caller decodes
VARIABLE = "HOUSELIGHTS_RUNTIME"
PRECISION = "HOUSELIGHTS_PRECISION"
KNOWN: tuple[Precision, ...] = ("bf16", "int8", "f32")  # the fastest first
_VNNI = 23  # OpenCV's number of AVX-512's products of 8-bit numbers: without them there is little to gain


class Network(Protocol):
    """A model compiled for one input shape."""

    runtime: str
    precision: Precision

    def run(self, inputs: Inputs) -> Outputs:
        """The outputs for one input, in the model's own order."""

    def stream(self, items: Iterable[tuple[Inputs | None, Item]]) -> Iterator[tuple[Outputs, Item]]:
        """The outputs for each item in the order of the items, several of them computed while the caller works.

        An item without inputs keeps its place and gets no outputs.
        """


def open_network(
    path: Path,
    shape: tuple[int, int, int, int],
    *,
    nv12: Channels | None,
    exact: bool,
    ranges: Ranges | None = None,
) -> Network:
    """Compile a model for inputs of `shape` (batch, channels, rows, columns).

    Args:
        path: the ONNX file, already verified by `models`.
        shape: what the model's one picture input is reshaped to.
        nv12: the input comes as luma (rows, columns) and chroma (rows/2, columns/2, 2); the model wants these channels,
            0 to 255. None: the input comes as the model wants it.
        exact: always f32. Otherwise bf16 where the processor computes in it.
        ranges: what the model can be computed in 8 bits with, where the processor is made for that and not for bf16.

    Raises:
        ModelError: the file is not a model that takes this shape.
        SettingsError: HOUSELIGHTS_RUNTIME names no runtime that is installed, or HOUSELIGHTS_PRECISION none there is.
    """
    precision = in_use(exact=exact, ranges=ranges)[1]
    try:
        if chosen() == "openvino":
            rounded = ranges if precision == "int8" else None
            return _OpenVino(path, shape, nv12=nv12, precision=precision, ranges=rounded)
        return _OnnxRuntime(path, shape, nv12=nv12)
    except _breaks() as fault:
        reason = str(fault).strip().splitlines() or [type(fault).__name__]
        msg = f"model '{path.name}' does not load with input {shape}: {reason[-1]}"
        raise ModelError(msg, hint="a model must be an ONNX file with one picture input of four dimensions") from fault


def _breaks() -> tuple[type[Exception], ...]:
    """What a file that is no model makes a runtime raise; the errors of ONNX Runtime share no root but Exception."""
    common = (RuntimeError, ValueError, LookupError)
    if "onnxruntime" not in sys.modules:
        return common
    states = vars(importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()
    of_runtime = (each for each in states if isinstance(each, type) and issubclass(each, Exception))
    return (*common, *of_runtime, importlib.import_module("google.protobuf.message").DecodeError)


def chosen() -> Literal["openvino", "onnxruntime"]:
    """The runtime in use: HOUSELIGHTS_RUNTIME if set, else OpenVINO where it is installed, else ONNX Runtime."""
    wanted = os.environ.get(VARIABLE, "")
    names: tuple[Literal["openvino", "onnxruntime"], ...] = ("openvino", "onnxruntime")
    if wanted and wanted not in names:
        msg = f"{VARIABLE} is '{wanted}', expected openvino or onnxruntime"
        raise SettingsError(msg)
    for name in names:
        if wanted in {"", name} and _installed(name):
            return name
    msg = f"no runtime: {wanted or 'neither openvino nor onnxruntime'} is not installed"
    raise SettingsError(msg, hint="pip install openvino, or pip install onnxruntime")


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def in_use(*, exact: bool, ranges: Ranges | None = None) -> tuple[str, Precision]:
    """Name and version of the runtime, and the precision that a network will have on it.

    Raises:
        SettingsError: HOUSELIGHTS_RUNTIME or HOUSELIGHTS_PRECISION names none that there is.
    """
    wanted = os.environ.get(PRECISION, "")
    if wanted not in {"", *KNOWN}:
        msg = f"{PRECISION} is '{wanted}', expected f32, bf16 or int8"
        raise SettingsError(msg)
    if chosen() == "openvino":
        return _openvino_name(), "f32" if exact else _precision(wanted, can_round=ranges is not None)
    return _onnxruntime_name(), "f32"


def use(model: Model, *, exact: bool, ranges: Ranges | None = None) -> ModelUse:
    """What a result says of a model that is run here."""
    return ModelUse(model.role, model.name, model.sha256, model.licence, *in_use(exact=exact, ranges=ranges))


def describe() -> dict[str, str]:
    """Names and versions for `houselights info`: processor, runtime, precision of the detector."""
    name, precision = in_use(exact=False, ranges=built_in(default("detector")))
    facts = {"processor": _processor(), "cores": str(os.cpu_count()), "runtime": name, "detector precision": precision}
    if chosen() == "openvino":
        facts["processor"] = str(core().get_property("CPU", "FULL_DEVICE_NAME"))
        facts["features"] = ", ".join(core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    return facts


def _processor() -> str:
    return platform.processor() or platform.machine()


_cores: list[Any] = []


def core() -> Any:  # noqa: ANN401 - openvino ships no usable types
    """OpenVINO itself, loaded once."""
    if not _cores:
        openvino = importlib.import_module("openvino")
        _cores.append(openvino.Core())
    return _cores[0]


def _openvino_name() -> str:
    version = importlib.import_module("openvino").__version__
    return f"OpenVINO {version.split('-')[0]} on CPU"


def _onnxruntime_name() -> str:
    return f"ONNX Runtime {importlib.import_module('onnxruntime').__version__} on CPU"


def _precision(wanted: str, *, can_round: bool) -> Precision:
    """What is asked for where it can be had, else what is fastest here."""
    here: dict[str, bool] = {
        "bf16": "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
        "int8": can_round and cv2.checkHardwareSupport(_VNNI),
        "f32": True,
    }
    return next(each for each in KNOWN if here[each] and (each == wanted or not here.get(wanted, False)))


class _OpenVino:
    """A network on OpenVINO: the colour conversion is part of the graph, requests run asynchronously."""

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int, int],
        *,
        nv12: Channels | None,
        precision: Precision,
        ranges: Ranges | None,
    ) -> None:
        openvino = importlib.import_module("openvino")
        model = core().read_model(str(path))
        model.reshape({model.inputs[0]: list(shape)})
        if ranges is not None:
            quantise(model, ranges)
            join(model)
        if nv12:
            model = self._with_nv12_input(openvino, model, nv12)
        self.runtime = _openvino_name()
        self.precision = precision
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "NUM_STREAMS": str(min(SLOTS, (os.cpu_count() or 1) + 1)),
            "ENABLE_CPU_PINNING": False,  # decoding shares the cores
            "CACHE_DIR": "",
        }
        compiled = core().compile_model(model, "CPU", settings)
        self._requests = [compiled.create_infer_request() for _ in range(SLOTS)]

    @staticmethod
    def _with_nv12_input(openvino: Any, model: Any, channels: Channels) -> Any:  # noqa: ANN401
        preprocess = importlib.import_module("openvino.preprocess")
        steps = preprocess.PrePostProcessor(model)
        tensor = steps.input().tensor().set_element_type(openvino.Type.u8)
        tensor.set_color_format(preprocess.ColorFormat.NV12_TWO_PLANES, ["luma", "chroma"])
        wanted = {"bgr": preprocess.ColorFormat.BGR, "rgb": preprocess.ColorFormat.RGB}[channels]
        steps.input().preprocess().convert_color(wanted).convert_element_type(openvino.Type.f32)
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        return steps.build()

    def run(self, inputs: Inputs) -> Outputs:
        """See Network."""
        return next(self.stream([(inputs, None)]))[0]

    def stream(self, items: Iterable[tuple[Inputs | None, Item]]) -> Iterator[tuple[Outputs, Item]]:
        """See Network."""
        idle = list(self._requests)
        busy: deque[tuple[Any, Inputs, Item]] = deque()  # holds the inputs: a request reads the caller's memory
        try:
            for inputs, item in items:
                while len(busy) >= 2 * SLOTS or not (idle or inputs is None):
                    yield self._finish(busy, idle)
                if inputs is None:
                    busy.append((None, (), item))
                    continue
                request = idle.pop()
                shaped = tuple(_batched(each) for each in inputs)
                request.start_async(dict(enumerate(shaped)), share_inputs=True)
                busy.append((request, shaped, item))
            while busy:
                yield self._finish(busy, idle)
        finally:
            for request, _, _ in busy:
                if request is not None:
                    request.wait()

    @staticmethod
    def _finish(busy: deque[tuple[Any, Inputs, Item]], idle: list[Any]) -> tuple[Outputs, Item]:
        request, _, item = busy[0]
        if request is None:
            busy.popleft()
            return (), item
        request.wait()
        busy.popleft()
        outputs = tuple(np.array(tensor.data, np.float32) for tensor in request.output_tensors)
        idle.append(request)
        return outputs, item


def _batched(array: NDArray[Any]) -> NDArray[Any]:
    """Planes become (1, rows, columns, channels); tensors that have four dimensions already stay."""
    if array.ndim == 4:
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(array.reshape(1, *array.shape[:2], -1))


class _OnnxRuntime:
    """A network on ONNX Runtime, for processors that OpenVINO does not serve: one request at a time."""

    precision: Precision = "f32"

    def __init__(self, path: Path, shape: tuple[int, int, int, int], *, nv12: Channels | None) -> None:
        onnxruntime = importlib.import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(_reshaped(path, shape), options, providers=providers)
        self._input = self._session.get_inputs()[0].name
        self._session.run(None, {self._input: np.zeros(shape, np.float32)})  # a wrong shape shows in the first run only
        self._nv12 = nv12
        self.runtime = _onnxruntime_name()

    def run(self, inputs: Inputs) -> Outputs:
        """See Network."""
        tensor = _tensor(inputs[0], inputs[1], self._nv12) if self._nv12 else inputs[0]
        return tuple(self._session.run(None, {self._input: tensor}))

    def stream(self, items: Iterable[tuple[Inputs | None, Item]]) -> Iterator[tuple[Outputs, Item]]:
        """See Network."""
        for inputs, item in items:
            yield () if inputs is None else self.run(inputs), item


def _tensor(luma: UInt8, chroma: UInt8, channels: Channels) -> Float32:
    code = {"bgr": cv2.COLOR_YUV2BGR_NV12, "rgb": cv2.COLOR_YUV2RGB_NV12}[channels]
    picture = cv2.cvtColorTwoPlane(np.ascontiguousarray(luma), np.ascontiguousarray(chroma), code)
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)


def _reshaped(path: Path, shape: tuple[int, int, int, int]) -> bytes:
    """The model's bytes with another input shape: ONNX Runtime keeps the shape in the file, OpenVINO does not."""
    onnx = importlib.import_module("onnx")
    model = onnx.load(path)
    for dimension, size in zip(model.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        dimension.dim_value = size
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return bytes(model.SerializeToString())
