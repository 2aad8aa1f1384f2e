"""People who sign: one person is one key, and nobody is two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from houselights import actors, disclosure
from houselights.audit import Signatures
from houselights.custody import CustodyError
from houselights.entry import SIGNED, Entry
from houselights.errors import PolicyError, RecordError, SettingsError
from houselights.record import Record

ANA, BO = ("Ana Lima", "correct horse battery"), ("Bo Berg", "staple something else")
FACTS = {"purpose": "missing-person", "footage": {"salt": "ab" * 16, "tag": "cd" * 32}}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A record with two authorisers and an operator."""
    record = Record(tmp_path / "record", name="example.org/log")
    actors.add(record, ANA[0], "authoriser", ANA[1])
    actors.add(record, BO[0], "authoriser", BO[1], ANA)
    actors.add(record, "Cy", "operator", "a third passphrase", BO)
    return record


def faults(record: Record, *more: Entry) -> list[str]:
    """Return what is wrong with the signatures in a log, and in further entries behind it."""
    signatures = Signatures(record.key.name)
    return [fault for entry in [*map(Entry.parse, record.entries()), *more] for fault in signatures.faults(entry)]


def test_what_somebody_signed_is_checked_with_the_log_alone(record: Record) -> None:
    """The keys stand in the log; no name and no passphrase does."""
    actors.signed(record.use(), "purpose-asked", FACTS, ANA)
    assert faults(record) == []
    content = b"".join(path.read_bytes() for path in record.folder.rglob("*") if path.is_file())
    sealed = (record.folder.parent / "private" / "store.db").read_bytes()
    for secret in (*ANA, *BO, "Cy"):
        assert secret.encode() not in content
        assert len(secret) < 5 or secret.encode() not in sealed


@pytest.mark.parametrize("change", ["purpose", "use", "by", "signature", "log"])
def test_a_decision_that_was_altered_is_found(record: Record, change: str) -> None:
    """A signature holds for one log, one use, one person and what was decided."""
    use = record.use()
    actors.signed(use, "purpose-asked", FACTS, ANA)
    made = Entry.parse(use.entries[-1])
    altered = {
        "purpose": replace(made, facts={**made.facts, "purpose": "crime-suspect"}),
        "use": replace(made, use="ef" * 16),
        "by": replace(made, facts={**made.facts, "by": actors.number(record, BO[0])}),
        "signature": replace(made, facts={**made.facts, "signature": "00" * 64}),
        "log": made,
    }[change]
    signatures = Signatures("another.example/log" if change == "log" else record.key.name)
    before = [list(signatures.faults(entry)) for entry in map(Entry.parse, record.entries()[:-1])]
    assert change == "log" or not any(before)
    assert list(signatures.faults(altered)) == ["its signature is not genuine"]


def test_nobody_signs_with_another_passphrase_or_in_another_role(record: Record) -> None:
    """A wrong passphrase, an operator who approves, somebody unknown: refused, and no entry of it."""
    size = record.log.checkpoint().size
    with pytest.raises(SettingsError, match="passphrase of 'Ana Lima' is wrong"):
        actors.signed(record.use(), "purpose-asked", FACTS, (ANA[0], BO[1]))
    with pytest.raises(PolicyError, match="has the role 'operator'; this needs: authoriser"):
        actors.signed(record.use(), "purpose-approved", FACTS, ("Cy", "a third passphrase"))
    with pytest.raises(SettingsError, match="is no actor"):
        actors.signed(record.use(), "purpose-asked", FACTS, ("Di", "whatever it may be"))
    assert record.log.checkpoint().size == size


def test_a_revoked_key_signs_no_more_and_what_it_signed_stays(record: Record) -> None:
    """Before the revocation its signatures hold, after it there are none, and one that was forged is found."""
    use = record.use()
    actors.signed(use, "purpose-asked", FACTS, BO)
    earlier = Entry.parse(use.entries[-1])
    assert actors.revoke(record, BO[0], ANA).revoked
    with pytest.raises(PolicyError, match="is revoked"):
        actors.signed(record.use(), "purpose-asked", FACTS, BO)
    assert faults(record) == []
    assert faults(record, earlier) == ["it is signed by somebody who was no actor then"]


def test_one_person_cannot_become_two(record: Record) -> None:
    """A taken name in other letters, a new actor that nobody signed for, or one that an operator signed: refused."""
    for name in (ANA[0], "ana lima", " Ana Lima "):
        with pytest.raises(SettingsError, match="is an actor already"):
            actors.add(record, name, "authoriser", "some other passphrase", BO)
    with pytest.raises(PolicyError, match="nobody signed for this"):
        actors.add(record, "Di", "authoriser", "a new passphrase")
    with pytest.raises(PolicyError, match="has the role 'operator'"):
        actors.add(record, "Di", "authoriser", "a new passphrase", ("Cy", "a third passphrase"))
    assert {actor.name for actor in actors.listed(record)} == {ANA[0], BO[0], "Cy"}


def test_names_by_pseudonym(record: Record) -> None:
    """Whoever may show the names of people who signed gets them by pseudonym, those of revoked ones too."""
    known = actors.names(record)
    assert known == {actors.number(record, name): name for name in (ANA[0], BO[0], "Cy")}
    assert known[actors.number(record, BO[0].upper())] == BO[0]
    actors.revoke(record, BO[0], ANA)
    assert actors.names(record) == known


def test_an_actor_that_nobody_signed_for_is_found_in_the_log(record: Record) -> None:
    """Whoever writes such an entry by another way is found out by who checks the log."""
    facts = {"actor": "ab" * 16, "role": "authoriser", "key": "cd" * 32, "change": "added"}
    record.use().add("actor-changed", facts)
    assert faults(record) == ["an actor was changed, and nobody signed for it"]


def test_the_first_actor_is_an_authoriser(tmp_path: Path) -> None:
    """Else nobody could sign for a second one; short passphrases, empty names and other roles are refused."""
    record = Record(tmp_path / "record")
    for name, role, passphrase, said in (
        ("Cy", "operator", "a good passphrase", "the first actor"),
        ("Cy", "boss", "a good passphrase", "is no role"),
        ("Cy", "authoriser", "short", "10 characters"),
        ("  ", "authoriser", "a good passphrase", "needs a name"),
    ):
        with pytest.raises(SettingsError, match=said):
            actors.add(record, name, role, passphrase)
    assert list(actors.listed(record)) == []


def test_a_signed_entry_without_its_signature_is_no_entry(record: Record) -> None:
    """Every kind that a person signs needs who and how."""
    for kind in SIGNED.keys() - {"actor-changed"}:
        with pytest.raises(CustodyError):
            record.use().add(kind, {**FACTS, "footage": disclosure.new_tag(bytes(64))})


def test_an_actor_cannot_be_erased_to_begin_anew(record: Record) -> None:
    """`log erase` destroys keys of payloads alone; the log knows that there were actors, whatever the store holds."""
    holder = f"actor {actors.number(record, ANA[0])}"
    with pytest.raises(RecordError, match="no number of a use"):
        record.erase("use", holder, "retention")
    assert record.store.erase(holder) == 0
    monkey = Record(record.folder.parent)
    monkey.store.keep(
        "actor", actors.number(record, ANA[0]), b'{"name":"x","role":"x","public":"","salt":"","locked":""}'
    )
    with pytest.raises(PolicyError, match="nobody signed for this"):
        actors.add(record, "Mallory", "authoriser", "a fine passphrase")


def test_two_first_actors_at_once_are_one(tmp_path: Path) -> None:
    """The log decides who came first."""
    Record(tmp_path / "record")
    refused = []

    def add(name: str) -> None:
        try:
            actors.add(Record(tmp_path / "record"), name, "authoriser", "a fine passphrase")
        except PolicyError as fault:
            refused.append(fault)

    threads = [Thread(target=add, args=(name,)) for name in ("Ana", "Bo", "Cy")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 2
    record = Record(tmp_path / "record")
    assert len(list(actors.listed(record))) == 1
    assert faults(record) == []


def test_an_actor_whose_entry_was_not_written_is_none(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted between key and entry, the key signs nothing, and the name can be added again."""
    with monkeypatch.context() as patch:
        patch.setattr(actors, "_changed", lambda *_args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            actors.add(record, "Di", "authoriser", "a fine passphrase", ANA)
    with pytest.raises(SettingsError, match="is no actor"):
        actors.signed(record.use(), "purpose-asked", FACTS, ("Di", "a fine passphrase"))
    assert actors.add(record, "Di", "authoriser", "another passphrase", ANA).role == "authoriser"
    assert faults(record) == []
