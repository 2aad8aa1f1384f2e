"""Facts about checking a release: anybody with the file and its manifest can tell whether it was changed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import av
import pytest
from conftest import GREEN, Unwatched
from test_boxes import clip
from typer.testing import CliRunner

from houselights.check import check, differences, looks, proven
from houselights.cli import app
from houselights.cover import Fill
from houselights.custody import CustodyError
from houselights.errors import Error, ReleaseError
from houselights.footage import Footage
from houselights.heads import Recall
from houselights.manifest import Manifest, Place, TrackUse, read
from houselights.record import Record
from houselights.release import RECEIPT, Request, beside, release
from houselights.sources import digest


@pytest.fixture
def manifest(released: Path) -> Manifest:
    """The manifest of the released scene."""
    return read(beside(released, "release.json"))


@pytest.fixture
def copy(released: Path, tmp_path: Path) -> Path:
    """A copy of the released scene that a test may change."""
    return Path(shutil.copyfile(released, tmp_path / "out.mp4"))


def wrong(path: Path, manifest: Manifest) -> str:
    """All that is wrong."""
    return "\n".join(differences(path, manifest))


def test_a_fresh_release_passes(released: Path) -> None:
    """On the machine of whoever gets it: status 0, with the words that this is no proof."""
    done = CliRunner().invoke(app, ["check-release", str(released)])
    assert done.exit_code == 0, done.output
    assert "is as its manifest says" in " ".join(done.output.split())


def test_one_byte_that_was_changed_is_found(copy: Path, manifest: Manifest) -> None:
    """A bit of a picture turned over: the file opens and shows, and is refused."""
    content = bytearray(copy.read_bytes())
    content[len(content) * 2 // 3] ^= 1
    copy.write_bytes(content)
    (copy.with_name("m.json")).write_text(manifest.to_json())
    done = CliRunner().invoke(app, ["check-release", str(copy), "--manifest", str(copy.with_name("m.json"))])
    assert done.exit_code == 1
    assert "was changed after it was released" in " ".join(done.output.split())


def test_metadata_that_was_added_is_found(released: Path, manifest: Manifest, tmp_path: Path) -> None:
    """Remuxed with a title, the same pictures are refused twice: for their bytes, and for what no release holds."""
    path = tmp_path / "titled.mp4"
    with av.open(str(released)) as source, av.open(str(path), "w") as file:
        file.metadata["title"] = "the witness at the stage door"
        stream = file.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    said = wrong(path, replace(manifest, output=replace(manifest.output, sha256=digest(path))))
    assert "it holds what no release holds" in said
    assert "was changed" not in said


def test_the_manifest_of_another_file_does_not_fit(released: Path, manifest: Manifest, tmp_path: Path) -> None:
    """Bytes, size and number of frames all differ."""
    clip(tmp_path / "in.mp4", {})
    other = release(Request(tmp_path / "in.mp4", tmp_path / "out.mp4"), Record.here(), Unwatched())
    said = wrong(other.path, manifest)
    assert "SHA-256" in said
    assert "pixels, the manifest says 640x360" in said
    assert f"it has {other.manifest.output.frames} frames" in said
    assert "SHA-256" in wrong(released, other.manifest)


def test_a_source_is_no_release_of_itself(scene: Path, manifest: Manifest) -> None:
    """The uncovered film with a manifest that was forged to its bytes: the faces themselves are seen."""
    source = scene / "event.mp4"
    forged = replace(manifest, output=replace(manifest.output, sha256=digest(source)))
    assert "a face is seen at" in wrong(source, forged)
    with pytest.raises(Error):
        wrong(scene / "truth.json", manifest)


def test_faces_are_seen_but_where_they_are_kept(scene: Path) -> None:
    """A face is a finding unless a kept head is there at that time, and is none where it has a cover's colour."""
    source = scene / "event.mp4"
    model = {"fill": GREEN, "recall": Recall.NORMAL}
    found = check(source, (), 0.0, (), **model).findings  # type: ignore[arg-type]
    assert len(found) > 2
    assert all(finding.score >= 0.7 for finding in found)
    last = Footage(source).facts.duration_s
    places = (Place(0.0, (0, 0, 640, 360)), Place(last, (0, 0, 640, 360)))
    everywhere = TrackUse(1, "kept", "all of it", 0.0, last, 1, 0, places)
    assert check(source, (everywhere,), 0.0, (), **model).findings == ()  # type: ignore[arg-type]
    late = replace(everywhere, places=(Place(50, (0, 0, 640, 360)), Place(60, (0, 0, 640, 360))))
    assert check(source, (late,), 0.0, (), **model).findings == found  # type: ignore[arg-type]


def test_the_bound_is_three_by_the_number_of_hidden_tracks(released: Path, manifest: Manifest) -> None:
    """The rule of three, at most 1, over tracks and not over faces that were seen once."""
    tracks = [track for track in manifest.tracks if track.track]
    assert manifest.check.tracks == len(tracks) == manifest.hidden
    assert manifest.check.leak_bound == round(3 / len(tracks), 4)
    assert manifest.check.frames == manifest.output.frames
    alone = check(released, manifest.tracks[:1], 0.0, (), fill=Fill(colour="00c000"), recall=Recall.NORMAL)
    assert alone.leak_bound in {None, 1.0}
    assert alone.frames_looked_at < manifest.check.frames_looked_at


@pytest.mark.parametrize("recall", Recall)
def test_the_check_is_of_another_family_and_more_than_one_size(scene: Path, recall: Recall) -> None:
    """CenterFace looks, at two sizes, so that a face that fills the picture is seen as well."""
    those = looks(Footage(scene / "event.mp4").facts, recall)
    assert {look.family for look in those} == {"centerface"}
    assert len({look.canvas for look in those}) == 2


def test_the_receipt_proves_that_the_log_states_this_release(released: Path, tmp_path: Path) -> None:
    """R43: file and manifest are those in the maker's log; changed, exchanged, or by another key they are not."""
    record = Record.here()
    manifest, receipt = beside(released, "release.json"), beside(released, RECEIPT)
    assert proven(released, manifest, receipt, record.key).origin == record.key.name
    for changed, files in (("file", (tmp_path / "changed", manifest)), ("manifest", (released, tmp_path / "changed"))):
        (tmp_path / "changed").write_bytes((released if changed == "file" else manifest).read_bytes() + b" ")
        with pytest.raises(ReleaseError, match="the log states another file than"):
            proven(*files, receipt, record.key)
    with pytest.raises(ReleaseError, match="cannot be read"):
        proven(released, manifest, tmp_path / "none", record.key)
    with pytest.raises(CustodyError, match="not signed with the key"):
        proven(released, manifest, receipt, Record(tmp_path / "other").key)
    use = record.use()
    use.add("still-here", {}, {"output": digest(released), "manifest": digest(manifest)})
    (tmp_path / "another").write_bytes(bytes(use.receipt("last")))
    with pytest.raises(ReleaseError, match="something else than a release"):
        proven(released, manifest, tmp_path / "another", record.key)
    (tmp_path / "garbage").write_bytes(b"c2sp.org/tlog-proof@v1\n")
    with pytest.raises(CustodyError, match="no receipt"):
        proven(released, manifest, tmp_path / "garbage", record.key)


def test_the_command_checks_the_receipt_where_a_key_is_given(released: Path, tmp_path: Path) -> None:
    """With the maker's key it says in which log the release stands; with another it does not pass."""
    words = ["check-release", str(released), "--key"]
    done = CliRunner().invoke(app, [*words, str(Record.here().key)])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "stated in the log" in done.output
    assert isinstance(CliRunner().invoke(app, [*words, str(Record(tmp_path / "other").key)]).exception, CustodyError)
