"""The guard on synthetic streams: how much that was invented it catches, how much that was said it drops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.guard.kinds import INVENTED, SAID, window
from bench.guard.streams import Line, Maker, Stream
from bench.report import at_least, say, table, target
from tiro.speech.guard import Guard
from tiro.speech.words import tokens

_WINDOWS = 400  # of each kind
_SEED = 1  # the rules were worked on with this one
_HELD_OUT = 20261121  # and never with this one
_CAUGHT = 95.0
_DROPPED = 1.0


@dataclass(slots=True)
class Score:
    """Lines of each kind, those that the guard took out, and by which rules."""

    lines: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    rules: dict[str, Counter[str]] = field(default_factory=dict)

    def percent(self, kind: str) -> float:
        return 100.0 * self.gone[kind] / self.lines[kind] if self.lines[kind] else 0.0

    def mean(self, kinds: Iterable[str]) -> float:
        """The mean over kinds, so that each counts the same however many lines it has."""
        shares = [self.percent(kind) for kind in kinds]
        return sum(shares) / len(shares)


def run() -> None:
    for seed, what in ((_SEED, "the rules were improved on it"), (_HELD_OUT, "held out")):
        score = measure(seed)
        say(f"{_WINDOWS} windows of each kind, seed {seed} ({what}). A kind's share is of its lines.")
        say()
        for heading, kinds in (("caught", INVENTED), ("dropped", SAID)):
            what_is = "invented" if kinds is INVENTED else "said"
            rows = [
                [kind, str(score.lines[kind]), f"{score.percent(kind):.1f} %", _named(score.rules.get(kind))]
                for kind in kinds
            ]
            table([what_is, "lines", heading, "by rule"], rows)
        at_least("invented lines caught, mean over kinds,", score.mean(INVENTED), _CAUGHT, "%", 1)
        target("said lines dropped, mean over kinds,", score.mean(SAID), _DROPPED, "%", 2)


def measure(seed: int, windows: int = _WINDOWS) -> Score:
    """Let the guard look at ``windows`` windows of each kind."""
    maker, guard, score = Maker(seed), Guard(), Score()
    for kind in (*INVENTED, *SAID):
        for _ in range(windows):
            _judge(window(maker, kind), guard, score)
    return score


def _judge(stream: Stream, guard: Guard, score: Score) -> None:
    outcome = guard.check([line.segment for line in stream.lines], stream.spans)
    kept = {(segment.start, segment.end): segment.text for segment in outcome.segments}
    for line in stream.lines:
        if not line.kind:
            continue
        text = kept.get((line.segment.start, line.segment.end))
        score.lines[line.kind] += 1
        if _is_gone(line, text):
            score.gone[line.kind] += 1
            rules = {
                drop.rule
                for drop in outcome.drops
                if drop.start < line.segment.end and drop.end > line.segment.start
            }
            score.rules.setdefault(line.kind, Counter()).update(sorted(rules))


def _is_gone(line: Line, kept: str | None) -> bool:
    """Whether an invention is gone, of a loop all but two sayings at most; of what was said, anything."""
    if line.said:
        return kept != line.segment.text
    if kept is None or line.once is None:
        return kept is None
    return len(tokens(kept)) <= 2 * len(tokens(line.once))


def _named(rules: Counter[str] | None) -> str:
    return ", ".join(f"{rule} {count}" for rule, count in (rules or Counter()).most_common())
