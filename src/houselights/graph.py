"""Graph: what is changed in a network before OpenVINO compiles it, so that it takes less time.

Convolutions are computed in 8 bits: the weights are those of the model, rounded to 255 steps for each output channel,
and what goes from layer to layer is rounded to 256 steps (Jacob et al. 2018, arXiv 1712.05877). Branches of the same
shape that begin at one place become one wider branch, which changes nothing in what comes out.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from houselights.rounding import Ranges
from houselights.types import Float32

Node = Any  # openvino ships no usable types
NARROW = 16  # output channels below which a convolution gives boxes, points and scores
_DEPTHWISE = "GroupConvolution"


def convolutions(graph: Node) -> list[Node]:
    """The convolutions, in the order of their work."""
    return [node for node in graph.get_ordered_ops() if node.get_type_name() in {"Convolution", _DEPTHWISE}]


def name_of(convolution: Node) -> str:
    """What it is called in the model's own file."""
    return str(convolution.get_friendly_name()).partition("/")[0]


def is_depthwise(convolution: Node) -> bool:
    """Whether each channel is filtered by itself."""
    return bool(convolution.get_type_name() == _DEPTHWISE)


def quantise(graph: Node, ranges: Ranges) -> None:
    """Have the convolutions that the ranges name computed in 8 bits.

    What goes into a depthwise convolution has a sign, what goes into any other that is named has none.
    """
    rounded: dict[tuple[str, bool], Node] = {}
    for node in convolutions(graph):
        largest = ranges.largest.get(name_of(node))
        if largest is None:
            continue
        alone = is_depthwise(node)
        high = largest.reshape(1, -1, 1, 1)
        bounds = (-high, high * np.float32(127 / 128)) if alone else (np.zeros_like(high), high)
        place = _before_pooling(node)
        key = (place.get_source_output().get_node().get_friendly_name(), alone)
        if key not in rounded:
            rounded[key] = _rounded(place.get_source_output(), *bounds, steps=256)
        place.replace_source_output(rounded[key].output(0))
        weights = _constant(node.input_value(1))
        reach = np.abs(weights).max(axis=tuple(range(2 if alone else 1, weights.ndim)), keepdims=True)
        reach = np.maximum(reach, np.float32(1e-9))
        node.input(1).replace_source_output(_rounded(_held(weights), -reach, reach, steps=255).output(0))
    graph.validate_nodes_and_infer_types()


def join(graph: Node) -> None:
    """Make narrow branches that begin at one place, a convolution and a filter of each channel, one wider branch."""
    operators = _operators()
    branches: dict[str, list[tuple[Node, ...]]] = {}
    for node in convolutions(graph):
        if branch := _branch(node):
            shapes = [(list(each.input_value(1).get_shape())[-2:], *_ways(each)) for each in branch[::2]]
            place = node.input_value(0).get_node().get_friendly_name()
            branches.setdefault(f"{place} {shapes}", []).append(branch)
    for found in branches.values():
        if len(found) == 1:
            continue
        first, _, second, _ = found[0]
        weights, biases, filters, offsets = (
            [_constant(branch[at].input_value(1)) for branch in found] for at in range(4)
        )
        filters = [each.reshape(-1, 1, 1, *each.shape[-2:]) for each in filters]
        plain, padded = _ways(first), _ways(second)
        wide = operators.convolution(first.input_value(0), _held(np.concatenate(weights)), *plain)
        wide = operators.add(wide, _held(np.concatenate(biases, axis=1)))
        wide = operators.group_convolution(wide, _held(np.concatenate(filters)), *padded)
        wide = operators.add(wide, _held(np.concatenate(offsets, axis=1)))
        parts = operators.variadic_split(wide, _held(np.array(1)), _held(np.array([each.shape[1] for each in offsets])))
        for part, branch in enumerate(found):
            branch[-1].output(0).replace(parts.output(part))
    graph.validate_nodes_and_infer_types()


def _ways(convolution: Node) -> list[list[int]]:
    """Its strides, what is added before and behind the picture, and how far apart its weights lie."""
    attributes = convolution.get_attributes()
    return [list(attributes[name]) for name in ("strides", "pads_begin", "pads_end", "dilations")]


def _branch(node: Node) -> tuple[Node, ...] | None:
    """A convolution, its bias, the filter of each channel behind it, its bias: where nothing else hangs on them."""
    way = [node]
    for wanted in ({"Add"}, {"Convolution", _DEPTHWISE}, {"Add"}):
        users = [each.get_node() for each in way[-1].output(0).get_target_inputs()]
        users = [each for each in users if each.get_type_name() != "ShapeOf"]
        if len(users) != 1 or users[0].get_type_name() not in wanted:
            return None
        way += users
    few = node.output(0).get_shape()[1] < NARROW
    alone = is_depthwise(way[2]) or way[2].input_value(1).get_shape()[:2] == [1, 1]
    return tuple(way) if few and alone else None


def _before_pooling(node: Node) -> Node:
    """The input that is rounded: that of the pooling before, where there is one, since 8 bits are pooled sooner."""
    source = node.input_value(0).get_node()
    return source.input(0) if source.get_type_name() == "MaxPool" else node.input(0)


def _rounded(source: Node, low: Float32, high: Float32, *, steps: int) -> Node:
    return _operators().fake_quantize(source, _held(low), _held(high), _held(low), _held(high), steps)


def _constant(output: Node) -> Float32:
    """The numbers behind an input, in its shape."""
    node = output.get_node()
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    return np.asarray(node.get_data(), np.float32).reshape(list(output.get_shape()))


def _held(values: NDArray[Any]) -> Node:
    return _operators().constant(np.ascontiguousarray(values))


def _operators() -> Any:  # noqa: ANN401
    return importlib.import_module("openvino.opset13")
