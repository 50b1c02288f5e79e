"""Scenarios of a real securechat and a Peer over loopback. Names in [brackets] are sections of docs/protocol.md."""
import select
import socket
import sys
import threading
import time

from mnemonic import Mnemonic

import peer as tunnel
import wire as w
from peer import Address, Peer
from program import Program, as_text, called, caller, check, free_port, meet, run


def talk(program: Program, peer: Peer):
    """A message each way, with its receipt."""
    word = f"{w.chance.getrandbits(32):08x}"
    message = peer.send(f"to the program ü {word}")
    check(peer.run(lambda: message.state == "delivered"), "a message to the program is receipted")
    check(peer.run(lambda: program.got("message", text=f"to the program ü {word}")), "and shown")
    receipts = len(program.got("receipt", state="delivered"))
    program.ask("send", peer="py", text=f"from the program {word}")
    check(peer.run(lambda: peer.got("message", text=f"from the program {word}")), "a message from the program comes")
    check(peer.run(lambda: len(program.got("receipt", state="delivered")) > receipts), "and its receipt is told")


def initiator():
    """[Handshake], [Frames], CLOSE: the Peer calls."""
    program, peer = caller()
    check(meet(peer), "message 2 opens, HELLO comes")
    hello = peer.got("hello")[0]
    check((hello["newest"], hello["largest"], hello["capabilities"]) == (1, 1 << 24, 1), "HELLO says what version 1 says")
    talk(program, peer)
    peer.close()
    check(peer.run(lambda: program.got("closed", reason="goodbye")), "CLOSE 0 is a goodbye")


def responder():
    """[Handshake]: the program calls."""
    program, peer = called()
    check(meet(peer), "message 1 opens, HELLO comes")
    talk(program, peer)
    program.ask("quit")
    check(peer.run(lambda: peer.got("closed", by="them", code=0)), "the program leaves with CLOSE 0")


def psk():
    """[Rules], Another psk."""
    mine, other = w.chance.randbytes(32), w.chance.randbytes(32)
    _, peer = caller(psk=mine)
    check(meet(peer), "with the same psk")
    _, peer = caller(psk=mine, peer_psk=other)
    check(peer.run(lambda: peer.got("message 2 fails")), "with another one message 2 fails")
    program, peer = called(psk=mine)
    check(peer.run(lambda: program.got("link", state="other_psk")), "the program tells of another one")


def lossy_network():
    """[Loss and congestion]: a quarter of all datagrams is lost, both ways."""
    program, peer = caller()
    meet(peer)
    peer.lose_in = peer.lose_out = lambda _: w.chance.random() < .25
    count = range(60)
    messages = [peer.send(f"p{i} " + "x" * w.chance.randrange(3000)) for i in count]
    for i in count:
        program.ask("send", peer="py", text=f"s{i} " + "y" * w.chance.randrange(3000))

    def done():
        return (all(message.state == "delivered" for message in messages) and len(peer.got("message")) == len(count)
                and len(program.got("receipt", state="delivered")) == len(count))
    check(peer.run(done, 50), "60 messages each way are delivered")
    there = [event["text"].split()[0] for event in program.got("message", dir="in")]
    here = [event["text"].split()[0] for event in peer.got("message")]
    check(there == [f"p{i}" for i in count] and here == [f"s{i}" for i in count], "each once and in order")
    check(not peer.got("breach") and not program.got("closed"), "without a breach")


def halves_lost():
    """[Reassembly]: halves of several sendings make one message."""
    secret, program = w.chance.randbytes(32), Program()
    program.add(w.public(secret))
    program.listen()
    peer = Peer(secret, program.key)
    out, come = iter(range(1000)), iter(range(1000))
    peer.lose_out = lambda datagram: datagram[0] == w.INIT and next(out) in (0, 3, 5)
    peer.lose_in = lambda datagram: datagram[0] == w.RESP and next(come) in (0, 3)
    peer.call(program.address())
    check(peer.run(lambda: peer.got("hello"), 15), "a half of each sending is enough")


def long_bodies():
    """[Messages], [Streams]: bodies on streams of their own, beyond DATA_WINDOW and MAX_STREAMS together."""
    program, peer = caller()
    meet(peer)
    for size in (w.INLINE_BODY_MAX_LEN, w.INLINE_BODY_MAX_LEN + 1, 3_000_000):
        text, back = (w.chance.randbytes(size // 2 + 1).hex()[:size] for _ in range(2))
        message = peer.send(text)
        check(peer.run(lambda: message.state == "delivered", 30), f"{size} bytes to the program")
        check(peer.run(lambda: program.got("message", text=text)), "whole")
        program.ask("send", peer="py", text=back)
        check(peer.run(lambda: peer.got("message", text=back), 30), f"{size} bytes from the program")
    messages = [peer.send(w.chance.randbytes(33000).hex()) for _ in range(24)]
    check(peer.run(lambda: all(message.state == "delivered" for message in messages), 30), "24 one after another")


def body_without_end():
    """[Messages]: a stream that goes on is stopped, and the message is taken."""
    _, peer = caller()
    meet(peer)
    peer.ends_bodies = False
    for body in ("z" * 70000, "after it", "z" * 70000):
        message = peer.send(body)
        check(peer.run(lambda: message.state == "delivered"), f"{len(body)} bytes are delivered")


def body_cut():
    """[Messages]: a body that ends sooner, or is reset, is given up; what is behind it is read."""
    for name, ends in (("ends sooner", w.frame(w.LAST, 2, 0, w.block(b"abc"))), ("is reset", w.frame(w.RESET, 2, 0, 0))):
        _, peer = caller()
        meet(peer)
        box = peer.mailbox
        peer.chat.write(w.message(box.log, 0, 0, stream=2, length=70000))
        box.sequence = 1
        behind = peer.send("behind")
        peer.connection.frames.append(ends)
        check(peer.run(lambda: behind.state == "delivered"), f"what is behind a body that {name} is delivered")


def new_keys():
    """[Slots], [Connection ids]: the same pair of ids goes on, another begins anew."""
    program, peer = caller()
    meet(peer)
    for _ in range(3):
        connection, old = peer.connection, peer.current
        peer.call()
        check(peer.run(lambda: peer.current is not old, 10) and peer.connection is connection, "new keys, the same connection")
        talk(program, peer)
    peer.id = tunnel.draw_id()
    peer.events.clear()
    peer.call()
    check(meet(peer) and peer.connection is not connection, "another connection id, another connection")
    talk(program, peer)


def cookies():
    """[Cookies and load]: over SOURCE_BURST, and brought by the program."""
    _, peer = caller()
    meet(peer)
    peer.close()
    for _ in range(8):
        peer.attempts = []
        peer.call()
        peer.try_again()
    check(peer.run(lambda: peer.got("cookie")), "whoever sends many first halves is asked for a cookie")
    check(peer.run(lambda: peer.current), "and taken with it")
    program, peer = Program(), Peer(w.chance.randbytes(32))
    program.add(peer.public, peer.socket.getsockname())
    peer.peer, peer.asks_cookies = program.key, True
    program.start("connect", "py")
    check(meet(peer) and peer.got("asked for a cookie"), "the program brings ours")


def load():
    """[Cookies and load]: 300 halves of 60 sources are more than LOAD_RATE."""
    program, peer = caller()
    peer.series = None
    for i in range(1, 61):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((f"127.0.1.{i}", 0))
            for _ in range(5):
                half = w.init(0, w.chance.getrandbits(32), w.chance.randbytes(1320), program.key)
                stranger.sendto(half, program.address())
    peer.call()
    check(meet(peer) and len(peer.got("cookie")) == 1, "under load a fresh source needs a cookie")
    talk(program, peer)


def killed():
    """[Messages]: a program that was killed before it heard RECEIPT sends again, under the message's name."""
    program, peer = called()
    peer.says_receipts = False
    meet(peer)
    program.ask("send", peer="py", text="kept")
    peer.run(lambda: peer.got("message"))
    program.kill()
    names, peer.says_receipts = set(peer.mailbox.taken), True
    peer.mailbox.taken.clear()
    peer.events.clear()
    program.start("connect", "py")
    check(peer.run(lambda: peer.got("message", text="kept"), 10), "sent again by the next process")
    check(peer.mailbox.taken == names, "under its name")
    check(peer.run(lambda: program.got("receipt", state="delivered")), "and delivered")


def strangers():
    """[Who may talk]: what an unknown caller is answered."""
    _, peer = caller("--trust", "strict", known=False)
    check(peer.run(lambda: peer.got("refused")), "strict: refused")
    _, peer = caller("--trust", "new", known=False)
    check(meet(peer), "new: known")
    program, peer = caller("--trust", "ask", known=False)
    check(peer.run(lambda: program.got("caller")), "ask: the user is asked")
    check(peer.we_wait and not peer.got("hello"), "HELLO is withheld")
    program.ask("accept", key=as_text(peer.public), name="py")
    check(meet(peer), "accepted: HELLO")
    talk(program, peer)


def strangers_declined():
    """[Who may talk]: a guest that is declined, and one that says too much."""
    program, peer = caller("--trust", "ask", known=False)
    peer.run(lambda: program.got("caller"))
    program.ask("reject", key=as_text(peer.public))
    check(peer.run(lambda: peer.got("closed", code=3)), "declined: CLOSE 3")
    peer.call()
    check(peer.run(lambda: peer.got("refused"), 10), "who calls again under its id is refused")
    program, peer = caller("--trust", "ask", known=False)
    peer.run(lambda: program.got("caller"))
    peer.connection.queue(w.STREAM, 1, 0, w.block(b"x"))
    check(peer.run(lambda: peer.got("closed", code=1)), "a guest's STREAM: CLOSE 1")


def answers():
    """[Payloads]: the program as `guest`, as `refused`, and told something later."""
    program, peer = called(answer=w.GUEST)
    check(meet(peer) and peer.run(lambda: program.got("waiting")), "guest: it says HELLO, and that it waits")
    program.ask("send", peer="py", text="too early")
    peer.idle(1)
    check(not peer.got("message") and not peer.got("breach"), "and sends nothing else")
    peer.peer_is_guest = False
    check(peer.run(lambda: peer.got("message")), "before it is accepted")
    for flags, code in ((w.REFUSED, "refused"), (w.OTHER_VERSION, "version"), (5, "version")):
        program, peer = called(answer=flags)
        peer.run(lambda: program.process.poll() is not None, 10)
        said = " ".join(event["message"] for event in program.got("error"))
        check(code in said, f"flags {flags}: {code}")


def compared_words():
    """[Verification]: both sides have the same words."""
    program, peer = caller()
    meet(peer)
    peer.chat.ask_words()
    check(peer.run(lambda: peer.got("words") and program.got("verify", step="words")), "we ask: both have words")
    words, numbers = w.words(peer.got("words")[0]["code"], Mnemonic("english").wordlist)
    theirs = program.got("verify", step="words")[0]
    check(as_list(theirs["words"]) == words and as_list(theirs["numbers"]) == numbers, "the same words and numbers")
    program.ask("match", peer="py", words=" ".join(words))
    check(peer.run(lambda: peer.got("verdict", verdict=0)), "the program says VERDICT 0")
    peer.chat.say_step(w.VERDICT, peer.chat.comparison.attempt, b"\0")
    check(peer.run(lambda: program.got("verify", step="they_match")), "and tells of ours")
    program.ask("verify", peer="py")
    check(peer.run(lambda: len(peer.got("words")) == 2), "it asks: both have words")
    peer.chat.ask_words()
    check(peer.run(lambda: peer.got("verdict", verdict=3)), "an ASK within VERIFY_PAUSE of the last: VERDICT 3")


def as_list(words: str | list) -> list[str]:
    return words.split() if isinstance(words, str) else [str(word) for word in words]


def differing_words():
    """[Verification]: VERDICT 1 with CLOSE 3, and a nonce that was not committed to."""
    program, peer = caller()
    meet(peer)
    program.ask("verify", peer="py")
    peer.run(lambda: peer.got("words") and program.got("verify", step="words"))
    program.ask("differ", peer="py")
    check(peer.run(lambda: peer.got("closed", code=3) and peer.got("verdict", verdict=1)), "VERDICT 1 and CLOSE 3")
    _, peer = caller()
    meet(peer)
    peer.chat.ask_words()
    peer.chat.comparison.nonce = w.chance.randbytes(32)
    check(peer.run(lambda: peer.got("closed", code=1)), "another nonce is revealed: CLOSE 1")


def our_address_changes():
    """[Paths]: the program asks the new address, and follows."""
    program, peer = caller()
    meet(peer)
    peer.socket = tunnel.bind()
    talk(program, peer)
    check(peer.run(lambda: program.got("link", state="roamed")), "the new port is proved")


class Relay(threading.Thread):
    """A NAT between program and Peer, which may forget its mapping."""

    def __init__(self, peer: Address):
        super().__init__(daemon=True)
        self.peer, self.inside, self.outside = peer, tunnel.bind(), tunnel.bind()
        self.program, self.forget, self.ended = None, False, False

    def run(self):
        while not self.ended:
            for ready in select.select([self.inside, self.outside], [], [], .05)[0]:
                self.forward(ready)

    def forward(self, ready: socket.socket):
        datagram, source = ready.recvfrom(4096)
        if ready is self.outside:
            self.inside.sendto(datagram, self.program)
            return
        self.program = source
        if self.forget:
            self.outside, self.forget = tunnel.bind(), False
        self.outside.sendto(datagram, self.peer)


def their_address_changes():
    """[Paths]: the program's NAT gives it another port; the Peer asks that one, and follows."""
    program, peer = Program(), Peer(w.chance.randbytes(32))
    relay = Relay(peer.socket.getsockname())
    relay.start()
    program.add(peer.public, relay.inside.getsockname())
    peer.peer = program.key
    program.start("connect", "py")
    check(meet(peer), "through a relay")
    relay.forget = True
    program.ask("send", peer="py", text="from elsewhere")
    check(peer.run(lambda: peer.got("message", text="from elsewhere") and peer.got("proved")), "the new port answers our challenge")
    talk(program, peer)
    relay.ended = True


def glare():
    """[Slots], Glare: both call at once, and both send under the keys of the smaller."""
    for smaller in (True, False):
        program, peer = pair_of_order(smaller)
        port, held = free_port(), []
        peer.lose_in = lambda datagram: datagram[0] == w.INIT and not peer.attempts and not held.append(datagram)
        program.start("connect", "py", "--bind", "127.0.0.1:%d" % port)
        peer.run(lambda: len(held) >= 2)
        peer.call(("127.0.0.1", port))
        peer.try_again()
        for datagram in held:
            peer.handle(datagram, ("127.0.0.1", port))
        # Who has lost need not send under its own keys: then the Peer's keypair of that handshake waits.
        check(meet(peer) and peer.run(lambda: peer.got("glare") or smaller and peer.next), "two handshakes cross")
        talk(program, peer)
        check(peer.current.initiator == smaller, f"the keys of {'the Peer' if smaller else 'the program'} win")


def pair_of_order(smaller: bool) -> tuple[Program, Peer]:
    """A Peer whose static key is smaller or greater than the program's."""
    program = Program()
    while ((peer := Peer(w.chance.randbytes(32), program.key)).public < program.key) != smaller:
        pass
    program.add(peer.public, peer.socket.getsockname())
    return program, peer


def turned_away():
    """[Messages]: what is taken, and the reasons of REJECT."""
    _, peer = caller()
    meet(peer)
    largest = (1 << 62) - 1

    def one(name: str, wanted: tuple, sequence: int, body: bytes = b"?", **about):
        message = peer.send("")
        message.sequence, message.state = sequence, "sent"
        peer.chat.write(w.message(peer.mailbox.log, sequence, 0, body, **about))
        peer.run(lambda: peer.got("rejected") or peer.got("delivered") or peer.got("closed"))
        said = [(event["what"], event.get("reason")) for event in peer.events]
        check(said == [wanted], f"{name}: {said}")
        peer.events.clear()

    peer.events.clear()
    delivered = "delivered", None
    one("kind 2", ("rejected", 1), 10, kind=2)
    one("kind 0", ("rejected", 1), 11, kind=0)
    one("a conversation", ("rejected", 1), 12, conversation=b"room")
    one("text that is no UTF-8", delivered, 13, b"\xff\xfe")
    one("a number below the one before", ("rejected", 5), 5)
    one("an empty text", delivered, 15, b"")
    one("the same number again", delivered, 15)
    one("a body too large", ("rejected", 2), 16, stream=2, length=w.MESSAGE_MAX_LEN + 1)
    one("sequence 2^62 - 1", delivered, largest)


def ages():
    """[Ages]: the program renews keys as their initiator after 120 s, as their responder after 170 s. Three minutes."""
    sides = [("initiator", *called()), ("responder", *caller())]
    first, renewed, start = {}, {}, time.monotonic()
    for _, _, peer in sides:
        peer.renews = False
        meet(peer)
    asked = start
    while len(renewed) < len(sides) and time.monotonic() < start + 200:
        asks = time.monotonic() > asked + 5
        for name, program, peer in sides:
            peer.step(.02)
            if asks:
                program.ask("send", peer="py", text="tick")
            keypair = first.setdefault(name, peer.current)
            if peer.current is not keypair:
                renewed.setdefault(name, peer.current.made - keypair.made)
        asked = time.monotonic() if asks else asked
    check(tunnel.REKEY_INITIATOR_SEND <= renewed.get("initiator", 0) < 130, "as initiator after 120 s")
    check(tunnel.REKEY_RESPONDER <= renewed.get("responder", 0) < 180, "as responder after 170 s")
    check(not any(program.got("closed") for _, program, _ in sides), "and the sessions live")


SCENARIOS = [initiator, responder, psk, lossy_network, halves_lost, long_bodies, body_without_end, body_cut, new_keys, cookies,
             load, killed, strangers, strangers_declined, answers, compared_words, differing_words, our_address_changes,
             their_address_changes, glare, turned_away]

if __name__ == "__main__":
    sys.exit(run(SCENARIOS, __doc__, slow=(ages,)))
