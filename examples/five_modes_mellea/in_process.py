"""The five hooks inside the application, the way mellea runs them by itself.

Run it from the root of the repository: python -m examples.five_modes_mellea.in_process
"""

import logging
import sys

from mellea import start_session
from mellea.plugins import PluginViolationError, plugin_scope

from examples.demo.fetch_model import ModelUnavailableError
from examples.demo.llm import language_model
from examples.five_modes_mellea.hooks import FIVE_MODES

# A sentence is enough, and the packaged model would go on to questions of its own.
MODEL_OPTIONS = {"max_tokens": 40, "stop": ["Question:"], "seed": 2}


def main() -> None:
    """Ask the model one question with the hooks in place."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", stream=sys.stdout)
    logging.getLogger("five_modes").setLevel(logging.INFO)
    logging.getLogger("mellea").setLevel(logging.ERROR)
    with (
        language_model() as model,
        start_session(
            "openai",
            model.name,
            base_url=model.base_url,
            api_key=model.api_key,
            model_options=MODEL_OPTIONS,
        ) as session,
        plugin_scope(*FIVE_MODES),
    ):
        try:
            print("answer:", str(session.instruct("Name the four seasons.")).strip())
        except PluginViolationError as violation:
            print("blocked:", violation)
        temperatures = [request.get("temperature") for request in model.chat_requests]
        print("temperature at the model's server:", *temperatures)


if __name__ == "__main__":
    try:
        main()
    except ModelUnavailableError as unavailable:
        sys.exit(str(unavailable))
