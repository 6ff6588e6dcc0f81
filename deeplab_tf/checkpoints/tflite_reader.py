# Licensed under the Apache License, Version 2.0.
"""The weights of a TFLite file, as float32 and by the scopes of their layers."""

import dataclasses
import math
import os
import pathlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from deeplab_tf.checkpoints import tflite_names
from deeplab_tf.checkpoints.tensor_reader import TensorReader
from deeplab_tf.config.pixel_scaling import PixelScaling

# Bytes 4 to 8 of every TFLite file.
_FILE_MARK = b"TFL3"

_DEPTHWISE = "DEPTHWISE_CONV_2D"
_LAYERS = ("CONV_2D", "FULLY_CONNECTED", _DEPTHWISE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Layer:
    """One convolution, by the indexes of its tensors.

    Attributes:
        is_depthwise: whether it is depthwise.
        kernel: its kernel.
        bias: its bias, if it has one.
        added: what a converter added to the bias: the 3 of a hard sigmoid behind it,
            which is relu6(x + 3) / 6.
    """

    is_depthwise: bool
    kernel: int
    bias: int | None
    added: float


class TFLiteReader(TensorReader):
    """The convolutions of a TFLite file, quantised or not.

    Values are scale * (q - zero point), per tensor or per channel, in the layout of
    TensorFlow's kernels. Batch norm was folded into them when the file was made.

    Args:
        path: of the file.

    Raises:
        ValueError: it is no TFLite file, it is damaged, or its tensors do not have the
            names of layers.
    """

    has_folded_norm = True

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        graph = _Graph(pathlib.Path(path).read_bytes(), path=self.path)
        self._graph = graph
        self._kernels: dict[str, _Layer] = {}
        self._biases: dict[str, _Layer] = {}
        self.shapes = {}
        for layer in graph.layers():
            self._add_layer(layer)
        if not self.shapes:
            raise ValueError(
                f"{self.path} holds no convolutions with weights. A file that was "
                "compiled for an accelerator has lost them: give the one that it was "
                "compiled from."
            )
        self.input_scaling = graph.input_scaling()
        self.resize = graph.resize()

    def _add_layer(self, layer: _Layer) -> None:
        name = self._graph.name(layer.kernel)
        scope = tflite_names.layer_scope(name)
        weights = f"{scope}/{'depthwise_' if layer.is_depthwise else ''}weights"
        known = self._kernels.get(weights)
        if not scope or (known is not None and known.kernel != layer.kernel):
            raise ValueError(
                f"{self.path}: no layer can be told from the tensor name {name!r}. "
                "The weights are read from files whose tensors are named for the "
                "layers, as TensorFlow's converter names them."
            )
        self._kernels[weights] = layer
        shape = self.shapes[weights] = _kernel_shape(
            self._graph.shape(layer.kernel), is_depthwise=layer.is_depthwise
        )
        is_bias = layer.bias is not None and tflite_names.is_bias(
            self._graph.name(layer.bias), scope
        )
        bias = f"{scope}/{'biases' if is_bias else 'folded_bias'}"
        self._biases[bias] = layer
        self.shapes[bias] = (shape[2] if layer.is_depthwise else shape[3],)

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._biases:
            layer = self._biases[name]
            if layer.bias is None:
                return np.zeros(self.shapes[name], np.float32)
            return self._graph.value(layer.bias) - np.float32(layer.added)
        layer = self._kernels[name]
        value = self._graph.value(layer.kernel)
        if layer.is_depthwise:
            return value.reshape(self.shapes[name])
        if value.ndim == 2:  # [D, C], fully connected.
            value = value[:, None, None]
        return np.ascontiguousarray(value.transpose(1, 2, 3, 0))


def _kernel_shape(shape: tuple[int, ...], *, is_depthwise: bool) -> tuple[int, ...]:
    """Returns the shape of TensorFlow's kernel for one of TFLite's."""
    if is_depthwise:
        return (*shape[1:], 1)  # [1, H, W, C]
    if len(shape) == 2:  # [D, C], fully connected.
        return (1, 1, shape[1], shape[0])
    return (*shape[1:], shape[0])  # [D, H, W, C]


class _Graph:
    """The first graph of a TFLite file, which is the only one of a network."""

    def __init__(self, content: bytes, *, path: str):
        self._path = path
        _check(content, path=path)
        from tensorflow.lite.python import schema_py_generated as schema

        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
        self._graph = model.subgraphs[0]
        self._buffers = model.buffers
        operators = _names_of(schema.BuiltinOperator)
        # Codes above 127 came later and have a field of their own.
        self._codes = [
            operators[max(code.builtinCode, code.deprecatedBuiltinCode)]
            for code in model.operatorCodes
        ]
        self._types = _names_of(schema.TensorType)
        self._relu6 = schema.ActivationFunctionType.RELU6
        self._sources = {
            int(operator.outputs[0]): int(operator.inputs[0])
            for kind, operator in self.operators()
            if kind == "DEQUANTIZE"
        }

    def operators(self) -> Iterator[tuple[str, Any]]:
        """Yields the kind of each operator and what the file says of it."""
        for operator in self._graph.operators:
            yield self._codes[operator.opcodeIndex], operator

    def layers(self) -> Iterator[_Layer]:
        """Yields the convolutions."""
        sixths = set(self._sixths())
        for kind, operator in self.operators():
            if kind not in _LAYERS:
                continue
            inputs = [int(i) for i in operator.inputs]
            activation = operator.builtinOptions.fusedActivationFunction
            is_gate = activation == self._relu6 and int(operator.outputs[0]) in sixths
            yield _Layer(
                is_depthwise=kind == _DEPTHWISE,
                kernel=inputs[1],
                bias=inputs[2] if len(inputs) > 2 and inputs[2] >= 0 else None,
                added=3.0 if is_gate else 0.0,
            )

    def _sixths(self) -> Iterator[int]:
        """Yields the tensors that are multiplied by a sixth."""
        for kind, operator in self.operators():
            if kind != "MUL":
                continue
            first, second = (int(i) for i in operator.inputs)
            for factor, other in ((first, second), (second, first)):
                is_scalar = math.prod(self.shape(factor)) == 1
                if self._data(factor) is None or not is_scalar:
                    continue
                # MobileNetV3's is 0.16667, and quantised it has three digits.
                if abs(self.value(factor).item() - 1 / 6) < 1e-3:
                    yield other

    def name(self, index: int) -> str:
        """Returns the name of a tensor, or of what it is computed from."""
        name: bytes = self._graph.tensors[self._sources.get(index, index)].name
        return name.decode()

    def shape(self, index: int) -> tuple[int, ...]:
        """Returns the shape of a tensor."""
        return tuple(int(side) for side in self._graph.tensors[index].shape)

    def _data(self, index: int) -> bytes | None:
        """Returns the bytes of a constant; None of what is computed."""
        tensor = self._graph.tensors[self._sources.get(index, index)]
        data = self._buffers[tensor.buffer].data
        return None if data is None or len(data) == 0 else bytes(data)

    def value(self, index: int) -> np.ndarray:
        """Returns a constant as float32."""
        tensor = self._graph.tensors[self._sources.get(index, index)]
        data = self._data(index)
        type_ = self._types[tensor.type].lower()
        if data is None or tensor.sparsity is not None:
            raise ValueError(
                f"{self._path}: the tensor {self.name(index)} is no plain constant, "
                "and no weight can be read from it."
            )
        stored = np.frombuffer(data, type_).reshape(self.shape(index))
        scale, zero_point = _quantization(tensor)
        if scale is None:
            if not type_.startswith("float"):
                raise ValueError(
                    f"{self._path}: the tensor {self.name(index)} is of type {type_} "
                    "and has no scale."
                )
            return stored.astype(np.float32)
        if len(scale) > 1:
            shape = [1] * stored.ndim
            shape[tensor.quantization.quantizedDimension] = -1
            scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
        # In float64 the product is exact, and rounded once.
        value = scale.astype(np.float64) * (stored.astype(np.int64) - zero_point)
        return value.astype(np.float32)

    def input_scaling(self) -> PixelScaling | None:
        """Returns what the input's quantisation makes of pixels, if it says."""
        tensor = self._graph.tensors[int(self._graph.inputs[0])]
        scale, zero_point = _quantization(tensor)
        # The first byte stands for pixel 0.
        first = {"UINT8": 0, "INT8": -128}.get(self._types[tensor.type])
        if scale is None or first is None:
            return None
        mean = float(zero_point[0] - first)
        return PixelScaling(mean=(mean,) * 3, deviation=(1.0 / float(scale[0]),) * 3)

    def resize(self) -> str | None:
        """Returns the convention of all bilinear resizing, or None if it differs."""
        found = set()
        for kind, operator in self.operators():
            if kind != "RESIZE_BILINEAR":
                continue
            options = operator.builtinOptions
            if options.alignCorners:
                found.add("align_corners")
            else:
                found.add("half_pixel" if options.halfPixelCenters else "asymmetric")
        return found.pop() if len(found) == 1 else None


def _check(content: bytes, *, path: str) -> None:
    """Raises ValueError unless TensorFlow takes this for a whole TFLite file."""
    import tensorflow as tf

    if content[4:8] != _FILE_MARK:
        raise ValueError(f"{path} is no TFLite file.")
    with warnings.catch_warnings():
        # TensorFlow announces that it will give this class to another package.
        warnings.simplefilter("ignore")
        try:
            tf.lite.Interpreter(model_content=content)
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"{path} cannot be read as a TFLite file: {error}. It may be cut "
                "short: get it again."
            ) from error


def _quantization(tensor: Any) -> tuple[np.ndarray | None, Any]:
    """Returns scales and zero points of a tensor, or None where it has none."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None:
        return None, None
    if len(quantization.scale) == 0:
        return None, None
    zero_point = quantization.zeroPoint
    if zero_point is None:
        zero_point = np.zeros(len(quantization.scale), np.int64)
    return np.asarray(quantization.scale), np.asarray(zero_point)


def _names_of(enumeration: type) -> Mapping[int, str]:
    """Returns value -> name of one of the schema's enumerations."""
    return {v: k for k, v in vars(enumeration).items() if isinstance(v, int)}
