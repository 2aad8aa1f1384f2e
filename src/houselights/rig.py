"""The rig: the models of one search, compiled once a thread, and what their scores mean."""

from __future__ import annotations

import time
from pathlib import Path
from threading import local

from houselights import models, odds, rounding, runtime
from houselights.faces import Canvas, Detector
from houselights.models import Model
from houselights.result import Threshold
from houselights.search import Sieve
from houselights.templates import Recogniser


class Rig:
    """Detector, recogniser, calibration and threshold."""

    def __init__(self, chosen: Model, calibration: Path | None, threshold_fmr: float) -> None:
        """Load and check everything that can fail before any footage is opened.

        Raises:
            ModelError: weights are missing.
            CalibrationError: the threshold's rate cannot be had from the calibration.
        """
        self.detector_model = models.default("detector")
        self.calibration = odds.read(calibration, chosen) if calibration else odds.built_in(chosen)
        self.sieve = Sieve(self.calibration, threshold_fmr)
        self.sieve.check()
        score = self.sieve.lowest
        self.threshold = Threshold(threshold_fmr, score, self.calibration.describe(), self.calibration.fmr_at(1.0))
        self.detector_path = models.path_of(self.detector_model)
        self.ranges = rounding.built_in(self.detector_model)
        self._recogniser_model, self._recogniser_path = chosen, models.path_of(chosen)
        self._threads = local()
        self.compiling_s = 0.0
        self.uses = (
            runtime.use(self.detector_model, exact=False, ranges=self.ranges),
            runtime.use(chosen, exact=True),
        )

    @property
    def recogniser(self) -> Recogniser:
        """This thread's recogniser."""
        if not hasattr(self._threads, "recogniser"):
            self._threads.recogniser = Recogniser(self._recogniser_model, self._recogniser_path)
        recogniser: Recogniser = self._threads.recogniser
        return recogniser

    def detector(self, canvases: tuple[Canvas, ...]) -> Detector:
        """This thread's detector for some canvases; the last one used stays compiled."""
        held: Detector | None = getattr(self._threads, "detector", None)
        if held is None or held.canvases != canvases:
            began = time.perf_counter()
            held = self._threads.detector = Detector(self.detector_path, canvases, ranges=self.ranges)
            self.compiling_s += time.perf_counter() - began
        return held
