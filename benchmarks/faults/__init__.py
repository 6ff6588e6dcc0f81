# Licensed under the Apache License, Version 2.0.
"""Breaks real trainings and real builds of records, and looks at what is left."""
