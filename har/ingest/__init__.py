"""Recordings in: readers, examination and repair, the stage that stores what they make."""
