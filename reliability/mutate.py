"""Damaged copies of files, for fuzzing the readers."""

from collections.abc import Callable
from random import Random

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)
TOKENS = (
    *(b"", b"\0", b"\n", b",", b":", b'"', b"'", b"@", b"#", b"?", b"_", b" ", b"-1", b"0", b"nan", b"inf", b"1e999"),
    *(b"1_0", b"99999999999999999999", b"@data\n", b"@classLabel true a\n", b"@dimensions 99999999\n", b"\xff\xfe"),
    *(b"\xed\xa0\x80", "ü".encode(), b"(1, 0, 99999999999)", b"|O8", b"<U9999999", b"PK\x01\x02", b"PK\x05\x06"),
)


def flip_bit(content: bytearray, random: Random) -> None:
    """Changes one bit."""
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def set_byte(content: bytearray, random: Random) -> None:
    """Overwrites a byte."""
    content[random.randrange(len(content))] = random.choice((*INTERESTING, random.randrange(256)))


def set_number(content: bytearray, random: Random) -> None:
    """Overwrites 2, 4 or 8 bytes by a number that is near a power of two, in either byte order."""
    size = random.choice((2, 4, 8))
    number = (1 << random.randrange(8 * size)) + random.randrange(-1, 2)
    at = random.randrange(len(content))
    content[at : at + size] = (number % (1 << 8 * size)).to_bytes(size, random.choice(("big", "little")))


def truncate(content: bytearray, random: Random) -> None:
    """Cuts the end off."""
    del content[random.randrange(len(content)) :]


def remove(content: bytearray, random: Random) -> None:
    """Takes some bytes out."""
    at = random.randrange(len(content))
    del content[at : at + random.randrange(1, 32)]


def insert(content: bytearray, random: Random) -> None:
    """Puts a token or noise in."""
    at = random.randrange(len(content) + 1)
    content[at:at] = random.choice(TOKENS) if random.random() < 0.7 else random.randbytes(random.randrange(1, 16))


def overwrite(content: bytearray, random: Random) -> None:
    """Writes a token over what was there."""
    token = random.choice(TOKENS)
    at = random.randrange(len(content))
    content[at : at + len(token)] = token


def repeat(content: bytearray, random: Random) -> None:
    """Repeats a part."""
    start, end = sorted(random.randrange(len(content) + 1) for _ in range(2))
    content[end:end] = bytes(content[start:end]) * random.randrange(1, 4)


MUTATIONS: tuple[Callable[[bytearray, Random], None], ...] = (
    *(flip_bit, set_byte, set_number, truncate, remove, insert, overwrite, repeat),
)


def mutate(content: bytes, random: Random, limit: int = 2**16) -> bytes:
    """A copy with one to four things wrong; no more than `limit` bytes."""
    damaged = bytearray(content)
    for _ in range(random.randrange(1, 5)):
        if damaged:
            random.choice(MUTATIONS)(damaged, random)
    return bytes(damaged[:limit])
