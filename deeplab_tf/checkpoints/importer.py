# Licensed under the Apache License, Version 2.0.
"""Assigns foreign tensors to a model by rules, strict both ways."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from deeplab_tf.config.pixel_scaling import PixelScaling


def keep_axes(path: str) -> None:
    """Says of each of our variables that a source has its axes in our order."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NameRules:
    """How a foreign format calls our variables.

    Attributes:
        format: the format's name, for reports.
        source_name: path of one of our variables -> name in the source.
        ignored: regular expressions of source tensors that no network needs: the
            optimizer's slots, counters, parts that are not built here.
        skipped: (pattern of our variables, pattern of source tensors) of the parts
            that a caller may skip: then what the source has there is ignored too.
        is_backbone: whether the source is a classifier of whole images, which has
            nothing of our heads.
        axes: path of one of our variables -> its axes in the source's order, as
            `numpy.transpose` takes them to make ours of it; None keeps the order.
        input_scaling: what the source's first convolution sees of RGB pixels, if that
            is known.
    """

    format: str
    source_name: Callable[[str], str]
    ignored: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    is_backbone: bool = False
    axes: Callable[[str], tuple[int, ...] | None] = keep_axes
    input_scaling: PixelScaling | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        path: where the tensors came from.
        format: name of the rules.
        assigned: (our variable, source tensor) pairs.
        skipped: our variables that were left as they were, as asked.
        ignored: source tensors that were not used, as the rules allow.
        moving_averages: whether they are the moving averages of the weights.
        notes: what was changed or left out of single tensors.
    """

    path: str
    format: str
    assigned: tuple[tuple[str, str], ...]
    skipped: tuple[str, ...]
    ignored: tuple[str, ...]
    moving_averages: bool = False
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = "Moving averages of the weights" if self.moving_averages else "Weights"
        lines = [
            f"{what} from {self.path} ({self.format}):",
            f"  {len(self.assigned):5d} variables assigned",
            f"  {len(self.skipped):5d} variables left as initialised"
            + _examples(self.skipped),
            f"  {len(self.ignored):5d} tensors of the checkpoint ignored"
            + _examples(self.ignored),
            "      0 variables missing from the checkpoint",
            *(f"  {note}" for note in self.notes),
        ]
        return "\n".join(lines)


def _examples(names: Sequence[str], limit: int = 3) -> str:
    if not names:
        return ""
    more = ", ..." if len(names) > limit else ""
    return f": {', '.join(names[:limit])}{more}"


class WeightsMismatchError(ValueError):
    """A checkpoint does not fit a model; the message lists every offender.

    Attributes:
        is_classifier: whether nothing but the classifier differs.
    """

    def __init__(self, message: str, *, is_classifier: bool = False):
        super().__init__(message)
        self.is_classifier = is_classifier


def import_weights(
    model: keras.Model,
    tensors: Mapping[str, np.ndarray],
    rules: NameRules,
    *,
    path: str = "",
    skip: Sequence[str] = (),
) -> ImportReport:
    """Assigns every weight of a model exactly once, or nothing at all.

    Args:
        model: a built model.
        tensors: name -> array; a `shapes` attribute (name -> shape) spares reading
            the values before it is known that they fit.
        rules: the source's names.
        path: where the tensors come from, for messages.
        skip: regular expressions of our variable paths that keep their values, for
            another number of classes.

    Returns:
        What was assigned, skipped and ignored.

    Raises:
        WeightsMismatchError: a weight is missing in the source, a shape differs, or a
            source tensor is neither used nor ignored. Nothing is assigned then.
    """
    shapes = shapes_of(tensors)
    plan, skipped, missing, different = [], [], [], []
    used = set()
    for variable in model.weights:
        source = rules.source_name(variable.path)
        used.add(source)
        if any(re.search(pattern, variable.path) for pattern in skip):
            skipped.append(variable.path)
            continue
        if source not in shapes:
            missing.append((variable.path, source, tuple(variable.shape)))
            continue
        axes = rules.axes(variable.path)
        found = _arranged_shape(shapes[source], axes)
        if found != tuple(variable.shape):
            different.append((variable.path, source, tuple(variable.shape), found))
        else:
            plan.append((variable, source, axes))
    rest = [name for name in shapes if name not in used]
    patterns = [
        *rules.ignored,
        *(theirs for ours, theirs in rules.skipped if ours in skip),
    ]
    ignored = [n for n in rest if any(re.search(p, n) for p in patterns)]
    left_over = sorted(set(rest) - set(ignored))
    if missing or different or left_over:
        of_logits = bool(different) and all("logits" in row[0] for row in different)
        raise WeightsMismatchError(
            _describe_mismatch(path, missing, different, left_over, shapes),
            is_classifier=of_logits and not missing and not left_over,
        )
    # All are read before the first is assigned: a file may be damaged in its middle.
    # They are read again then, since together they need as much memory as the network.
    for _, source, _ in plan:
        _check_value(tensors[source], name=source, shape=shapes[source], path=path)
    for variable, source, axes in plan:
        value = tensors[source]
        variable.assign(value if axes is None else np.transpose(value, axes))
    return ImportReport(
        path=path,
        format=rules.format,
        assigned=tuple((variable.path, source) for variable, source, _ in plan),
        skipped=tuple(skipped),
        ignored=tuple(sorted(ignored)),
    )


def shapes_of(tensors: Mapping[str, np.ndarray]) -> Mapping[str, tuple[int, ...]]:
    """Returns name -> shape, without reading the values if `tensors` knows it."""
    shapes = getattr(tensors, "shapes", None)
    return shapes or {name: tuple(np.shape(v)) for name, v in tensors.items()}


def _check_value(
    value: np.ndarray, *, name: str, shape: tuple[int, ...], path: str
) -> None:
    """Raises ValueError unless a value is what its file promised."""
    if tuple(np.shape(value)) != shape:
        raise ValueError(
            f"{path}: the value of {name} has the shape {np.shape(value)}, and {shape} "
            "was promised: the file is damaged."
        )


def _arranged_shape(
    shape: tuple[int, ...], axes: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Returns a source's shape in our order; another rank cannot be put into it."""
    if axes is None or len(axes) != len(shape):
        return shape
    return tuple(shape[axis] for axis in axes)


def _describe_mismatch(
    path: str,
    missing: Sequence[tuple],
    different: Sequence[tuple],
    left_over: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
) -> str:
    lines = [f"The checkpoint {path} does not fit this network; nothing was loaded."]
    if different and all("logits" in row[0] for row in different):
        lines.append(
            "Only the classifier differs: for another number of classes, load "
            "without the last layers (--initialize_last_layer=false)."
        )
    else:
        lines.append(
            "Check the options of the network: its variant, depth multiplier, atrous "
            "rates and decoder must be those of the checkpoint."
        )
    if missing:
        lines.append(f"{len(missing)} variables are missing from the checkpoint:")
        lines += [f"  {ours} {shape} <- {name}" for ours, name, shape in missing]
    if different:
        lines.append(f"{len(different)} shapes differ (here / in the checkpoint):")
        lines += [f"  {ours} {a} / {b} {name}" for ours, name, a, b in different]
    if left_over:
        lines.append(f"{len(left_over)} tensors of the checkpoint have no place here:")
        lines += [f"  {name} {shapes[name]}" for name in left_over]
    return "\n".join(lines)
