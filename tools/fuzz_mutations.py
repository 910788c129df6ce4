"""Ways to spoil a good file."""

import copy
import struct
from typing import Any

import numpy as np

# What a length, a count, an index or a number in text must not be trusted to be.
_INTEGERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_WORDS = (
    *(b"-1", b"0", b"1e999", b"-1e999", b"nan", b"inf", b"1e-999", b"4000000000000", b"true"),
    *(b"9" * 5000, b"../outside", b"/etc/passwd", b"\0", b"\n", b"\r\n", b"\x1b[2J", b"\xff\xfe"),
    *(b"{" * 3000, b"[" * 3000, b'"' * 100, b",,,,", b" " * 1000, b"a" * 140_000, b"%s%n", b"0-9"),
)
_VALUES = (
    *(None, True, False, 0, -1, 1, 2, 3, 7, 63, 65, 4096, 65536, 2**31, 2**63, 2**70, 10**400),
    *(0.5, -0.5, 1e308, float("nan"), float("inf"), "", "1", "64", "x" * 10_000, "../outside"),
    *("/etc/passwd", "\0", "a\nb", "\x1b]0;x\a", [], {}, [1] * 1000, [[]], {"a": 1}, [None], "é"),
)


def mutated_bytes(rng: np.random.Generator, good: bytes) -> bytes:
    """One to eight changes: bits, bytes, numbers of 1 to 8 bytes, parts moved, removed, doubled."""
    data = bytearray(good)
    for _ in range(2 ** int(rng.integers(4))):
        size = max(1, len(data))
        # Half of the changes go to the start, where the headers are.
        place = int(rng.integers(min(size, 512) if rng.random() < 0.5 else size))
        length = int(rng.integers(1, 64))
        choice = int(rng.integers(9))
        if choice == 0 and data:
            data[place] ^= 1 << int(rng.integers(8))
        elif choice == 1 and data:
            data[place] = int(rng.integers(256))
        elif choice <= 3:
            width = int(rng.choice([1, 2, 4, 8]))
            value = _INTEGERS[rng.integers(len(_INTEGERS))] & (256**width - 1)
            number = value.to_bytes(width, "little" if rng.random() < 0.5 else "big")
            data[place : place + width] = number
        elif choice == 4:
            del data[place : place + length]
        elif choice == 5:
            data[place:place] = data[int(rng.integers(size)) :][:length]
        elif choice == 6:
            data[place : place + length] = rng.bytes(length)
        elif choice == 7:
            number = rng.choice([np.nan, np.inf, -np.inf, 1e38])
            data[place & ~3 : (place & ~3) + 4] = struct.pack("<f", number)
        elif rng.random() < 0.3:
            del data[place:]
    return bytes(data)


def mutated_text(rng: np.random.Generator, good: bytes) -> bytes:
    """As `mutated_bytes`, and words that readers of text stumble over."""
    if rng.random() < 0.3:
        return mutated_bytes(rng, good)
    data = bytearray(good)
    for _ in range(2 ** int(rng.integers(3))):
        place = int(rng.integers(max(1, len(data))))
        word = _WORDS[rng.integers(len(_WORDS))]
        end = place
        while rng.random() < 0.9 and end < len(data) and data[end : end + 1].isalnum():
            end += 1
        data[place:end] = word
    return bytes(data)


def mutated_values(rng: np.random.Generator, good: Any) -> Any:
    """A copy of values as JSON has them, with one to four replaced, removed, renamed or nested."""
    values = copy.deepcopy(good)
    for _ in range(2 ** int(rng.integers(3))):
        places = list(_places(values))
        if not places:
            return _VALUES[rng.integers(len(_VALUES))]
        holder, key = places[rng.integers(len(places))]
        choice = rng.random()
        if choice < 0.7:
            holder[key] = copy.deepcopy(_VALUES[rng.integers(len(_VALUES))])
        elif choice < 0.8:
            del holder[key]
        elif choice < 0.9 and isinstance(holder, dict):
            holder[str(_VALUES[rng.integers(len(_VALUES))])] = holder.pop(key)
        elif isinstance(holder[key], int):
            holder[key] = int(holder[key]) * int(rng.choice([-1, 2, 3, 1000, 10**9]))
        else:
            holder[key] = [holder[key]] * int(rng.integers(1, 4))
    return values


def _places(values: Any):
    """(container, key) of everything inside; at most a few thousand."""
    keys = values if isinstance(values, dict) else range(len(values))
    for key in list(keys)[:200]:
        yield values, key
        if isinstance(values[key], dict | list):
            yield from _places(values[key])
