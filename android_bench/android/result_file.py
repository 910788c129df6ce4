"""The result file of `benchmark_model`: a protocol buffer, `benchmark_result.proto`."""

import struct
from collections.abc import Iterator
from dataclasses import replace

from psfr_tf.android_bench.target import Measurement

_LATENCY_METRICS = 2
# Its fields, all of type float.
_LATENCY_FIELDS = {2: "min_ms", 3: "max_ms", 4: "std_ms", 5: "p50_ms", 7: "p95_ms"}


def parse_result_file(content: bytes, measurement: Measurement) -> Measurement:
    """Fill figures of a measurement from the file of `--result_file_path`, which has more digits.

    Raises:
        ValueError: the content is damaged.
    """
    result = dict(_fields(content))
    latency = dict(_fields(result.get(_LATENCY_METRICS, b"")))
    figures = {
        name: round(struct.unpack("<f", latency[number])[0], 4)
        for number, name in _LATENCY_FIELDS.items()
        if len(latency.get(number, b"")) == 4
    }
    if not all(0 <= value < 1e12 for value in figures.values()):
        raise ValueError("a figure that no measurement gives")
    return replace(measurement, latency=replace(measurement.latency, **figures))


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, bytes) of each field of a protocol buffer; varints are skipped."""
    position = 0
    while position < len(content):
        key, position = _varint(content, position)
        kind = key & 7
        if kind == 0:
            _, position = _varint(content, position)
            continue
        if kind == 2:
            length, position = _varint(content, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("not a protocol buffer")
        if position + length > len(content):
            raise ValueError("cut off")
        yield key >> 3, content[position : position + length]
        position += length


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(content) or shift > 63:
            raise ValueError("cut off")
        byte = content[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position
