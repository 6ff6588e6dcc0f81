# Licensed under the Apache License, Version 2.0.
"""Rules of the update: optimizers, weight decay and gradient multipliers.

Weight decay and multipliers are no part of a network: they are rules over the paths of
its variables, of which the first that matches counts.
"""

import re

import keras
from keras import ops

from deeplab_tf.config import train as train_config
from deeplab_tf.training import schedules

# Path pattern -> factor on the weight decay. Depthwise kernels, batch norm and biases
# have none, but for the depthwise kernels of searched cells: research/deeplab,
# core/nas_cell.py, regularize_depthwise.
WEIGHT_DECAY_RULES = (
    (r"(^|/)kernel$", 1.0),
    (r"^cell_\d+_.*_separable_\w+/depthwise_kernel$", 1.0),
)

# Path pattern -> factor on the gradient.
BIAS_RULES = ((r"(^|/)bias$", 2.0),)

LOGITS_LAYERS = r"^logits/"
# All that follows the backbone.
HEAD_LAYERS = (
    r"^(logits|aspp|dense_prediction_cell(_\d+)?|decoder"
    r"|fc[67]_\d+|(image|pool\d)_(conv|fc))/"
)


@keras.saving.register_keras_serializable(package="deeplab_tf")
class Momentum(keras.optimizers.Optimizer):
    """TensorFlow 1's momentum: a = momentum * a + g; w = w - rate * a.

    Keras' SGD folds the learning rate into the velocity, which is another rule as soon
    as the rate changes.

    Args:
        learning_rate: a number or a schedule.
        momentum: share of the accumulated gradient that an update keeps.
        name: name of the optimizer.
    """

    def __init__(self, learning_rate, *, momentum: float = 0.9, name: str = "momentum"):
        super().__init__(learning_rate=learning_rate, name=name)
        self.momentum = momentum

    def build(self, variables):
        """Creates one accumulator per variable, zero at first."""
        if self.built:
            return
        super().build(variables)
        self.accumulators = self.add_optimizer_variables(variables, "accumulator")

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable and its accumulator."""
        accumulator = self.accumulators[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # The same numbers in one pass over the memory, without copies.
            tf.raw_ops.ResourceApplyMomentum(
                var=variable.handle,
                accum=accumulator.value.handle,
                lr=rate,
                grad=gradient,
                momentum=ops.cast(self.momentum, variable.dtype),
            )
            return
        accumulated = accumulator * self.momentum + gradient
        self.assign(accumulator, accumulated)
        self.assign_sub(variable, accumulated * rate)

    def get_config(self):
        """Returns the configuration as JSON types."""
        config = super().get_config()
        return {
            "name": config["name"],
            "learning_rate": config["learning_rate"],
            "momentum": self.momentum,
        }


@keras.saving.register_keras_serializable(package="deeplab_tf")
class DecoupledAdam(keras.optimizers.AdamW):
    """AdamW whose weight decay acts on the variables of `WEIGHT_DECAY_RULES` alone.

    Each update takes rate * weight_decay * w off a weight, besides Adam's step.

    Reference: Decoupled Weight Decay Regularization (arXiv:1711.05101), algorithm 2.
    """

    def build(self, var_list):
        """Creates the moments; decides which variables decay."""
        if not self.built:
            spared = [
                variable
                for variable in var_list
                if not factor_of(variable.path, rules=WEIGHT_DECAY_RULES, default=0.0)
            ]
            self.exclude_from_weight_decay(var_list=spared)
        super().build(var_list)


def build_optimizer(config: train_config.TrainConfig) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a training, with its schedule.

    With float16 it scales the loss: a loop of its own must differentiate
    `optimizer.scale_loss(loss)`.
    """
    rate = schedules.LearningRate(config.schedule, total_steps=config.steps)
    rule = config.optimizer
    if isinstance(rule, train_config.CaffeMomentumConfig):
        optimizer = keras.optimizers.SGD(rate, momentum=rule.momentum)
    elif isinstance(rule, train_config.MomentumConfig):
        optimizer = Momentum(rate, momentum=rule.momentum)
    elif isinstance(rule, train_config.AdamConfig):
        # Keras adds epsilon where TensorFlow 1 does ("epsilon hat" of the paper).
        constant_rate = rule.learning_rate
        options = {
            "learning_rate": rate if constant_rate is None else constant_rate,
            "beta_1": rule.beta_1,
            "beta_2": rule.beta_2,
            "epsilon": rule.epsilon,
        }
        if rule.weight_decay:
            optimizer = DecoupledAdam(weight_decay=rule.weight_decay, **options)
        else:
            optimizer = keras.optimizers.Adam(**options)
    else:
        raise ValueError(
            f"optimizer must be a MomentumConfig or an AdamConfig, got {rule!r}."
        )
    if config.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def trained_variables(
    model: keras.Model, *, config: train_config.TrainConfig
) -> list[keras.Variable]:
    """Returns the trainable variables of a network that a training changes.

    Args:
        model: the network.
        config: says which paths are frozen.

    Raises:
        ValueError: a pattern is found in no path, or all variables are frozen.
    """
    variables = model.trainable_variables
    frozen = set()
    for pattern in config.frozen_paths:
        found = {v.path for v in variables if re.search(pattern, v.path)}
        if not found:
            raise ValueError(
                f"No variable's path has the pattern {pattern!r} of frozen_paths; they "
                f"are called as {variables[0].path} and {variables[-1].path}."
            )
        frozen |= found
    trained = [variable for variable in variables if variable.path not in frozen]
    if not trained:
        raise ValueError(f"frozen_paths leaves nothing to train: {frozen}.")
    return trained


def factor_of(path: str, *, rules, default: float) -> float:
    """Returns the factor of the first rule whose pattern is found in a path."""
    for pattern, factor in rules:
        if re.search(pattern, path):
            return factor
    return default


def l2_loss(variables, *, weight_decay: float, rules=WEIGHT_DECAY_RULES):
    """Returns the sum over variables of weight_decay * sum(w ** 2) / 2.

    Args:
        variables: variables of a network; those without a rule add nothing.
        weight_decay: factor on all.
        rules: (path pattern, factor) pairs.

    Returns:
        A float32 scalar.
    """
    total = ops.zeros((), dtype="float32")
    for variable in variables:
        factor = weight_decay * factor_of(variable.path, rules=rules, default=0.0)
        if factor:
            square = ops.square(ops.cast(variable, "float32"))
            total = total + (factor / 2.0) * ops.sum(square)
    return total


def add_weight_decay(
    gradients, *, variables, weight_decay: float, scale=1.0, rules=WEIGHT_DECAY_RULES
):
    """Returns the gradients with those of `scale * l2_loss` added.

    Args:
        gradients: one per variable, or None.
        variables: the variables, in the same order.
        weight_decay: factor on all.
        scale: factor of the other gradients, such as the loss scale of float16.
        rules: (path pattern, factor) pairs.
    """
    import tensorflow as tf

    sums = []
    for gradient, variable in zip(gradients, variables, strict=True):
        factor = weight_decay * factor_of(variable.path, rules=rules, default=0.0)
        if not factor:
            sums.append(gradient)
            continue
        # Not before the gradient is there, or the decay of all variables would be
        # computed at the start of a step and stay in memory.
        with tf.control_dependencies([] if gradient is None else [gradient]):
            decay = tf.convert_to_tensor(variable.value) * (factor * scale)
        sums.append(decay if gradient is None else gradient + decay)
    return sums


def gradient_multiplier(path: str, *, config: train_config.TrainConfig) -> float:
    """Returns the factor on the gradient of a variable, its weight decay included.

    Biases take twice the gradient, and the last layers the configured multiple of it.

    Args:
        path: path of the variable, as `aspp/aspp1/pointwise/kernel`.
        config: says which layers are the last, and their factor.

    Reference: research/deeplab, utils/train_utils.py,
    get_model_gradient_multipliers.
    """
    logits_only = config.last_layers_contain_logits_only
    last_layers = LOGITS_LAYERS if logits_only else HEAD_LAYERS
    last_layer_rules = ((last_layers, config.last_layer_gradient_multiplier),)
    return factor_of(path, rules=BIAS_RULES, default=1.0) * factor_of(
        path, rules=last_layer_rules, default=1.0
    )


def multiply_gradients(gradients, *, variables, config: train_config.TrainConfig):
    """Returns the gradients times their multipliers; None stays None.

    Args:
        gradients: one per variable.
        variables: the variables, in the same order.
        config: says which layers are the last, and their factor.
    """
    products = []
    for gradient, variable in zip(gradients, variables, strict=True):
        factor = gradient_multiplier(variable.path, config=config)
        scaled = gradient is not None and factor != 1.0
        products.append(gradient * factor if scaled else gradient)
    return products


def clip_gradients(gradients, *, norm: float, scale=1.0):
    """Returns the gradients, shortened to a norm of all of them together, and theirs.

    Gradients that are not finite stay so: what comes next must notice them.

    Args:
        gradients: arrays of any shapes, or None.
        norm: the largest norm; shorter gradients stay as they are.
        scale: factor that the gradients hold and that does not count, the loss scale
            of float16.

    Returns:
        The gradients, still with the factor, and the norm that they had without it.

    Reference: On the difficulty of training recurrent neural networks
    (arXiv:1211.5063), algorithm 1.
    """
    squares = [
        ops.sum(ops.square(ops.cast(gradient, "float32") / scale))
        for gradient in gradients
        if gradient is not None
    ]
    found = ops.sqrt(sum(squares[1:], start=squares[0]))
    factor = norm / ops.maximum(found, norm)
    clipped = [
        None if gradient is None else gradient * ops.cast(factor, gradient.dtype)
        for gradient in gradients
    ]
    return clipped, found
