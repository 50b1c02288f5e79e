"""One side of a session: the tunnel with its handshakes, keys and paths.

A Peer has one socket, one identity and one other side, and no threads: call step() or run(). Names in [brackets] are
sections of docs/protocol.md. Of [Paths] there is what an honest peer needs, of [Cookies and load] the cookie alone.
"""
import select
import socket
import struct
import time
from dataclasses import dataclass, field

import wire as w
from chat import Chat, Mailbox
from connection import Connection, Packet, WINDOW, now
from wire import Breach, Malformed

# [Constants]
REKEY_INITIATOR_SEND, REKEY_INITIATOR_RECEIVE, REKEY_RESPONDER = 120, 145, 170
REJECT_AFTER, ERASE_AFTER = 180, 540
RETRY_DELAYS, RETRY_JITTER, RETRY_JITTER_PART = (.74, 1, 1, 1, 2, 4, 5), .333, 8
INIT_SENDINGS, RESP_SENDINGS, MAX_ATTEMPTS, MAX_NEXT_KEYPAIRS = 4, 4, 3, 3
ATTEMPT_LIFE, SLOT_LIFE, MAX_VARIANTS = 90, 6, 2
GLARE_WINDOW, REPLAY_WINDOW, SILENCE, ASK_WHILE_WAITING = 20, 8128, 5, 25
AMPLIFICATION, PATH_PTO, PATH_PTOS = 3, 1.024, 3
SMALL_CHALLENGE = 96

Address = tuple[str, int]


def draw_id() -> int:
    return w.chance.getrandbits(64)


class Keypair:
    """One generation of keys ([Keys over time])."""

    def __init__(self, noise: w.Noise, initiator: bool, local: int, remote: int, ids: tuple[int, int],
                 answered: Address | None = None):
        keys = noise.split()
        self.seal, self.open = keys if initiator else keys[::-1]
        self.initiator, self.handshake, self.ids = initiator, noise.h, ids
        # Session indices: ours, and the receiver of what we send.
        self.local, self.remote = local, remote
        # Where RESP went, for a responder.
        self.answered = answered
        self.made, self.counter = now(), 0
        self.highest, self.seen = -1, set()

    def age(self) -> float:
        return now() - self.made

    def is_new(self, counter: int) -> bool:
        """[Replay window]: tested before the packet is opened."""
        return counter > self.highest - REPLAY_WINDOW and counter not in self.seen

    def commit(self, counter: int):
        self.seen.add(counter)
        self.highest = max(self.highest, counter)
        if len(self.seen) > 3 * REPLAY_WINDOW:
            self.seen = {seen for seen in self.seen if seen > self.highest - REPLAY_WINDOW}

    def data(self, plain: bytes) -> bytes:
        self.counter += 1
        return w.data(self.remote, self.seal, self.counter - 1, plain)

    def wants_renewal(self, sends: bool) -> bool:
        """[Ages]: `sends` an ack-eliciting packet, else receives."""
        initiators = REKEY_INITIATOR_SEND if sends else REKEY_INITIATOR_RECEIVE
        return self.age() > (initiators if self.initiator else REKEY_RESPONDER)

    def crossed(self, other: "Keypair") -> bool:
        """[Slots], Glare."""
        return (self.ids == other.ids and self.initiator != other.initiator
                and abs(self.made - other.made) < GLARE_WINDOW)


class Attempt:
    """One message 1 of ours, and what came in answer ([Attempts])."""

    def __init__(self, owner: "Peer", index: int):
        self.index, self.id, self.made = index, owner.id, now()
        self.e, self.dk = w.chance.randbytes(32), w.MLKEM768PrivateKey.from_seed_bytes(w.chance.randbytes(64))
        self.noise = w.Noise(owner.peer, index)
        payload = w.write_payload1(owner.timestamp(), self.id)
        self.message = w.write_message1(self.noise, owner.secret, owner.peer, self.e, self.ek(), payload)
        self.sendings, self.sent_at = 0, now()
        # Addresses whose COOKIE was taken since the last sending.
        self.cookies: set[Address] = set()
        self.halves: tuple[list[bytes], list[bytes]] = ([], [])
        self.tried: set[tuple[bytes, bytes]] = set()

    def ek(self) -> bytes:
        return self.dk.public_key().public_bytes_raw()

    def parts(self, peer: bytes, cookie: bytes | None = None) -> list[bytes]:
        return [w.init(part, self.index, self.message, peer, cookie) for part in (0, 1)]

    def may_repeat(self) -> bool:
        return self.sendings < INIT_SENDINGS and now() - self.sent_at < SLOT_LIFE


@dataclass
class Slot:
    """Halves of message 1 from one address and sender ([Reassembly])."""

    halves: tuple[list[bytes], list[bytes]] = field(default_factory=lambda: ([], []))
    tried: set[tuple[bytes, bytes]] = field(default_factory=set)
    true: tuple[bytes, ...] = ()
    answer: list[bytes] = field(default_factory=list)
    sendings: int = 0
    used: float = field(default_factory=now)

    def combinations(self) -> list[tuple[bytes, bytes]]:
        every = [(first, second) for first in self.halves[0] for second in self.halves[1]]
        return [pair for pair in every if pair not in self.tried]


@dataclass
class Series:
    """[Attempts]: sendings one after the other until somebody answers."""

    next_at: float = field(default_factory=now)
    sendings: int = 0
    # Begun because nothing was heard: ends with the next authentic packet.
    of_silence: bool = False

    def wait(self):
        delay = RETRY_DELAYS[min(self.sendings, len(RETRY_DELAYS) - 1)]
        self.next_at = now() + delay + w.chance.random() * min(RETRY_JITTER, delay / RETRY_JITTER_PART)
        self.sendings += 1


class Peer:
    """One side, its socket and its one session."""

    def __init__(self, secret: bytes, peer: bytes = bytes(32), psk: bytes = w.NO_PSK, answer: int = w.KNOWN):
        self.secret, self.public, self.peer, self.psk = secret, w.public(secret), peer, psk
        self.socket = bind()
        self.id, self.last_timestamp, self.greatest_heard = draw_id(), 0, -1
        self.cookie_secret, self.signing_key = w.chance.randbytes(32), None
        self.mailbox, self.events = Mailbox(), []
        # The session.
        self.current = self.previous = self.connection = self.chat = None
        self.next: list[Keypair] = []
        self.attempts: list[Attempt] = []
        self.slots: dict[tuple[Address, int], Slot] = {}
        self.series: Series | None = None
        self.heard_at, self.source, self.source_size = now(), None, 0
        # [Paths]
        self.known: list[Address] = []
        self.path = self.proved = None
        self.brought: dict[Address, int] = {}
        self.challenges: dict[bytes, Address] = {}
        self.challenge_at, self.challenge_wait, self.return_at = None, 0.0, 0.0
        # [Who may talk]
        self.answer, self.peer_is_guest, self.we_wait = answer, False, False
        # What a scenario may change: the network, and manners.
        self.lose_in = self.lose_out = lambda datagram: False
        self.trace: list[tuple[str, bytes]] = []
        self.asks_cookies, self.says_receipts, self.ends_bodies, self.renews = False, True, True, True
        self.nickname = b"py"

    # ---- for scenarios ----

    def say(self, what: str, **about):
        self.events.append({"what": what, **about})

    def got(self, what: str, **about) -> list[dict]:
        wanted = {"what": what, **about}
        return [event for event in self.events if wanted.items() <= event.items()]

    def send(self, body: str):
        return self.mailbox.put(body)

    def call(self, *addresses: Address):
        self.known = list(addresses or self.known)
        self.series = Series()

    def run(self, until, timeout: float = 5) -> bool:
        """Goes on until something is so, and tells whether it came to be."""
        end = now() + timeout
        while not until():
            if now() > end:
                return False
            self.step()
        return True

    def idle(self, seconds: float):
        self.run(lambda: False, seconds)

    def close(self, code: int = 0):
        """Ends the session with CLOSE, and draws another connection id ([Connection ids])."""
        if self.current and self.connection:
            plain, _ = self.connection.begin()
            self.connection.use_number()
            self.emit(self.current.data(w.pad(plain + w.frame(w.CLOSE, code, w.block(b"")))), self.path)
        self.say("closed", by="us", code=code)
        self.end()
        self.id = draw_id()

    def end(self):
        """Keys, attempts and connection state go; the `next` of other pairs of ids stay ([Frames], CLOSE)."""
        ids = self.connection.ids if self.connection else None
        self.next = [keypair for keypair in self.next if keypair.ids != ids]
        self.current = self.previous = self.connection = self.chat = self.series = None
        self.attempts = []
        self.peer_is_guest = self.we_wait = False
        self.mailbox.send_again()

    # ---- datagrams ----

    def step(self, timeout: float = .01):
        """Takes what has come, lets timers fire, sends what may be sent."""
        if select.select([self.socket], [], [], timeout)[0]:
            for _ in range(64):
                try:
                    datagram, source = self.socket.recvfrom(4096)
                except OSError:
                    break
                self.trace.append(("in", datagram))
                if not self.lose_in(datagram):
                    self.handle(datagram, source)
        self.on_time()
        self.flush()

    def handle(self, datagram: bytes, source: Address):
        try:
            self.on_datagram(datagram, source)
        except Malformed as error:
            self.say("dropped", why=str(error))
        except Breach as error:
            self.say("breach", why=str(error))
            self.close(error.code)

    def on_datagram(self, datagram: bytes, source: Address):
        """[Datagrams]: each type has one length, but DATA."""
        kind = datagram[0] if datagram else 0
        if kind == w.DATA and 32 <= len(datagram) <= w.MAX_DATAGRAM_LEN and datagram[1:4] == bytes(3):
            self.on_data(datagram, source)
        elif w.LENGTHS.get(kind) == len(datagram):
            {w.INIT: self.on_init, w.RESP: self.on_resp, w.COOKIE: self.on_cookie}[kind](datagram, source)
        else:
            raise Malformed("type or length")

    def emit(self, datagram: bytes, address: Address):
        self.trace.append(("out", datagram))
        if not self.lose_out(datagram):
            self.socket.sendto(datagram, address)

    # ---- initiator ----

    def timestamp(self) -> int:
        """Always greater than before ([Rules], Timestamps). A later process has the clock alone."""
        self.last_timestamp = max(self.last_timestamp + 1, time.time_ns())
        return self.last_timestamp

    def keypairs(self) -> list[Keypair]:
        return [keypair for keypair in (self.current, self.previous, *self.next) if keypair]

    def new_index(self) -> int:
        """[Session indices]."""
        used = {keypair.local for keypair in self.keypairs()} | {attempt.index for attempt in self.attempts}
        while (index := w.chance.getrandbits(32)) in used:
            pass
        return index

    def try_again(self):
        """One sending of a series: the last attempt again if it may be, else another ([Attempts])."""
        attempt = self.attempts[-1] if self.attempts else None
        if not attempt or self.series.sendings == 0 or not attempt.may_repeat():
            attempt = Attempt(self, self.new_index())
            self.attempts = [*self.attempts, attempt][-MAX_ATTEMPTS:]
        for address in dict.fromkeys([*([self.path] if self.path else []), *self.known]):
            self.send_parts(attempt.parts(self.peer), address)
        attempt.sendings, attempt.sent_at, attempt.cookies = attempt.sendings + 1, now(), set()
        self.series.wait()

    def send_parts(self, parts: list[bytes], address: Address):
        for part in parts:
            self.emit(part, address)

    def on_cookie(self, datagram: bytes, source: Address):
        """[Cookies and load]: the same two parts once more, for each sending and address once."""
        index = int.from_bytes(datagram[4:8], "little")
        attempt = next((attempt for attempt in self.attempts if attempt.index == index), None)
        if not attempt or source in attempt.cookies or datagram[1:4] != bytes(3):
            raise Malformed("COOKIE")
        mac1 = w.mac1_of(attempt.parts(self.peer)[0])
        cookie = w.xunseal(w.cookie_key(self.peer), datagram[8:32], mac1, datagram[32:])
        attempt.cookies.add(source)
        self.say("cookie")
        self.send_parts(attempt.parts(self.peer, cookie), source)

    def on_resp(self, datagram: bytes, source: Address):
        """[Reassembly], the initiator. All addresses share one room here."""
        part, index = datagram[1], int.from_bytes(datagram[4:8], "little")
        attempt = next((attempt for attempt in self.attempts if attempt.index == index), None)
        if not attempt or part > 1 or datagram[2:4] != bytes(2) or now() - attempt.made > ATTEMPT_LIFE:
            raise Malformed("RESP")
        if w.mac(w.mac1_key(w.public(attempt.e)), datagram[:592]) != datagram[592:]:
            raise Malformed("mac1 of RESP")
        attempt.halves[part].append(datagram[8:592])
        for pair in ((first, second) for first in attempt.halves[0] for second in attempt.halves[1]):
            if pair not in attempt.tried:
                attempt.tried.add(pair)
                if self.read_answer(attempt, b"".join(pair), source):
                    return

    def read_answer(self, attempt: Attempt, message: bytes, source: Address) -> bool:
        try:
            payload, noise = w.read_message2(attempt.noise, self.secret, attempt.e, attempt.dk, self.psk, message)
        except Malformed:
            self.say("message 2 fails")
            return False
        self.on_answer(attempt, payload, noise, source)
        return True

    def on_answer(self, attempt: Attempt, payload: bytes, noise: w.Noise, source: Address):
        """[Rules], After message 2."""
        their_id, flags, remote = struct.unpack("<QII", payload)
        self.attempts, self.series = [], None
        if attempt.id != self.id:
            raise Malformed("an answer under an id that was replaced")
        if flags not in (w.KNOWN, w.GUEST):
            self.say("refused" if flags == w.REFUSED else "other version")
            return self.end()
        keypair = Keypair(noise, True, attempt.index, remote, (self.id, their_id))
        self.we_wait = flags == w.GUEST
        self.path = self.proved = source
        self.promote(keypair)
        self.next = [waiting for waiting in self.next if waiting.ids == keypair.ids]
        self.say("secure", initiator=True)
        if self.connection.said_hello and self.current is keypair:
            self.connection.queue(w.PING)

    # ---- responder ----

    def on_init(self, datagram: bytes, source: Address):
        """[Cookies and load] and [Reassembly], the responder."""
        part, version, sender = struct.unpack("<BHI", datagram[1:8])
        if part > 1 or w.mac(w.mac1_key(self.public), datagram[:668]) != w.mac1_of(datagram):
            raise Malformed("INIT")
        if version != w.VERSION:
            raise Malformed("INIT of another version")
        if self.asks_cookies and not self.brings_cookie(datagram, part, sender, source):
            return
        self.slots = {name: slot for name, slot in self.slots.items() if now() - slot.used < SLOT_LIFE}
        slot = self.slots.setdefault((source, sender), Slot())
        half, slot.used = datagram[8:668], now()
        if slot.answer:
            if half in slot.true and slot.sendings < RESP_SENDINGS:
                self.send_answer(slot, source)
            return
        if half not in slot.halves[part] and len(slot.halves[part]) < MAX_VARIANTS:
            slot.halves[part].append(half)
        self.read_halves(slot, sender, source)

    def brings_cookie(self, datagram: bytes, part: int, sender: int, source: Address) -> bool:
        cookie = w.mac(self.cookie_secret, repr(source).encode())
        if w.mac(cookie, datagram[:684]) == datagram[684:]:
            return True
        if part == 0:
            self.emit(w.cookie_reply(sender, w.chance.randbytes(24), self.public, w.mac1_of(datagram), cookie), source)
        self.say("asked for a cookie")
        return False

    def read_halves(self, slot: Slot, sender: int, source: Address):
        """Each combination is read once; a true one ends this."""
        for pair in slot.combinations():
            slot.tried.add(pair)
            try:
                slot.answer = self.read_call(sender, b"".join(pair), source)
            except Malformed as error:
                self.say("dropped", why=str(error))
                continue
            slot.true = pair
            return self.send_answer(slot, source)

    def send_answer(self, slot: Slot, source: Address):
        slot.sendings += 1
        self.send_parts(slot.answer, source)

    def read_call(self, sender: int, message: bytes, source: Address) -> list[bytes]:
        """Reads message 1 into a fresh state, and gives both RESP ([Rules])."""
        noise = w.Noise(self.public, sender)
        E_i, ek, S_i, payload = w.read_message1(noise, self.secret, message)
        timestamp, their_id = w.read_payload1(payload)
        if S_i != self.peer:
            raise Malformed("a stranger")
        if timestamp <= self.greatest_heard:
            raise Malformed("an old timestamp")
        self.greatest_heard = timestamp
        local = self.new_index()
        payload2 = struct.pack("<QII", self.id, self.answer, local)
        message2 = w.write_message2(noise, w.chance.randbytes(32), E_i, S_i, ek, self.psk, payload2)
        if self.answer in (w.KNOWN, w.GUEST):
            keypair = Keypair(noise, False, local, sender, (self.id, their_id), source)
            self.next = [*self.next, keypair][-MAX_NEXT_KEYPAIRS:]
        return [w.resp(part, sender, message2, E_i) for part in (0, 1)]

    # ---- keys ([Slots]) ----

    def promote(self, keypair: Keypair):
        """`keypair` becomes current, or previous where glare decides for the other."""
        old = self.current
        if not self.connection or self.connection.ids != keypair.ids:
            self.previous, self.current = None, keypair
            self.chat = Chat(self)
            self.connection = Connection(self, self.chat, keypair.ids)
            self.mailbox.send_again()
        elif old and old.crossed(keypair):
            self.say("glare")
            self.decide(old, keypair)
        else:
            self.previous, self.current = old, keypair

    def decide(self, old: Keypair, keypair: Keypair):
        """Glare: both send under the keypair whose initiator has the smaller static key."""
        ours = self.public < self.peer
        winner, other = (keypair, old) if keypair.initiator == ours else (old, keypair)
        self.current, self.previous = winner, other

    def confirm(self, keypair: Keypair):
        """A packet opened under a `next`: older ones are erased, and the slot is freed."""
        self.next = [waiting for waiting in self.next if waiting is not keypair and waiting.made > keypair.made]
        self.slots = {name: slot for name, slot in self.slots.items() if name[1] != keypair.remote}
        begins = not self.connection or self.connection.ids != keypair.ids
        self.promote(keypair)
        if begins:
            self.path = self.proved = keypair.answered
            self.peer_is_guest = self.answer == w.GUEST
            self.say("secure", initiator=False)

    def on_data(self, datagram: bytes, source: Address):
        receiver, counter = struct.unpack("<IQ", datagram[4:16])
        keypair = next((keypair for keypair in self.keypairs() if keypair.local == receiver), None)
        if not keypair or not keypair.is_new(counter) or keypair.age() > REJECT_AFTER + ATTEMPT_LIFE:
            raise Malformed("no key, or a replay")
        plain = w.unseal(keypair.open, counter, b"", datagram[16:])
        newest = counter > keypair.highest
        keypair.commit(counter)
        self.heard_at, self.source, self.source_size = now(), source, len(datagram)
        self.brought[source] = self.brought.get(source, 0) + len(datagram)
        if keypair in self.next:
            self.confirm(keypair)
        if keypair is self.current and newest:
            self.move(source)
        if self.series and self.series.of_silence:
            self.series = None
        self.renew(sends=False)
        self.connection.receive(plain)

    def renew(self, sends: bool):
        if self.renews and self.current and not self.series and self.current.wants_renewal(sends):
            self.series = Series()

    # ---- paths ([Paths]) ----

    def move(self, source: Address):
        """The path moves to where the newest packet came from; another address than the proved one is asked."""
        if source == self.path:
            return
        self.path = source
        self.challenge_at = now() if source != self.proved else None
        self.challenge_wait = self.connection.probe_timeout()
        self.return_at = now() + PATH_PTOS * max(PATH_PTO, self.challenge_wait)

    def room(self, address: Address) -> int:
        """What the limit leaves of one datagram. It does not take off what was sent there before."""
        return w.BASE_DATAGRAM_LEN if address == self.proved else AMPLIFICATION * self.brought.get(address, 0)

    def ask_address(self):
        if now() > self.return_at:
            self.path, self.challenge_at = self.proved, None
            return
        for address in {self.path, self.proved}:
            token = w.chance.randbytes(8)
            self.challenges[token] = address
            full = self.room(address) >= w.BASE_DATAGRAM_LEN
            self.send_alone(w.frame(w.CHALLENGE, token), address, w.BASE_DATAGRAM_LEN if full else SMALL_CHALLENGE)
        self.challenge_at, self.challenge_wait = now() + self.challenge_wait, 2 * self.challenge_wait

    def send_alone(self, frame: bytes, address: Address, size: int):
        """A packet that is not counted as in flight, in a datagram of that size."""
        plain = w.varint(self.connection.use_number()) + frame
        self.emit(self.current.data(plain.ljust(size - 32, b"\0")), address)

    def on_challenge(self, token: bytes):
        """The answer is as large as the datagram with the challenge, within bounds, and goes where that came from."""
        size = min(max(self.source_size, SMALL_CHALLENGE), w.BASE_DATAGRAM_LEN)
        self.send_alone(w.frame(w.RESPONSE, token), self.source, size)

    def on_response(self, token: bytes):
        address = self.challenges.pop(token, None)
        if address and address == self.path != self.proved:
            self.proved, self.challenge_at = address, None
            self.say("proved")

    # ---- who may talk ([Who may talk]) ----

    def pin(self, signing_key: bytes):
        if self.signing_key not in (None, signing_key):
            raise Breach("another signing key")
        self.signing_key = signing_key

    def let_in(self):
        """HELLO, or what may stand in its place, ends our waiting."""
        self.we_wait = False

    # ---- time ----

    def on_time(self):
        if self.series and now() >= self.series.next_at:
            self.try_again()
        if self.current and self.current.age() > ERASE_AFTER:
            self.current = self.previous = None
        if self.connection and self.current:
            self.on_connection_time(self.connection)

    def on_connection_time(self, connection: Connection):
        if self.challenge_at and now() >= self.challenge_at:
            self.ask_address()
        if self.we_wait and now() - connection.last_eliciting > ASK_WHILE_WAITING:
            connection.queue(w.PING)
        flying = connection.in_flight()
        since = min((connection.sent[number].at for number in flying), default=now())
        if now() - max(self.heard_at, since) > SILENCE and not self.series:
            self.say("silent")
            self.series = Series(of_silence=True)
        if self.may_seal():
            for packet in connection.probe():
                self.transmit(packet)

    def may_seal(self) -> bool:
        return self.current is not None and self.current.age() <= REJECT_AFTER

    def transmit(self, packet: Packet):
        self.emit(self.current.data(w.pad(packet.plain)), self.path)
        self.connection.on_sent(packet)
        if packet.items:
            self.renew(sends=True)

    def flush(self):
        """Sends what the window has room for."""
        connection = self.connection
        if not connection:
            return
        if not self.may_seal():
            waits = connection.frames or any(message.state == "queued" for message in self.mailbox.messages)
            self.series = self.series or (Series() if waits else None)
            return
        if not connection.said_hello and not self.peer_is_guest:
            connection.said_hello = True
            connection.frames.append(w.hello(w.signing_key(self.secret), self.nickname))
        if not self.we_wait and not self.peer_is_guest:
            self.chat.feed()
        while len(connection.in_flight()) < WINDOW and (packet := connection.next_packet()):
            self.transmit(packet)
        if connection.ack_is_due():
            self.transmit(connection.ack_packet())


def bind() -> socket.socket:
    """A socket of loopback, on a port that the system chooses."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made
