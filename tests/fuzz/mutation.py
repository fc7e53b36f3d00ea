"""Seeded changes to bytes that were once in order, and JSON that was never in order."""

import json
import random
from collections.abc import Sequence

#: What parsers have stumbled over somewhere.
TOKENS = (
    *(b"null", b"NaN", b"-Infinity", b"1e999", b"1e20", b"-0.0", b"1e-5", b"0.1", b"true", b'""'),
    *(b"\\ud83d", b"\\ude00", b"\\u0000", b"\\u001b[31m", b"\xff", b"\xc3", b"\xed\xa0\x80"),
    *(b"\x00", b"\x1b]0;x\x07", b"\r\n", b"\n", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xef\xbb\xbf"),
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b" ", b"-1", b"0", b"1", b"4294967296"),
    *(b"9" * 30, b"9" * 400, b"9" * 5000, b"[" * 300, b"]" * 300, b'{"a":' * 300, b"a" * 5000),
    *(b"1" + b"0" * 320, b"[" * 5000, b"%s", b"%n", b"{0.__class__}", b"../", b"/etc/passwd"),
    *(b"__import__", b"os.system", b"$(id)", b'"class":"', b',"payload":', b'"args":null'),
)
#: Most inputs stay below; a few are longer, as long repetitions find what takes quadratic time.
_LONGEST = 20_000
_KEYS = ("class", "args", "queue", "payload", "run_at", "error", "backtrace", "v", "type", "")


def mutate(chance: random.Random, corpus: Sequence[bytes]) -> bytes:
    """Return an input: something of the corpus, changed in a few places, or random JSON."""
    data = random_json(chance) if chance.random() < 0.15 else chance.choice(corpus)
    longest = _LONGEST if chance.random() < 0.98 else 20 * _LONGEST
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5, 9))):
        data = _change(chance, data, corpus)[:longest]
    return data


def random_json(chance: random.Random) -> bytes:
    """Return a JSON text, of a shape that might be anybody's."""
    value = _value(chance, depth=chance.choice((1, 2, 3, 5)))
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    data = text.encode("utf-8", "surrogatepass")
    deep = chance.choice((0, 0, 0, 50, 200, 400, 600, 900, 990))
    return b"[" * deep + data + b"]" * deep


def _value(chance: random.Random, depth: int) -> object:
    kind = chance.randrange(9 if depth else 7)
    match kind:
        case 0:
            return chance.choice((None, True, False))
        case 1:
            return chance.choice((0, 1, -1, 2**63, 10 ** chance.randrange(400), 1.0, 1e20, -0.0))
        case 2:
            return chance.uniform(-1, 1) * 10.0 ** chance.randrange(-320, 300)
        case 7:
            return [_value(chance, depth - 1) for _ in range(chance.randrange(5))]
        case 8:
            return {_text(chance): _value(chance, depth - 1) for _ in range(chance.randrange(5))}
        case _:
            return _text(chance)


def _text(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return chance.choice(_KEYS)
    codes = (chance.choice((0x7F, 0x7F, 0x3000, 0xE000, 0x10FFFF)) for _ in range(9))
    return "".join(chr(chance.randrange(code)) for code in codes)


def _change(chance: random.Random, data: bytes, corpus: Sequence[bytes]) -> bytes:
    here, there = sorted((_place(chance, data), _place(chance, data)))
    before, inserted, behind = data[:here], b"", data[here:]
    match chance.randrange(8):
        case 0:  # cut something out
            behind = data[min(there, here + chance.randrange(1, 9)) :]
        case 1:  # put something known in
            inserted = chance.choice(TOKENS)
        case 2:  # put something known in the place of something
            inserted, behind = chance.choice(TOKENS), data[there:]
        case 3:  # say something again, often
            inserted = data[here:there][:200] * chance.choice((1, 1, 2, 50, 2000))
        case 4:  # one byte is another
            inserted, behind = bytes([chance.randrange(256)]), data[here + 1 :]
        case 5:  # the end is missing
            behind = b""
        case 6:  # go on as another does
            other = chance.choice(corpus)
            behind = other[_place(chance, other) :]
        case _:  # wrap it
            begin, end = chance.choice(((b"[", b"]"), (b'{"payload":', b"}"), (b'"', b'"')))
            deep = chance.choice((1, 1, 2, 300, 900))
            before, behind = begin * deep + before, behind + end * deep
    return before + inserted + behind


def _place(chance: random.Random, data: bytes) -> int:
    return chance.randrange(len(data) + 1)
