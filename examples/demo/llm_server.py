"""Serves a model file over an OpenAI-compatible HTTP API, until its standard input closes.

The child process of the demo. It prints one line, `listening URL`, when it is ready; a parent that
dies closes the pipe, so no server is left behind.
"""

import argparse
import os
import sys

from xllamacpp import CommonParams, Server

MAX_THREADS = 8


def main() -> None:
    """Load the model and serve it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a GGUF file")
    parser.add_argument("--name", required=True, help="the model's name in the API")
    parser.add_argument("--chat-template", default="", help="in place of the model's own")
    arguments = parser.parse_args()

    server = Server(_parameters(arguments.model, arguments.name, arguments.chat_template))
    print("listening", server.listening_address, flush=True)
    sys.stdin.read()
    # The server's threads are not Python's, and would keep the process.
    os._exit(0)


def _parameters(model: str, name: str, chat_template: str) -> CommonParams:
    parameters = CommonParams()
    parameters.model.path = model
    parameters.model_alias = {name}
    parameters.port = 0  # any free one
    parameters.n_ctx = 4096
    parameters.n_parallel = 2
    parameters.cpuparams.n_threads = min(os.cpu_count() or 1, MAX_THREADS)
    if chat_template:
        parameters.chat_template = chat_template
    return parameters


if __name__ == "__main__":
    main()
