"""Write the licence of every distribution in a virtual environment, with its texts.

`licences.py ENVIRONMENT`. Runs while an image is built, on the standard library alone. Fails when
a distribution neither names its licence nor brings the text of one, so that nothing gets into an
image unseen.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

_TEXTS: Final = re.compile(r"^(licen[cs]e|copying|notice|copyright)", re.IGNORECASE)
_RULE: Final = "=" * 78


def main(environment: str) -> int:
    """Print the licences of what is installed there; the exit code."""
    folders = [str(each) for each in Path(environment).glob("lib/python3*/site-packages")]
    found = sorted(distributions(path=folders), key=lambda each: each.name.lower())
    without = [each.name for each in found if not licence(each) and not list(texts(each))]
    if without or not found:
        print(f"no licence is known of: {', '.join(without) or 'anything'}", file=sys.stderr)
        return 1
    print("What this image holds besides its base, and on which terms.\n")
    for each in found:
        print(f"{each.name} {each.version}: {licence(each) or 'see its text below'}")
    for each in found:
        for path in texts(each):
            body = path.read_text(encoding="utf-8", errors="replace").strip()
            print(f"\n{_RULE}\n{each.name} {each.version}: {path.name}\n{_RULE}\n\n{body}")
    return 0


def licence(distribution: Distribution) -> str:
    """The licence as the distribution's metadata names it; empty when it does not."""
    metadata = distribution.metadata
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    classifiers = metadata.get_all("Classifier") or []
    named = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")]
    if named:
        return ", ".join(named)
    # Some put the whole text in here, which `texts` may then lack.
    return " ".join(" ".join(metadata.get_all("License") or []).split())[:80]


def texts(distribution: Distribution) -> Iterator[Path]:
    """The files with its licences, notices and the like, as it brings them."""
    for file in distribution.files or []:
        inside_metadata = any(part.endswith(".dist-info") for part in file.parts)
        if inside_metadata and _TEXTS.match(file.name):
            yield Path(str(file.locate()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
