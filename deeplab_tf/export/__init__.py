# Licensed under the Apache License, Version 2.0.
"""Files for serving: SavedModel, frozen graph and TFLite."""
