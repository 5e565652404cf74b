"""Generate Python code from the contract: `generate_proto.py OUTPUT`.

The compiler lives in an environment of its own, because its pins would hold the whole workspace on
an old protobuf.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path("sidehook", "v1")
COMPILER = ROOT / ".venv-proto" / "bin"


def generated_files(output: Path) -> list[Path]:
    """Return the generated files that an output folder holds, stale ones included."""
    return sorted((output / PACKAGE).glob("*_pb2*.py*"))


def generate(output: Path) -> None:
    """Write the package anew; what no file of the contract generates any more is removed."""
    for stale in generated_files(output):
        stale.unlink()
    sources = sorted((ROOT / "proto" / PACKAGE).glob("*.proto"))
    services = [source for source in sources if "\nservice " in source.read_text()]
    _protoc(sources, f"--python_out={output}", f"--mypy_out=quiet:{output}")
    # Only where there is a service: the plug-ins write an empty module for every other file.
    _protoc(services, f"--grpc_python_out={output}", f"--mypy_grpc_out=quiet:{output}")


def _protoc(sources: list[Path], *outputs: str) -> None:
    subprocess.run(
        [COMPILER / "python", "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", *outputs, *sources],
        check=True,
        # protoc looks for its plug-ins on the path.
        env=os.environ | {"PATH": f"{COMPILER}{os.pathsep}{os.environ['PATH']}"},
    )


if __name__ == "__main__":
    generate(Path(sys.argv[1]).resolve())
