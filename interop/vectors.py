"""Makes the bytes of docs/vectors anew, out of their inputs, and compares.

kyber-py is for the one input that `cryptography` does not take: the randomness of ML-KEM's encapsulation.
"""
import copy
import pathlib
import re
import sys

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from kyber_py.ml_kem import ML_KEM_768
from mnemonic import Mnemonic

import wire as w

HERE = pathlib.Path(__file__).resolve().parent.parent / "docs" / "vectors"
Vector = dict[str, bytes]


class Comparison:
    """Counts what is as a file says and what is not."""

    def __init__(self):
        self.ok = self.failed = 0

    def same(self, name: str, made, said):
        if made == said:
            self.ok += 1
        else:
            self.failed += 1
            shown = [value.hex() if isinstance(value, bytes) else value for value in (made, said)]
            print(f"  FAIL {name}: {shown[0]} and not {shown[1]}")

    def all(self, vector: Vector, **made: bytes):
        for name, value in made.items():
            self.same(name, value, vector[name])


def load(path: pathlib.Path) -> Vector:
    """Lines of `name = hexadecimal digits`."""
    lines = (line.split(" = ") for line in path.read_text("utf-8").splitlines() if not line.startswith("#"))
    return {line[0]: bytes.fromhex(line[1]) for line in lines if len(line) == 2}


def number(field: bytes) -> int:
    return int.from_bytes(field, "little")


def handshake(v: Vector, check: Comparison):
    """[Handshake]: both messages and every value on the way."""
    s_i, s_r = v["initiator_static_secret"], v["responder_static_secret"]
    e_i, e_r = v["initiator_ephemeral_secret"], v["responder_ephemeral_secret"]
    S_r = w.public(s_r)
    dk = MLKEM768PrivateKey.from_seed_bytes(v["initiator_kem_seed"])
    initiator = w.Noise(S_r, number(v["initiator_index"]))
    responder = copy.copy(initiator)
    check.all(v, responder_static_public=S_r, initiator_static_public=w.public(s_i),
              initiator_kem_public=dk.public_key().public_bytes_raw(), protocol_name=w.PROTOCOL_NAME,
              dh_es=w.dh(e_i, S_r), dh_ss=w.dh(s_i, S_r), hash_before_message1=initiator.h)

    payload1 = v["timestamp_seconds"] + v["timestamp_nanoseconds"] + v["initiator_connection_id"] + v["initiator_flags"]
    message1 = w.write_message1(initiator, s_i, S_r, e_i, dk.public_key().public_bytes_raw(), payload1)
    E_i, ek, S_i, read = w.read_message1(responder, s_r, message1)
    check.all(v, message1=message1, payload1=read, chaining_key_after_message1=initiator.ck,
              hash_after_message1=initiator.h)

    z, ct = ML_KEM_768._encaps_internal(ek, v["responder_kem_randomness"])
    payload2 = v["responder_connection_id"] + v["responder_flags"] + v["responder_index"]
    message2 = w.write_message2(responder, e_r, E_i, S_i, ek, v["psk"], payload2, (z, ct))
    read, initiator = w.read_message2(initiator, s_i, e_i, dk, v["psk"], message2)
    k1, k2 = initiator.split()
    check.all(v, kem_ciphertext=ct, kem_shared=z, dh_ee=w.dh(e_r, E_i), dh_se=w.dh(e_r, S_i), message2=message2,
              payload2=read, chaining_key_after_message2=responder.ck, handshake_hash=initiator.h,
              initiator_sends_key=k1, responder_sends_key=k2)
    check.same("hash of the responder", responder.h, initiator.h)


def datagrams(v: Vector, check: Comparison):
    """[Datagrams]: INIT, COOKIE, RESP and DATA of those messages and keys."""
    S_r, E_i = v["responder_static_public"], v["initiator_ephemeral_public"]
    index, cookie = number(v["initiator_index"]), v["cookie"]
    for part in (0, 1):
        init = w.init(part, index, v["message1"], S_r)
        check.same(f"init_{part}", init, v[f"init_{part}"])
        init = w.init(part, index, v["message1"], S_r, cookie)
        check.same(f"init_{part}_with_cookie", init, v[f"init_{part}_with_cookie"])
        check.same(f"resp_{part}", w.resp(part, index, v["message2"], E_i), v[f"resp_{part}"])
    mac1, nonce = w.mac1_of(v["init_0"]), v["cookie_nonce"]
    opened = w.xunseal(w.cookie_key(S_r), nonce, mac1, v["cookie_datagram"][32:])
    check.all(v, init_mac1_key=w.mac1_key(S_r), resp_mac1_key=w.mac1_key(E_i), cookie_key=w.cookie_key(S_r),
              cookie_datagram=w.cookie_reply(index, nonce, S_r, mac1, cookie), cookie=opened)
    to_responder, k1, k2 = number(v["responder_index"]), v["initiator_sends_key"], v["responder_sends_key"]
    check.all(v, initiator_data=w.data(to_responder, k1, 0, v["initiator_plaintext"]),
              responder_data=w.data(index, k2, 0, v["responder_plaintext"]),
              late_empty_data=w.data(to_responder, k1, number(v["late_counter"]), b""))


LOG, SENT_AT, ATTEMPT = 0x0123456789abcdef, 1700000000123, 0x0102030405060708


def packet(number: int, *frames: bytes) -> bytes:
    return w.pad(w.varint(number) + b"".join(frames))


def bodies() -> Vector:
    """The messages and bodies of frames.txt, as its comments tell them."""
    return {
        "message_record": w.message(LOG, 7, SENT_AT, "grüß dich".encode()),
        "message_record_long": w.message(LOG, 7, SENT_AT, stream=2, length=65537),
        "receipt_body": w.receipt_body(LOG, [0, 1, 2, 3, 4, 6, 10, 11]),
        "reject_body": w.reject_body(LOG, 7, 3),
    }


def packets(v: Vector) -> Vector:
    """The plaintexts of frames.txt."""
    token = bytes(range(1, 9))
    ask = w.verify_body(w.ASK, ATTEMPT, b"\x11" * 32 + b"\x22" * 32)
    verdict = w.verify_body(w.VERDICT, ATTEMPT, b"\0")
    return {
        "hello_packet": packet(0, w.hello(w.signing_key(bytes(range(32))), b"bob")),
        "ack_packet": packet(300, w.ack([(90, 100), (80, 88), (0, 3)], 25), w.frame(w.PING)),
        "stream_packet": packet(1, w.frame(w.STREAM, 1, 0, w.block(v["message_record"])),
                                w.frame(w.LAST, 2, 65534, w.block(b"end"))),
        "credit_packet": packet(63, w.frame(w.RESET, 2, 0, 5), w.frame(w.STOP, 3, 0), w.frame(w.MAX_DATA, (1 << 22) + 1),
                                w.frame(w.MAX_STREAM_DATA, 2, 1 << 21), w.frame(w.MAX_STREAMS, 17)),
        "note_packet": packet(64, w.frame(w.RECEIPT, w.block(v["receipt_body"])),
                              w.frame(w.REJECT, w.block(v["reject_body"]))),
        "path_packet": packet(16383, w.frame(w.CHALLENGE, token), w.frame(w.RESPONSE, token)),
        "verify_packet": packet(16384, w.frame(w.VERIFY, w.block(ask)), w.frame(w.VERIFY, w.block(verdict))),
        "close_packet": packet(70000, w.frame(w.CLOSE, 3, w.block(b""))),
    }


def frames(v: Vector, check: Comparison):
    """[Frames] and [Messages]: frames.txt, written and read back."""
    made = bodies() | packets(v)
    check.same("names", sorted(made), sorted(v))
    for name in v:
        check.same(name, made.get(name), v[name])
    check.same("receipt_body, read", w.parse_receipt(v["receipt_body"]), (LOG, [(0, 4), (6, 6), (10, 11)]))
    for name in (name for name in v if name.endswith("_packet")):
        number, read = w.parse_packet(v[name])
        check.same(f"{name}, read", v[name].startswith(w.varint(number)) and len(read) > 0, True)


def verification(readme: str, check: Comparison):
    """[Verification]: the example of docs/vectors/README.md."""
    said = dict(re.findall(r"^(commitment|code|words|numbers|safety number) +(.*?)(?:  .*)?$", readme, re.M))
    subject = w.about(b"\x11" * 32, ATTEMPT, b"\x22" * 32, b"\x33" * 32)
    check.same("commitment", w.commitment(subject, b"\x44" * 32).hex(), said["commitment"])
    code = w.code(subject, b"\x44" * 32, b"\x55" * 32)
    check.same("code", code.hex(), said["code"])
    words, numbers = w.words(code, Mnemonic("english").wordlist)
    check.same("words", " ".join(words), said["words"])
    check.same("numbers", " ".join(numbers), said["numbers"])
    check.same("safety number", w.safety_number(b"\x22" * 32, b"\x33" * 32), said["safety number"])


def signing(protocol: str, check: Comparison):
    """[Identities and keys]: the example of docs/protocol.md itself."""
    said = dict(re.findall(r"^(static secret|seed|public half)[a-z ]*? +([0-9a-f]{64})$", protocol, re.M))
    key = w.signing_key(bytes.fromhex(said["static secret"]))
    check.same("signing key", key.hex(), said["public half"])


def main() -> int:
    check = Comparison()
    for path in sorted(HERE.glob("handshake-*.txt")):
        print(path.name)
        handshake(load(path), check)
        datagrams(load(path), check)
    print("frames.txt")
    frames(load(HERE / "frames.txt"), check)
    print("verification and signing key")
    verification((HERE / "README.md").read_text("utf-8"), check)
    signing((HERE.parent / "protocol.md").read_text("utf-8"), check)
    print(f"{check.ok} ok, {check.failed} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
