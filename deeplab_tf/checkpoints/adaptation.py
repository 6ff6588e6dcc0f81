# Licensed under the Apache License, Version 2.0.
"""Tensors that a network takes otherwise than its source has them, and says so.

VGG-16's fully connected layers become convolutions, and smaller ones where the network
asks for them; the first kernel follows the pixels that the network gives it.

Reference: DeepLab v1 (arXiv:1412.7062), section 3.1: the kernels of fc6 are subsampled
to 4x4 or 3x3 by simple decimation.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import keras
import numpy as np

from deeplab_tf.checkpoints.importer import (
    ImportReport,
    NameRules,
    import_weights,
    shapes_of,
)
from deeplab_tf.checkpoints.slim_names import HEAD, MULTI_SCALE
from deeplab_tf.config.pixel_scaling import PixelScaling

# fc6 and fc7 of the backbone, or of a branch of ASPP.
_FULLY_CONNECTED = re.compile(r"^(fc[67])(?:_\d+)?/(kernel|bias)$")
_FIRST_KERNELS = ("conv1/kernel", "conv1_1/kernel")
_AXES = ("row", "column", "input", "filter")
_ORDINALS = {2: "2nd", 3: "3rd"}

# In one step of a pixel; a smaller difference is rounding.
_SAME_MEAN = 1e-3
_SAME_FACTOR = 1e-5


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Made:
    """A tensor as one of our variables needs it.

    Attributes:
        source: name in the checkpoint.
        name: for the report: what was done to the source, as NumPy writes it.
        shape: of the result.
        make: the source's value -> the result.
        note: what was done, in words; "" where nothing is changed or left out.
    """

    source: str
    name: str
    shape: tuple[int, ...]
    make: Callable[[np.ndarray], np.ndarray]
    note: str = ""


class _AdaptedTensors(Mapping[str, np.ndarray]):
    """A checkpoint with the tensors that were made for a network in it.

    Args:
        tensors: the checkpoint.
        made: what takes the place of their sources.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray], made: Sequence[_Made]):
        self._tensors = tensors
        self._made = {new.name: new for new in made}
        replaced = {new.source for new in made}
        kept = {n: s for n, s in shapes_of(tensors).items() if n not in replaced}
        self.shapes = kept | {new.name: new.shape for new in made}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._made:
            return self._tensors[name]
        new = self._made[name]
        return new.make(self._tensors[new.source])

    def __iter__(self) -> Iterator[str]:
        return iter(self.shapes)

    def __len__(self) -> int:
        return len(self.shapes)


def import_adapted(
    model: keras.Model,
    tensors: Mapping[str, np.ndarray],
    rules: NameRules,
    *,
    path: str = "",
    skip: Sequence[str] = (),
) -> ImportReport:
    """Does what `import_weights` does, with tensors in the form the model needs.

    Returns:
        What was assigned, skipped and ignored; its notes say what was changed.

    Raises:
        WeightsMismatchError: see `import_weights`; nothing was assigned then.
    """
    made: dict[str, _Made] = {}
    scaling = _input_scaling(model) if rules.input_scaling is not None else None
    shapes = shapes_of(tensors)
    for variable in model.weights:
        if any(re.search(pattern, variable.path) for pattern in skip):
            continue
        ours = tuple(variable.shape)
        new = None
        if rules.is_backbone:
            new = _make_fully_connected(variable.path, ours, shapes=shapes, rules=rules)
        if new is None and scaling is not None:
            new = _make_first(variable.path, shapes, rules=rules, scaling=scaling)
        if new is not None:
            made[variable.path] = new
    if not made:
        return import_weights(model, tensors, rules, path=path, skip=skip)
    adapted = dataclasses.replace(
        rules,
        source_name=lambda ours: (
            made[ours].name if ours in made else rules.source_name(ours)
        ),
        axes=lambda ours: None if ours in made else rules.axes(ours),
    )
    report = import_weights(
        model,
        _AdaptedTensors(tensors, list(made.values())),
        adapted,
        path=path,
        skip=skip,
    )
    notes = [f"{ours}: {new.note}" for ours, new in made.items() if new.note]
    return dataclasses.replace(report, notes=tuple(notes))


def skip_of_classifier(
    tensors: Mapping[str, np.ndarray], rules: NameRules
) -> tuple[str, ...]:
    """Returns what a classifier of whole images leaves of a network as it is.

    That is the head; where VGG-16's last layers are not in the file, fc6 and fc7, too.

    Args:
        tensors: the classifier.
        rules: of its names.
    """
    if rules.source_name("fc6/kernel") in shapes_of(tensors):
        return HEAD
    return (*HEAD, _FULLY_CONNECTED.pattern)


def skip_of_multi_scale(
    model: keras.Model, tensors: Mapping[str, np.ndarray], rules: NameRules
) -> tuple[str, ...]:
    """Returns what a network without MSc leaves of one with it as it is.

    DeepLab v1 puts MSc to a network that is trained already: its branches are new, and
    so is the classifier, which reads them, too.

    Args:
        model: the network.
        tensors: the checkpoint.
        rules: of its names.
    """
    ours = [w.path for w in model.weights if re.search(MULTI_SCALE, w.path)]
    if not ours or any(rules.source_name(path) in shapes_of(tensors) for path in ours):
        return ()
    return (HEAD[0], MULTI_SCALE)


def decimate(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns every m-th entry along each axis, so that a shape comes out.

    Of 7 rows or columns 4 are every 2nd and 3 every 3rd, from the first to the last;
    of 4096 filters 1024 are every 4th from the first. The paper took a random quarter;
    a regular one is the same for fc6's filters, fc7's inputs and fc7's filters, and
    tomorrow. Nothing is scaled up for what is left out, as in the paper.

    Args:
        value: [height, width, inputs, filters] of a kernel, or [filters] of a bias.
        shape: of the result.

    Raises:
        ValueError: there is no such m.
    """
    steps = _decimation(np.shape(value), shape)
    if steps is None:
        raise ValueError(
            f"A shape of {np.shape(value)} cannot be decimated to {shape}: rows and "
            "columns keep the first and the last, filters are divided evenly."
        )
    return value[tuple(slice(None, None, step) for step in steps)]


def _decimation(
    shape: tuple[int, ...], wanted: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Returns the step along each axis; None where the shape cannot be reached."""
    if len(shape) != len(wanted):
        return None
    steps = []
    for axis, (size, left) in enumerate(zip(shape, wanted, strict=True)):
        is_spatial = len(shape) == 4 and axis < 2
        if size == left:
            steps.append(1)
        elif is_spatial and 1 < left < size and (size - 1) % (left - 1) == 0:
            steps.append((size - 1) // (left - 1))
        elif not is_spatial and 0 < left < size and size % left == 0:
            steps.append(size // left)
        else:
            return None
    return tuple(steps)


def _make_fully_connected(
    path: str,
    ours: tuple[int, ...],
    *,
    shapes: Mapping[str, tuple[int, ...]],
    rules: NameRules,
) -> _Made | None:
    """Returns VGG's fc6, fc7 or classifier as a convolution of our shape."""
    source = rules.source_name(path)
    match = _FULLY_CONNECTED.match(path)
    if source not in shapes and match is not None:
        source = rules.source_name(f"{match[1]}/{match[2]}")
    if source not in shapes or (match is None and path != "image_logits/kernel"):
        return None
    layer = "image_logits" if match is None else match[1]
    shape = _as_convolution(shapes[source], layer, ours)
    steps = _decimation(shape, ours)
    # pool5 keeps all channels, and the classifier all inputs and classes.
    fixed = {"fc6": (2,), "fc7": (), "image_logits": (2, 3)}[layer]
    if steps is None or (len(steps) == 4 and any(steps[axis] > 1 for axis in fixed)):
        return None
    name = source
    if shape != shapes[source]:
        name += f".reshape{shape}"
    note = ""
    if max(steps) > 1:
        name += f"[{', '.join(f'::{step}' if step > 1 else ':' for step in steps)}]"
        note = _describe_decimation(shape, steps) if len(shape) == 4 else ""
    elif source == rules.source_name(path) and shape == shapes[source]:
        return None
    return _Made(
        source=source,
        name=name,
        shape=ours,
        make=lambda value: decimate(np.reshape(value, shape), ours),
        note=note,
    )


def _as_convolution(
    shape: tuple[int, ...], layer: str, ours: tuple[int, ...]
) -> tuple[int, ...]:
    """Returns the shape of a dense kernel as that of a convolution.

    The rows of fc6 are pool5's pixels one after another, each with all its channels.
    """
    if len(shape) != 2 or len(ours) != 4:
        return shape
    inputs, filters = shape
    side = math.isqrt(inputs // ours[2]) if layer == "fc6" else 1
    if layer == "fc6" and side * side * ours[2] != inputs:
        return shape
    return (side, side, inputs // (side * side), filters)


def _describe_decimation(shape: tuple[int, ...], steps: tuple[int, ...]) -> str:
    """Returns what is left of a kernel in words."""
    groups: dict[int, list[str]] = {}
    for axis, step in zip(_AXES, steps, strict=True):
        if step > 1:
            groups.setdefault(step, []).append(axis)
    words = [
        f"every {_ORDINALS.get(step, f'{step}th')} {' and '.join(axes)}"
        for step, axes in groups.items()
    ]
    return f"{', '.join(words)} of {'x'.join(map(str, shape))}"


def _input_scaling(model: keras.Model) -> PixelScaling | None:
    """Returns what a network does to pixels; None where it has no layer for it."""
    for layer in model._flatten_layers():
        if layer.name == "input_scaling":
            scale = np.broadcast_to(layer.scale, 3)
            mean, deviation = -np.array(layer.offset) / scale, 1.0 / scale
            return PixelScaling(
                mean=tuple(mean.tolist()),
                deviation=tuple(deviation.tolist()),
                channels=layer.channels,
            )
    return None


def _make_first(
    path: str,
    shapes: Mapping[str, tuple[int, ...]],
    *,
    rules: NameRules,
    scaling: PixelScaling,
) -> _Made | None:
    """Returns the first kernel for the order and scale of a network's pixels."""
    theirs = rules.input_scaling
    source = rules.source_name(path)
    if theirs is None or path not in _FIRST_KERNELS or source not in shapes:
        return None
    factors = np.divide(scaling.deviation, theirs.deviation)
    is_scaled = bool(np.abs(factors - 1.0).max() > _SAME_FACTOR)
    is_reversed = scaling.channels != theirs.channels
    notes, name = [], source
    if is_reversed:
        name += "[:, :, ::-1]"
        notes.append(
            f"inputs reversed from {theirs.channels.upper()} to "
            f"{scaling.channels.upper()}"
        )
    if is_scaled:
        name += " * deviation"
        notes.append("scaled by the deviation of the pixels here and there")
    if np.abs(np.subtract(scaling.mean, theirs.mean)).max() > _SAME_MEAN:
        notes.append(
            f"the mean of the pixels was {_numbers(theirs.mean)}, and stays "
            f"{_numbers(scaling.mean)} here"
        )
    if not notes:
        return None
    if scaling.channels == "bgr":
        factors = factors[::-1]
    axes = rules.axes(path)

    def make(value: np.ndarray) -> np.ndarray:
        value = value if axes is None else np.transpose(value, axes)
        value = value[:, :, ::-1] if is_reversed else value
        if is_scaled:
            value = value * factors[:, np.newaxis].astype(value.dtype)
        return value

    shape = shapes[source]
    if axes is not None and len(axes) == len(shape):
        shape = tuple(shape[axis] for axis in axes)
    note = "; ".join(notes)
    return _Made(source=source, name=name, shape=shape, make=make, note=note)


def _numbers(values: Sequence[float]) -> str:
    return f"({', '.join(f'{value:g}' for value in values)})"
