"""The messages of `tensorflow.serving.PredictionService` as bytes, in the wire format of Protocol
Buffers (protobuf.dev/programming-guides/encoding).

Written here because the classes of tensorflow-serving-api import TensorFlow: with these a client
needs numpy and grpcio only. Fields are those of TF Serving's predict.proto, model.proto and
get_model_metadata.proto, and of TensorFlow's tensor.proto.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

Tensor = np.ndarray | Sequence[bytes]

# tensorflow.DataType
_STRING = 7
_TYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 9: np.int64, 10: np.bool_}
_NUMBERS = {np.dtype(dtype): number for number, dtype in _TYPES.items()}
# Of TensorProto, where values of these types may stand one by one: field number, type there.
_VALUES = {1: (5, np.float32), 2: (6, np.float64), 3: (7, None), 4: (7, None), 9: (10, None)}
_VALUES[10] = (11, None)

_VARINT, _EIGHT, _LENGTH, _FOUR = 0, 1, 2, 5


def predict_request(
    model: str, version: int | None, signature: str, inputs: Mapping[str, Tensor]
) -> bytes:
    """A PredictRequest.

    Args:
        inputs: arrays of numbers, or sequences of bytes, which are string tensors [N]; one bytes
            object is a string scalar.
    """
    parts = [_field(1, _model_spec(model, version, signature))]
    for name, value in inputs.items():
        entry = _field(1, name.encode()) + _field(2, _tensor(value))
        parts.append(_field(2, entry))
    return b"".join(parts)


def predict_outputs(message: bytes) -> dict[str, np.ndarray]:
    """The outputs of a PredictResponse; strings are arrays of bytes objects.

    Raises:
        ValueError: not such a message.
    """
    outputs = {}
    for number, value in _fields(message):
        if number == 1:
            entry = dict(_fields(_bytes(value)))
            outputs[_bytes(entry[1]).decode()] = _array(_bytes(entry.get(2, b"")))
    return outputs


def metadata_request(model: str, version: int | None) -> bytes:
    """A GetModelMetadataRequest for the signatures."""
    return _field(1, _model_spec(model, version)) + _field(2, b"signature_def")


def input_shapes(message: bytes) -> dict[str, dict[str, list[int]]]:
    """Of a GetModelMetadataResponse: signature to input to shape, -1 where a side is free.

    Raises:
        ValueError: not such a message.
    """
    shapes: dict[str, dict[str, list[int]]] = {}
    for metadata in _messages(message, 2):
        for any_message in _messages(metadata, 2):
            for signatures in _messages(any_message, 2):
                for entry in _messages(signatures, 1):
                    named = dict(_fields(entry))
                    inputs = dict(map(_name_and_shape, _messages(_bytes(named.get(2, b"")), 1)))
                    shapes[_bytes(named[1]).decode()] = inputs
    return shapes


def _name_and_shape(entry: bytes) -> tuple[str, list[int]]:
    named = dict(_fields(entry))
    shapes = list(_messages(_bytes(named[2]), 3))
    return _bytes(named[1]).decode(), _shape(shapes[0]) if shapes else []


def _model_spec(model: str, version: int | None, signature: str = "") -> bytes:
    spec = _field(1, model.encode())
    if version is not None:
        spec += _field(2, _key(1, _VARINT) + _varint(version))
    return spec + (_field(3, signature.encode()) if signature else b"")


def _tensor(value: Tensor | bytes) -> bytes:
    if isinstance(value, np.ndarray) and value.dtype != object:
        number = _NUMBERS[value.dtype]
        content = _field(4, np.ascontiguousarray(value).tobytes())
        return _key(1, _VARINT) + _varint(number) + _field(2, _dimensions(value.shape)) + content
    texts = [value] if isinstance(value, bytes) else list(value)
    shape = () if isinstance(value, bytes) else (len(texts),)
    head = _key(1, _VARINT) + _varint(_STRING) + _field(2, _dimensions(shape))
    return head + b"".join(_field(8, text) for text in texts)


def _dimensions(shape: Sequence[int]) -> bytes:
    return b"".join(_field(2, _key(1, _VARINT) + _varint(size)) for size in shape)


def _array(message: bytes) -> np.ndarray:
    """A TensorProto."""
    kind, shape, content = 0, [], b""
    values: list[int | bytes] = []
    for number, value in _fields(message):
        if number == 1:
            kind = int(value)
        elif number == 2:
            shape = _shape(_bytes(value))
        elif number == 4:
            content = _bytes(value)
        elif number == (8 if kind == _STRING else _VALUES.get(kind, (0,))[0]):
            values.append(value)
    if kind == _STRING:
        array = np.empty(len(values), object)
        array[:] = values
        return array.reshape(shape)
    if kind not in _TYPES:
        raise ValueError(f"a tensor of type {kind}")
    if content:
        return np.frombuffer(content, _TYPES[kind]).reshape(shape)
    # Values that are left out equal the last one.
    parts = [_numbers(value, _VALUES[kind][1]) for value in values]
    flat = np.concatenate(parts or [np.zeros(1)])
    full: np.ndarray = np.full(int(np.prod(shape)), flat[-1], _TYPES[kind])
    full[: len(flat)] = flat[: len(full)]
    return full.reshape(shape)


def _numbers(value: int | bytes, dtype) -> np.ndarray:
    """What one field holds: one number, or several packed."""
    if isinstance(value, int):
        return np.array([value])
    if dtype is not None:
        return np.frombuffer(value, dtype)
    numbers, at = [], 0
    while at < len(value):
        number, at = _read_varint(value, at)
        numbers.append(number)
    return np.array(numbers)


def _shape(message: bytes) -> list[int]:
    """A TensorShapeProto."""
    return [int(dict(_fields(one)).get(1, 0)) for one in _messages(_bytes(message), 2)]


def _messages(message: bytes, number: int) -> Iterator[bytes]:
    return (_bytes(value) for found, value in _fields(message) if found == number)


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number in place of a message")
    return value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field: an integer, or the bytes."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            yield key >> 3, value
            continue
        if kind == _LENGTH:
            size, at = _read_varint(message, at)
        elif kind in (_EIGHT, _FOUR):
            size = 8 if kind == _EIGHT else 4
        else:
            raise ValueError(f"a field of kind {kind}")
        if at + size > len(message):
            raise ValueError("the message is cut")
        yield key >> 3, message[at : at + size]
        at += size


def _field(number: int, content: bytes) -> bytes:
    return _key(number, _LENGTH) + _varint(len(content)) + content


def _key(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes(parts + bytes([value]))


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("the message is cut")
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            # Negative numbers have all 64 bits.
            return (value - 2**64 if value >= 2**63 else value), at
