# Licensed under the Apache License, Version 2.0.
import numpy as np
import pytest
import tensorflow as tf

from deeplab_tf.training.gradient_sum import GradientSum, cut_part


def test_sums_begin_anew_once_taken_an_infinite_one_too():
    total = GradientSum([tf.Variable([1.0, 2.0]), tf.Variable(3.0)])
    total.add([tf.constant([1.0, np.inf]), None])
    total.add([tf.constant([2.0, 5.0]), tf.constant(4.0)])
    first, second = total.take()
    np.testing.assert_array_equal(first, [3.0, np.inf])
    assert float(second) == 4.0
    total.add([tf.constant([1.0, 1.0]), None])
    np.testing.assert_array_equal(total.take()[0], [1.0, 1.0])


@pytest.mark.parametrize("size", [6, None])
def test_parts_make_up_the_batch(size):
    batch = {"image": tf.range(12.0), "labels": tf.range(12)}
    batch = {key: tf.reshape(value, [6, 2]) for key, value in batch.items()}
    specs = {key: tf.TensorSpec([size, 2], value.dtype) for key, value in batch.items()}

    @tf.function(input_signature=[specs, tf.TensorSpec([], tf.int32)])
    def cut(batch, index):
        return cut_part(batch, index=index, num_parts=3)

    parts = [cut(batch, index) for index in range(3)]
    for key, value in batch.items():
        np.testing.assert_array_equal(tf.concat([p[key] for p in parts], 0), value)
    shape = cut.get_concrete_function().structured_outputs["image"].shape
    assert shape.as_list() == [None if size is None else 2, 2]
