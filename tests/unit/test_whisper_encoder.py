"""The encoder in ONNX Runtime: exact, made once, chosen by measuring, and never in the way."""

from __future__ import annotations

import json
import logging
import struct
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench.whispers import Shape, make
from tests import tinywhisper

from tiro.engines.base import EngineOptions, TranscribeRequest
from tiro.engines.processors import adds_eight_bits
from tiro.engines.whisper import encoder as subject
from tiro.engines.whisper.binary import ModelFile
from tiro.engines.whisper.encoder import CTRANSLATE2, ONNXRUNTIME, Encoder, Loaded, choose_encoder
from tiro.engines.whisper.encoder_graph import build
from tiro.engines.whisper.features import FRAMES, Mel
from tiro.engines.whisper.loading import load_engine
from tiro.errors import ModelCorrupt
from tiro.speech.types import SAMPLE_RATE

SHAPE = Shape(64, (2, 1), 2, 80)
_SIGMA = 0.08  # of the weights; the states then differ much from place to place


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(
        tmp_path_factory.mktemp("drawn") / "models" / "drawn", SHAPE, sigma=_SIGMA, vocabulary_size=600
    )


@pytest.fixture(scope="module")
def mel() -> Mel:
    return np.random.default_rng(1).normal(0.0, 0.5, (SHAPE.mels, FRAMES)).astype(np.float32)


@pytest.fixture
def model(tmp_path: Path, drawn: Path) -> Path:
    """A copy to be changed, in a folder of Tiro's own."""
    folder = tmp_path / "models" / "drawn"
    folder.mkdir(parents=True)
    for file in drawn.iterdir():
        if not file.name.startswith("encoder"):
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


def options(folder: Path, choice: str = "auto") -> EngineOptions:
    return EngineOptions(folder.parent, encoder=choice, converted=folder.parent.parent / "converted")


def loaded(folder: Path, compute_type: str = "int8") -> Loaded:
    import ctranslate2

    whisper = ctranslate2.models.Whisper(
        str(folder), device="cpu", compute_type=compute_type, intra_threads=1
    )
    return Loaded(whisper, folder, "cpu", compute_type, workers=1, threads=1)


def states(encode: Encoder, *mels: Mel) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(np.asarray(encode(mels)))


def exact(folder: Path, mel: Mel) -> np.ndarray[Any, np.dtype[np.float32]]:
    return states(subject.ctranslate2_encoder(loaded(folder, "float32").model), mel)


def difference(found: Any, expected: Any) -> float:
    return float(np.sqrt(np.mean(np.square(found - expected)) / np.mean(np.square(expected))))


@pytest.mark.parametrize(
    "precision",
    [None, *(pytest.param(name, marks=pytest.mark.slow) for name in ("float16", "int8", "int8_float16"))],
)
def test_the_states_are_closer_than_ctranslate2s_own_in_8_bits(
    tmp_path: Path, mel: Mel, precision: str | None
) -> None:
    import onnxruntime

    folder = make(tmp_path / "model", SHAPE, precision=precision, sigma=_SIGMA, vocabulary_size=600)
    graph = build(folder / "model.bin", 8 if adds_eight_bits() else 7)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    [found] = session.run(None, {"mel": mel[None]})
    assert found.shape == (1, 1500, SHAPE.width)
    theirs = states(subject.ctranslate2_encoder(loaded(folder).model), mel)
    expected = exact(folder, mel)
    assert difference(found, expected) < difference(theirs, expected) < 0.1


@pytest.mark.parametrize("kind", ["float32", "float16", "int8", "int16", "bfloat16"])
def test_weights_are_read_in_every_precision(tmp_path: Path, kind: str) -> None:
    plain = np.array([[0.5, -1.0], [0.25, 2.0]], np.float32)
    scale = np.array([100.0, 50.0], np.float32)
    stored: dict[str, tuple[int, Any]] = {
        "float32": (0, plain),
        "float16": (4, plain.astype(np.float16)),
        "int8": (1, np.rint(plain * scale[:, None]).astype(np.int8)),
        "int16": (2, np.rint(plain * 1000).astype(np.int16)),
        "bfloat16": (5, (plain.view(np.uint32) >> 16).astype(np.uint16)),
    }
    variables = {"weight": stored[kind]}
    if kind.startswith("int"):
        variables["weight_scale"] = (0, scale if kind == "int8" else np.array(1000, np.float32))
    file = tmp_path / "model.bin"
    file.write_bytes(written(variables, {"again": "weight"}))
    assert ModelFile(file).get("weight", 2, 2) == pytest.approx(plain, abs=0.011)
    assert ModelFile(file).shape("again") == (2, 2)


def written(variables: dict[str, tuple[int, Any]], aliases: dict[str, str]) -> bytes:
    """A model file in CTranslate2's layout 6."""

    def text(said: str) -> bytes:
        return struct.pack("<H", len(said) + 1) + said.encode() + b"\0"

    found = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, (kind, value) in variables.items():
        found += text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        found += struct.pack("<BI", kind, value.nbytes) + value.tobytes()
    return found + struct.pack("<I", len(aliases)) + b"".join(text(a) + text(b) for a, b in aliases.items())


def test_windows_of_a_batch_do_not_change_each_other(model: Path, mel: Mel) -> None:
    _, encode = choose_encoder(loaded(model), options(model, ONNXRUNTIME))
    alone, among = states(encode, mel), states(encode, 3 * mel, mel, 0 * mel)
    assert among.shape == (3, 1500, SHAPE.width)
    assert np.array_equal(among[1], alone[0])


def test_its_output_feeds_the_decoder_and_the_text_is_the_same(tmp_path: Path) -> None:
    folder = tinywhisper.make(tmp_path / "models" / "tiny")
    heard = {}
    for choice in (CTRANSLATE2, ONNXRUNTIME):
        engine = load_engine(folder, "tiny", options(folder, choice), translates=True)
        assert (ONNXRUNTIME in engine.capabilities.model) == (choice == ONNXRUNTIME)
        audio = np.random.default_rng(0).normal(0, 0.1, 5 * SAMPLE_RATE).astype(np.float32)
        heard[choice] = [(s.text, s.start, s.end) for s in engine.transcribe(TranscribeRequest(audio, "en"))]
    assert heard[ONNXRUNTIME] == heard[CTRANSLATE2]
    assert heard[ONNXRUNTIME]


def test_the_graph_is_made_once_and_anew_with_other_weights(model: Path) -> None:
    choose_encoder(loaded(model), options(model, ONNXRUNTIME))
    [first] = model.glob("encoder-*.onnx")
    made = first.stat().st_mtime_ns
    choose_encoder(loaded(model), options(model, ONNXRUNTIME))
    assert [first] == list(model.glob("encoder-*.onnx"))
    assert first.stat().st_mtime_ns == made
    for file in make(model.parent.parent / "other", SHAPE, sigma=0.1, vocabulary_size=600).iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    choose_encoder(loaded(model), options(model, ONNXRUNTIME))
    [second] = model.glob("encoder-*.onnx")
    assert second != first
    assert not list(model.glob(".encoder*"))


@pytest.mark.parametrize("damage", [b"", b"no model", None])
def test_a_damaged_graph_is_made_anew(model: Path, mel: Mel, damage: bytes | None) -> None:
    choose_encoder(loaded(model), options(model, ONNXRUNTIME))
    [graph] = model.glob("encoder-*.onnx")
    whole = graph.read_bytes()
    graph.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    library, encode = choose_encoder(loaded(model), options(model, ONNXRUNTIME))
    assert library == ONNXRUNTIME
    assert graph.read_bytes() == whole
    assert difference(states(encode, mel), exact(model, mel)) < 0.1


def measured(
    monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float], error: float = 0.01
) -> list[Loaded]:
    """Let both encoders take so long; what was measured is in the list that comes back."""
    calls: list[Loaded] = []

    def measure(model: Loaded, plain: Encoder, other: Encoder) -> tuple[tuple[float, float], float]:
        calls.append(model)
        return seconds, error

    monkeypatch.setattr(subject, "measure", measure)
    return calls


def test_the_faster_one_is_used_and_that_is_remembered(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = measured(monkeypatch, (2.0, 1.0))
    for _ in range(2):
        assert choose_encoder(loaded(model), options(model))[0] == ONNXRUNTIME
    assert len(calls) == 1
    # Another number of threads may turn it round.
    choose_encoder(replace(loaded(model), threads=2), options(model))
    assert len(calls) == 2


def test_where_it_is_no_faster_its_file_goes(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = measured(monkeypatch, (1.0, 2.0))
    for _ in range(2):
        assert choose_encoder(loaded(model), options(model))[0] == CTRANSLATE2
    assert len(calls) == 1
    assert not list(model.glob("*.onnx"))
    # Who asks for it gets it.
    assert choose_encoder(loaded(model), options(model, ONNXRUNTIME))[0] == ONNXRUNTIME


@pytest.mark.parametrize("error", [0.5, float("inf")])
def test_states_that_are_too_far_off_are_not_used(
    model: Path, monkeypatch: pytest.MonkeyPatch, error: float
) -> None:
    measured(monkeypatch, (2.0, 1.0), error)
    assert choose_encoder(loaded(model), options(model))[0] == CTRANSLATE2


@pytest.mark.slow
def test_what_is_measured_is_both_encoders(model: Path) -> None:
    ready = loaded(model)
    plain = subject.ctranslate2_encoder(ready.model)
    seconds, error = subject.measure(ready, plain, plain)
    assert min(seconds) > 0
    assert error == 0
    _, other = choose_encoder(ready, options(model, ONNXRUNTIME))
    assert 0 < subject.measure(ready, plain, other)[1] < 0.1
    nothing = subject.storage(np.full((1, 1500, SHAPE.width), np.nan, np.float32))
    assert subject.measure(ready, plain, lambda _: nothing)[1] == float("inf")


@pytest.mark.parametrize(
    "asked",
    [{"device": "cuda"}, {"compute_type": "float32"}, {"compute_type": "int16"}, {"compute_type": "auto"}],
)
def test_ctranslate2_keeps_what_the_graph_is_not_made_for(model: Path, asked: dict[str, str]) -> None:
    assert choose_encoder(replace(loaded(model), **asked), options(model, ONNXRUNTIME))[0] == CTRANSLATE2
    assert not list(model.glob("encoder*"))


def test_ctranslate2_does_it_where_onnx_runtime_is_not(
    model: Path, mel: Mel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger=subject.__name__)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    library, encode = choose_encoder(loaded(model), options(model))
    assert library == CTRANSLATE2
    assert states(encode, mel).shape == (1, 1500, SHAPE.width)
    assert "ctranslate2 is used" in caplog.text


def test_ctranslate2_does_it_where_nothing_can_be_kept(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(subject.os, "fsync", full)
    assert choose_encoder(loaded(model), options(model))[0] == CTRANSLATE2
    assert not [file for file in model.iterdir() if "encoder" in file.name]


@pytest.mark.slow
def test_what_a_killed_process_left_half_written_does_not_stay(model: Path, tmp_path: Path) -> None:
    killed = """
import os, sys
from pathlib import Path
from tests.unit.test_whisper_encoder import choose_encoder, loaded, options
os.fsync = lambda _: os.kill(os.getpid(), 9)
folder = Path(sys.argv[1])
choose_encoder(loaded(folder), options(folder, "onnxruntime"))
"""
    before = {file.name for file in model.iterdir()}
    died = subprocess.run([sys.executable, "-c", killed, str(model)], check=False, timeout=60)
    assert died.returncode == -9
    assert [file for file in model.iterdir() if "encoder" in file.name], "it died before it wrote"
    assert not list(model.glob("encoder-*.onnx"))
    assert choose_encoder(loaded(model), options(model, ONNXRUNTIME))[0] == ONNXRUNTIME
    [graph] = model.glob("encoder-*.onnx")
    assert {file.name for file in model.iterdir()} == before | {graph.name, ".lock"}


def test_two_that_need_the_graph_at_once_make_it_once(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    begun = threading.Barrier(2)

    def counted(path: Path, bits: int) -> bytes:
        made.append(path)
        return build(path, bits)

    monkeypatch.setattr(subject, "build", counted)
    both = [loaded(model), loaded(model)]

    def need(one: Loaded) -> str:
        begun.wait()
        return choose_encoder(one, options(model, ONNXRUNTIME))[0]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(need, both)) == [ONNXRUNTIME] * 2
    assert len(made) == 1


def test_a_folder_of_somebody_else_is_left_as_it_is(model: Path) -> None:
    before = sorted(file.name for file in model.iterdir())
    theirs = EngineOptions(
        model.parent.parent / "ours", encoder=ONNXRUNTIME, converted=model.parent.parent / "kept"
    )
    assert choose_encoder(loaded(model), theirs)[0] == ONNXRUNTIME
    assert sorted(file.name for file in model.iterdir()) == before
    [graph] = (model.parent.parent / "kept" / "encoders").glob("*/encoder-*.onnx")
    made = graph.stat().st_mtime_ns
    choose_encoder(loaded(model), theirs)
    assert graph.stat().st_mtime_ns == made


def test_a_damaged_model_file_is_a_typed_error(drawn: Path, tmp_path: Path) -> None:
    whole = (drawn / "model.bin").read_bytes()
    file = tmp_path / "model.bin"
    for length in (0, 3, 10, 40, 1_000, len(whole) // 2, len(whole) - 3):
        file.write_bytes(whole[:length])
        with pytest.raises(ModelCorrupt):
            build(file, 8)
    file.write_bytes(b"\xff" * 4 + whole[4:])
    with pytest.raises(ModelCorrupt, match="layout"):
        ModelFile(file)
    with pytest.raises(ModelCorrupt, match="no 'nothing'"):
        ModelFile(drawn / "model.bin").get("nothing", 1)
    with pytest.raises(ModelCorrupt, match="not"):
        ModelFile(drawn / "model.bin").get("encoder/conv1/bias", 1)


@pytest.mark.slow
def test_the_choice_survives_a_damaged_note(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = measured(monkeypatch, (2.0, 1.0))
    for note in (b"{", b"[]", json.dumps({"chosen": "nobody", "circumstances": {}}).encode()):
        (model / "encoder.json").write_bytes(note)
        assert choose_encoder(loaded(model), options(model))[0] == ONNXRUNTIME
    assert len(calls) == 3
