"""Questions on a finished run: the same store, the same jobs, nothing trained twice.

A study reads `reports/<pipeline>/results.json` for what was run, and leaves its own table, picture
and JSON beside it. None chooses anything: what is chosen is chosen on validation people, by a run.
"""
