"""Vrf: random numbers that the holder of a key can draw, cannot choose, and can prove to everybody.

A verifiable random function gives one and only one valid output for each message under a key. The holder of the secret
key computes the output and a proof of it; whoever has the public key can check the proof; and without secret or proof
nobody can guess the output or tell it from random bytes. One output may have several proofs.

This is ECVRF-EDWARDS25519-SHA512-TAI, suite 3 of RFC 9381, sections 5.1 to 5.5. Keys are those of Ed25519 (RFC 8032).
A proof is a point Gamma = secret * H, where H is a point hashed from public key and message, and two numbers c and s,
which show that one secret leads from the base point to the public key and from H to Gamma.

Python's arithmetic is not constant-time: how long it takes tells something of the numbers. So the secret stays on the
operator's own machine, and nobody else should be able to time it there. To verify takes no secret.
"""

from __future__ import annotations

import hashlib

Point = tuple[int, int, int, int]
"""X, Y, Z and T, each below FIELD: x = X/Z and y = Y/Z on the curve y² - x² = 1 + D x² y², and T = XY/Z."""

FIELD = 2**255 - 19
"""The prime modulo which coordinates are reckoned: p in the RFC."""
ORDER = 2**252 + 27742317777372353535851937790883648493
"""How many points the base point generates, a prime: q in the RFC."""
COFACTOR = 8
"""The curve has this many times ORDER points."""
D = -121665 * pow(121666, -1, FIELD) % FIELD
ROOT = pow(2, (FIELD - 1) // 4, FIELD)
"""A square root of -1."""
IDENTITY: Point = (0, 1, 1, 0)
SUITE = b"\x03"
NUMBER, CHALLENGE, PROOF = 32, 16, 80
"""Lengths in bytes: of a point, a secret or s; of c; of Gamma, c and s together."""


def public_key(secret: bytes) -> bytes:
    """The 32-byte public key of a 32-byte secret, the same as for Ed25519."""
    return _encode(_times(_expand(secret)[0], BASE))


def prove(secret: bytes, message: bytes) -> bytes:
    """The 80-byte proof of a message's output under a 32-byte secret (5.1), always the same for the same two."""
    scalar, prefix = _expand(secret)
    key = _times(scalar, BASE)
    hashed = _hash_to_curve(_encode(key), message)
    gamma = _times(scalar, hashed)
    # 5.4.2.2: one nonce under two challenges would give the secret away, so it is a hash of secret and message.
    nonce = _number(hashlib.sha512(prefix + _encode(hashed)).digest()) % ORDER
    c = _challenge(key, hashed, gamma, _times(nonce, BASE), _times(nonce, hashed))
    s = (nonce + c * scalar) % ORDER
    return _encode(gamma) + c.to_bytes(CHALLENGE, "little") + s.to_bytes(NUMBER, "little")


def verify(public: bytes, message: bytes, proof: bytes) -> bytes:
    """The message's 64-byte output under a 32-byte public key (5.3); ValueError where key or proof is not valid."""
    key = _point(public, "public key")
    # 5.4.5: under a key of small order all messages have the same output, and everybody can prove it.
    if _is_small(key):
        raise ValueError(f"public key {public.hex()} is of small order, expected one that belongs to a secret")
    gamma, c, s = _read(proof)
    hashed = _hash_to_curve(public, message)
    # Points are subtracted, not multiplied by ORDER - c: that would be another point where one is of mixed order.
    u = _add(_times(s, BASE), _negative(_times(c, key)))
    v = _add(_times(s, hashed), _negative(_times(c, gamma)))
    if (found := _challenge(key, hashed, gamma, u, v)) != c:
        raise ValueError(f"proof is not of this message under this key: its challenge is {c:x}, expected {found:x}")
    return _output(gamma)


def output(proof: bytes) -> bytes:
    """The 64-byte output that a proof is for (5.2), unverified; ValueError where the proof does not decode."""
    return _output(_read(proof)[0])


def _output(gamma: Point) -> bytes:
    """The 64-byte output of Gamma; the cofactor makes equal what differs by a point of small order only."""
    return hashlib.sha512(SUITE + b"\x03" + _encode(_times(COFACTOR, gamma)) + b"\x00").digest()


def _expand(secret: bytes) -> tuple[int, bytes]:
    """The secret scalar of a 32-byte secret, and the 32 bytes that its nonces are hashed with: RFC 8032, 5.1.5."""
    if len(secret) != NUMBER:
        raise ValueError(f"secret has {len(secret)} bytes, expected {NUMBER}")
    digest = hashlib.sha512(secret).digest()
    # A multiple of the cofactor, with bit 254 as its highest.
    return _number(digest[:NUMBER]) & (2**254 - COFACTOR) | 2**254, digest[NUMBER:]


def _read(proof: bytes) -> tuple[Point, int, int]:
    """Gamma, c and s of an 80-byte proof (5.4.4); ValueError where it does not decode."""
    if len(proof) != PROOF:
        raise ValueError(f"proof has {len(proof)} bytes, expected {PROOF}")
    gamma = _point(proof[:NUMBER], "Gamma of the proof")
    if (s := _number(proof[-NUMBER:])) >= ORDER:
        raise ValueError(f"s of the proof is {s:x}, expected less than {ORDER:x}")
    return gamma, _number(proof[NUMBER:-NUMBER]), s


def _hash_to_curve(public: bytes, message: bytes) -> Point:
    """H, the point that belongs to a message under a 32-byte public key: try and increment (5.4.1.1)."""
    for tries in range(256):  # every second one is a point
        digest = hashlib.sha512(SUITE + b"\x01" + public + message + bytes([tries, 0])).digest()
        point = _decode(digest[:NUMBER])
        if point is not None and not _is_small(point):
            return _times(COFACTOR, point)
    raise ValueError(f"message of {len(message)} bytes has no point within 256 tries, expected about 2")


def _challenge(*points: Point) -> int:
    """The challenge c, below 2**128, to the public key, H, Gamma, U and V (5.4.3)."""
    text = SUITE + b"\x02" + b"".join(map(_encode, points)) + b"\x00"
    return _number(hashlib.sha512(text).digest()[:CHALLENGE])


def _number(text: bytes) -> int:
    """The number that bytes stand for, the lowest first."""
    return int.from_bytes(text, "little")


def _point(text: bytes, name: str) -> Point:
    """The point that 32 bytes stand for; ValueError, with the name, where they are not the encoding of one."""
    if len(text) != NUMBER:
        raise ValueError(f"{name} has {len(text)} bytes, expected {NUMBER}")
    if (point := _decode(text)) is None:
        raise ValueError(f"{name} is {text.hex()}, expected the canonical encoding of a point of edwards25519")
    return point


def _decode(text: bytes) -> Point | None:
    """The point that 32 bytes encode: y, and in the top bit whether x is odd. None where it is not canonical."""
    odd, y = divmod(_number(text), 2**255)
    if y >= FIELD:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, FIELD) % FIELD  # D * y * y is never -1
    x = pow(square, (FIELD + 3) // 8, FIELD)  # a root of the square or of its negative, if either has one
    if x * x % FIELD != square:
        x = x * ROOT % FIELD
    if x * x % FIELD != square or (x == 0 and odd):
        return None
    if x % 2 != odd:
        x = FIELD - x
    return x, y, 1, x * y % FIELD


def _encode(point: Point) -> bytes:
    """The 32 bytes that stand for a point: y, and in the top bit whether x is odd."""
    inverse = pow(point[2], -1, FIELD)
    x, y = point[0] * inverse % FIELD, point[1] * inverse % FIELD
    return (y + (x % 2) * 2**255).to_bytes(NUMBER, "little")


def _add(a: Point, b: Point) -> Point:
    """The sum of any two points, equal ones too: the complete formula of RFC 8032, 5.1.4."""
    low = (a[1] - a[0]) * (b[1] - b[0])
    high = (a[1] + a[0]) * (b[1] + b[0])
    t = 2 * D * a[3] * b[3]
    z = 2 * a[2] * b[2]
    e, f, g, h = high - low, (z - t) % FIELD, (z + t) % FIELD, high + low
    return e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD


def _negative(point: Point) -> Point:
    """The point that gives IDENTITY when added to this one."""
    return -point[0] % FIELD, point[1], point[2], -point[3] % FIELD


def _is_small(point: Point) -> bool:
    """Whether a point is one of the 8 of small order, which the cofactor takes to IDENTITY."""
    return _encode(_times(COFACTOR, point)) == _encode(IDENTITY)


def _times(factor: int, point: Point) -> Point:
    """A point added to itself a number of times: doubled for each bit of the factor, the lowest first."""
    total = IDENTITY
    while factor:
        if factor % 2:
            total = _add(total, point)
        point, factor = _add(point, point), factor // 2
    return total


BASE = _point((4 * pow(5, -1, FIELD) % FIELD).to_bytes(NUMBER, "little"), "base point")
"""The point with y = 4/5 and even x, which leads to every public key."""
