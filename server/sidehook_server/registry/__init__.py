"""The registry: who serves which hooks, and the plans made of it. Pure and immutable.

`model.Registry` is a snapshot, `transitions` makes the next one and says what to do
about it, `holder` keeps the one in force. docs/registration.md has the rules.
"""
