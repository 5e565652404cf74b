"""What an operator can know before a call is made: `forecast` of one call, `lint` of all hooks.

Pure, and made of the pipeline's own parts, so that what is said is what happens.
"""
