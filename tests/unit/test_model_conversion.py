"""Models in the Transformers library's format: same weights, same text, and nothing run by reading."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import tinywhisper
from tests.transformerswhisper import (
    random_spec,
    tensors_of,
    write_config,
    write_safetensors,
    write_shards,
)

from tiro.engines import catalogue, folders
from tiro.engines.base import DecodingOptions, EngineOptions, TranscribeRequest
from tiro.engines.whisper import PROVIDER, conversion
from tiro.errors import CannotWrite, ModelCorrupt, TiroError
from tiro.speech.types import SAMPLE_RATE

TOKENS, SPECIAL, TIMES = tinywhisper.vocabulary(600, tinywhisper.WORDS, ("en", "de", "hi"), True)
IDS = {token: index for index, token in enumerate(TOKENS)}
LANGUAGES = {f"<|{code}|>": IDS[f"<|{code}|>"] for code in ("en", "de", "hi")}


def scripted(folder: Path, **generation: Any) -> Path:
    """tinywhisper's model, that says its text."""
    from ctranslate2.specs.whisper_spec import WhisperSpec

    spec = WhisperSpec(1, 1, 1, 1)
    spoken = {place: IDS[token] for place, token in tinywhisper.script(tinywhisper.TEXT, True).items()}
    tinywhisper.fill(spec, len(TOKENS), spoken, first_timed=3, certain=tinywhisper.CERTAIN)
    folder.mkdir(parents=True)
    write_config(
        folder,
        spec,
        TOKENS,
        is_multilingual=True,
        lang_to_id=LANGUAGES,
        alignment_heads=[[0, 0]],
        suppress_tokens=[-1],
        begin_suppress_tokens=[],
        **generation,
    )
    write_safetensors(folder / "model.safetensors", tensors_of(spec, tied=False))
    tinywhisper.write_tokenizer(folder / "tokenizer.json", IDS, SPECIAL, TIMES)
    return folder


def parts_of_tokenizer(folder: Path) -> None:
    """The tokenizer as older models have it."""
    (folder / "tokenizer.json").unlink()
    added = {token: IDS[token] for token in (*SPECIAL, *TIMES)}
    plain = {token: index for token, index in IDS.items() if token not in added}
    (folder / "vocab.json").write_text(json.dumps(plain))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "added_tokens.json").write_text(json.dumps(added))


def heard(model: str, models: Path) -> list[tuple[str, float, float]]:
    engine = PROVIDER.load(model, EngineOptions(models, device="cpu", compute_type="float32", threads=1))
    assert engine.capabilities.detects_language
    assert engine.capabilities.languages == {"en", "de", "hi"}
    audio = np.zeros(6 * SAMPLE_RATE, np.float32)
    request = TranscribeRequest(audio, decoding=DecodingOptions(beam=1))
    return [
        (word.text, word.start, word.end) for segment in engine.transcribe(request) for word in segment.words
    ]


def test_a_folder_is_used_by_its_path_and_by_its_name(tmp_path: Path) -> None:
    folder = scripted(tmp_path / "theirs")
    words = heard(str(folder), tmp_path / "models")
    assert [word for word, _, _ in words] == tinywhisper.TEXT.split()
    shutil.copytree(folder, tmp_path / "models" / "by-name")
    assert heard("by-name", tmp_path / "models") == words


@pytest.mark.parametrize("tied", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", ["F32", "F16", "BF16", "shards", "bare"])
def test_every_weight_finds_its_place(tmp_path: Path, form: str, tied: bool) -> None:
    spec = random_spec(2, 3, 4, TOKENS, tied=tied)
    tensors = tensors_of(spec, tied=tied)
    source, ours, theirs = tmp_path / "source", tmp_path / "ours", tmp_path / "theirs"
    for folder in (source, ours, theirs):
        folder.mkdir()
    write_config(source, spec, TOKENS, is_multilingual=True, lang_to_id=LANGUAGES, alignment_heads=[[2, 1]])
    tinywhisper.write_tokenizer(source / "tokenizer.json", IDS, SPECIAL, TIMES)
    if form == "shards":
        write_shards(source, tensors)
    elif form == "bare":
        tensors = {name.removeprefix("model."): array for name, array in tensors.items()}
        write_safetensors(source / "model.safetensors", tensors)
    else:
        write_safetensors(source / "model.safetensors", tensors, form)
    conversion.convert(source, ours)

    if form == "BF16":  # cut off as the file was
        cut = {name: (a.view(np.uint32) >> 16 << 16).view(np.float32) for name, a in _contiguous(tensors)}
        spec = random_spec(2, 3, 4, TOKENS, tied=tied)
        _refill(spec, cut, tied)
    spec.config.lang_ids = sorted(LANGUAGES.values())
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [(2, 1)]
    spec.register_vocabulary(TOKENS)
    spec.validate()
    spec.optimize(quantization="float16" if form == "F16" else None)
    spec.save(str(theirs))
    for name in ("config.json", "vocabulary.json", "model.bin"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name


def _contiguous(tensors: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, np.ascontiguousarray(array, np.float32)) for name, array in tensors.items()]


def _refill(spec: Any, tensors: dict[str, Any], tied: bool) -> None:
    """Put other numbers into ``spec``, through the views that ``tensors_of`` gives."""
    for name, array in tensors_of(spec, tied=tied).items():
        array[...] = tensors[name]


def test_a_tokenizer_is_made_from_its_parts(tmp_path: Path) -> None:
    folder = scripted(tmp_path / "theirs")
    words = heard(str(folder), tmp_path / "models")
    parts_of_tokenizer(folder)
    assert folders.missing_files(folder) == []
    assert heard(str(folder), tmp_path / "models") == words
    (folder / "merges.txt").unlink()
    assert folders.missing_files(folder) == ["tokenizer.json"]


def test_what_the_model_knows_is_taken_from_its_files(tmp_path: Path) -> None:
    import ctranslate2

    def multilingual(folder: Path) -> bool:
        return bool(ctranslate2.models.Whisper(str(folder)).is_multilingual)

    folder = scripted(tmp_path / "theirs")
    assert multilingual(conversion.converted(folder, tmp_path / "cache"))
    generation = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(generation | {"is_multilingual": False}))
    assert not multilingual(conversion.converted(folder, tmp_path / "cache"))
    # Without a word about it: the languages that have a token, and the upper half's heads.
    (folder / "generation_config.json").unlink()
    config = json.loads((conversion.converted(folder, tmp_path / "cache") / "config.json").read_text())
    assert config["lang_ids"] == sorted(LANGUAGES.values())
    assert config["alignment_heads"] == [[0, 0]]


def test_a_model_is_converted_once_and_again_when_it_changes(tmp_path: Path) -> None:
    folder, cache = scripted(tmp_path / "theirs"), tmp_path / "cache"
    first = conversion.converted(folder, cache)
    made = (first / "model.bin").stat().st_mtime_ns
    # The content decides, not the place or the time.
    shutil.copytree(folder, tmp_path / "copy")
    os.utime(folder / "model.safetensors")
    assert conversion.converted(folder, cache) == first == conversion.converted(tmp_path / "copy", cache)
    assert (first / "model.bin").stat().st_mtime_ns == made
    with (folder / "generation_config.json").open("a") as file:
        file.write(" ")
    second = conversion.converted(folder, cache)
    assert second != first
    assert [entry.name for entry in cache.iterdir() if entry.is_dir()] == [second.name]


def test_two_that_convert_one_model_wait_for_each_other(tmp_path: Path) -> None:
    folder, cache = scripted(tmp_path / "theirs"), tmp_path / "cache"
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(conversion.converted(folder, cache))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert folders.missing_files(found[0]) == []


def test_a_conversion_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, cache = scripted(tmp_path / "theirs"), tmp_path / "cache"

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("ctranslate2.specs.whisper_spec.WhisperSpec.save", full)
        with pytest.raises(TiroError) as caught:
            conversion.converted(folder, cache)
    assert caught.value.code == "storage_full"
    assert [entry for entry in cache.iterdir() if entry.is_dir()] == []
    assert folders.missing_files(conversion.converted(folder, cache)) == []
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="TIRO_DATA"):
        conversion.converted(folder, tmp_path / "file")


def _edit(name: str, **changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        file = folder / name
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return edit


def _header(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        file = folder / "model.safetensors"
        data = file.read_bytes()
        end = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:end])
        change(header)
        text = json.dumps(header).encode()
        file.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])

    return edit


def _write(name: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(data) and None


def _cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def _elsewhere(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder.parent / "x.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "../x.safetensors"}})
    )


NORM = "model.encoder.layer_norm.weight"
DAMAGE: dict[str, Callable[[Path], None]] = {
    "no json": _write("config.json", b"{"),
    "another kind": _edit("config.json", model_type="wav2vec2"),
    "odd sizes": _edit("config.json", d_model="64"),
    "heads that do not fit": _edit("config.json", decoder_attention_heads=7),
    "too many layers": _edit("config.json", decoder_layers=2),
    "another build": _edit("config.json", max_source_positions=3000),
    "other features": _edit("preprocessor_config.json", feature_size=128),
    "heads outside": _edit("generation_config.json", alignment_heads=[[9, 9]]),
    "odd heads": _edit("generation_config.json", alignment_heads="all"),
    "languages outside": _edit("generation_config.json", lang_to_id={"<|de|>": 10**9}),
    "a foreign tokenizer": _edit("config.json", vocab_size=700),
    "a damaged tokenizer": _write("tokenizer.json", b'{"version": "1.0"}'),
    "cut weights": _cut,
    "a tiny file": _write("model.safetensors", b"x" * 9),
    "a vast header": _write("model.safetensors", b"\xff" * 64),
    "a header that is none": _write("model.safetensors", (4).to_bytes(8, "little") + b"nope"),
    "a missing tensor": _header(lambda header: header.pop(NORM)),
    "another type": _header(lambda header: header[NORM].update(dtype="I8")),
    "another shape": _header(lambda header: header[NORM].update(shape=[8, 8])),
    "a lying length": _header(lambda header: header[NORM].update(shape=[65])),
    "negative offsets": _header(lambda header: header[NORM].update(data_offsets=[-256, 0])),
    "beyond the end": _header(lambda header: header[NORM].update(data_offsets=[10**9, 10**9 + 256])),
    "an index that leads out": _elsewhere,
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_a_damaged_model_is_told_as_such(tmp_path: Path, damage: str) -> None:
    folder = scripted(tmp_path / "theirs")
    DAMAGE[damage](folder)
    with pytest.raises(ModelCorrupt) as caught:
        PROVIDER.load(str(folder), EngineOptions(tmp_path / "models", device="cpu"))
    assert len(caught.value.message) > 20
    cache = tmp_path / "models" / ".converted"
    assert not cache.exists() or [entry for entry in cache.iterdir() if entry.is_dir()] == []


def test_half_a_folder_and_a_pickle_are_refused_before_work_starts(tmp_path: Path) -> None:
    options = EngineOptions(tmp_path / "models")
    folder = scripted(tmp_path / "models" / "own")
    assert PROVIDER.availability("own", options).ready
    assert [model.name for model in catalogue.present(options.models)] == ["own"]
    (folder / "config.json").unlink()
    for name in ("own", str(folder)):
        found = PROVIDER.availability(name, options)
        assert not found.ready
        assert "config.json" in found.detail
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    found = PROVIDER.availability(str(folder), options)
    assert not found.ready
    assert "pickle" in found.detail
    assert "save_pretrained" in found.detail
    with pytest.raises(ModelCorrupt, match="pickle"):
        PROVIDER.load(str(folder), options)
    shards = scripted(tmp_path / "shards")
    write_shards(shards, {"a": np.zeros(1), "b": np.zeros(1)})
    (shards / "model.safetensors").unlink()
    (shards / "model-00002-of-00002.safetensors").unlink()
    assert folders.missing_files(shards) == ["model-00002-of-00002.safetensors"]
