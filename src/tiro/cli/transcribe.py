"""`tiro transcribe`: files in, transcripts out, with neither server nor database."""

from __future__ import annotations

import glob
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from tiro.cli.progress import Reporter, reporter
from tiro.errors import CannotWrite, InvalidRequest, TiroError
from tiro.speech.types import Segment, Transcript

if TYPE_CHECKING:
    from tiro.client import Options
    from tiro.settings import Settings
    from tiro.speech.options import TranscriptionOptions

_Run = Callable[[Path | BinaryIO, Reporter], Transcript]
_FINE = "Fine tuning"
_SERVER = "On a server"


class Channels(StrEnum):
    AUTO = "auto"
    MIX = "mix"
    SPLIT = "split"


class OutputFormat(StrEnum):
    TXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TSV = "tsv"


def transcribe(
    files: Annotated[
        list[str], typer.Argument(help="Recordings: audio or video, globs too; '-' is standard input.")
    ],
    engine: Annotated[
        str | None,
        typer.Option(help="auto, whisper, whisper:MODEL, pocketsphinx or echo.", show_default="auto"),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="Code or name, such as 'en'; 'mixed' where there are several.", show_default="heard"
        ),
    ] = None,
    translate: Annotated[bool, typer.Option("--translate", help="English text from any language.")] = False,
    channels: Annotated[
        Channels, typer.Option(help="Keep the two sides of a call apart, mix them, or look.")
    ] = Channels.AUTO,
    output_format: Annotated[OutputFormat | None, typer.Option("--format", help="Output format.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="A file, or a folder (one file a recording).", show_default="screen"
        ),
    ] = None,
    vocabulary: Annotated[
        list[str] | None,
        typer.Option(help="Names and terms to expect, with commas; @FILE reads them.", rich_help_panel=_FINE),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(help="Text that could stand before: words and style.", rich_help_panel=_FINE),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option(help="Hypotheses side by side; 1 is fastest.", rich_help_panel=_FINE, show_default="5"),
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(help="Tried in this order until the text passes.", rich_help_panel=_FINE),
    ] = None,
    guard_off: Annotated[
        list[str] | None,
        typer.Option(help="A rule against invented text or cross-talk to leave out.", rich_help_panel=_FINE),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            envvar="TIRO_SERVER",
            help="Address of a Tiro server that does the work.",
            rich_help_panel=_SERVER,
            show_default="this machine",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(envvar="TIRO_KEY", help="Its key.", rich_help_panel=_SERVER)
    ] = None,
) -> None:
    """Transcribe recordings on this machine, or on a server. Text goes to standard output, all else to
    standard error."""
    from tiro import logs
    from tiro.settings import Settings
    from tiro.speech.options import terms

    settings = Settings()
    logs.configure("error", settings.log.format)
    asked: Options = {
        "engine": engine,
        "language": language,
        "channels": channels.value,
        "task": "translate" if translate else "transcribe",
        "vocabulary": terms(map(_text_of, vocabulary or [])),
        "prompt": prompt,
        "beam": beam,
        "temperatures": tuple(temperature or ()),
        "guard_off": terms(guard_off or []),
    }
    sources = _expand(files)
    writer = _Writer(output_format or _format_of(output), output, sources)
    failed: TiroError | None = None
    with _transcriber(settings, server, key, asked) as run:
        for name in sources:
            try:
                writer.begin(name)
                with reporter(name, live=writer.live) as report:
                    transcript = run(_source(name), report)
                    report.done(transcript)
                writer.write(name, transcript)
            except (TiroError, OSError) as err:
                error = err if isinstance(err, TiroError) else _unreadable(name, err)
                if len(sources) == 1:
                    raise error from err
                typer.secho(f"tiro: {name}: {error.message}", err=True, fg="red")
                failed = failed or error
    if failed is not None:
        raise typer.Exit(failed.exit_code)


@contextmanager
def _transcriber(settings: Settings, server: str | None, key: str | None, asked: Options) -> Iterator[_Run]:
    """What transcribes one recording: a server where one is named, else this machine."""
    if server is not None:
        from tiro.client import Client

        with Client(server, key) as client:
            yield lambda source, report: client.transcribe(
                source, filename=_stdin(source), on_upload=report.sent, on_progress=report.advance, **asked
            )
        return
    from tiro.offline import Transcriber

    options = _options(settings, asked)
    with Transcriber(settings) as transcriber:
        yield lambda source, report: transcriber.transcribe(
            source, options=options, on_progress=report.advance, on_download=report.fetched
        )


def _options(settings: Settings, asked: Options) -> TranscriptionOptions:
    from tiro.speech.options import TranscriptionOptions, spoken

    code, mixed = spoken(asked["language"])
    return TranscriptionOptions(
        engine=asked["engine"] or settings.engine.default,
        language=code,
        mixed_languages=mixed,
        channels=asked["channels"],
        task=asked["task"],
        vocabulary=tuple(asked["vocabulary"]),
        prompt=asked["prompt"],
        beam=asked["beam"],
        temperatures=tuple(asked["temperatures"]),
        guard_off=tuple(asked["guard_off"]),
    )


def _stdin(source: Path | BinaryIO) -> str | None:
    return None if isinstance(source, Path) else "stdin"


def _text_of(words: str) -> str:
    """What was given, or what is in the file that was named with an @."""
    if not words.startswith("@"):
        return words
    try:
        return Path(words[1:]).read_text(encoding="utf-8")
    except OSError as err:
        raise _unreadable(words[1:], err) from err
    except UnicodeDecodeError as err:
        raise InvalidRequest(f"'{words[1:]}' is not a text file.") from err


def _source(name: str) -> Path | BinaryIO:
    return sys.stdin.buffer if name == "-" else Path(name)


def _expand(names: list[str]) -> list[str]:
    """Names as given; a pattern that the shell left alone becomes the files that it matches."""
    found: list[str] = []
    for name in names:
        if name == "-" or Path(name).exists() or not glob.has_magic(name):
            found.append(name)
            continue
        matches = sorted(glob.glob(name, recursive=True))
        if not matches:
            raise InvalidRequest(f"No file matches '{name}'.")
        found.extend(matches)
    for name in found:
        if name != "-" and Path(name).is_dir():
            raise InvalidRequest(f"'{name}' is a folder. Name its files, for example: '{name}/*'")
    return found


def _unreadable(name: str, error: OSError) -> TiroError:
    return InvalidRequest(f"Cannot read '{name}': {error.strerror or error}.")


def _format_of(output: Path | None) -> OutputFormat:
    """What the output's name asks for, else plain text."""
    suffix = output.suffix.lstrip(".").lower() if output else ""
    return OutputFormat(suffix) if suffix in set(OutputFormat) else OutputFormat.TXT


class _Writer:
    """Puts each transcript where it belongs."""

    def __init__(self, output_format: OutputFormat, output: Path | None, sources: list[str]) -> None:
        several = len(sources) > 1
        if several and output is None and output_format is not OutputFormat.TXT:
            raise InvalidRequest("Several recordings in this format need a folder: add -o FOLDER")
        self._format = output_format
        self._output = output
        self._several = several
        self._folder = output is not None and (several or output.is_dir() or str(output).endswith("/"))
        if self._folder and output is not None and output.exists() and not output.is_dir():
            raise InvalidRequest(f"'{output}' is a file; several recordings need a folder.")
        on_screen = output is None and output_format is OutputFormat.TXT and sys.stdout.isatty()
        self.live: Callable[[Segment], None] | None = self._show if on_screen else None
        self._targets = self._plan(sources) if output is not None else {}

    def begin(self, name: str) -> None:
        """Say whose text comes next, where it comes as it is heard."""
        if self.live is not None and self._several:
            print(f"==> {name} <==", flush=True)

    def write(self, name: str, transcript: Transcript) -> None:
        if self.live is not None:
            return
        text = _render(transcript, self._format)
        if self._output is None:
            if self._several:
                print(f"==> {name} <==")
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        path = self._targets[name]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.part")
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        except OSError as err:
            raise CannotWrite(f"Cannot write '{path}': {err.strerror}.") from err
        typer.secho(f"wrote {path}", err=True, fg="green")

    def _plan(self, sources: list[str]) -> dict[str, Path]:
        """Where each transcript goes. Two recordings of one name keep their endings, and must differ then."""
        assert self._output is not None
        if not self._folder:
            return {sources[0]: self._output}
        stems = Counter("stdin" if name == "-" else Path(name).stem for name in sources)
        targets: dict[str, Path] = {}
        for name in sources:
            stem = "stdin" if name == "-" else Path(name).stem
            shown = Path(name).name if stems[stem] > 1 else stem
            targets[name] = self._output / f"{shown}.{self._format}"
        for target, count in Counter(targets.values()).items():
            if count > 1:
                raise InvalidRequest(
                    f"Several recordings would be written to '{target}'. Use one folder each."
                )
        return targets

    def _show(self, segment: Segment) -> None:
        speaker = f"{segment.speaker}: " if segment.speaker else ""
        print(f"{speaker}{segment.text}", flush=True)


def _render(transcript: Transcript, output_format: OutputFormat) -> str:
    if output_format is OutputFormat.JSON:
        import json

        from tiro.speech.result import transcript_json

        return json.dumps(transcript_json(transcript), ensure_ascii=False, indent=2) + "\n"
    from tiro.speech.captions import FORMATS

    return FORMATS[output_format.value].render(transcript.segments)
