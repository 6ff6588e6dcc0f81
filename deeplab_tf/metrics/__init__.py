# Licensed under the Apache License, Version 2.0.
"""Metrics, summed over a data set."""
