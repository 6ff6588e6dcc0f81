# Licensed under the Apache License, Version 2.0.
"""Which exported files can hold a CRF. Imports no TensorFlow: commands ask it first."""

from deeplab_tf.config.dense_crf import DenseCRFConfig


def check_graph(crf: DenseCRFConfig | None) -> None:
    """Checks that a TensorFlow graph can hold a CRF.

    Raises:
        ValueError: it is computed outside of graphs.
    """
    if crf is not None and crf.backend != "tensorflow":
        raise ValueError(
            f"A CRF of the backend {crf.backend} runs outside of the graph and cannot "
            "be exported: take the backend tensorflow (--crf_backend=tensorflow)."
        )


def check_tflite(crf: DenseCRFConfig | None) -> None:
    """Checks that a TFLite file shall not hold a CRF.

    Raises:
        ValueError: it shall.
    """
    if crf is not None:
        raise ValueError(
            "TFLite has no operations for a CRF: export a SavedModel, or leave the CRF "
            "out (--crf=none)."
        )
