"""What a film may be used for is fixed when it is taken in, and does not drift."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from conftest import GREEN, Silent, Unwatched
from typer.testing import CliRunner

from houselights import actors, batch, cli, config, custody, demo, disclosure, intake, policy
from houselights.audit import Signatures
from houselights.disclosure import in_words, uses_of
from houselights.entry import Entry
from houselights.errors import PolicyError, SettingsError
from houselights.record import Record
from houselights.release import Request, release
from houselights.sampling import Sampling
from houselights.sources import digest
from houselights.types import Purpose

FILM = "ab" * 32
ANA, BO = ("Ana", "correct horse battery"), ("Bo", "staple something else")


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A record with two authorisers."""
    record = Record(tmp_path / "record", name="example.org/log")
    actors.add(record, ANA[0], "authoriser", ANA[1])
    actors.add(record, BO[0], "authoriser", BO[1], ANA)
    return record


def kinds(record: Record) -> list[str]:
    """Return the kinds of all entries."""
    return [Entry.parse(entry).kind for entry in record.entries()]


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.PUBLIC_RELEASE])
def test_a_film_for_public_release_is_used_for_nothing_else(purpose: Purpose, record: Record) -> None:
    """R14: whatever the other purpose is, it is refused; so is taking the film in again for it."""
    intake.take_in(record, FILM, "post.mp4", Purpose.PUBLIC_RELEASE)
    with pytest.raises(PolicyError, match="was taken in for 'public-release'") as caught:
        intake.check(record, FILM, "post.mp4", purpose)
    assert caught.value.rule == "intake-purpose"
    with pytest.raises(PolicyError):
        intake.take_in(record, FILM, "post.mp4", purpose)
    assert intake.of(record, FILM).purposes == ("public-release",)
    intake.check(record, FILM, "post.mp4", Purpose.PUBLIC_RELEASE)


def test_a_further_purpose_needs_two_people_and_a_new_entry(record: Record) -> None:
    """R14: one asks, another approves; the same person twice is refused; the old purpose stays beside the new one."""
    intake.take_in(record, FILM, "post.mp4", Purpose.PUBLIC_RELEASE)
    asked = intake.widen(record, FILM, "post.mp4", Purpose.MISSING_PERSON, ANA)
    assert list(asked.asked) == ["missing-person"]
    with pytest.raises(PolicyError, match="cannot approve it"):
        intake.widen(record, FILM, "post.mp4", Purpose.MISSING_PERSON, ANA)
    with pytest.raises(PolicyError, match="cannot approve it"):
        intake.widen(record, FILM, "post.mp4", Purpose.MISSING_PERSON, ("  ana ", ANA[1]))
    with pytest.raises(SettingsError, match="is wrong"):
        intake.widen(record, FILM, "post.mp4", Purpose.MISSING_PERSON, (BO[0], ANA[1]))
    with pytest.raises(PolicyError):
        intake.check(record, FILM, "post.mp4", Purpose.MISSING_PERSON)
    now = intake.widen(record, FILM, "post.mp4", Purpose.MISSING_PERSON, BO)
    assert now.purposes == ("public-release", "missing-person")
    assert now.asked == {}
    intake.check(record, FILM, "post.mp4", Purpose.MISSING_PERSON)
    assert kinds(record)[-4:] == ["footage-taken-in", "purpose-asked", "purpose-approved", "footage-taken-in"]
    assert custody.verify(record.folder, record.key).faults == []
    words = list(in_words(uses_of(record.disclosure(FILM), record.entries()), 9))
    assert sum("taken in, purpose" in line for line in words) == 2


def test_an_operator_may_ask_and_not_approve(record: Record) -> None:
    """Approving is an authoriser's part."""
    actors.add(record, "Cy", "operator", "a third passphrase", ANA)
    intake.take_in(record, FILM, "post.mp4", Purpose.PUBLIC_RELEASE)
    intake.widen(record, FILM, "post.mp4", Purpose.EVALUATION, BO)
    with pytest.raises(PolicyError, match="has the role 'operator'"):
        intake.widen(record, FILM, "post.mp4", Purpose.EVALUATION, ("Cy", "a third passphrase"))


def test_taking_in_twice_changes_nothing(record: Record) -> None:
    """The same film for the same purpose is one entry, whatever the file is called."""
    intake.take_in(record, FILM, "a.mp4", Purpose.CONSENTED)
    size = record.log.checkpoint().size
    assert intake.take_in(record, FILM, "b.mp4", Purpose.CONSENTED).purposes == ("consented",)
    assert intake.widen(record, FILM, "b.mp4", Purpose.CONSENTED, ANA).purposes == ("consented",)
    assert record.log.checkpoint().size == size


def test_a_film_that_nobody_took_in_is_noted_and_not_bound(record: Record) -> None:
    """Its first use states a purpose, which is in the log, and fixes nothing."""
    record.use().take_in(FILM, "a.mp4", "consented")
    assert intake.of(record, FILM) == intake.Intake()
    intake.check(record, FILM, "a.mp4", Purpose.EVALUATION)


def test_a_search_of_such_a_film_is_refused_before_it_is_opened(film: Path, record: Record) -> None:
    """R14: the refusal is recorded with the film's tag; no frame is decoded, whoever asks and whatever they state."""
    sha256 = digest(film / "event.mp4")
    intake.take_in(record, sha256, "event.mp4", Purpose.PUBLIC_RELEASE)
    wanted = replace(demo.request(film), sampling=Sampling.parse("20"))
    with pytest.raises(PolicyError, match="may not be used for 'evaluation'"):
        batch.run(wanted, record, Silent())
    assert "footage-opened" not in kinds(record)
    attempts = uses_of(record.disclosure(sha256), record.entries())
    refused = [entry for use in attempts for _, entry in use.entries if entry.kind == "refused"]
    assert [entry.facts["rule"] for entry in refused] == ["intake-purpose"]
    assert custody.verify(record.folder, record.key).faults == []


def test_among_other_films_it_alone_is_left_out(film: Path, scene: Path, record: Record) -> None:
    """A refused film stops no other; the result says why it was not searched."""
    intake.take_in(record, digest(film / "event.mp4"), "event.mp4", Purpose.PUBLIC_RELEASE)
    wanted = replace(
        demo.request(film), footage=(film / "event.mp4", scene / "event.mp4"), sampling=Sampling.parse("20")
    )
    result = batch.run(wanted, record, Silent()).result
    assert [bool(use.error) for use in result.footage] == [True, False]
    assert "may not be used for" in str(result.footage[0].error)
    assert result.footage[0].frames == 0


def test_it_is_released_all_the_same(scene: Path, record: Record, tmp_path: Path) -> None:
    """Hiding everybody compares nobody; keeping somebody does, and needs a purpose that the film was taken in for."""
    source = scene / "event.mp4"
    intake.take_in(record, digest(source), "event.mp4", Purpose.PUBLIC_RELEASE)
    plain = Request(source, tmp_path / "out.mp4", fill=GREEN, until_s=0.3)
    assert release(plain, record, Unwatched()).path.exists()
    keeping = replace(plain, keep=(scene / "gallery",), authority=policy.authority("subject-access", "art. 15", "R."))
    with pytest.raises(PolicyError, match="may not be used for 'subject-access'"):
        release(keeping, record, Unwatched())
    assert kinds(record)[-1] == "refused"


def test_a_drift_that_a_changed_program_lets_through_is_shown(record: Record) -> None:
    """Who lists the uses of a film sees a search for a purpose that it was not taken in for."""
    intake.take_in(record, FILM, "post.mp4", Purpose.PUBLIC_RELEASE)
    use = record.use()
    search = {
        "purpose": "crime-suspect", "authorisation": "aa" * 16, "case": "cc" * 16, "gallery": "bb" * 16, "subjects": 1,
        "photographs": 1, "models": [], "threshold_fmr": "1e-05", "threshold_score": "0.47", "films": 1,
    }  # fmt: skip
    private = {"basis": "b", "authorised_by": "a", "operator": "o", "gallery": "g"}
    use.add("search-started", search, private)
    use.add("footage-opened", {"footage": use.take_in(FILM, "post.mp4", "crime-suspect")})
    use.add("footage-opened", {"footage": use.take_in("cd" * 32, "other.mp4", "crime-suspect")})
    words = list(in_words(uses_of(record.disclosure(FILM), record.entries()), 9))
    assert [("NOT TAKEN IN" in line) for line in words if "opened for this search" in line] == [True]
    assert "searches of this film: 1, releases: 0, refused: 0" in words[-1]
    other = list(in_words(uses_of(record.disclosure("cd" * 32), record.entries()), 9))
    assert not any("NOT TAKEN IN" in line for line in other)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`intake` and `actor` as people type them, with passphrases that are asked for and never shown."""
    monkeypatch.setenv(config.RECORD, str(tmp_path / "own"))
    film = tmp_path / "post.mp4"
    film.write_bytes(b"some film")

    def run(*words: object, typed: str = "", fails: bool = False) -> str:
        done = CliRunner().invoke(cli.app, [str(word) for word in words], input=typed)
        assert (done.exception is not None) is fails, (done.output, done.exception)
        assert "horse" not in done.output
        return done.output + str(done.exception)

    assert "for public-release" in run("intake", film, "--purpose", "public-release")
    assert "needs two people" in run("intake", film, "--purpose", "consented", fails=True)
    assert "not on the closed list" in run("intake", film, "--purpose", "curiosity", fails=True)
    assert "add --purpose" in run("intake", film, "--by", "Ana", fails=True)
    run("actor", "add", "Ana", "--role", "authoriser", typed=f"{ANA[1]}\n{ANA[1]}\n")
    run("actor", "add", "Bo", "--role", "authoriser", "--by", "Ana", typed=f"{BO[1]}\n{BO[1]}\n{ANA[1]}\n")
    asked = ("intake", film, "--purpose", "missing-person", "--by")
    assert "waits for a second person: missing-person (asked by Ana)" in run(*asked, "Ana", typed=f"{ANA[1]}\n")
    assert "cannot approve it" in run(*asked, "Ana", typed=f"{ANA[1]}\n", fails=True)
    assert "for public-release and missing-person" in run(*asked, "Bo", typed=f"{BO[1]}\n")
    assert "for public-release and missing-person" in run("intake", film)
    run("actor", "revoke", "Bo", "--by", "Ana", typed=f"{ANA[1]}\n")
    assert "revoked" in run("actor", "list")
    assert "all as they were logged" in run("log", "verify")
    assert "refused (intake)" in run("log", "show")


def test_a_purpose_that_two_people_did_not_sign_for_is_shown(record: Record) -> None:
    """A second intake without signatures, or with one person's, is marked, and fixes nothing for who reads the log."""
    intake.take_in(record, FILM, "post.mp4", Purpose.PUBLIC_RELEASE)
    tag = disclosure.new_tag(record.label(FILM))
    use = record.use()
    actors.signed(use, "purpose-asked", {"purpose": "crime-suspect", "footage": tag}, ANA)
    private = {"name": "post.mp4", "sha256": FILM}
    use.add("footage-taken-in", {"purpose": "crime-suspect", "footage": tag, "fixed": True}, private)
    words = list(in_words(uses_of(record.disclosure(FILM), record.entries()), 9))
    assert sum("TWO PEOPLE DID NOT SIGN" in line for line in words) == 1
    actors.signed(use, "purpose-approved", {"purpose": "crime-suspect", "footage": tag}, ANA)
    signatures = Signatures(record.key.name)
    found = [fault for entry in map(Entry.parse, record.entries()) for fault in signatures.faults(entry)]
    assert found == ["nobody else had asked for this purpose"]


def test_two_who_take_a_film_in_at_once_fix_it_once(record: Record) -> None:
    """Whoever comes second is refused: the first purpose holds."""
    refused = []

    def take(purpose: Purpose) -> None:
        try:
            intake.take_in(Record(record.folder.parent), FILM, "post.mp4", purpose)
        except PolicyError as fault:
            refused.append(fault)

    wanted = (Purpose.PUBLIC_RELEASE, Purpose.CRIME_SUSPECT, Purpose.CONSENTED)
    threads = [Thread(target=take, args=(purpose,)) for purpose in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 2
    assert len(intake.of(record, FILM).purposes) == 1
    assert kinds(record).count("footage-taken-in") == 1


def test_an_intake_that_was_interrupted_forbids_more_not_less(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the entry could not be written, the film is bound all the same."""
    with monkeypatch.context() as patch:
        patch.setattr(record.log, "append", lambda _entries: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            intake.take_in(record, FILM, "post.mp4", Purpose.PUBLIC_RELEASE)
    with pytest.raises(PolicyError):
        intake.take_in(record, FILM, "post.mp4", Purpose.CRIME_SUSPECT)


def test_a_film_that_is_exchanged_after_it_was_checked_gives_no_result(
    film: Path, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes that were hashed are those that are searched, or the file has an error and no candidates."""
    bait = tmp_path / "bait.mp4"
    bait.write_bytes(b"something else")
    real = batch.sources.digest

    def exchanged(path: Path) -> str:
        found = real(path)
        if path == bait:
            shutil.copy(film / "event.mp4", tmp_path / "other")
            (tmp_path / "other").replace(bait)
        return found

    monkeypatch.setattr(batch.sources, "digest", exchanged)
    wanted = replace(demo.request(film), footage=(bait,), sampling=Sampling.parse("20"))
    result = batch.run(wanted, record, Silent()).result
    assert "changed while it was read" in str(result.footage[0].error)
    assert result.candidates == ()
