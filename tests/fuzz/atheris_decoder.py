"""Coverage-guided: python tests/fuzz/atheris_decoder.py [-max_total_time=600] [CORPUS_DIR]

By hand, with the package atheris (Linux); hypothesis does the same in every test run.  Starts from the
wires of tests/corpus.  It fails on any exception but RemoteProtocolError, and when bytes that come
one by one, or cut in two, say something else than whole.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["holdfast"]):
    from tests.fuzz.test_decoder import decode

from tests.wire.test_corpus import CASE, CORPUS, parse


def one_input(data: bytes) -> None:
    whole = decode([data])
    assert decode([data[i : i + 1] for i in range(len(data))]) == whole
    half = len(data) // 2
    assert decode([data[:half], data[half:]]) == whole


def main() -> None:
    with tempfile.TemporaryDirectory() as seeds:
        for page in CORPUS.glob("*.md"):
            for number, (_, body) in enumerate(CASE.findall(page.read_text())):
                wire = parse(body)[0]
                if len(wire) < 1000:
                    Path(seeds, f"{page.stem}-{number}").write_bytes(wire)
        atheris.Setup([*sys.argv, seeds], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
