# Licensed under the Apache License, Version 2.0.
"""Reads mutated record and image files: the right answer, or an error with a name."""
