"""Recordings in: readers, the signal doctor, the stage that stores what they make."""
