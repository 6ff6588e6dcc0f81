# Licensed under the Apache License, Version 2.0.
"""Colours and pictures of labels."""
