"""Facts about rounding: the ranges that come along are those of the detector that comes along."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from houselights import graph, models, rounding, runtime
from houselights.rounding import Ranges


def test_the_ranges_that_come_along_belong_to_the_detector(detector_path: Path) -> None:
    """They are bound to its digest, and name convolutions that it has, with as many channels as it has."""
    found = rounding.built_in(models.default("detector"))
    assert found is not None
    network = runtime.core().read_model(str(detector_path))
    nodes = {graph.name_of(node): node for node in graph.convolutions(network)}
    assert found.largest.keys() < nodes.keys()
    for name, values in found.largest.items():
        node = nodes[name]
        channels = node.input_value(1).get_shape()[0] if graph.is_depthwise(node) else 1
        assert values.shape == (channels,)
        assert (values > 0).all()


def test_a_model_with_other_weights_gets_no_ranges() -> None:
    """Ranges of one file of weights say nothing of another with the same name; most models have none."""
    assert rounding.built_in(replace(models.default("detector"), sha256="0" * 64)) is None
    assert rounding.built_in(models.default("recogniser")) is None


def test_ranges_are_written_as_they_are_read() -> None:
    """What is written reads back to the same digest, and other ranges have another."""
    found = rounding.built_in(models.default("detector"))
    assert found is not None
    document = json.loads(found.to_json())
    assert document["schema"] == rounding.SCHEMA
    again = {name: np.array(values, np.float32) for name, values in document["largest"].items()}
    assert Ranges(document["sha256"], document["data"], again).digest == found.digest
    name = next(iter(again))
    again[name] = again[name] * 2
    assert Ranges(document["sha256"], document["data"], again).digest != found.digest
