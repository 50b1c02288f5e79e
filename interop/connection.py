"""The connection: packet numbers, acknowledgements, repetition, streams, HELLO and CLOSE. It survives every change of keys.

Names in [brackets] are sections of docs/protocol.md. Congestion control is a fixed window. Of [Loss and congestion] the
detection of loss and the probe timeout are here, MTU discovery and pacing are not.
"""
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import wire as w
from wire import Breach

# [Constants]
STREAM_WINDOW, DATA_WINDOW, MAX_STREAMS = 1 << 20, 1 << 22, 16
INITIAL_RTT, MAX_ACK_DELAY, GRANULARITY, ACK_EVERY, PACKET_THRESHOLD, MAX_PTO = .333, .025, .001, 2, 3, 10
SKIP_WITHIN = 1024
# Packets in flight, whatever the path is like. No congestion control.
WINDOW = 32
CHAT = 1
# What a STREAM frame needs at most beside its data.
STREAM_OVERHEAD = 20
FOR_FRIENDS = {*range(w.STREAM, w.REJECT + 1), w.VERIFY}

now = time.monotonic
Range = tuple[int, int]


class Numbers:
    """Whole numbers as ranges (lowest, highest), the highest first."""

    def __init__(self):
        self.ranges: list[Range] = []

    def __contains__(self, number: int) -> bool:
        return any(low <= number <= high for low, high in self.ranges)

    def highest(self) -> int:
        return self.ranges[0][1] if self.ranges else -1

    def add(self, number: int):
        """`number` must not be among them."""
        low = high = number
        apart = []
        for other_low, other_high in self.ranges:
            if other_high == number - 1:
                low = other_low
            elif other_low == number + 1:
                high = other_high
            else:
                apart.append((other_low, other_high))
        self.ranges = sorted([*apart, (low, high)], reverse=True)


class Chunk(NamedTuple):
    """A piece of one of our streams, as a packet carries it."""

    stream: int
    offset: int
    size: int
    last: bool


class Packet(NamedTuple):
    """A plaintext without its padding, what is repeated if it is lost, and the ranges of its ACK."""

    plain: bytes
    items: list[bytes | Chunk]
    ranges: list[Range]


@dataclass
class Sent:
    """A packet that is neither acknowledged nor lost."""

    at: float
    items: list[bytes | Chunk]
    ranges: list[Range]


class Outgoing:
    """A stream of ours."""

    def __init__(self):
        self.data, self.sent, self.limit = bytearray(), 0, STREAM_WINDOW
        self.ends = self.done = False
        self.unacknowledged: set[Chunk] = set()

    def ready(self) -> int:
        """Bytes that its own credit allows."""
        return 0 if self.done else min(len(self.data), self.limit) - self.sent


class Incoming:
    """A stream of the peer's. Its reader takes bytes as they come."""

    def __init__(self):
        self.waiting: dict[int, bytes] = {}
        self.data, self.read = bytearray(), 0
        self.highest, self.end, self.limit = 0, None, STREAM_WINDOW
        # Reset by its sender; read to its end or given up by us.
        self.reset = self.over = False

    def reach(self, end: int, last: bool) -> int:
        """Checks what a frame says of the stream's length, and gives how much longer it has become."""
        moved = self.end is not None and (end > self.end or last and end != self.end)
        if moved or end > self.limit or last and end < self.highest:
            raise Breach("beyond the credit, or an end that moves")
        longer = max(0, end - self.highest)
        self.highest += longer
        if last:
            self.end = end
        return longer

    def take(self, offset: int, data: bytes):
        if offset + len(data) > self.read:
            self.waiting[offset] = max(self.waiting.get(offset, b""), data, key=len)
        for offset in sorted(self.waiting):
            if offset > self.read:
                break
            piece = self.waiting.pop(offset)[self.read - offset:]
            self.data += piece
            self.read += len(piece)


class Connection:
    """What one pair of connection ids has in common ([Connection ids])."""

    def __init__(self, owner, chat, ids: tuple[int, int]):
        self.owner, self.chat, self.ids = owner, chat, ids
        self.said_hello = self.heard_hello = False
        # What was sent.
        self.number, self.left_out = 0, set()
        self.frames: list[bytes | Chunk] = []
        self.sent: dict[int, Sent] = {}
        self.largest_acknowledged, self.last_eliciting = -1, now()
        self.smoothed_rtt, self.rtt_variation, self.probes = None, 0.0, 0
        # What came.
        self.arrived, self.to_tell = Numbers(), Numbers()
        self.floor, self.largest_at, self.waiting_for_ack, self.ack_at = -1, 0.0, 0, None
        # Streams.
        self.outgoing, self.incoming = {CHAT: Outgoing()}, {CHAT: Incoming()}
        self.next_stream = CHAT + 1
        self.max_data, self.data_sent, self.max_streams = DATA_WINDOW, 0, MAX_STREAMS
        self.my_max_data, self.data_come, self.my_max_streams = DATA_WINDOW, 0, MAX_STREAMS

    # ---- sending ----

    def queue(self, kind: int, *fields: int | bytes):
        self.frames.append(w.frame(kind, *fields))

    def in_flight(self) -> list[int]:
        return [number for number, sent in self.sent.items() if sent.items]

    def ack_is_due(self) -> bool:
        return self.ack_at is not None and now() >= self.ack_at

    def next_packet(self) -> Packet | None:
        """What waits, or an ACK that is due, or nothing. The chat goes before bulk streams ([Streams])."""
        room = w.BASE_DATAGRAM_LEN - 32
        plain, ranges = self.begin()
        if self.frames and len(plain) + len(self.encode(self.frames[0])) > room:
            # What is repeated fitted beside a shorter ACK. It would wait for ever for one.
            plain, ranges = self.begin(0)
        items = []
        while self.frames and len(plain) + len(self.encode(self.frames[0])) <= room:
            items.append(self.frames.pop(0))
            plain += self.encode(items[-1])
        while chunk := self.next_chunk(room - len(plain) - STREAM_OVERHEAD):
            items.append(chunk)
            plain += self.encode(chunk)
        return Packet(plain, items, ranges) if items or self.ack_is_due() else None

    def ack_packet(self) -> Packet:
        plain, ranges = self.begin()
        return Packet(plain, [], ranges)

    def begin(self, most: int = w.ACK_MAX_RANGES) -> tuple[bytes, list[Range]]:
        """A packet number, and an ACK of so many ranges at most if there is something to tell ([Frames], ACK)."""
        plain, ranges = w.varint(self.number), self.to_tell.ranges[:most]
        if ranges:
            plain += w.ack(ranges, int((now() - self.largest_at) * 1e6))
        return plain, ranges

    def encode(self, item: bytes | Chunk) -> bytes:
        if isinstance(item, bytes):
            return item
        data = bytes(self.outgoing[item.stream].data[item.offset:item.offset + item.size])
        return w.frame(w.LAST if item.last else w.STREAM, item.stream, item.offset, w.block(data))

    def next_chunk(self, room: int) -> Chunk | None:
        """A piece of the first stream that has something and credit for it ([Streams], Credit)."""
        for number in sorted(self.outgoing):
            size = min(self.outgoing[number].ready(), room)
            if number != CHAT:
                size = min(size, self.max_data - self.data_sent) if number <= self.max_streams + 1 else 0
            if size > 0:
                return self.cut(number, size)
        return None

    def cut(self, number: int, size: int) -> Chunk:
        stream = self.outgoing[number]
        last = stream.ends and stream.sent + size == len(stream.data)
        chunk = Chunk(number, stream.sent, size, last)
        stream.sent += size
        stream.done = last
        stream.unacknowledged.add(chunk)
        self.data_sent += size if number != CHAT else 0
        return chunk

    def on_sent(self, packet: Packet):
        self.sent[self.number] = Sent(now(), packet.items, packet.ranges)
        if packet.items:
            self.last_eliciting = now()
        self.waiting_for_ack, self.ack_at = 0, None
        self.use_number()

    def use_number(self) -> int:
        """Gives the number that was used. Now and then one is left out."""
        used = self.number
        self.number += 1
        if w.chance.random() < 2 / SKIP_WITHIN:
            self.left_out.add(self.number)
            self.number += 1
        return used

    # ---- loss ([Loss and congestion], RFC 9002 §§5 and 6) ----

    def rtt(self) -> float:
        return INITIAL_RTT if self.smoothed_rtt is None else self.smoothed_rtt

    def probe_timeout(self) -> float:
        variation = INITIAL_RTT / 2 if self.smoothed_rtt is None else self.rtt_variation
        timeout = self.rtt() + max(4 * variation, GRANULARITY) + MAX_ACK_DELAY
        return min(MAX_PTO, timeout * 2**self.probes)

    def probe(self) -> Iterator[Packet]:
        """Two packets with the oldest in flight, if nothing was acknowledged for a probe timeout. The second is made once
        the first has been sent, and has its number: one of both that arrived would acknowledge the other."""
        flying = sorted(self.in_flight())
        if not flying or now() - max(self.sent[n].at for n in flying) < self.probe_timeout():
            return
        self.probes += 1
        for number in reversed(flying[:2]):
            self.repeat(number)
        self.queue(w.PING)
        for _ in range(2):
            if packet := self.next_packet():
                yield packet

    def repeat(self, number: int):
        """What a lost packet carried goes first into the next ones; of a PING nothing is left to say."""
        ping = w.frame(w.PING)
        self.frames[:0] = [item for item in self.sent.pop(number).items if item != ping]

    def on_ack(self, ranges: list[Range], _delay: int):
        never_sent = ranges[0][1] >= self.number
        if never_sent or any(low <= n <= high for n in self.left_out for low, high in ranges):
            raise Breach("an ACK of a packet that was never sent")
        newly = [n for n in self.sent if any(low <= n <= high for low, high in ranges)]
        for number in newly:
            self.on_acknowledged(number, number == ranges[0][1])
        if newly:
            self.probes = 0
            self.largest_acknowledged = max(self.largest_acknowledged, *newly)
        self.detect_loss()

    def on_acknowledged(self, number: int, is_largest: bool):
        sent = self.sent.pop(number)
        if is_largest and sent.items:
            self.sample(now() - sent.at)
        for item in sent.items:
            if isinstance(item, Chunk):
                self.outgoing[item.stream].unacknowledged.discard(item)
        # What the peer knows is not said again, but for the highest.
        told = [r for r in sent.ranges if r[1] != self.to_tell.highest()]
        self.to_tell.ranges = [r for r in self.to_tell.ranges if r not in told]

    def sample(self, rtt: float):
        if self.smoothed_rtt is None:
            self.smoothed_rtt, self.rtt_variation = rtt, rtt / 2
        self.rtt_variation = .75 * self.rtt_variation + .25 * abs(self.smoothed_rtt - rtt)
        self.smoothed_rtt = .875 * self.smoothed_rtt + .125 * rtt

    def detect_loss(self):
        late = now() - 9 / 8 * max(self.rtt(), GRANULARITY)
        for number in sorted(self.sent, reverse=True):
            before = self.largest_acknowledged - number
            if before >= PACKET_THRESHOLD or before > 0 and self.sent[number].at < late:
                self.repeat(number)

    # ---- receiving ----

    def receive(self, plain: bytes):
        """All frames are parsed before any takes effect ([Frames])."""
        number, frames = w.parse_packet(plain)
        if len(frames) > w.MAX_EVENTS or number in self.arrived or number <= self.floor:
            return
        if self.owner.peer_is_guest and any(kind in FOR_FRIENDS for kind, *_ in frames):
            raise Breach("a frame that a guest must not send")
        self.note_arrival(number, {kind for kind, *_ in frames})
        for kind, *fields in frames:
            if self.owner.connection is self:
                self.on_frame(kind, fields)

    def note_arrival(self, number: int, kinds: set[int]):
        """When an ACK has to leave ([Frames], ACK)."""
        before = self.arrived.highest()
        self.arrived.add(number)
        self.to_tell.add(number)
        while len(self.to_tell.ranges) > w.ACK_MAX_RANGES:
            self.floor = self.to_tell.ranges.pop()[1]
        if number > before:
            self.largest_at = now()
        if not kinds - {w.ACK, w.CLOSE}:
            return
        self.waiting_for_ack += 1
        if self.waiting_for_ack >= ACK_EVERY or number != before + 1 or kinds & {w.HELLO, w.PING}:
            self.ack_at = now()
        elif self.ack_at is None:
            self.ack_at = now() + MAX_ACK_DELAY / 2

    def on_frame(self, kind: int, fields: list):
        if kind in FOR_FRIENDS:
            self.owner.let_in()
        handler = {
            w.ACK: self.on_ack, w.HELLO: self.on_hello, w.CLOSE: self.on_close,
            w.STREAM: self.on_stream, w.LAST: self.on_last, w.RESET: self.on_reset, w.STOP: self.on_stop,
            w.MAX_DATA: self.on_max_data, w.MAX_STREAM_DATA: self.on_max_stream_data, w.MAX_STREAMS: self.on_max_streams,
            w.RECEIPT: self.chat.on_receipt, w.REJECT: self.chat.on_reject, w.VERIFY: self.chat.on_verify,
            w.CHALLENGE: self.owner.on_challenge, w.RESPONSE: self.owner.on_response,
        }.get(kind)
        if handler:
            handler(*fields)

    def on_hello(self, newest: int, largest: int, capabilities: int, signing: bytes, nickname: bytes):
        """The first of a connection counts; its signing key is pinned ([Frames], HELLO)."""
        if self.heard_hello:
            return
        self.heard_hello = True
        self.owner.pin(signing)
        self.owner.let_in()
        self.owner.say("hello", newest=newest, largest=largest, capabilities=capabilities, nickname=nickname)

    def on_close(self, code: int, _reason: bytes):
        self.owner.say("closed", by="them", code=code)
        self.owner.end()

    # ---- streams of theirs ([Streams]) ----

    def stream(self, number: int, ends: bool = False) -> Incoming:
        """A limit of n allows the ids 2 to n + 1. Whoever opens one opens all below it."""
        if not CHAT <= number <= self.my_max_streams + 1 or ends and number == CHAT:
            raise Breach("a stream that cannot exist")
        for below in range(CHAT, number + 1):
            self.incoming.setdefault(below, Incoming())
        return self.incoming[number]

    def on_last(self, number: int, offset: int, data: bytes):
        self.on_stream(number, offset, data, last=True)

    def on_stream(self, number: int, offset: int, data: bytes, last: bool = False):
        stream = self.stream(number, last)
        if stream.over:
            return
        self.count(number, stream.reach(offset + len(data), last))
        stream.take(offset, data)
        self.give_credit(number, stream)
        self.chat.read()

    def on_reset(self, number: int, _code: int, size: int):
        stream = self.stream(number, ends=True)
        if stream.over:
            return
        self.count(number, stream.reach(size, last=True))
        stream.reset = True
        self.owner.say("reset", stream=number)
        self.chat.read()

    def count(self, number: int, longer: int):
        """The chat does not count."""
        self.data_come += longer if number != CHAT else 0
        if self.data_come > self.my_max_data:
            raise Breach("beyond MAX_DATA")

    def give_credit(self, number: int, stream: Incoming):
        if stream.limit - stream.read < STREAM_WINDOW // 2 and stream.end is None:
            stream.limit = stream.read + STREAM_WINDOW
            self.queue(w.MAX_STREAM_DATA, number, stream.limit)
        if self.my_max_data - self.data_come < DATA_WINDOW // 2:
            self.my_max_data = self.data_come + DATA_WINDOW
            self.queue(w.MAX_DATA, self.my_max_data)

    def leave(self, number: int):
        """A stream that was read, or is not wanted: what still comes of it is ignored."""
        stream = self.stream(number)
        if not stream.over:
            self.my_max_streams += 1
            self.queue(w.MAX_STREAMS, self.my_max_streams)
        stream.over = True
        stream.data.clear()

    # ---- streams of ours ([Streams]) ----

    def open(self, body: bytes, ends: bool = True) -> int:
        stream = Outgoing()
        stream.data += body
        stream.ends = ends
        number, self.next_stream = self.next_stream, self.next_stream + 1
        self.outgoing[number] = stream
        return number

    def mine(self, number: int) -> Outgoing:
        if number not in self.outgoing:
            raise Breach("a stream that cannot exist")
        return self.outgoing[number]

    def on_stop(self, number: int, _code: int):
        """Is answered with RESET; the body counts as acknowledged ([Messages])."""
        stream = self.mine(number)
        if number == CHAT:
            raise Breach("STOP of the chat")
        stream.done = True
        stream.unacknowledged.clear()
        self.queue(w.RESET, number, 0, stream.sent)
        self.owner.say("stop", stream=number)

    def on_max_data(self, limit: int):
        self.max_data = max(self.max_data, limit)

    def on_max_stream_data(self, number: int, limit: int):
        stream = self.mine(number)
        stream.limit = max(stream.limit, limit)

    def on_max_streams(self, limit: int):
        self.max_streams = max(self.max_streams, limit)
