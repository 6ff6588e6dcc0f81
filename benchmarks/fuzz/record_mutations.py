# Licensed under the Apache License, Version 2.0.
"""Damage to record files: their frames, the messages in them, the images in those.

All but the plain damage to bytes comes under right checksums, so that it reaches the
parser of messages and the decoders of images.
"""

import struct
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from benchmarks.fuzz import (
    byte_mutations,
    corpus,
    jpeg_mutations,
    png_mutations,
)
from deeplab_tf.data import schema

# A mutation of the messages of a file; returns the bytes of the file.
RecordMutation = Callable[[Sequence[bytes], np.random.Generator], bytes]
# Bombs take seconds and a gigabyte to read.
_BOMB_SHARE = 0.01
_LENGTHS = (0, 1, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1)


def frame(message: bytes, *, length: int | None = None) -> bytes:
    """Returns a record: length, its checksum, message, its checksum."""
    head = struct.pack("<Q", len(message) if length is None else length)
    return head + _checksum(head) + message + _checksum(message)


def change_bytes(messages: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Returns a file with plain damage, which its checksums should reveal."""
    return _any(byte_mutations.MUTATIONS, rng)(b"".join(map(frame, messages)), rng)


def change_length(messages: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Returns a file with a record that claims another length, checksum right."""
    i = int(rng.integers(len(messages)))
    true = len(messages[i])
    length = int(rng.choice(np.array([*_LENGTHS, true - 1, true + 1, true + 16], "u8")))
    frames = [frame(message) for message in messages]
    frames[i] = frame(messages[i], length=length)
    return b"".join(frames)


def change_message(messages: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Returns a file with damage to a message, checksums right."""
    return _replace(messages, rng, _any(byte_mutations.MUTATIONS, rng))


def change_feature(messages: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Returns a file with a feature lost, empty, twice or of another type."""

    def change(message: bytes, rng: np.random.Generator) -> bytes:
        example = tf.train.Example.FromString(message)
        features = example.features.feature
        key = str(rng.choice(sorted(features)))
        kind = int(rng.integers(5))
        if kind == 0:
            del features[key]
        elif kind == 1:
            features[key].Clear()
        elif kind == 2:
            features[key].bytes_list.value.append(b"another")
        elif kind == 3:
            features[key].int64_list.value.append(-1)
        else:
            features[key].bytes_list.value[:] = [rng.bytes(int(rng.integers(0, 9)))]
        return example.SerializeToString(deterministic=True)

    return _replace(messages, rng, change)


def change_image(messages: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Returns a file with a damaged image in a sound record."""

    def change(message: bytes, rng: np.random.Generator) -> bytes:
        return _change_value(message, schema.IMAGE_ENCODED, damage_image, rng)

    return _replace(messages, rng, change)


def change_labels(messages: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Returns a file with damaged labels in a sound record."""

    def change(message: bytes, rng: np.random.Generator) -> bytes:
        return _change_value(message, schema.LABELS_ENCODED, damage_image, rng)

    return _replace(messages, rng, change)


def take_unfit_labels(messages: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """Returns a file with sound labels that no reader may take: ids, kind or size."""

    def change(message: bytes, rng: np.random.Generator) -> bytes:
        name = str(rng.choice(sorted(corpus.unfit_labels())))
        unfit = corpus.unfit_labels()[name]
        return _change_value(message, schema.LABELS_ENCODED, lambda *_: unfit, rng)

    return _replace(messages, rng, change)


def damage_image(data: bytes, rng: np.random.Generator) -> bytes:
    """Returns the damaged bytes of an image file, by what its format offers."""
    tables = [byte_mutations.MUTATIONS]
    if data.startswith(png_mutations.SIGNATURE):
        tables += [png_mutations.MUTATIONS] * 3
        if rng.random() < _BOMB_SHARE:
            return png_mutations.pack_many_zeros(data, rng)
    elif data.startswith(b"\xff\xd8"):
        tables += [jpeg_mutations.MUTATIONS] * 3
    return _any(tables[int(rng.integers(len(tables)))], rng)(data, rng)


MUTATIONS: dict[str, RecordMutation] = {
    "record: bytes": change_bytes,
    "record: length": change_length,
    "record: message": change_message,
    "record: feature": change_feature,
    "record: image": change_image,
    "record: labels": change_labels,
    "record: unfit labels": take_unfit_labels,
}


def _any(table: dict, rng: np.random.Generator):
    return list(table.values())[int(rng.integers(len(table)))]


def _replace(
    messages: Sequence[bytes],
    rng: np.random.Generator,
    change: byte_mutations.Mutation,
) -> bytes:
    """Returns a file with one message changed, all checksums right."""
    changed = list(messages)
    i = int(rng.integers(len(messages)))
    changed[i] = change(messages[i], rng)
    return b"".join(map(frame, changed))


def _change_value(
    message: bytes,
    key: str,
    change: byte_mutations.Mutation,
    rng: np.random.Generator,
) -> bytes:
    """Returns a message with the only value of a feature changed."""
    example = tf.train.Example.FromString(message)
    values = example.features.feature[key].bytes_list.value
    values[0] = change(values[0], rng)
    return example.SerializeToString(deterministic=True)


def _make_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _make_table()


def _checksum(data: bytes) -> bytes:
    """Returns TensorFlow's masked CRC-32C."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 255]
    value ^= 0xFFFFFFFF
    masked = ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return struct.pack("<I", masked)
