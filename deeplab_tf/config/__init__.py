# Licensed under the Apache License, Version 2.0.
"""Frozen dataclasses that describe networks, data and training, without Keras."""
