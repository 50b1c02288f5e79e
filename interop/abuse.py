"""What docs/protocol.md forbids, and what it allows at its bounds, sent to a real securechat.

Names in [brackets] are sections of docs/protocol.md. A case of a packet is a session of its own.
"""
import base64
import struct
import sys
import time
from typing import NamedTuple

import wire as w
from peer import Attempt, Peer
from program import Program, check, meet, run

# Cases about which the document said less, or something else, until lately. A program from before fails in them.
RECENT = {
    "S_i with the highest bit": "nothing",
    "link: n is no name": "taken",
    "link: the highest bit of the key": "refused",
    "link: a key of 2^255 - 19 + 9": "refused",
    "a body on a stream beyond the credit": "lives",
    "a body on a stream that is over": "lives",
}

PRIME = 2**255 - 19
LARGEST = (1 << 62) - 1
LOG = (7).to_bytes(8, "little")
f, v, block = w.frame, w.varint, w.block


class Case(NamedTuple):
    """What follows the packet number, and what becomes of the session: it lives, goes silent, is closed, or the packet
    is dropped."""

    name: str
    rest: bytes
    wanted: str
    padded: bool = True


class Session:
    """A program that listens, and a Peer that has met it and knows nothing under way."""

    def __init__(self):
        secret = w.chance.randbytes(32)
        self.program = Program()
        self.program.add(w.public(secret))
        self.program.listen()
        self.secret = secret
        self.begin()

    def begin(self):
        """A new session of the same identity, with a connection id of its own."""
        self.peer = Peer(self.secret, self.program.key)
        self.peer.call(self.program.address())
        if not (meet(self.peer) and self.peer.run(self.is_quiet)):
            raise RuntimeError("no session")

    def is_quiet(self) -> bool:
        connection = self.peer.connection
        return connection is None or not connection.in_flight() and not connection.frames

    def put(self, rest: bytes, number: bytes | None = None, padded: bool = True) -> int:
        """Sends a packet of a number, ours unless given, and `rest`."""
        peer, used = self.peer, self.peer.connection.use_number()
        plain = (v(used) if number is None else number) + rest
        peer.emit(peer.current.data(w.pad(plain, w.MAX_DATAGRAM_LEN - 32) if padded else plain), peer.path)
        return used

    def outcome(self, used: int = -1) -> str:
        """Asks with a PING what has become of the session, and of the packet of that number."""
        peer, acknowledged = self.peer, []
        if peer.connection:
            note(peer, acknowledged)
            peer.connection.queue(w.PING)
            peer.run(lambda: peer.got("closed") or self.is_quiet(), 1)
        if peer.got("closed"):
            return f"CLOSE {peer.got('closed')[0]['code']}" + (" by us" if peer.got("breach") else "")
        if not self.is_quiet():
            return "silent"
        return "lives" if used < 0 or any(low <= used <= high for low, high in acknowledged) else "dropped"

    def answered(self, seconds: float = .15) -> bool:
        """Whether any datagram comes."""
        self.peer.trace.clear()
        self.peer.idle(seconds)
        return any(way == "in" for way, _ in self.peer.trace)


def note(peer: Peer, acknowledged: list):
    """Keeps the ranges that come."""
    on_ack = peer.connection.on_ack

    def noting(ranges: list, delay: int):
        acknowledged.extend(ranges)
        on_ack(ranges, delay)
    peer.connection.on_ack = noting


def run_cases(cases: list[Case]):
    session = Session()
    for case in cases:
        session.begin()
        used = session.put(case.rest, padded=case.padded)
        got = session.outcome(used)
        check(got == case.wanted, case.name + ": " + (got if got == case.wanted else f"{got} and not {case.wanted}"))


def parsing():
    """[Frames], [Notation]: types, varints, lengths, how many."""
    run_cases([
        Case("extension 0x42", f(0x42, block(b"later")), "lives"),
        Case("extension 0x4000", f(0x4000, block(b"")), "lives"),
        Case("extension beyond the packet", f(0x42, 50) + b"x", "CLOSE 1", False),
        *(Case(f"type {kind:#x}", f(kind), "CLOSE 2") for kind in (0x05, 0x11, 0x3f, 0x41, 0x43, LARGEST)),
        Case("PADDING in two bytes", v(0, 2), "CLOSE 1"),
        Case("PING in two bytes", v(1, 2), "CLOSE 1"),
        Case("PING in eight", v(1, 8), "CLOSE 1"),
        Case("a length in two bytes", v(0x42) + v(3, 2) + b"abc", "CLOSE 1"),
        Case("PING behind PADDING", bytes(9) + f(w.PING), "lives"),
        Case("half a varint at the end", f(w.PING) + b"\x40", "CLOSE 1", False),
        Case("no PADDING", f(w.PING), "lives", False),
        Case("1,024 frames", f(w.PING) * 1024, "lives"),
        Case("1,025 frames", f(w.PING) * 1025, "dropped"),
        Case("PATH_RESPONSE to nothing", f(w.RESPONSE, bytes(8)), "lives"),
        Case("PATH_CHALLENGE cut", v(w.CHALLENGE) + bytes(7), "CLOSE 1", False),
    ])


def numbers():
    """[Frames], the packet number."""
    session = Session()
    for name, number, rest, padded, wanted in (
            ("an empty plaintext", b"", b"", False, "CLOSE 1"),
            ("a number in two bytes", v(9, 2), f(w.PING), True, "CLOSE 1"),
            ("a number that came before", v(0), f(5), True, "CLOSE 2"),
            ("a number that came before, with STREAM", v(0), f(w.STREAM, 1, 0, block(v(0))), True, "lives"),
            ("a number alone", None, b"", False, "lives")):
        session.begin()
        session.put(rest, number, padded)
        got = session.outcome()
        check(got == wanted, f"{name}: {got}")
    session.begin()
    session.put(f(w.PING), v(LARGEST))
    session.peer.connection.on_ack = lambda _ranges, _delay: None
    session.peer.idle(.3)
    check(not session.peer.got("closed"), "number 2^62 - 1: lives")


def acknowledgements():
    """[Frames], ACK."""
    run_cases([
        Case("ACK of a packet never sent", f(w.ACK, 5000, 0, 0, 0), "CLOSE 1"),
        Case("ACK below 0", f(w.ACK, 0, 0, 0, 1), "CLOSE 1"),
        Case("ACK, second range below 0", f(w.ACK, 0, 0, 1, 0, 0, 0), "CLOSE 1"),
        Case("ACK of 33 ranges", f(w.ACK, 0, 0, 32, 0, *[0] * 64), "CLOSE 1"),
        Case("ACK, delay 2^62 - 1", f(w.ACK, 0, LARGEST, 0, 0), "lives"),
    ])


def hello_and_close():
    """[Frames], HELLO and CLOSE. Later HELLOs are repetitions, so that a second one may say anything that can be parsed."""
    versions, rest = struct.pack("<HH", 1, 1), v(w.MESSAGE_MAX_LEN) + v(1)
    whole = versions + rest + bytes(32)

    def hello(body: bytes) -> bytes:
        return f(w.HELLO, block(body))
    run_cases([
        Case("HELLO again, of another key", hello(whole + v(0)), "lives"),
        Case("HELLO and more", hello(whole + v(0) + b"more"), "lives"),
        Case("HELLO, oldest 2, newest 1", hello(struct.pack("<HH", 2, 1) + whole[4:] + v(0)), "CLOSE 1"),
        Case("HELLO, oldest 0, newest 0", hello(bytes(4) + whole[4:] + v(0)), "lives"),
        Case("HELLO, nickname of 128", hello(whole + v(128) + b"n" * 128), "lives"),
        Case("HELLO, nickname of 129", hello(whole + v(129) + b"n" * 129), "CLOSE 1"),
        Case("HELLO, nickname no UTF-8", hello(whole + v(2) + b"\xff\xfe"), "lives"),
        Case("HELLO of 512", hello((whole + v(0)).ljust(512, b"x")), "lives"),
        Case("HELLO of 513", hello((whole + v(0)).ljust(513, b"x")), "CLOSE 1"),
        Case("HELLO cut", hello(whole), "CLOSE 1"),
        Case("CLOSE, reason of 64", f(w.CLOSE, 0, block(b"r" * 64)), "silent"),
        Case("CLOSE, reason of 65", f(w.CLOSE, 0, block(b"r" * 65)), "CLOSE 1"),
        Case("CLOSE, code 2^62 - 1", f(w.CLOSE, LARGEST, block(b"")), "silent"),
        Case("PING behind CLOSE", f(w.CLOSE, 0, block(b"")) + f(w.PING), "silent"),
        Case("an unknown type behind CLOSE", f(w.CLOSE, 0, block(b"")) + f(5), "CLOSE 2"),
    ])


def first_hello():
    """[Frames], HELLO: another signing key than the pinned one."""
    session = Session()
    peer = Peer(session.secret, session.program.key)
    peer.call(session.program.address())
    peer.lose_out = lambda datagram: datagram[0] == w.DATA
    peer.run(lambda: peer.connection and peer.connection.said_hello)
    peer.lose_out = lambda _: False
    session.peer = peer
    session.put(w.hello(w.chance.randbytes(32)))
    got = session.outcome()
    check(got == "CLOSE 1", f"the first HELLO of another key: {got}")


def streams():
    """[Streams]: ids, credit, ends."""
    def stream(number: int, offset: int, data: bytes, kind: int = w.STREAM) -> bytes:
        return f(kind, number, offset, block(data))

    window = 1 << 20
    run_cases([
        Case("STREAM 0", stream(0, 0, b"x"), "CLOSE 1"),
        Case("STREAM 1, empty", stream(1, 0, b""), "lives"),
        Case("STREAM 1, the last", stream(1, 0, b"", w.LAST), "CLOSE 1"),
        Case("STREAM 17", stream(17, 0, b"x"), "lives"),
        Case("STREAM 18", stream(18, 0, b"x"), "CLOSE 1"),
        Case("STREAM 1 to its credit", stream(1, window - 1, b"x"), "lives"),
        Case("STREAM 1 beyond it", stream(1, window, b"x"), "CLOSE 1"),
        Case("STREAM 1, empty, beyond it", stream(1, window + 1, b""), "CLOSE 1"),
        Case("STREAM beyond 2^62", stream(2, LARGEST, b"xx"), "CLOSE 1"),
        Case("streams to MAX_DATA", b"".join(stream(i, window - 1, b"x") for i in range(2, 6)), "lives"),
        Case("streams beyond it", b"".join(stream(i, window - 1, b"x") for i in range(2, 7)), "CLOSE 1"),
        Case("an end that moves", stream(2, 0, b"ab", w.LAST) + stream(2, 0, b"abc", w.LAST), "CLOSE 1"),
        Case("an end below data", stream(2, 0, b"abc") + stream(2, 0, b"a", w.LAST), "CLOSE 1"),
        Case("data beyond the end", stream(2, 0, b"a", w.LAST) + stream(2, 5, b"a"), "CLOSE 1"),
        Case("other bytes at the same place", stream(2, 0, b"a") + stream(2, 0, b"b"), "lives"),
        Case("RESET below data", stream(2, 0, b"abc") + f(w.RESET, 2, 0, 1), "CLOSE 1"),
        Case("RESET with another end", stream(2, 0, b"abc", w.LAST) + f(w.RESET, 2, 0, 4), "CLOSE 1"),
        Case("data behind RESET", f(w.RESET, 2, 0, 3) + stream(2, 0, b"abc"), "lives"),
        Case("RESET 0", f(w.RESET, 0, 0, 0), "CLOSE 1"),
        Case("RESET 1", f(w.RESET, 1, 0, 0), "CLOSE 1"),
        Case("RESET 2", f(w.RESET, 2, 0, 0), "lives"),
        Case("RESET 2, code 9", f(w.RESET, 2, 9, 0), "lives"),
        Case("RESET 18", f(w.RESET, 18, 0, 0), "CLOSE 1"),
        Case("RESET twice", f(w.RESET, 2, 0, 3) + f(w.RESET, 2, 0, 3), "lives"),
        Case("RESET beyond the credit", f(w.RESET, 2, 0, window + 1), "CLOSE 1"),
        *(Case(f"STOP {number} of what is not open", f(w.STOP, number, 0), "CLOSE 1") for number in (0, 1, 2)),
    ])


def credit():
    """[Streams], Credit."""
    run_cases([
        *(Case(f"{name} {limit}", f(kind, limit), "lives") for limit in (0, LARGEST)
          for name, kind in (("MAX_DATA", w.MAX_DATA), ("MAX_STREAMS", w.MAX_STREAMS))),
        Case("MAX_STREAM_DATA 0", f(w.MAX_STREAM_DATA, 0, 9), "CLOSE 1"),
        Case("MAX_STREAM_DATA 1", f(w.MAX_STREAM_DATA, 1, LARGEST), "lives"),
        Case("MAX_STREAM_DATA 2, not open", f(w.MAX_STREAM_DATA, 2, 9), "CLOSE 1"),
    ])


def receipts():
    """[Messages], RECEIPT and REJECT."""
    def receipt(body: bytes) -> bytes:
        return f(w.RECEIPT, block(body))
    run_cases([
        Case("RECEIPT, empty", receipt(b""), "CLOSE 1"),
        Case("RECEIPT without a range", receipt(LOG), "CLOSE 1"),
        Case("RECEIPT of nothing known", receipt(LOG + v(0) + v(LARGEST)), "lives"),
        Case("RECEIPT above 2^62 - 1", receipt(LOG + v(1) + v(LARGEST)), "CLOSE 1"),
        Case("RECEIPT, second range above", receipt(LOG + v(0) + v(0) + v(LARGEST - 1) + v(0)), "CLOSE 1"),
        Case("RECEIPT, half a range", receipt(LOG + v(0) + v(0) + v(0)), "CLOSE 1"),
        Case("RECEIPT, a long varint", receipt(LOG + v(0, 2) + v(0)), "CLOSE 1"),
        Case("RECEIPT of 512", receipt(LOG + v(0) * 504), "lives"),
        Case("RECEIPT of 513", receipt(LOG + v(0) * 505), "CLOSE 1"),
        Case("REJECT and more", f(w.REJECT, block(LOG + v(0) + v(3) + b"more")), "lives"),
        Case("REJECT cut", f(w.REJECT, block(LOG + v(0))), "CLOSE 1"),
    ])


def verification():
    """[Verification]: steps and lengths."""
    def step(number: int, rest: bytes) -> bytes:
        return f(w.VERIFY, block(w.verify_body(number, 0, rest)))
    run_cases([
        Case("VERIFY of 8 bytes", f(w.VERIFY, block(bytes(8))), "CLOSE 1"),
        Case("VERIFY of 8 bytes, step 7", f(w.VERIFY, block(b"\7" + bytes(7))), "CLOSE 1"),
        Case("VERIFY of 129 bytes", f(w.VERIFY, block(b"\7" * 129)), "CLOSE 1"),
        Case("VERIFY, step 7", step(7, b""), "lives"),
        Case("ASK too short", step(w.ASK, bytes(63)), "CLOSE 1"),
        Case("ASK too long", step(w.ASK, bytes(65)), "CLOSE 1"),
        Case("ASK of no handshake", step(w.ASK, bytes(64)), "lives"),
        Case("ANSWER to nothing", step(w.ANSWER, bytes(32)), "lives"),
        Case("VERDICT 9", step(w.VERDICT, b"\x09"), "lives"),
        Case("VERDICT 1 of no attempt", step(w.VERDICT, b"\1"), "lives"),
    ])


def messages():
    """[Messages]: the form of a header."""
    name = struct.pack("<QQQ", 7, 0, 0)
    short, long = b"\1\0" + name, b"\x81\0" + name

    def chat(data: bytes) -> bytes:
        return f(w.STREAM, 1, 0, block(data))

    def body_on(stream: int, length: int, more: bytes = b"") -> bytes:
        return chat(block(long + v(stream) + v(length) + more))

    beyond, over = "a body on a stream beyond the credit", "a body on a stream that is over"
    run_cases([
        Case("len 0", chat(v(0)), "CLOSE 1"),
        Case("len 25", chat(block(short[:-1])), "CLOSE 1"),
        Case("len in two bytes", chat(v(len(short), 2) + short), "CLOSE 1"),
        Case("len of a body of 65,537", chat(v(26 + 255 + 65537) + short), "CLOSE 1"),
        Case("a conversation beyond len", chat(block(b"\x01\xff" + name)), "CLOSE 1"),
        Case("sequence 2^62", chat(block(b"\1\0" + struct.pack("<QQQ", 7, 1 << 62, 0))), "CLOSE 1"),
        Case("a body of 65,536 on a stream", body_on(2, 65536), "CLOSE 1"),
        Case("a body on stream 0", body_on(0, 65537), "CLOSE 1"),
        Case("a body on stream 1", body_on(1, 65537), "CLOSE 1"),
        Case("more behind the length", body_on(2, 65537, b"x"), "CLOSE 1"),
        Case(beyond, body_on(18, 65537), RECENT[beyond]),
        Case(over, f(w.RESET, 2, 0, 0) + chat(block(long + v(2) + v(65537)) * 2), RECENT[over]),
    ])


def replays():
    """[Replay window]: a counter opens once, and only near the highest."""
    session = Session()
    peer, kept = session.peer, []
    peer.lose_out = lambda datagram: datagram[0] == w.DATA and bool(kept.append(datagram))
    message = peer.send("once")
    peer.run(lambda: message.state == "delivered")
    for datagram in kept * 3:
        peer.emit(datagram, peer.path)
    check(session.outcome() == "lives" and len(session.program.got("message", text="once")) == 1, "DATA again: shown once")
    for counter, wanted in ((20000, True), (20000 - 8127, True), (20000 - 8128, False), (20000, False)):
        plain = w.pad(v(peer.connection.use_number()) + f(w.PING))
        peer.emit(w.data(peer.current.remote, peer.current.seal, counter, plain), peer.path)
        check(session.answered() == wanted, f"counter {counter}: {'taken' if wanted else 'dropped'}")


def data():
    """[Datagrams], DATA: header, tag and length."""
    session = Session()
    peer = session.peer

    def one(name: str, change, wanted: bool, size: int = 96):
        plain = v(peer.connection.use_number()) + f(w.PING)
        peer.emit(change(peer.current.data(plain.ljust(size - 32, b"\0"))), peer.path)
        check(session.answered() == wanted, f"{name}: {'taken' if wanted else 'dropped'}")

    one("DATA as it is", lambda d: d, True)
    for i in (1, 2, 3):
        one(f"byte {i} is 1", lambda d, i=i: d[:i] + b"\1" + d[i + 1:], False)
    one("an altered tag", lambda d: d[:-1] + bytes([d[-1] ^ 1]), False)
    one("1,472 bytes", lambda d: d, True, w.MAX_DATAGRAM_LEN)
    one("1,473 bytes", lambda d: d, False, w.MAX_DATAGRAM_LEN + 1)


class Caller:
    """Sends messages 1 that are wrong in one thing, beside a session that stands."""

    def __init__(self):
        self.session = Session()
        self.peer = self.session.peer

    def attempt(self, write=None, payload: bytes | None = None, timestamp: int = 0) -> Attempt:
        """A message 1. `write` is given noise, attempt, ek and payload, and writes it otherwise."""
        peer, attempt = self.peer, Attempt(self.peer, self.peer.new_index())
        attempt.noise = w.Noise(peer.peer, attempt.index)
        payload = payload or w.write_payload1(timestamp or peer.timestamp(), peer.id)
        write = write or (lambda noise, e, ek, last: w.write_message1(noise, peer.secret, peer.peer, e, ek, last))
        attempt.message = write(attempt.noise, attempt.e, attempt.ek(), payload)
        peer.attempts = [attempt]
        return attempt

    def parts(self, **about) -> list[bytes]:
        return self.attempt(**about).parts(self.peer.peer)

    def tries(self, name: str, datagrams: list[bytes], wanted: str = "nothing"):
        """What comes in answer, DATA aside. SOURCE_RATE wants a pause."""
        time.sleep(.3)
        self.peer.trace.clear()
        for datagram in datagrams:
            self.peer.emit(datagram, self.session.program.address())
        self.peer.idle(.3)
        got = [datagram[0] for way, datagram in self.peer.trace if way == "in" and datagram[0] != w.DATA]
        names = " ".join(("INIT", "RESP", "COOKIE")[kind - 1] for kind in got) or "nothing"
        check(names == wanted, f"{name}: {names}")

    # Messages 1 that no honest initiator writes.

    def out_of_range(self, noise: w.Noise, e: bytes, _ek: bytes, last: bytes) -> bytes:
        return w.write_message1(noise, self.peer.secret, self.peer.peer, e, b"\xff" * 1152 + bytes(32), last)

    def zero_ephemeral(self, noise: w.Noise, _e: bytes, ek: bytes, last: bytes) -> bytes:
        out = noise.mix_ephemeral(bytes(32))
        noise.mix_key(bytes(32))
        return self.behind(noise, out, ek, self.peer.public, w.dh(self.peer.secret, self.peer.peer), last)

    def zero_static(self, noise: w.Noise, e: bytes, ek: bytes, last: bytes) -> bytes:
        return self.with_static(noise, e, ek, bytes(32), bytes(32), last)

    def second_name(self, noise: w.Noise, e: bytes, ek: bytes, last: bytes) -> bytes:
        ours = highest_bit(self.peer.public)
        return self.with_static(noise, e, ek, ours, w.dh(self.peer.secret, self.peer.peer), last)

    def with_static(self, noise: w.Noise, e: bytes, ek: bytes, S_i: bytes, ss: bytes, last: bytes) -> bytes:
        out = noise.mix_ephemeral(w.public(e))
        noise.mix_key(w.dh(e, self.peer.peer))
        return self.behind(noise, out, ek, S_i, ss, last)

    @staticmethod
    def behind(noise: w.Noise, out: bytes, ek: bytes, S_i: bytes, ss: bytes, last: bytes) -> bytes:
        """e1, s, ss and payload 1."""
        out += noise.encrypt_and_hash(ek) + noise.encrypt_and_hash(S_i)
        noise.mix_key(ss)
        return out + noise.encrypt_and_hash(last)


def highest_bit(key: bytes) -> bytes:
    return key[:31] + bytes([key[31] | 0x80])


def calls():
    """[Handshake], [Datagrams], INIT: what gets no answer."""
    caller = Caller()
    peer = caller.peer
    used, seconds = peer.last_timestamp, int(time.time()) + 9
    caller.tries("an old timestamp", caller.parts(timestamp=used - 10**9))
    caller.tries("the same timestamp", caller.parts(timestamp=used))
    caller.tries("flags 1", caller.parts(payload=w.write_payload1(peer.timestamp(), peer.id, 1)))
    caller.tries("10^9 nanoseconds", caller.parts(payload=struct.pack("<QIQI", seconds, 10**9, peer.id, 0)))
    caller.tries("above 2^64 - 1 nanoseconds", caller.parts(payload=struct.pack("<QIQI", 18446744074, 0, peer.id, 0)))
    other = caller.attempt()
    caller.tries("version 2", [w.init(part, other.index, other.message, peer.peer, version=2) for part in (0, 1)])
    caller.tries("mac1 of another key", caller.attempt().parts(w.chance.randbytes(32)))
    caller.tries("an ek out of range", caller.parts(write=caller.out_of_range))
    caller.tries("E_i of zeros", caller.parts(write=caller.zero_ephemeral))
    caller.tries("S_i of zeros", caller.parts(write=caller.zero_static))
    caller.tries("S_i with the highest bit", caller.parts(write=caller.second_name), RECENT["S_i with the highest bit"])
    first, second = caller.parts()
    caller.tries("part 2", [first, second[:1] + b"\2" + second[2:]])
    caller.tries("INIT of 699 and of 701", [first[:-1], first + b"x"])
    caller.tries("other types and lengths", [b"", b"\0", b"\5" + bytes(99), b"\xff" * 700, b"\2" + bytes(607), b"\3" + bytes(63)])
    check(caller.session.outcome() == "lives", "and the session lives")


def halves():
    """[Reassembly]: halves that are false, late, or come again."""
    caller = Caller()
    peer = caller.peer
    # A confirmation would free the slot.
    peer.lose_out = lambda datagram: datagram[0] == w.DATA
    true = caller.parts()
    false = [w.init(part, peer.attempts[0].index, w.chance.randbytes(1320), peer.peer) for part in (0, 1)]
    caller.tries("false halves before the true ones", [*false, *true], "RESP RESP")
    first, second = caller.parts()
    caller.tries("parts in the other order", [second, first], "RESP RESP")
    caller.tries("a half again", [first], "RESP RESP")
    caller.tries("the other one twice", [second] * 2, "RESP RESP RESP RESP")
    caller.tries("a fifth time", [first])
    peer.lose_out = lambda _: False
    check(caller.session.outcome() == "lives", "and the session lives")


def links():
    """[Keys as text]: what `peers add` takes."""
    program, key = Program(), w.public(w.chance.randbytes(32))

    def url(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def standard(raw: bytes) -> str:
        return base64.b64encode(raw).decode()

    unused_bits = standard(key)[:-2] + chr(ord(standard(key)[-2]) + 1) + "="
    for i, (name, text, wanted) in enumerate((
            ("the key alone", standard(key), "taken"),
            ("unused bits that are not zero", unused_bits, "refused"),
            ("all parameters", f"securechat:1:{url(fresh())}?n=bob&a=192.0.2.1:7419&a=[2001:db8::1]:7419", "taken"),
            ("an unknown parameter", f"securechat:1:{url(fresh())}?z=later", "taken"),
            ("version 2", f"securechat:2:{url(fresh())}", "refused"),
            ("a key of zeros", f"securechat:1:{url(bytes(32))}", "refused"),
            ("n is no name", f"securechat:1:{url(fresh())}?n=Bob%20Smith", RECENT["link: n is no name"]),
            ("the highest bit of the key", f"securechat:1:{url(highest_bit(fresh()))}",
             RECENT["link: the highest bit of the key"]),
            ("a key of 2^255 - 19 + 9", f"securechat:1:{url((PRIME + 9).to_bytes(32, 'little'))}",
             RECENT["link: a key of 2^255 - 19 + 9"]))):
        done = program.command("peers", "add", f"p{i}", text, fails=True)
        got = "refused" if done.returncode else "taken"
        check(got == wanted, f"link: {name}: {got}")


def fresh() -> bytes:
    return w.public(w.chance.randbytes(32))


GROUPS = [parsing, numbers, acknowledgements, hello_and_close, first_hello, streams, credit, receipts, verification, messages,
          replays, data, calls, halves, links]

if __name__ == "__main__":
    sys.exit(run(GROUPS, __doc__))
