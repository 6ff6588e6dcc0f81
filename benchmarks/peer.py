# Licensed under the Apache License, Version 2.0.
"""The side of PyTorch and torchvision; runs in a process of its own, in `.venv-bench`.

python -m benchmarks.peer, then one request a line: see `benchmarks.worker`.
"""

import itertools
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import peer_network, peer_pipeline, worker

Task = tuple[Callable[[], Any], dict[str, Any]]

# What research/deeplab, and we, train with.
_LEARNING_RATE, _MOMENTUM, _WEIGHT_DECAY = 0.007, 0.9, 4e-5
_IGNORE_LABEL = 255


def forward(*, precision: str, changed: bool, **case: Any) -> Task:
    """Labels of images; in bfloat16 the weights are bfloat16 too."""
    import torch
    from torch.nn import functional

    model, images, _, facts = _prepare(changed=changed, **case)
    dtype = getattr(torch, precision)
    model.eval().to(dtype)
    images = images.to(dtype)

    def predict():
        with torch.inference_mode():
            logits = model.classifier(model.backbone(images)["out"]).float()
            size = images.shape[-2:]
            logits = functional.interpolate(logits, size=size, mode="bilinear")
            return logits.argmax(1)

    return predict, facts


def training_step(*, precision: str, changed: bool, **case: Any) -> Task:
    """One update by SGD with momentum; bfloat16 by autocast."""
    import torch
    from torch.nn import functional

    model, images, labels, facts = _prepare(changed=changed, **case)
    model.train()
    _freeze_pooled_norm(model, images.shape[0])
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=_LEARNING_RATE,
        momentum=_MOMENTUM,
        weight_decay=_WEIGHT_DECAY,
    )

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = model.classifier(model.backbone(images)["out"])
        size = images.shape[-2:]
        logits = functional.interpolate(logits.float(), size=size, mode="bilinear")
        loss = functional.cross_entropy(logits, labels, ignore_index=_IGNORE_LABEL)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, facts


def matrix_product(*, size: int, precision: str) -> Task:
    """The product of two square matrices."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    matrix = torch.randn(size, size).to(getattr(torch, precision))
    return lambda: matrix @ matrix, {}


def input_pipeline(
    *, folder: str, batch_size: int, crop_size: int, batches: int, num_workers: int
) -> Task:
    """A number of batches of a DataLoader over the same images as files."""
    loader = peer_pipeline.build_loader(
        pathlib.Path(folder),
        batch_size=batch_size,
        crop_size=crop_size,
        num_workers=num_workers,
    )
    # Epoch after epoch; the workers stay.
    iterator = itertools.chain.from_iterable(itertools.repeat(loader))

    def take():
        for _ in range(batches):
            images, _ = next(iterator)
            assert images.shape == (batch_size, 3, crop_size, crop_size)

    return take, {}


def _prepare(
    *,
    backbone: str,
    batch_size: int,
    crop_size: int,
    num_classes: int,
    changed: bool,
    channels_last: bool,
) -> tuple:
    """Returns the network, random images and labels, and facts about the network."""
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = peer_network.network(backbone, num_classes=num_classes, changed=changed)
    generator = np.random.default_rng(1)
    shape = (batch_size, 3, crop_size, crop_size)
    images = torch.from_numpy(generator.standard_normal(shape, "float32"))
    labels = torch.from_numpy(
        generator.integers(0, num_classes, (batch_size, crop_size, crop_size))
    )
    count = peer_network.count_multiply_adds(model.eval(), crop_size=crop_size)
    model, images = (x.to(memory_format=layout) for x in (model, images))
    return model, images, labels, {"multiply_adds": count}


def _freeze_pooled_norm(model, batch_size: int) -> None:
    """Lets the norm behind image pooling be, where it would see a single value.

    torch refuses to train a norm on one value a channel; TensorFlow takes it.
    """
    if batch_size == 1:
        pooling = model.classifier[0].convs[-1]
        pooling[2].eval()


def main() -> None:
    """Answers requests until there are no more."""
    # Here, so that its memory counts as that of imports.
    import torch  # noqa: F401

    worker.serve(
        {
            "forward": forward,
            "training_step": training_step,
            "matrix_product": matrix_product,
            "input_pipeline": input_pipeline,
        }
    )


if __name__ == "__main__":
    main()
