"""The course's experiments, each with the numbers that it should give."""
