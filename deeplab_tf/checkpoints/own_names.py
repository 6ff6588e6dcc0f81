# Licensed under the Apache License, Version 2.0.
"""The names in our own checkpoints."""

from deeplab_tf.checkpoints.importer import NameRules
from deeplab_tf.checkpoints.slim_names import HEAD, MOVING_AVERAGE

MODEL = "model/"
OPTIMIZER = "optimizer/"
# State of the random layers, which a network that predicts has no use for.
SEED = "model/seed/"
STEP = "global_step"


def own_name(path: str) -> str:
    """Returns what our checkpoints call the variable at `path`."""
    return MODEL + path


OWN_RULES = NameRules(
    format="deeplab_tf",
    source_name=own_name,
    ignored=(f"^{STEP}$", f"^{OPTIMIZER}", f"^{SEED}", f"{MOVING_AVERAGE}$"),
    skipped=tuple((part, part.replace("^", f"^{MODEL}")) for part in HEAD),
)
