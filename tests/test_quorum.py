"""Facts about policies: whose word is enough, and that a file which does not say so clearly is refused."""

from __future__ import annotations

import re
from base64 import b64encode
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_witness import ORIGIN, SIGNER, Cosigner, policy_of

from houselights.custody import (
    COSIGNATURE,
    EMPTY,
    LOG,
    ML_DSA,
    CustodyError,
    Key,
    Note,
)
from houselights.log import Signer
from houselights.quorum import Policy

KEYS = {name: Cosigner(name, ML_DSA if name == "X3" else COSIGNATURE) for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")}
NOTE = SIGNER.sign(f"{ORIGIN}\n0\n{b64encode(EMPTY).decode()}\n")
LINES = {name: Note.parse(NOTE.text.encode() + b"\n" + each.line(NOTE.text).encode()) for name, each in KEYS.items()}
NESTED = f"""# two levels, as in the specification
log {SIGNER.key}

witness X1 {KEYS["X1"].key}
witness X2 {KEYS["X2"].key} https://x2.example/
witness X3 {KEYS["X3"].key}
group X-witnesses 2 X1 X2 X3
\t witness \t Y1 {KEYS["Y1"].key}
witness Y2 {KEYS["Y2"].key}
witness Y3 {KEYS["Y3"].key}
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def cosigned_by(*names: str) -> Note:
    """A checkpoint with the signatures of these witnesses."""
    return Note(NOTE.text, (*NOTE.signatures, *(each for name in names for each in LINES[name].signatures)))


@given(st.sets(st.sampled_from(sorted(KEYS))))
def test_a_proof_below_the_quorum_is_rejected(names: set[str]) -> None:
    """In the example of the specification two X and one Y are enough, and nothing else is (R12)."""
    policy, note = Policy.parse(NESTED.encode()), cosigned_by(*names)
    if len(names & {"X1", "X2", "X3"}) >= 2 and names & {"Y1", "Y2", "Y3"}:
        assert policy.check(note) == tuple(sorted(names))
    else:
        with pytest.raises(CustodyError, match="below quorum"):
            policy.check(note)
    assert policy.cosigned(note) == tuple(sorted(names))


def test_a_policy_can_ask_for_nobody() -> None:
    """With `quorum none` the log's own signature is enough."""
    assert policy_of(quorum="none").check(NOTE) == ()


def test_a_policy_can_ask_for_one_witness() -> None:
    """A quorum may be a witness by itself."""
    policy = Policy.parse(f"witness X1 {KEYS['X1'].key}\nquorum X1\n".encode())
    assert policy.check(cosigned_by("X1")) == ("X1",)
    with pytest.raises(CustodyError, match="cosigned by nobody"):
        policy.check(cosigned_by("X2"))


def test_a_cosignature_that_is_not_genuine_does_not_count() -> None:
    """One changed byte of a cosignature, and the checkpoint is rejected."""
    policy = Policy.parse(f"witness X1 {KEYS['X1'].key}\nquorum X1\n".encode())
    note = cosigned_by("X1")
    name, line = note.signatures[-1]
    for changed in (line[:-1] + bytes([line[-1] ^ 1]), line[:11] + bytes([line[11] ^ 1]) + line[12:], line[:20]):
        with pytest.raises(CustodyError, match="not genuine"):
            policy.check(Note(note.text, (*note.signatures[:-1], (name, changed))))


def test_a_checkpoint_of_an_unknown_log_is_rejected() -> None:
    """Where a policy names logs, one of them has to have signed; where it names none, who checks knows the log."""
    other = Signer(ORIGIN, bytes(32))
    for lines in (f"log {other.key}\n", f"log {Signer('b.example', bytes(32)).key}\n"):
        with pytest.raises(CustodyError, match="not signed by a log of the policy"):
            Policy.parse(f"{lines}quorum none\n".encode()).check(NOTE)
    both = f"log {other.key}\nlog {SIGNER.key} https://log.example/\nquorum none\n"
    assert Policy.parse(both.encode()).check(NOTE) == ()
    assert Policy.parse(b"quorum none\n").check(NOTE) == ()
    with pytest.raises(CustodyError, match="a checkpoint states"):
        Policy.parse(b"quorum none\n").check(Note("a\n", ()))


def test_a_policy_is_read_as_it_stands(tmp_path: Path) -> None:
    """Logs, witnesses, groups and addresses are those of the file."""
    path = tmp_path / "policy"
    path.write_text(NESTED, "utf-8")
    policy = Policy.read(path)
    assert policy.logs == ((SIGNER.key, None),)
    assert [each.name for each in policy.witnesses] == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert [each.url for each in policy.witnesses] == [None, "https://x2.example/", None, None, None, None]
    assert [(each.name, each.least, len(each.members)) for each in policy.groups] == [
        ("X-witnesses", 2, 3),
        ("Y-witnesses", 1, 3),
        ("X-and-Y", 2, 2),
    ]
    path.write_text("quorum none\nlog\n")
    with pytest.raises(CustodyError, match=r"policy', line 2: 'log' is not understood"):
        Policy.read(path)
    with pytest.raises(CustodyError, match="cannot be read: No such file"):
        Policy.read(tmp_path / "none")


W = {name: str(each.key) for name, each in KEYS.items()}
SPACED = Key("a\u2003b", COSIGNATURE, KEYS["X1"].key.public)
BOTH = f"witness a {W['X1']}\nwitness b {W['X2']}\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (f"log {SIGNER.key}\n", 2, "nothing said what is enough"),
        ("", 1, "nothing said what is enough"),
        ("quorum none\nquorum none\n", 2, "given twice"),
        ("quorum none", 1, "does not end with a newline"),
        (f"{BOTH}quorum a\nquorum b", 4, "does not end with a newline"),
        ("quorum none\r\n", 1, "0x0d at place 12"),
        ("# a\n#\x00\n", 2, "0x00 at place 2"),
        ("#\x7f\n", 1, "0x7f"),
        ("\v\n", 1, "0x0b"),
        ("Quorum none\n", 1, "not understood"),
        ("quorum none # nobody\n", 1, "not understood"),
        ("quorum\u00a0none\n", 1, "not understood"),
        ("quorum a\n", 1, "'a' is not defined before"),
        (f"quorum a\n{BOTH}", 1, "'a' is not defined before"),
        (f"log {SIGNER.key} https://a.example b\n", 1, "not understood"),
        (f"log {W['X1']}\n", 1, "of kind 4"),
        (f"log {W['X3']}\n", 1, "of kind 6"),
        (f"witness a {SIGNER.key}\n", 1, "of kind 1"),
        (f"log {SIGNER.key}\nlog {Signer('other', bytes(range(32))).key}\n", 2, "there twice"),
        (
            f"witness a {W['X1']}\nwitness b {Key('other', COSIGNATURE, KEYS['X1'].key.public)}\n",
            2,
            "has the key of 'a'",
        ),
        (f"witness a {W['X1']}\nwitness a {W['X2']}\n", 2, "'a' is defined twice"),
        (f"witness none {W['X1']}\n", 1, "cannot be a name"),
        (f"{BOTH}group none any a b\n", 3, "cannot be a name"),
        (f"{BOTH}group a any a b\n", 3, "'a' is defined twice"),
        (f"{BOTH}group g any a b none\n", 3, "'none' is not defined before"),
        (f"{BOTH}group g any a b g\n", 3, "'g' is not defined before"),
        (f"{BOTH}group g any a b a\n", 3, "'a' is in a group already"),
        (f"{BOTH}group g any a\ngroup h any a b\n", 4, "'a' is in a group already"),
        (f"{BOTH}group g any\n", 3, "not understood"),
        (f"{BOTH}group g 0 a b\n", 3, "'0' of 2"),
        (f"{BOTH}group g 3 a b\n", 3, "'3' of 2"),
        (f"{BOTH}group g +1 a b\n", 3, "'+1' of 2"),
        (f"{BOTH}group g 01 a b\n", 3, "'01' of 2"),
        (f"{BOTH}group g \u0661 a b\n", 3, "of 2"),
        (f"{BOTH}group g most a b\n", 3, "'most' of 2"),
        (f"{BOTH}group g {'9' * 5000} a b\n", 3, "of 2"),
        (f"witness a {W['X1'][:-2]}\n", 1, "no base64"),
        (f"witness a {W['X1'].replace('+', '-')}\n", 1, ""),
        (f"witness a {W['X1']}\u00a0\n", 1, "is no key"),
        (f"witness a {Key('', COSIGNATURE, KEYS['X1'].key.public)}\n", 1, "is no key"),
        (f"witness a {SPACED}\n", 1, "is no key"),
        (f"witness a {Key('x', COSIGNATURE, bytes(31))}\n", 1, "is no key"),
    ],
    ids=map(str, count()),  # keys are new in each process
)
def test_a_policy_that_is_not_as_specified_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    """A policy is read strictly, and the error names the line."""
    with pytest.raises(CustodyError, match=rf"^line {line}: ") as caught:
        Policy.parse(text.encode())
    assert said in str(caught.value)


def test_names_are_bytes() -> None:
    """Names that only look alike are different names, and need not be UTF-8."""
    names = [b"K", "\u212a".encode(), b"\xff", b"\xfe", "\u00e9".encode(), "e\u0301".encode()]
    lines = [b"witness %s %s" % (name, key.encode()) for name, key in zip(names, W.values(), strict=True)]
    policy = Policy.parse(b"\n".join([*lines, b"group g 5 " + b" ".join(names), b"quorum g", b""]))
    assert len({each.name for each in policy.witnesses}) == 6
    with pytest.raises(CustodyError, match="below quorum") as caught:
        policy.check(cosigned_by("X3", "Y1"))
    str(caught.value).encode()  # it can be printed
    with pytest.raises(CustodyError, match="is no key"):
        Policy.parse(b"witness a \xff+01020304+AAAA\n")


WORDS = ["log", "witness", "group", "quorum", "any", "all", "none", "1", "2", "a", "b", "g", "#"]


@given(
    st.lists(
        st.sampled_from([*WORDS, "\t", "\n", "\n", str(SIGNER.key), W["X1"], W["X2"]]) | st.text(max_size=4),
        max_size=40,
    ),
    st.binary(max_size=3),
)
def test_whatever_stands_in_a_file_it_is_a_policy_or_an_error(words: list[str], rest: bytes) -> None:
    """A file is a policy, or a CustodyError with a line that can be printed."""
    try:
        policy = Policy.parse(" ".join(words).encode() + rest + b"\n")
    except CustodyError as fault:
        said = str(fault)
    else:
        said = "line 0: none"
        names = [each.name for each in (*policy.witnesses, *policy.groups)]
        assert policy.quorum in {"none", *names}
        assert len(names) == len({*names})
    assert re.match(r"line \d+: ", said)
    assert said.isprintable()


def test_a_policy_may_be_large_and_deep() -> None:
    """A thousand witnesses, each in a group with the group before it, are no trouble."""
    lines = [f"witness w0 {Key('w0', COSIGNATURE, bytes(32))}", "group g0 all w0"]
    for n in range(1, 1000):
        lines += [f"witness w{n} {Key('w', COSIGNATURE, n.to_bytes(32))}", f"group g{n} any g{n - 1} w{n}"]
    policy = Policy.parse(("\n".join([*lines, "quorum g999"]) + "\n").encode())
    with pytest.raises(CustodyError, match="below quorum"):
        policy.check(NOTE)


def test_keys_of_all_kinds_have_their_place() -> None:
    """A log signs with Ed25519, a witness cosigns with Ed25519 or ML-DSA-44."""
    assert {SIGNER.key.kind} == {LOG}
    assert {each.key.kind for each in KEYS.values()} == {COSIGNATURE, ML_DSA}
