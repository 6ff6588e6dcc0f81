# Licensed under the Apache License, Version 2.0.
"""Data set, predictor and metrics make a report."""
