# Licensed under the Apache License, Version 2.0.
"""Command lines: the only home of flags, print and exit."""
