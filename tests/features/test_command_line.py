"""The command line as a user meets it: output, refusals, exit codes, Ctrl-C."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.commands import run_here
from tests.makecall import silence, wav
from tests.serving import wait_until

import tiro


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "call.wav").write_bytes(wav(6))
    (tmp_path / "talk.wav").write_bytes(wav(3))
    (tmp_path / "letter.mp3").write_text("Dear Sir or Madam")
    (tmp_path / "quiet.wav").write_bytes(silence(1))
    (tmp_path / "empty").mkdir()
    return tmp_path


def run(folder: Path, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tiro.cli.main", *arguments],
        cwd=folder,
        env=environment(folder),
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``run`` without a process, for what is the same without: it saves a second each time."""

    monkeypatch.chdir(folder)
    for name, value in environment(folder).items():
        monkeypatch.setenv(name, value)
    return functools.partial(run_here, monkeypatch, capsys)


def environment(folder: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TIRO_")}
    return inherited | {
        "TIRO_DATA": str(folder / "data"),
        "TIRO_ENGINE_DOWNLOAD": "false",
        "TIRO_ENGINE_DEFAULT": "echo",
    }


def test_text_on_the_screen_all_else_on_standard_error(folder: Path) -> None:
    done = run(folder, "transcribe", "call.wav")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("one two three")
    assert "call.wav: 0:06 in" in done.stderr
    assert "echo engine only counts" in done.stderr


@pytest.mark.slow
def test_standard_input_and_json(folder: Path) -> None:
    done = run(folder, "transcribe", "-", "--format", "json", stdin=wav(3))
    result = json.loads(done.stdout)
    assert result["transcript"]["segments"]
    assert result["metadata"]["duration"] == 3.0


def test_globs_into_a_folder(folder: Path, command: Command) -> None:
    done = command("transcribe", "*.wav", "-o", "out/", "--format", "srt")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["call.srt", "quiet.srt", "talk.srt"]
    assert (folder / "out" / "quiet.srt").read_text() == ""


def test_the_format_follows_the_name_of_the_output(folder: Path, command: Command) -> None:
    assert command("transcribe", "call.wav", "-o", "call.vtt").returncode == 0
    assert (folder / "call.vtt").read_text().startswith("WEBVTT")


def test_recordings_of_one_name_do_not_overwrite_each_other(folder: Path, command: Command) -> None:
    for name in ("a", "b"):
        (folder / name).mkdir()
    (folder / "a" / "x.wav").write_bytes(wav(3))
    (folder / "b" / "x.mp3").write_bytes(wav(3))
    (folder / "b" / "x.wav").write_bytes(wav(3))
    assert command("transcribe", "a/x.wav", "b/x.mp3", "-o", "out").returncode == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["x.mp3.txt", "x.wav.txt"]
    done = command("transcribe", "a/x.wav", "b/x.wav", "-o", "out")
    assert done.returncode == 2
    assert "Several recordings" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "code"), [("TIRO_HTTP_PORT", "abc", 2), ("TIRO_DATA", "/proc/none", 6)]
)
def test_wrong_settings_end_in_a_sentence(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, code: int
) -> None:
    monkeypatch.setenv(name, value)
    done = command("serve", "--port", "0")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert name.removeprefix("TIRO_") in done.stderr


def test_one_bad_file_does_not_stop_the_others(command: Command) -> None:
    done = command("transcribe", "letter.mp3", "call.wav")
    assert done.returncode == 3
    assert "letter.mp3: This is not a recording" in done.stderr
    assert "==> call.wav <==" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nothing.wav"], 2, "No such file"),
        (["*.ogg"], 2, "No file matches"),
        (["empty"], 2, "There is no recording in 'empty'"),
        (["letter.mp3"], 3, "not a recording"),
        (["call.wav", "--engine", "siri"], 2, "Choose one of"),
        (["call.wav", "--engine", "whisper"], 4, "tiro models pull"),
        (["call.wav", "--language", "klingon"], 2, "not a language"),
        (["call.wav", "--engine", "pocketsphinx", "--language", "de"], 2, "does not know"),
        (["call.wav", "talk.wav", "--format", "json"], 2, "-o FOLDER"),
        (["call.wav", "-o", "letter.mp3/x.txt"], 6, "Cannot write"),
    ],
)
def test_wrong_requests_end_in_a_sentence(
    command: Command, arguments: list[str], code: int, says: str
) -> None:
    done = command("transcribe", *arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_ctrl_c_stops_at_once_and_leaves_no_children(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tiro.cli.main", "transcribe", "call.wav", "--engine", "echo:10"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        parent = psutil.Process(process.pid)
        # The decoder (and its spare) and the engine host are up.
        wait_until(lambda: len(parent.children(recursive=True)) >= 2, what="children at work")
        children = parent.children(recursive=True)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, errors
    assert b"Traceback" not in errors
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive


def test_keys_are_made_listed_and_revoked(command: Command) -> None:
    secret = command("keys", "create", "laptop").stdout.strip()
    assert secret.startswith("tiro_")
    listed = command("keys", "list").stdout
    assert "laptop" in listed
    assert secret not in listed
    key_id = next(word for word in listed.split() if word.count("-") == 4)
    assert command("keys", "revoke", key_id).returncode == 0
    again = command("keys", "revoke", key_id)
    assert again.returncode == 2
    assert "revoked" in command("keys", "list").stdout


def test_a_key_is_made_with_scopes_and_an_end(command: Command) -> None:
    made = command("keys", "create", "ci", "--scope", "write", "--scope", "read", "--expires", "30d")
    assert made.stdout.startswith("tiro_")
    listed = command("keys", "list").stdout
    assert "until" in listed
    assert "live" not in listed
    for wrong in (("--scope", "everything"), ("--expires", "soon"), ("--expires", "0d")):
        refused = command("keys", "create", "ci", *wrong)
        assert refused.returncode == 2
        assert refused.stderr.startswith("tiro: ")


def test_a_password_is_set(command: Command) -> None:
    assert command("users", "add", "anna").returncode == 0
    done = command("users", "password", "anna", stdin=b"correct horse battery\n")
    assert done.returncode == 0, done.stderr
    assert "horse" not in done.stdout + done.stderr
    assert command("users", "reset-second-factor", "anna").returncode == 0
    assert command("users", "reset-second-factor", "bob").returncode == 2
    for name, new in (("anna", b"short\n"), ("bob", b"correct horse battery\n")):
        refused = command("users", "password", name, stdin=new)
        assert refused.returncode == 2
        assert refused.stderr.startswith("tiro: ")


def test_a_placeholder_secret_refuses_to_start(folder: Path, command: Command) -> None:
    (folder / ".env").write_text("TIRO_AUTH_SECRET=changeme-changeme-changeme-changeme\n")
    refused = command("serve", "--port", "0")
    assert refused.returncode == 2
    assert "TIRO_AUTH_SECRET" in refused.stderr
    assert "changeme" not in refused.stderr


def test_users_are_added_and_given_keys(command: Command) -> None:
    assert command("users", "add", "anna").returncode == 0
    listed = command("users", "list").stdout
    assert "anna" in listed
    assert "owner" in listed
    assert command("keys", "create", "laptop", "--user", "anna").stdout.startswith("tiro_")
    for wrong in (("users", "add", "anna"), ("users", "add", " "), ("keys", "create", "--user", "bob")):
        refused = command(*wrong)
        assert refused.returncode == 2
        assert refused.stderr.startswith("tiro: ")


def test_the_doctor_finds_what_is_wrong(folder: Path, command: Command) -> None:
    assert command("doctor").returncode == 0
    command("keys", "create")
    orphan = folder / "data" / "media" / "ab" / "0000-ab"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x")
    done = command("doctor")
    assert done.returncode == 1
    assert "a file without a recording" in done.stdout


def test_models_that_are_not_here(command: Command) -> None:
    assert "large-v3-turbo" in command("models", "list").stdout
    done = command("models", "path", "small")
    assert done.returncode == 4
    assert "tiro models pull small" in done.stderr


def test_version_and_help(command: Command) -> None:
    assert command("--version").stdout.strip() == f"tiro {tiro.__version__}"
    shown = command("transcribe", "--help").stdout
    assert "--channels" in shown


def test_the_python_api(folder: Path) -> None:
    from tests.conftest import make_settings

    heard: list[str] = []
    transcript = tiro.transcribe(
        folder / "call.wav",
        engine="echo",
        settings=make_settings(folder / "data"),
        on_progress=lambda progress: heard.extend(segment.text for segment in progress.segments),
    )
    assert transcript.segments
    assert [segment.text for segment in transcript.segments] == heard
    assert transcript.text == "\n".join(heard)
    with pytest.raises(tiro.TiroError) as caught:
        tiro.transcribe(b"not audio at all", engine="echo", settings=make_settings(folder / "data"))
    assert caught.value.code == "unsupported_media"
