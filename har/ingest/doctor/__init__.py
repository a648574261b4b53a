"""The signal doctor: finds what is wrong with recordings, repairs what is sure, says the rest.

`treat` looks at one stretch as it stands in its file, before conversion; `labels` at all of a data
set together; `check` is the command.
"""
