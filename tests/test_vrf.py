"""Facts about the random function: it is that of RFC 9381, and whatever could give a second output is refused."""

from __future__ import annotations

from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from houselights import vrf

EXAMPLES = (  # RFC 9381, B.3, examples 16 to 18: secret, public key, message, proof, output
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f"
            "26f8a57ccaed74ee1b190bed1f479d97"
            "27d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805"
        ),
        (
            "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff"
            "66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed593"
            "3bf0864a62558b3ed7f2fea45c92a465"
            "301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02"
        ),
        (
            "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb"
            "5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf80"
            "96bb474e53895c362d8628ee9f9ea3c0"
            "e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e"
        ),
        (
            "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c45"
            "2118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f"
        ),
    ),
)
SECRET, PUBLIC, MESSAGE, PROOF, OUTPUT = (bytes.fromhex(text) for text in EXAMPLES[2])
SMALL = (  # the points of order 1, 2, 4, 4, 8, 8, 8 and 8
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
)
ALIASES = [  # every y from p to the highest that 255 bits hold, with x even and odd
    (y + odd * 2**255).to_bytes(32, "little") for y in range(vrf.FIELD, 2**255) for odd in (0, 1)
]


def forged(public: bytes, gamma: vrf.Point, scalar: int, nonce: int) -> tuple[int, bytes]:
    """The challenge, and a proof of MESSAGE as `prove` would make it, for a public key and Gamma of the forger's."""
    hashed = vrf._hash_to_curve(public, MESSAGE)
    points = vrf._point(public, "key"), hashed, gamma, vrf._times(nonce, vrf.BASE), vrf._times(nonce, hashed)
    c = vrf._challenge(*points)
    s = (nonce + c * scalar) % vrf.ORDER
    return c, vrf._encode(gamma) + c.to_bytes(16, "little") + s.to_bytes(32, "little")


@pytest.mark.parametrize("example", EXAMPLES, ids=["16", "17", "18"])
def test_examples_of_the_rfc(example: tuple[str, ...]) -> None:
    """Public key, proof and output are those of the RFC, to the byte."""
    secret, public, message, proof, output = (bytes.fromhex(text) for text in example)
    assert vrf.public_key(secret) == public
    assert vrf.prove(secret, message) == proof
    assert vrf.verify(public, message, proof) == output
    assert vrf.output(proof) == output


@given(secret=st.binary(min_size=32, max_size=32))
def test_public_key_is_that_of_ed25519(secret: bytes) -> None:
    """The `cryptography` package derives the same public key from every secret."""
    assert vrf.public_key(secret) == Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


@given(secret=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_a_proof_verifies(secret: bytes, message: bytes) -> None:
    """Any secret proves any message: 80 bytes, valid under its public key, with the 64 bytes that they claim."""
    proof = vrf.prove(secret, message)
    assert len(proof) == 80
    output = vrf.verify(vrf.public_key(secret), message, proof)
    assert len(output) == 64
    assert output == vrf.output(proof)


@given(bit=st.integers(0, 8 * 80 - 1))
def test_a_changed_bit_of_the_proof_is_refused(bit: int) -> None:
    """No bit of a proof can be changed."""
    changed = (int.from_bytes(PROOF, "little") ^ 1 << bit).to_bytes(80, "little")
    with pytest.raises(ValueError, match="proof"):
        vrf.verify(PUBLIC, MESSAGE, changed)


@given(message=st.binary(max_size=8).filter(lambda message: message != MESSAGE))
def test_another_message_is_refused(message: bytes) -> None:
    """A proof holds for its own message only."""
    with pytest.raises(ValueError, match=r"not of this message under this key: its challenge is .*, expected "):
        vrf.verify(PUBLIC, message, PROOF)


@given(secret=st.binary(min_size=32, max_size=32))
def test_another_key_is_refused(secret: bytes) -> None:
    """A proof holds for its own key only."""
    with pytest.raises(ValueError, match="not of this message under this key"):
        vrf.verify(vrf.public_key(secret), MESSAGE, PROOF)


@pytest.mark.parametrize("public", SMALL)
def test_a_key_of_small_order_is_refused(public: str) -> None:
    """All eight points of small order decode, and none is taken for a public key."""
    with pytest.raises(ValueError, match=f"public key {public} is of small order"):
        vrf.verify(bytes.fromhex(public), MESSAGE, PROOF)


def test_the_check_of_the_order_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a proof that needs no secret would verify under the key of order 1."""
    public = bytes.fromhex(SMALL[0])
    _, proof = forged(public, vrf.IDENTITY, scalar=0, nonce=5)
    with pytest.raises(ValueError, match="small order"):
        vrf.verify(public, MESSAGE, proof)
    monkeypatch.setattr(vrf, "_is_small", lambda _: False)
    assert vrf.verify(public, MESSAGE, proof) == vrf.output(proof)


def test_a_second_proof_has_the_same_output() -> None:
    """Who holds the secret can find proofs with another Gamma, off by a point of small order, but no other output."""
    scalar, _ = vrf._expand(SECRET)
    gamma = vrf._add(vrf._point(PROOF[:32], "Gamma"), vrf._point(bytes.fromhex(SMALL[4]), "small"))
    proofs = dict(forged(PUBLIC, gamma, scalar, nonce) for nonce in range(1, 40))
    valid = [proof for c, proof in proofs.items() if c % 8 == 0]
    assert valid
    for proof in valid:
        assert proof[:32] != PROOF[:32]
        assert vrf.verify(PUBLIC, MESSAGE, proof) == OUTPUT
    with pytest.raises(ValueError, match="its challenge is"):
        vrf.verify(PUBLIC, MESSAGE, next(proof for c, proof in proofs.items() if c % 8))


@pytest.mark.parametrize("alias", ALIASES, ids=bytes.hex)
def test_a_y_that_is_not_canonical_is_refused(alias: bytes) -> None:
    """A y of p or more is no encoding of y - p: neither in a public key nor in a proof."""
    with pytest.raises(ValueError, match=f"public key is {alias.hex()}, expected the canonical encoding"):
        vrf.verify(alias, MESSAGE, PROOF)
    proof = alias + PROOF[32:]
    for refuse in (partial(vrf.verify, PUBLIC, MESSAGE), vrf.output):
        with pytest.raises(ValueError, match=r"Gamma of the proof is .*, expected the canonical encoding"):
            refuse(proof)


@pytest.mark.parametrize("y", [1, vrf.FIELD - 1])
def test_a_negative_zero_is_refused(y: int) -> None:
    """An x of 0 is not odd."""
    public = (y + 2**255).to_bytes(32, "little")
    with pytest.raises(ValueError, match="expected the canonical encoding"):
        vrf.verify(public, MESSAGE, PROOF)


def test_a_y_off_the_curve_is_refused() -> None:
    """Not every y has an x: 2 has none."""
    with pytest.raises(ValueError, match="Gamma of the proof is 0200"):
        vrf.output(bytes([2]) + bytes(31) + PROOF[32:])


def test_every_s_has_one_encoding() -> None:
    """The equations hold for s + q as for s, so whatever is not below q is refused."""
    s = int.from_bytes(PROOF[48:], "little")
    for other in (s + vrf.ORDER, vrf.ORDER, 2**256 - 1):
        proof = PROOF[:48] + other.to_bytes(32, "little")
        for refuse in (partial(vrf.verify, PUBLIC, MESSAGE), vrf.output):
            with pytest.raises(ValueError, match=f"s of the proof is {other:x}, expected less than"):
                refuse(proof)


@pytest.mark.parametrize("size", [0, 79, 81])
def test_a_proof_of_another_length_is_refused(size: int) -> None:
    """A proof has 80 bytes."""
    proof = (PROOF + b"\x00")[:size]
    for refuse in (partial(vrf.verify, PUBLIC, MESSAGE), vrf.output):
        with pytest.raises(ValueError, match=f"proof has {size} bytes, expected 80"):
            refuse(proof)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    """Public keys and secrets have 32 bytes, and the message never shows the secret."""
    with pytest.raises(ValueError, match=f"public key has {size} bytes, expected 32"):
        vrf.verify((PUBLIC + b"\x00")[:size], MESSAGE, PROOF)
    for refuse in (vrf.public_key, lambda secret: vrf.prove(secret, MESSAGE)):
        with pytest.raises(ValueError, match=f"^secret has {size} bytes, expected 32$"):
            refuse((SECRET + b"\x00")[:size])


def test_a_hash_that_is_no_use_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message's point comes from the first hash that is a point and not of small order, and there are 256."""
    points = iter([None, vrf.IDENTITY, vrf.BASE])
    monkeypatch.setattr(vrf, "_decode", lambda _: next(points))
    assert vrf._encode(vrf._hash_to_curve(PUBLIC, MESSAGE)) == vrf._encode(vrf._times(8, vrf.BASE))
    monkeypatch.setattr(vrf, "_decode", lambda _: None)
    with pytest.raises(ValueError, match="message of 2 bytes has no point within 256 tries"):
        vrf._hash_to_curve(PUBLIC, MESSAGE)


def test_points_have_their_order() -> None:
    """The base point times q is the identity, and the multiples of a point of order 8 are the eight small points."""
    assert vrf._encode(vrf._times(vrf.ORDER, vrf.BASE)) == vrf._encode(vrf.IDENTITY)
    eighth = vrf._point(bytes.fromhex(SMALL[4]), "eighth")
    assert {vrf._encode(vrf._times(factor, eighth)).hex() for factor in range(8)} == set(SMALL)
