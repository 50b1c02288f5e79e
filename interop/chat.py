"""The chat: messages with receipts on stream 1, and the comparison of words.

Names in [brackets] are sections of docs/protocol.md. Nothing is kept on a disk: what a later process would have to know
is in the Mailbox, which survives connections and no more.
"""
import time
from dataclasses import dataclass, field

import wire as w
from wire import Breach

# Kind, conversation length, log id, sequence, sent-at.
SHORTEST_HEADER = 26
TEXT = 1
UNSUPPORTED, TOO_LARGE, OUT_OF_ORDER, PASSING = 1, 2, 5, 64


@dataclass
class Message:
    """A message of ours. State: queued, sent, delivered, failed or put off ([Messages], The sender)."""

    log: int
    sequence: int
    body: bytes
    state: str = "queued"
    sent_at: int = field(default_factory=lambda: int(time.time() * 1000))


class Mailbox:
    """What outlives a connection: messages of ours, and the names of theirs that were taken."""

    def __init__(self):
        self.log, self.sequence = w.chance.getrandbits(63), 0
        self.messages: list[Message] = []
        self.taken: set[tuple[int, int]] = set()

    def put(self, body: str) -> Message:
        message = Message(self.log, self.sequence, body.encode())
        self.sequence += 1
        self.messages.append(message)
        return message

    def send_again(self):
        """On a new connection all that is neither delivered nor failed goes again under its name."""
        for message in self.messages:
            if message.state in ("sent", "put off"):
                message.state = "queued"

    def under_way(self, log: int) -> list[Message]:
        return [message for message in self.messages if message.log == log and message.state == "sent"]


@dataclass
class Header:
    """What stands before the body of a message of theirs."""

    kind: int
    conversation: bytes
    log: int
    sequence: int


@dataclass
class Comparison:
    """One attempt to compare words ([Verification])."""

    attempt: int
    asked_by_us: bool
    subject: bytes
    nonce: bytes
    commitment: bytes = b""
    code: bytes = b""


class Chat:
    """[Messages] and [Verification] on one connection."""

    def __init__(self, owner):
        self.owner = owner
        self.met: dict[int, int] = {}
        self.body: tuple[Header, int, int] | None = None
        self.bodies = []
        self.comparison: Comparison | None = None

    @property
    def connection(self):
        return self.owner.connection

    # ---- messages of ours ----

    def feed(self):
        """What waits goes to the streams. A body begins only when all of the one before is acknowledged."""
        self.bodies = [body for body in self.bodies if not body.done or body.unacknowledged]
        for message in (m for m in self.owner.mailbox.messages if m.state == "queued"):
            stream = None
            if len(message.body) > w.INLINE_BODY_MAX_LEN:
                if self.bodies:
                    return
                stream = self.connection.open(message.body, self.owner.ends_bodies)
                self.bodies.append(self.connection.outgoing[stream])
            self.write(w.message(message.log, message.sequence, message.sent_at, message.body, stream, len(message.body)))
            message.state = "sent"

    def write(self, message: bytes):
        self.connection.outgoing[1].data += message

    def on_receipt(self, body: bytes):
        log, ranges = w.parse_receipt(body)
        for message in self.owner.mailbox.under_way(log):
            if any(low <= message.sequence <= high for low, high in ranges):
                message.state = "delivered"
                self.owner.say("delivered", sequence=message.sequence)

    def on_reject(self, body: bytes):
        """What follows the reason is for later versions."""
        reader = w.Reader(body)
        log, sequence, reason = reader.u64(), reader.varint(), reader.varint()
        for message in self.owner.mailbox.under_way(log):
            if message.sequence == sequence:
                message.state = "failed" if reason < PASSING else "put off"
                self.owner.say("rejected", sequence=sequence, reason=reason)

    # ---- messages of theirs ----

    def read(self):
        """Takes messages off stream 1. It does not read on before a body is whole, or its stream is reset."""
        while self.finish_body() and self.read_message():
            pass

    def finish_body(self) -> bool:
        if not self.body:
            return True
        header, number, length = self.body
        stream = self.connection.incoming.get(number)
        if not stream:
            return False
        whole = len(stream.data) >= length
        ended = stream.reset or stream.over or stream.end is not None and stream.read >= stream.end
        if not whole and not ended:
            return False
        self.body, body = None, bytes(stream.data[:length])
        self.connection.leave(number)
        if whole:
            self.on_message(header, body)
        else:
            self.owner.say("given up", sequence=header.sequence)
        return True

    def read_message(self) -> bool:
        """Whether there was a whole one."""
        chat = self.connection.incoming[1].data
        reader = w.Reader(bytes(chat))
        if not chat or reader.left() < 1 << (chat[0] >> 6):
            return False
        length = reader.varint()
        if not SHORTEST_HEADER <= length <= SHORTEST_HEADER + 255 + w.INLINE_BODY_MAX_LEN:
            raise Breach("a message that is too short or too long")
        if reader.left() < length:
            return False
        message = w.Reader(reader.take(length))
        del chat[:reader.at]
        self.on_record(message)
        return True

    def on_record(self, reader: w.Reader):
        kind, conversation = reader.u8(), reader.take(reader.u8())
        header = Header(kind & ~w.BODY_ELSEWHERE, conversation, reader.u64(), reader.u64())
        _sent_at = reader.u64()
        if header.sequence >= 1 << 62:
            raise Breach("a sequence of 2^62 or more")
        if kind & w.BODY_ELSEWHERE:
            self.on_body_elsewhere(header, reader.varint(), reader.varint(), reader.left())
        elif reader.left() > w.INLINE_BODY_MAX_LEN:
            raise Breach("a long body in the message")
        else:
            self.on_message(header, reader.rest())

    def on_body_elsewhere(self, header: Header, number: int, length: int, left: int):
        if length <= w.INLINE_BODY_MAX_LEN or number < 2 or left:
            raise Breach("a short body on a stream of its own, the chat as one, or more behind the length")
        if length > w.MESSAGE_MAX_LEN:
            self.reject(header, TOO_LARGE)
            self.met[header.log] = max(header.sequence, self.met.get(header.log, -1))
            self.connection.queue(w.STOP, number, 0)
            self.connection.leave(number)
        else:
            self.body = header, number, length

    def on_message(self, header: Header, body: bytes):
        name = header.log, header.sequence
        if name in self.owner.mailbox.taken:
            return self.receipt(header)
        reason = self.why_not(header)
        if reason < PASSING:
            self.met[header.log] = max(header.sequence, self.met.get(header.log, -1))
        if reason:
            return self.reject(header, reason)
        self.owner.mailbox.taken.add(name)
        self.owner.say("message", log=header.log, sequence=header.sequence, text=body.decode(errors="replace"))
        if self.owner.says_receipts:
            self.receipt(header)

    def why_not(self, header: Header) -> int:
        """0, or the reason of a REJECT."""
        if header.kind != TEXT or header.conversation:
            return UNSUPPORTED
        if header.sequence <= self.met.get(header.log, -1):
            return OUT_OF_ORDER
        return 0

    def receipt(self, header: Header):
        self.connection.queue(w.RECEIPT, w.block(w.receipt_body(header.log, [header.sequence])))

    def reject(self, header: Header, reason: int):
        self.connection.queue(w.REJECT, w.block(w.reject_body(header.log, header.sequence, reason)))

    # ---- the comparison of words ----

    def ask_words(self):
        attempt, nonce, handshake = w.chance.getrandbits(64), w.chance.randbytes(32), self.owner.current.handshake
        subject = w.about(handshake, attempt, self.owner.public, self.owner.peer)
        self.comparison = Comparison(attempt, True, subject, nonce)
        self.say_step(w.ASK, attempt, handshake + w.commitment(subject, nonce))

    def say_step(self, step: int, attempt: int, rest: bytes):
        self.connection.queue(w.VERIFY, w.block(w.verify_body(step, attempt, rest)))

    def on_verify(self, body: bytes):
        """An unknown step is skipped; every step begins with `step` and `attempt`."""
        reader = w.Reader(body)
        step, attempt = reader.u8(), reader.u64()
        if reader.left() != w.STEP_LENGTHS.get(step, reader.left()):
            raise Breach("a VERIFY of another length")
        running = self.comparison if self.comparison and self.comparison.attempt == attempt else None
        if step == w.ASK and not running:
            self.on_ask(attempt, reader.take(32), reader.take(32))
        elif step == w.ANSWER and running and running.asked_by_us and not running.code:
            self.on_answer(running, reader.take(32))
        elif step == w.REVEAL and running and not running.asked_by_us and not running.code:
            self.on_reveal(running, reader.take(32))
        elif step == w.VERDICT and running:
            self.owner.say("verdict", verdict=reader.u8())

    def on_ask(self, attempt: int, handshake: bytes, commitment: bytes):
        if handshake not in [k.handshake for k in (self.owner.current, self.owner.previous) if k]:
            return self.say_step(w.VERDICT, attempt, b"\3")
        subject = w.about(handshake, attempt, self.owner.peer, self.owner.public)
        self.comparison = Comparison(attempt, False, subject, w.chance.randbytes(32), commitment)
        self.say_step(w.ANSWER, attempt, self.comparison.nonce)

    def on_answer(self, running: Comparison, answerers_nonce: bytes):
        self.say_step(w.REVEAL, running.attempt, running.nonce)
        self.show(running, w.code(running.subject, running.nonce, answerers_nonce))

    def on_reveal(self, running: Comparison, askers_nonce: bytes):
        if w.commitment(running.subject, askers_nonce) != running.commitment:
            raise Breach("a nonce that was not committed to")
        self.show(running, w.code(running.subject, askers_nonce, running.nonce))

    def show(self, running: Comparison, code: bytes):
        running.code = code
        self.owner.say("words", code=code)
