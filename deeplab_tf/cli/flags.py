# Licensed under the Apache License, Version 2.0.
"""Defines and reads the flags of research/deeplab.

Every flag of the original parses. One whose machinery is gone warns that it has no
meaning any more; one whose network or training is not built yet is an error.
"""

import logging
from typing import Any

from absl import flags

from deeplab_tf.cli.flag_table import GONE, NOT_BUILT, TABLE, USED, Flag

log = logging.getLogger(__name__)

FLAGS = flags.FLAGS

MODEL_FLAGS = frozenset(
    {flag.name for flag in TABLE if flag.group == "model" and flag.status == USED}
    # Every command of the original takes it, and only the loss reads it.
    - {"label_weights"}
    # It is a choice of the prediction, and no part of the network.
    - {"prediction_with_upsampled_logits"}
)


def define(*groups: str, output_stride: int = 16) -> None:
    """Defines the flags of some groups.

    Args:
        *groups: names of groups, see `Flag.group`.
        output_stride: default of that flag: 8 in export_model.py.
    """
    for flag in TABLE:
        if flag.group not in groups:
            continue
        default = output_stride if flag.name == "output_stride" else flag.default
        _define(flag, default)


def define_named(*names: str) -> None:
    """Defines single flags, for a command that takes a part of a group.

    Args:
        *names: names of flags in the table.
    """
    table = {flag.name: flag for flag in TABLE}
    for name in names:
        _define(table[name], table[name].default)


def define_prediction() -> None:
    """Defines what is no flag of the original, for commands that load a network."""
    flags.DEFINE_boolean(
        "use_moving_averages",
        None,
        "Take the moving averages of the weights; where it is not given, those of a "
        "run here that kept them, and none of research/deeplab.",
    )
    flags.DEFINE_string(
        "recipe", None, "Recipe whose network a checkpoint has that does not say."
    )
    flags.DEFINE_boolean(
        "pad_to_crop", True, "Pad images that are smaller than the crop."
    )


def _define(flag: Flag, default: Any) -> None:
    if isinstance(flag.kind, tuple):
        flags.DEFINE_enum(flag.name, default, list(flag.kind), flag.help)
        return
    functions: dict[str, Any] = {
        "integer": flags.DEFINE_integer,
        "float": flags.DEFINE_float,
        "string": flags.DEFINE_string,
        "bool": flags.DEFINE_bool,
        "list": flags.DEFINE_list,
        "integers": flags.DEFINE_multi_integer,
        "floats": flags.DEFINE_multi_float,
    }
    functions[flag.kind](flag.name, default, flag.help)


def is_given(name: str) -> bool:
    """Returns whether a flag stands on the command line."""
    return name in FLAGS and FLAGS[name].present > 0


def value(name: str) -> Any:
    """Returns a flag's value; lists as tuples, comma-separated ones of integers.

    Raises:
        ValueError: a comma-separated list holds something else.
    """
    kind = next((flag.kind for flag in TABLE if flag.name == name), None)
    found = FLAGS[name].value
    if found is None or kind not in ("list", "integers", "floats"):
        return found
    if kind != "list":
        return tuple(found)
    try:
        return tuple(int(item) for item in found)
    except ValueError as error:
        raise ValueError(
            f"--{name} must be integers with commas between them, "
            f"got {','.join(found)!r}."
        ) from error


def size(name: str) -> tuple[int, int]:
    """Returns a flag that holds height and width.

    Raises:
        ValueError: it does not hold two numbers.
    """
    found = value(name)
    if len(found) != 2 or min(found) < 1:
        raise ValueError(
            f"--{name} must be a height and a width, as in 513,513; got {found}."
        )
    return found


def given_model_options() -> dict[str, Any]:
    """Returns the given flags of the network, for `cli.model_options`."""
    return {name: value(name) for name in sorted(MODEL_FLAGS) if is_given(name)}


def check_unused() -> None:
    """Refuses flags whose part is not built yet; warns of those without meaning.

    Raises:
        ValueError: a flag asks for something that is not built yet.
    """
    for flag in TABLE:
        if not is_given(flag.name) or FLAGS[flag.name].value == flag.default:
            continue
        if flag.status == NOT_BUILT:
            raise ValueError(
                f"--{flag.name} is not built yet: {flag.help} Leave it out."
            )
        if flag.status == GONE:
            log.warning("--%s has no meaning any more: %s", flag.name, flag.help)
