"""The pipeline: what a call does, as data and transitions without any I/O."""
