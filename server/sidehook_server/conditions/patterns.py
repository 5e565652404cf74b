"""How large the automaton of a regular expression (RE2) is, from a look at its text.

An upper bound for prices, not a parser: the library says what is a regular expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""\\Q(?P<quoted>.*?)(?:\\E|\Z)            # characters as they stand
    |(?P<property>\\[pP](?:\{[^}]*\}|.)?)      # a class of Unicode
    |(?P<escape>\\(?:x\{[^}]*\}|.)?)
    |(?P<set>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]?)
    |(?P<open>\((?:\?[^:)]*[:)]|\?)?)
    |(?P<close>\))
    |(?P<count>\{\d+(?:,\d*)?\})
    |(?P<repeat>[*+?])
    |(?P<any>\.)
    |(?P<or>[|^$])
    |(?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)
_PROPERTY: Final = 1000
_ANY: Final = 10
_FOLDED: Final = 4
_WORDS: Final = re.compile(r"(?:\(\?i\))?[^\W_](?:[\w \-/:@,]|\\[.\-/$]|\|(?!\|))*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`size` counts states of the automaton; `words` says that it only tells words apart.

    Words can be looked for in one step a character. Any other automaton may meet a new
    set of its states with every character, and has to work all of them out.
    """

    size: int
    words: bool


def weigh(text: str) -> Pattern:
    """The automaton of the regular expression `text`, not smaller than it is."""
    folded = _FOLDED if "(?" in text and "i" in text else 1
    return Pattern((_size(text) + 1) * folded, bool(_WORDS.fullmatch(text)))


def _size(text: str) -> int:
    done = [0]  # what stands before the last atom, per open group
    last = [0]  # the last atom, which a repetition multiplies
    for token in _TOKEN.finditer(text):
        kind, found = str(token.lastgroup), token[0]
        if kind == "open":
            # Flags such as (?i) open nothing.
            if not (found.startswith("(?") and found.endswith(")")):
                done.append(0)
                last.append(1)
        elif kind == "close" and len(done) > 1:
            atom = done.pop() + last.pop()
            done[-1] += last[-1]
            last[-1] = atom
        elif kind == "count":
            last[-1] *= max(1, *(int(digits) for digits in re.findall(r"\d+", found))) + 1
        elif kind == "repeat":
            last[-1] += 1
        else:
            done[-1] += last[-1]
            last[-1] = _atom(kind, found)
    return sum(done) + sum(last)


def _atom(kind: str, found: str) -> int:
    match kind:
        case "quoted":
            return 2 * len(found)
        case "property":
            return _PROPERTY
        case "set":
            properties = len(re.findall(r"\\[pP]", found))
            return properties * _PROPERTY + (_ANY if "^" in found or not found.isascii() else 2)
        case "any":
            return _ANY
        case "escape":
            # \D, \S and \W are everything but a few characters.
            return _ANY if found[1:2] in {"D", "S", "W", "C"} else 1
        case _:
            return len(found.encode())
