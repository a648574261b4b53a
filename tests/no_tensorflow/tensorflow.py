raise ImportError("This run is without TensorFlow: mark the test `tensorflow`.")
