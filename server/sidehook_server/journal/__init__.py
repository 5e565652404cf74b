"""The journal: detached events on disk, from their acceptance until their fate is known.

`record` is one event as bytes, `seal` what of it can be read by others, `file` the SQLite
file, and `writer` the thread that writes it for the queue (`dispatch.journal.Journal`).
"""
