"""`tiro transcribe`: files in, transcripts out, with neither server nor database."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiro.cli.progress import Reporter, reporter, tell
from tiro.cli.sources import Named, expand, text_of, unreadable
from tiro.errors import CannotWrite, InvalidRequest, TiroError
from tiro.speech.types import Segment, Transcript

if TYPE_CHECKING:
    from tiro.client import Options
    from tiro.settings import Settings
    from tiro.speech.options import TranscriptionOptions

_Run = Callable[[Named, Reporter], Transcript]
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
        list[str],
        typer.Argument(help="Recordings: audio or video, folders and globs too; '-' is standard input."),
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
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="Of folders, all that is below them too.")
    ] = False,
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
        "vocabulary": terms(map(text_of, vocabulary or [])),
        "prompt": prompt,
        "beam": beam,
        "temperatures": tuple(temperature or ()),
        "guard_off": terms(guard_off or []),
    }
    sources = expand(files, recursive=recursive)
    writer = _Writer(output_format or _format_of(output), output, sources)
    if server is not None and writer.several:
        from tiro.cli.batch import transcribe_batch
        from tiro.client import Client

        writer.live = None  # they do not come one after the other
        with Client(server, key) as client:
            failed = transcribe_batch(client, sources, _title(files), asked, writer.write)
    else:
        with _transcriber(settings, server, key, asked) as run:
            failed = _one_by_one(sources, writer, run)
    if failed is not None:
        raise typer.Exit(failed.exit_code)


def _title(names: list[str]) -> str | None:
    """Of a batch: the folder's name, where it is one."""
    return Path(names[0]).resolve().name if len(names) == 1 and Path(names[0]).is_dir() else None


def _one_by_one(sources: list[Named], writer: _Writer, run: _Run) -> TiroError | None:
    """What the first that failed failed of; where there is but one, it is raised."""
    failed: TiroError | None = None
    for source in sources:
        try:
            writer.begin(source)
            with reporter(source.name, live=writer.live) as report:
                transcript = run(source, report)
                report.done(transcript)
            writer.write(source, transcript)
        except (TiroError, OSError) as err:
            error = err if isinstance(err, TiroError) else unreadable(source.name, err)
            if not writer.several:
                raise error from err
            tell(source, error)
            failed = failed or error
    return failed


@contextmanager
def _transcriber(settings: Settings, server: str | None, key: str | None, asked: Options) -> Iterator[_Run]:
    """What transcribes one recording: a server where one is named, else this machine."""
    if server is not None:
        from tiro.client import Client

        with Client(server, key) as client:
            yield lambda source, report: client.transcribe(
                source.open(),
                filename=source.filename,
                on_upload=report.sent,
                on_progress=report.advance,
                **asked,
            )
        return
    from tiro.offline import Transcriber

    options = _options(settings, asked)
    with Transcriber(settings) as transcriber:
        yield lambda source, report: transcriber.transcribe(
            source.open(), options=options, on_progress=report.advance, on_download=report.fetched
        )


def _options(settings: Settings, asked: Options) -> TranscriptionOptions:
    from tiro.speech.options import TranscriptionOptions, spoken

    said = spoken(asked["language"])
    return TranscriptionOptions(
        engine=asked["engine"] or settings.engine.default,
        language=said.language,
        mixed_languages=said.mixed_languages,
        detect_language=said.detect_language,
        channels=asked["channels"],
        task=asked["task"],
        vocabulary=tuple(asked["vocabulary"]),
        prompt=asked["prompt"],
        beam=asked["beam"],
        temperatures=tuple(asked["temperatures"]),
        guard_off=tuple(asked["guard_off"]),
    )


def _format_of(output: Path | None) -> OutputFormat:
    """What the output's name asks for, else plain text."""
    suffix = output.suffix.lstrip(".").lower() if output else ""
    return OutputFormat(suffix) if suffix in set(OutputFormat) else OutputFormat.TXT


class _Writer:
    """Puts each transcript where it belongs."""

    def __init__(self, output_format: OutputFormat, output: Path | None, sources: list[Named]) -> None:
        several = len(sources) > 1 or sources[0].folder is not None
        if several and output is None and output_format is not OutputFormat.TXT:
            raise InvalidRequest("Several recordings in this format need a folder: add -o FOLDER")
        self._format = output_format
        self._output = output
        self.several = several
        self._folder = output is not None and (several or output.is_dir() or str(output).endswith("/"))
        if self._folder and output is not None and output.exists() and not output.is_dir():
            raise InvalidRequest(f"'{output}' is a file; several recordings need a folder.")
        on_screen = output is None and output_format is OutputFormat.TXT and sys.stdout.isatty()
        self.live: Callable[[Segment], None] | None = self._show if on_screen else None
        self._targets = self._plan(sources) if output is not None else {}

    def begin(self, source: Named) -> None:
        """Say whose text comes next, where it comes as it is heard."""
        if self.live is not None and self.several:
            print(f"==> {source.name} <==", flush=True)

    def write(self, source: Named, transcript: Transcript) -> None:
        if self.live is not None:
            return
        text = _render(transcript, self._format)
        if self._output is None:
            if self.several:
                print(f"==> {source.name} <==")
            sys.stdout.write(text)
            sys.stdout.flush()
            return
        path = self._targets[source]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.part")
            partial.write_text(text, encoding="utf-8")
            partial.replace(path)
        except OSError as err:
            raise CannotWrite(f"Cannot write '{path}': {err.strerror}.") from err
        typer.secho(f"wrote {path}", err=True, fg="green")

    def _plan(self, sources: list[Named]) -> dict[Named, Path]:
        """Where each transcript goes: what lay below a folder lies so again. Two recordings of one name keep
        their endings, and must differ then."""
        assert self._output is not None
        if not self._folder:
            return {sources[0]: self._output}
        places = [(source.folder or Path(), source.stem) for source in sources]
        stems = Counter(places)
        targets: dict[Named, Path] = {}
        for source, (folder, stem) in zip(sources, places, strict=True):
            shown = source.filename if stems[folder, stem] > 1 else stem
            targets[source] = self._output / folder / f"{shown}.{self._format}"
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
