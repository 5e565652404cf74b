"""What the fuzzer found interesting, replayed: nothing but documented errors leaves a decoder."""

import pytest

from tests.fuzz.run import CORPUS
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_decoded_or_refused_in_a_documented_way(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs, f"no corpus of {name}; make one with `make fuzz KEEP=1`"
    for path in inputs:
        TARGETS[name](path.read_bytes())
    for seed in seeds()[name]:
        TARGETS[name](seed)


def test_every_folder_of_the_corpus_belongs_to_a_target() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS) == set(seeds())
