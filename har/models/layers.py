"""Every layer of our own: import this before a saved model is loaded."""

from har.models.input_layers import FIR, Channels, Frames, Standardize
from har.models.kernels import Kernels
from har.models.peephole_cell import PeepholeLSTMCell

__all__ = ["FIR", "Channels", "Frames", "Kernels", "PeepholeLSTMCell", "Standardize"]
