"""The bytes of securechat, as docs/protocol.md has them: cryptography, handshake, datagrams, frames, messages.

Values in, values out: no socket, no clock, no state but that of one handshake. Names in [brackets] are sections of
docs/protocol.md. Needs `cryptography` 48 or newer, for ML-KEM-768. Nothing here takes constant time or wipes a secret.
"""
import copy
import hashlib
import hmac
import random
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

PROTOCOL_NAME = b"Noise_IKhfs+psk2_25519+MLKEM768_ChaChaPoly_BLAKE2s"
VERSION = 1
NO_PSK = bytes(32)

# [Constants]
BASE_DATAGRAM_LEN = 1232
MAX_DATAGRAM_LEN = 1472
ACK_MAX_RANGES = 32
CLOSE_REASON_MAX_LEN = 64
VERIFY_MAX_LEN = 128
RECEIPT_MAX_LEN = 512
NICKNAME_MAX_LEN = 128
MAX_EVENTS = 1024
INLINE_BODY_MAX_LEN = 65536
MESSAGE_MAX_LEN = 1 << 24

# One generator for all that is drawn, so that --seed draws the same again. For this reason alone nobody may talk with it.
chance = random.Random()


class Malformed(Exception):
    """What is dropped without an answer ([Overview])."""


class Breach(Exception):
    """A breach of the protocol, which the receiver answers with CLOSE of this code ([Frames])."""

    def __init__(self, why: str, code: int = 1):
        super().__init__(why)
        self.code = code


# ---- [Notation] ----

def blake2s(*parts: bytes, key: bytes = b"", size: int = 32) -> bytes:
    """BLAKE2s over the parts joined."""
    return hashlib.blake2s(b"".join(parts), key=key, digest_size=size).digest()


def mac(key: bytes, data: bytes) -> bytes:
    """MAC(k, x): a digest length of 16, not a cut."""
    return blake2s(data, key=key, size=16)


def varint(number: int, size: int = 0) -> bytes:
    """The shortest varint, or, with `size`, the one of that many bytes, which may be too long to be valid."""
    for bits, shortest in ((6, 1), (14, 2), (30, 4), (62, 8)):
        if number < 1 << bits:
            size = size or shortest
            return (number | (size.bit_length() - 1) << (8 * size - 2)).to_bytes(size, "big")
    raise ValueError(number)


class Reader:
    """Takes fields from the front. Whatever cannot be parsed inside the seal is a breach ([Frames])."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        if self.left() < size:
            raise Breach("ends too soon")
        self.at += size
        return self.data[self.at - size:self.at]

    def rest(self) -> bytes:
        return self.take(self.left())

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def varint(self) -> int:
        size = 1 << (self.u8() >> 6)
        self.at -= 1
        number = int.from_bytes(self.take(size), "big") & ((1 << 8 * size - 2) - 1)
        if len(varint(number)) != size:
            raise Breach("a varint that is not the shortest")
        return number

    def block(self, most: int) -> bytes:
        """A length varint and that many bytes, `most` at most."""
        size = self.varint()
        if size > most:
            raise Breach("a length above its bound")
        return self.take(size)


def block(data: bytes) -> bytes:
    return varint(len(data)) + data


def seal(key: bytes, counter: int, ad: bytes, plain: bytes) -> bytes:
    """AEAD(k, n, a, p)."""
    return ChaCha20Poly1305(key).encrypt(bytes(4) + counter.to_bytes(8, "little"), plain, ad)


def unseal(key: bytes, counter: int, ad: bytes, sealed: bytes) -> bytes:
    try:
        return ChaCha20Poly1305(key).decrypt(bytes(4) + counter.to_bytes(8, "little"), sealed, ad)
    except InvalidTag:
        raise Malformed("does not authenticate") from None


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """The key that XChaCha20 makes of a key and the first 16 bytes of a nonce."""
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def quarter_round(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = s[x] + s[y] & 0xffffffff
            mixed = s[z] ^ s[x]
            s[z] = (mixed << turn | mixed >> 32 - turn) & 0xffffffff

    for _ in range(10):
        for i in range(4):
            quarter_round(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter_round(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *s[:4], *s[12:])


def xseal(key: bytes, nonce: bytes, ad: bytes, plain: bytes) -> bytes:
    """XAEAD(k, N, a, p)."""
    return seal(hchacha20(key, nonce[:16]), int.from_bytes(nonce[16:], "little"), ad, plain)


def xunseal(key: bytes, nonce: bytes, ad: bytes, sealed: bytes) -> bytes:
    return unseal(hchacha20(key, nonce[:16]), int.from_bytes(nonce[16:], "little"), ad, sealed)


def public(secret: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def dh(secret: bytes, other: bytes) -> bytes:
    """DH(a, B). The library refuses a result of zeros."""
    try:
        return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(other))
    except ValueError:
        raise Malformed("Diffie-Hellman gives zeros") from None


def signing_key(static_secret: bytes) -> bytes:
    """The public half of the signing key ([Identities and keys])."""
    seed = blake2s(b"sc1-sign", key=static_secret)
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


# ---- [Handshake] ----

def hkdf(chaining_key: bytes, material: bytes, count: int) -> list[bytes]:
    """HKDF of Noise §4.3."""
    temporary = hmac.new(chaining_key, material, hashlib.blake2s).digest()
    out = [b""]
    for i in range(1, count + 1):
        out.append(hmac.new(temporary, out[-1] + bytes([i]), hashlib.blake2s).digest())
    return out[1:]


class Noise:
    """The symmetric state of Noise §5.2, from the start up to message 1 ([Steps])."""

    def __init__(self, responder: bytes, initiator_index: int):
        self.h = self.ck = blake2s(PROTOCOL_NAME)
        self.k, self.n = None, 0
        self.mix_hash(b"securechat" + struct.pack("<HI", VERSION, initiator_index))
        self.mix_hash(responder)

    def mix_hash(self, data: bytes):
        self.h = blake2s(self.h, data)

    def mix_key(self, material: bytes):
        self.ck, self.k = hkdf(self.ck, material, 2)
        self.n = 0

    def mix_key_and_hash(self, material: bytes):
        self.ck, hashed, self.k = hkdf(self.ck, material, 3)
        self.mix_hash(hashed)
        self.n = 0

    def mix_ephemeral(self, key: bytes) -> bytes:
        """The token `e` in a handshake with a psk."""
        self.mix_hash(key)
        self.mix_key(key)
        return key

    def encrypt_and_hash(self, plain: bytes) -> bytes:
        out = seal(self.k, self.n, self.h, plain)
        self.n += 1
        self.mix_hash(out)
        return out

    def decrypt_and_hash(self, sealed: bytes) -> bytes:
        out = unseal(self.k, self.n, self.h, sealed)
        self.n += 1
        self.mix_hash(sealed)
        return out

    def split(self) -> list[bytes]:
        return hkdf(self.ck, b"", 2)


def write_message1(noise: Noise, s_i: bytes, S_r: bytes, e_i: bytes, ek: bytes, payload: bytes) -> bytes:
    """e, es, e1, s, ss, payload 1."""
    out = noise.mix_ephemeral(public(e_i))
    noise.mix_key(dh(e_i, S_r))
    out += noise.encrypt_and_hash(ek)
    out += noise.encrypt_and_hash(public(s_i))
    noise.mix_key(dh(s_i, S_r))
    return out + noise.encrypt_and_hash(payload)


def read_message1(noise: Noise, s_r: bytes, message: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Gives E_i, ek, S_i and payload 1."""
    E_i = noise.mix_ephemeral(message[:32])
    noise.mix_key(dh(s_r, E_i))
    ek = noise.decrypt_and_hash(message[32:1232])
    S_i = noise.decrypt_and_hash(message[1232:1280])
    noise.mix_key(dh(s_r, S_i))
    payload = noise.decrypt_and_hash(message[1280:])
    try:
        MLKEM768PublicKey.from_public_bytes(ek)
    except ValueError:
        raise Malformed("an encapsulation key out of range") from None
    return E_i, ek, S_i, payload


def write_message2(noise: Noise, e_r: bytes, E_i: bytes, S_i: bytes, ek: bytes, psk: bytes, payload: bytes,
                   encapsulated: tuple[bytes, bytes] | None = None) -> bytes:
    """e, ee, ekem1, se, psk, payload 2. `encapsulated`: z and ct, where a vector gives them."""
    z, ct = encapsulated or MLKEM768PublicKey.from_public_bytes(ek).encapsulate()
    out = noise.mix_ephemeral(public(e_r))
    noise.mix_key(dh(e_r, E_i))
    out += noise.encrypt_and_hash(ct)
    noise.mix_key(z)
    noise.mix_key(dh(e_r, S_i))
    noise.mix_key_and_hash(psk)
    return out + noise.encrypt_and_hash(payload)


def read_message2(noise: Noise, s_i: bytes, e_i: bytes, dk: MLKEM768PrivateKey, psk: bytes,
                  message: bytes) -> tuple[bytes, Noise]:
    """Gives payload 2 and the state at the end. Reads into a copy: a message that fails changes nothing ([Rules])."""
    noise = copy.copy(noise)
    E_r = noise.mix_ephemeral(message[:32])
    noise.mix_key(dh(e_i, E_r))
    noise.mix_key(dk.decapsulate(noise.decrypt_and_hash(message[32:1136])))
    noise.mix_key(dh(s_i, E_r))
    noise.mix_key_and_hash(psk)
    return noise.decrypt_and_hash(message[1136:]), noise


# Flags of payload 2 ([Payloads]).
KNOWN, GUEST, REFUSED, OTHER_VERSION = 0, 1, 2, 4


def write_payload1(timestamp: int, connection_id: int, flags: int = 0) -> bytes:
    """`timestamp`: nanoseconds since 1970."""
    return struct.pack("<QIQI", *divmod(timestamp, 10**9), connection_id, flags)


def read_payload1(payload: bytes) -> tuple[int, int]:
    """Gives timestamp and connection id."""
    seconds, nanoseconds, connection_id, flags = struct.unpack("<QIQI", payload)
    timestamp = seconds * 10**9 + nanoseconds
    if flags or nanoseconds >= 10**9 or timestamp >= 1 << 64:
        raise Malformed("payload 1")
    return timestamp, connection_id


# ---- [Datagrams] ----

INIT, RESP, COOKIE, DATA = 1, 2, 3, 4
LENGTHS = {INIT: 700, RESP: 608, COOKIE: 64}


def mac1_key(key: bytes) -> bytes:
    """`key`: S_r for INIT, E_i for RESP ([MACs])."""
    return blake2s(b"sc1-mac1", key)


def cookie_key(S_r: bytes) -> bytes:
    return blake2s(b"sc1-cook", S_r)


def init(part: int, sender: int, message1: bytes, S_r: bytes, cookie: bytes | None = None, version: int = VERSION) -> bytes:
    out = struct.pack("<BBHI", INIT, part, version, sender) + message1[660 * part:660 * part + 660]
    out += mac(mac1_key(S_r), out)
    return out + (mac(cookie, out) if cookie else bytes(16))


def resp(part: int, receiver: int, message2: bytes, E_i: bytes) -> bytes:
    out = struct.pack("<BBHI", RESP, part, 0, receiver) + message2[584 * part:584 * part + 584]
    return out + mac(mac1_key(E_i), out)


def cookie_reply(receiver: int, nonce: bytes, S_r: bytes, mac1: bytes, cookie: bytes) -> bytes:
    sealed = xseal(cookie_key(S_r), nonce, mac1, cookie)
    return struct.pack("<BBHI", COOKIE, 0, 0, receiver) + nonce + sealed


def data(receiver: int, key: bytes, counter: int, plain: bytes) -> bytes:
    return struct.pack("<BBHIQ", DATA, 0, 0, receiver, counter) + seal(key, counter, b"", plain)


def mac1_of(init_part: bytes) -> bytes:
    return init_part[668:684]


# ---- [Frames] ----

PADDING, PING, ACK, HELLO, CLOSE, STREAM, LAST, RESET, STOP = 0, 1, 2, 3, 4, 6, 7, 8, 9
MAX_DATA, MAX_STREAM_DATA, MAX_STREAMS, RECEIPT, REJECT, CHALLENGE, RESPONSE, VERIFY = 10, 11, 12, 13, 14, 15, 16, 64
EXTENSIONS = 0x42
# Frames of nothing but varints, and how many.
VARINTS = {PING: 0, RESET: 3, STOP: 2, MAX_DATA: 1, MAX_STREAM_DATA: 2, MAX_STREAMS: 1}
# Frames of one block of at most so many bytes.
BLOCKS = {RECEIPT: RECEIPT_MAX_LEN, REJECT: RECEIPT_MAX_LEN, VERIFY: VERIFY_MAX_LEN}
BUCKETS = (64, 128, 256, 512, 1024)


def frame(kind: int, *fields: int | bytes) -> bytes:
    """One frame: numbers become varints, bytes stand as they are."""
    return varint(kind) + b"".join(field if isinstance(field, bytes) else varint(field) for field in fields)


def hello(signing: bytes, nickname: bytes = b"") -> bytes:
    """HELLO of this version, which understands VERIFY."""
    body = struct.pack("<HH", VERSION, VERSION) + varint(MESSAGE_MAX_LEN) + varint(1) + signing + block(nickname)
    return frame(HELLO, block(body))


def ack(ranges: list[tuple[int, int]], delay: int) -> bytes:
    """`ranges`: (lowest, highest), the highest first. `delay`: microseconds."""
    (low, high), below = ranges[0], b""
    first = high - low
    for lower, upper in ranges[1:]:
        below += varint(low - upper - 2) + varint(upper - lower)
        low = lower
    return frame(ACK, high, delay, len(ranges) - 1, first, below)


def pad(plain: bytes, size: int = BASE_DATAGRAM_LEN - 32) -> bytes:
    """PADDING up to the first bucket that holds it, else up to `size`."""
    for bucket in (*BUCKETS, size):
        if len(plain) <= bucket:
            return plain + bytes(bucket - len(plain))
    raise ValueError("too long for a packet")


def parse_packet(plain: bytes) -> tuple[int, list[tuple]]:
    """The packet number, and the frames but PADDING, each a tuple that begins with its type."""
    reader, frames = Reader(plain), []
    number = reader.varint()
    while reader.left():
        kind = reader.varint()
        if kind != PADDING:
            frames.append((kind, *parse_frame(kind, reader)))
    return number, frames


def parse_frame(kind: int, reader: Reader) -> tuple:
    """The fields of a frame behind its type."""
    if kind in VARINTS:
        return tuple(reader.varint() for _ in range(VARINTS[kind]))
    if kind in BLOCKS:
        return (reader.block(BLOCKS[kind]),)
    if kind in (STREAM, LAST):
        return reader.varint(), reader.varint(), reader.take(reader.varint())
    if kind == ACK:
        return parse_ack(reader)
    if kind == HELLO:
        return parse_hello(Reader(reader.block(512)))
    if kind == CLOSE:
        return reader.varint(), reader.block(CLOSE_REASON_MAX_LEN)
    if kind in (CHALLENGE, RESPONSE):
        return (reader.take(8),)
    if kind >= EXTENSIONS and kind % 2 == 0:
        return (reader.take(reader.varint()),)
    raise Breach(f"unknown frame {kind:#x}", 2)


def parse_ack(reader: Reader) -> tuple[list[tuple[int, int]], int]:
    """Ranges as (lowest, highest), the highest first, and the delay in microseconds."""
    high, delay, count, first = (reader.varint() for _ in range(4))
    if count >= ACK_MAX_RANGES:
        raise Breach("an ACK of too many ranges")
    ranges = [(high - first, high)]
    for _ in range(count):
        gap, length = reader.varint(), reader.varint()
        high = ranges[-1][0] - gap - 2
        ranges.append((high - length, high))
    if ranges[-1][0] < 0:
        raise Breach("an ACK below 0")
    return ranges, delay


def parse_hello(reader: Reader) -> tuple[int, int, int, bytes, bytes]:
    """Newest version, largest message, capabilities, signing key, nickname."""
    oldest, newest, largest, capabilities = reader.u16(), reader.u16(), reader.varint(), reader.varint()
    signing, nickname = reader.take(32), reader.block(NICKNAME_MAX_LEN)
    if oldest > newest:
        raise Breach("the oldest version is above the newest")
    return newest, largest, capabilities, signing, nickname


# ---- [Messages] ----

BODY_ELSEWHERE = 0x80


def message(log: int, sequence: int, sent_at: int, body: bytes = b"", stream: int | None = None, length: int = 0,
            kind: int = 1, conversation: bytes = b"") -> bytes:
    """A message as it stands on stream 1; with `stream` its body of `length` bytes lies there."""
    elsewhere = BODY_ELSEWHERE if stream is not None else 0
    out = bytes([kind | elsewhere, len(conversation)]) + conversation
    out += struct.pack("<QQQ", log, sequence, sent_at)
    return block(out + (varint(stream) + varint(length) if stream is not None else body))


def receipt_body(log: int, numbers: list[int]) -> bytes:
    """`numbers`: ascending, each once."""
    ranges = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    out, last = log.to_bytes(8, "little"), None
    for low, high in ranges:
        out += varint(low if last is None else low - last - 2) + varint(high - low)
        last = high
    return out


def parse_receipt(body: bytes) -> tuple[int, list[tuple[int, int]]]:
    """Log id and ranges as (lowest, highest), ascending."""
    reader = Reader(body)
    log, low, ranges = reader.u64(), reader.varint(), []
    while True:
        ranges.append((low, low + reader.varint()))
        if ranges[-1][1] >= 1 << 62:
            raise Breach("a number above 2^62 - 1")
        if not reader.left():
            return log, ranges
        low = ranges[-1][1] + reader.varint() + 2


def reject_body(log: int, sequence: int, reason: int) -> bytes:
    return log.to_bytes(8, "little") + varint(sequence) + varint(reason)


# ---- [Verification] ----

ASK, ANSWER, REVEAL, VERDICT = 0, 1, 2, 3
# Bytes after the attempt.
STEP_LENGTHS = {ASK: 64, ANSWER: 32, REVEAL: 32, VERDICT: 1}


def verify_body(step: int, attempt: int, rest: bytes) -> bytes:
    return bytes([step]) + attempt.to_bytes(8, "little") + rest


def about(handshake: bytes, attempt: int, asker: bytes, answerer: bytes) -> bytes:
    """What both hashes are about."""
    return handshake + attempt.to_bytes(8, "little") + asker + answerer


def commitment(subject: bytes, askers_nonce: bytes) -> bytes:
    return blake2s(b"sc1-comm", subject, askers_nonce)


def code(subject: bytes, askers_nonce: bytes, answerers_nonce: bytes) -> bytes:
    return blake2s(b"sc1-word", subject, askers_nonce, answerers_nonce)


def words(code: bytes, english: list[str]) -> tuple[list[str], list[str]]:
    """Four words of BIP 39's list `english`, and three numbers."""
    bits = int.from_bytes(code, "big")
    named = [english[bits >> 256 - 11 * (i + 1) & 2047] for i in range(4)]
    numbers = [str((bits >> 256 - 44 - 13 * (i + 1) & 8191) + 1000) for i in range(3)]
    return named, numbers


def digits(key: bytes) -> str:
    """Thirty digits of a safety number."""
    tail = b"\x05" + key
    h = hashlib.sha512(b"\0\0" + tail + b"securechat" + tail).digest()
    for _ in range(5199):
        h = hashlib.sha512(h + tail).digest()
    return "".join(f"{int.from_bytes(h[5 * i:5 * i + 5], 'big') % 100000:05}" for i in range(6))


def safety_number(a: bytes, b: bytes) -> str:
    return "".join(sorted((digits(a), digits(b))))
