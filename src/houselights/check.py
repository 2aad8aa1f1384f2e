"""Check: a written release is decoded and looked at by a detector of another family than the one that sees every frame.

Anybody can do the same with the released file and its manifest; nothing else is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from houselights import credential, models, runtime
from houselights.boxes import strangers
from houselights.cover import Fill, picture_of
from houselights.custody import Checkpoint, Key, fields_of
from houselights.errors import ReleaseError
from houselights.faces import LARGEST_LONG_SIDE, canvas
from houselights.film import PHOTOGRAPHS
from houselights.footage import Facts, Footage, Tally
from houselights.frame import Frame
from houselights.heads import Finder, Look, Recall
from houselights.manifest import Box, Check, Finding, Manifest, Place, TrackUse, box_at
from houselights.proofs import Receipt
from houselights.sources import digest

SCORE = 0.7  # of CenterFace on YuNet's scale, from which a face in a release counts
COVERED = 0.8  # share of a found box that has the colours of a cover, from which on it is one
EVERY = {Recall.HIGH: 4, Recall.NORMAL: 10}  # one frame in so many
LEAK = 3.0  # the rule of three: with no event in n trials the rate is below 3 / n, at 95 %

Progress = Callable[[float], None]
"""Called with the seconds done."""


def looks(facts: Facts, recall: Recall) -> tuple[Look, ...]:
    """At which sizes a release is looked at: as footage is, and a smaller one for faces that fill the picture."""
    size = (facts.width, facts.height)
    every = 1 if facts.still else EVERY[recall]
    sides = (max(canvas(*size)), 2 * max(size) if facts.still else 480)
    wide = [canvas(*size, long_side=max(320, min(LARGEST_LONG_SIDE, side))) for side in sides]
    return tuple(Look("centerface", each, every) for each in dict.fromkeys(wide))


def check(
    path: Path,
    tracks: Sequence[TrackUse],
    start_s: float,
    window: Sequence[Place],
    *,
    fill: Fill,
    recall: Recall,
    progress: Progress | None = None,
    sha256: str | None = None,
) -> Check:
    """Look for faces in a written file where none may be seen.

    Args:
        path: the written file.
        tracks: hidden and kept ones; a face may be seen where a kept one is.
        start_s: time in the source of the file's first frame.
        window: where the picture was cut out of the source's; empty where it is the whole.
        fill: what the covers look like: a drawn head is none that was found.
        recall: how many frames are looked at.
        progress: called as the work goes on.
        sha256: of the file, where it is known already.

    Raises:
        FootageError: the file does not open.
        ModelError: the weights are missing.
    """
    model = models.default("second-detector")
    footage = Footage(path, sha256=sha256)
    wanted = looks(footage.facts, recall)
    finder = Finder({"centerface": models.path_of(model)}, wanted)
    tally, found = Tally(), []
    kept = [track.places for track in tracks if track.verdict == "kept"]
    for frame, faces in finder.stream(_told(footage, tally, progress)):
        seconds = round(footage.facts.seconds(frame.ticks) + start_s, 6)
        left, top = (box_at(window, seconds) or (0.0, 0.0))[:2]
        for box, score in zip(faces.boxes.tolist(), faces.scores.tolist(), strict=True):
            place = (round(box[0] + left, 1), round(box[1] + top, 1), round(box[2], 1), round(box[3], 1))
            if score < SCORE or any(_is_on(place, each, seconds) for each in kept):
                continue
            if picture_of(frame).covered(box, fill) < COVERED:
                found.append(Finding(seconds, place, round(score, 3)))
    looked = -(-tally.frames // wanted[0].every)
    hidden = sum(track.verdict == "hidden" and track.track > 0 for track in tracks)
    return Check(
        model=runtime.use(model, exact=False), frames=tally.frames, frames_looked_at=looked,
        sizes=tuple(f"{look.canvas[0]}x{look.canvas[1]}" for look in wanted), score=SCORE, findings=tuple(found),
        allowed=None, tracks=hidden, leak_bound=None if found or not hidden else min(1.0, round(LEAK / hidden, 4)),
    )  # fmt: skip


def _told(footage: Footage, tally: Tally, progress: Progress | None) -> Iterator[Frame]:
    for frame in footage.frames(tally):
        if progress:
            progress(footage.facts.seconds(frame.ticks))
        yield frame


def _is_on(face: Box, places: Sequence[Place], seconds: float) -> bool:
    """Whether a face lies on a kept head: its middle in the head's box, and no larger than it."""
    head = box_at(places, seconds)
    if head is None:
        return False
    across, down = face[0] + face[2] / 2 - head[0], face[1] + face[3] / 2 - head[1]
    return 0 <= across <= head[2] and 0 <= down <= head[3] and face[3] <= 1.2 * head[3]


def differences(path: Path, manifest: Manifest) -> Iterable[str]:
    """What is wrong with a released file by its manifest, a line each; nothing where all is as it should be.

    Bytes, structure, size and length first; then the file is looked at anew.

    Raises:
        FootageError: the file does not open.
        ReleaseError: it is no mp4.
        ModelError: the weights of the check are missing.
    """
    output = manifest.output
    sha256 = digest(path)
    if sha256 != output.sha256:
        yield f"its SHA-256 is {sha256}, the manifest says {output.sha256}: it was changed after it was released"
    if path.suffix.lower() not in PHOTOGRAPHS:
        yield from (f"it holds what no release holds: {each}" for each in strangers(path))
    if manifest.asked.get("credential") == "yes":
        yield from _credential(path, manifest)
    facts = Footage(path, sha256=sha256).facts
    if (facts.width, facts.height) != (output.width, output.height):
        yield f"it is {facts.width}x{facts.height} pixels, the manifest says {output.width}x{output.height}"
    seen = check(
        path,
        manifest.tracks,
        output.start_s,
        output.window,
        fill=Fill(manifest.fill, manifest.colour),
        recall=Recall(manifest.recall),
        sha256=sha256,
    )
    if seen.frames != output.frames:
        yield f"it has {seen.frames} frames, the manifest says {output.frames}"
    known = {(finding.time_s, finding.box) for finding in manifest.check.findings} if manifest.check.allowed else set()
    for finding in seen.findings:
        if (finding.time_s, finding.box) not in known:
            yield f"a face is seen at {finding.time_s} s in {finding.box}, score {finding.score}"


def _credential(path: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the content credential that the manifest says was signed."""
    found = credential.read(path)
    if found is None:
        yield "its content credential is gone"
    elif not found.valid:
        yield f"its content credential is not valid: {', '.join(found.faults)}"
    elif found.source_sha256 != manifest.source.sha256:
        yield "its content credential names another source"


def proven(released: Path, manifest: Path, receipt: Path, key: Key) -> Checkpoint:
    """The checkpoint of the log that states this release: this file, this manifest, this source.

    Raises:
        ReleaseError: there is no receipt, or it is for another release.
        CustodyError: the receipt does not prove what it holds.
    """
    try:
        held = Receipt.parse(receipt.read_bytes())
    except OSError as fault:
        raise ReleaseError(f"the receipt '{receipt}' cannot be read: {fault.strerror}", hint="ask its maker") from fault
    checkpoint = held.check(key)
    if fields_of(held.entries[-1]).get("kind") != "released" or not held.opened[-1]:
        raise ReleaseError(f"'{receipt}' is the receipt of something else than a release")
    stated = fields_of(held.opened[-1][0])
    for what, path in (("output", released), ("manifest", manifest)):
        if stated.get(what) != digest(path):
            raise ReleaseError(f"the log states another file than '{path}'", hint="was it changed, or made anew?")
    return checkpoint
