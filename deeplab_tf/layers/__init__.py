# Licensed under the Apache License, Version 2.0.
"""Keras layers that know no backbone and no paper."""
