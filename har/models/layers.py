"""Every layer that a model may have, registered: import this before a saved model is loaded."""

from har.models.registry import import_layers

import_layers()
