"""The exit codes of the `sidehook` command; those over 63 are the ones of sysexits.h."""

from enum import IntEnum


class Exit(IntEnum):
    """What the code says to a script."""

    OK = 0
    """It is done."""
    NO = 1
    """The answer is no: the sidecar is not well, the hook is not retired."""
    USAGE = 64
    """The command line or the configuration cannot be used."""
    UNAVAILABLE = 69
    """An address or a folder cannot be used, or no sidecar answers."""
