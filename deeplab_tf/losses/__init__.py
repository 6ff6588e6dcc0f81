# Licensed under the Apache License, Version 2.0.
"""Losses: frozen dataclasses, called with targets and outputs."""
