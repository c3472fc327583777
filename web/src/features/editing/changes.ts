/** What a change makes of a transcript, before the server has said so. */
import type { Change, Segment, Transcript, Word } from '@/api/types';
import { replaced } from './search';
import { clean, retimed, tokens } from './text';

/** Numbers for segments that the server has not named yet: below 0, so that they are nobody else's. */
export type Fresh = () => number;

/** The transcript after a change; the same where it is of segments that are not there. Rows that a change does
 * not touch stay the same objects. */
export function applied(transcript: Transcript, change: Change, fresh: Fresh): Transcript {
  switch (change.op) {
    case 'text':
      return each(transcript, [change.segment], (segment) => reworded(segment, change.text));
    case 'speaker':
      return each(transcript, change.segments, (segment) => ({ ...segment, speaker: change.speaker }));
    case 'rename':
      return named(transcript, change.speaker, change.name);
    case 'split':
      return split(transcript, change.segment, change.at, fresh);
    case 'merge':
      return merged(transcript, change.first, change.second);
    case 'delete':
      return without(transcript, change.segments);
    case 'insert': {
      const { start_time, end_time, text, speaker } = change;
      const more = { confidence: null, language: null, words: [] };
      const made = {
        id: fresh(),
        start_time,
        end_time,
        text: clean(text),
        speaker: speaker ?? null,
        ...more,
      };
      return withSegments(transcript, [...transcript.segments, made]);
    }
    case 'replace': {
      const wanted = {
        find: change.find,
        matchCase: change.match_case ?? false,
        wholeWords: change.whole_words ?? true,
      };
      const segments = transcript.segments.flatMap((segment) => {
        const text = clean(replaced(segment.text, wanted, change.replace));
        if (text === segment.text) return [segment];
        return text ? [reworded(segment, text)] : [];
      });
      return { ...transcript, segments };
    }
  }
}

/** The segments that a change names: where somebody else has changed one of them, it is a conflict. */
export function touched(change: Change): number[] {
  switch (change.op) {
    case 'text':
    case 'split':
      return [change.segment];
    case 'speaker':
    case 'delete':
      return change.segments;
    case 'merge':
      return [change.first, change.second];
    default:
      return [];
  }
}

/** How many segments a change makes that were not there. */
export function makes(change: Change): number {
  return change.op === 'split' || change.op === 'insert' ? 1 : 0;
}

/** The change with other numbers for segments. */
export function renumbered(change: Change, real: (id: number) => number): Change {
  switch (change.op) {
    case 'text':
    case 'split':
      return { ...change, segment: real(change.segment) };
    case 'speaker':
    case 'delete':
      return { ...change, segments: change.segments.map(real) };
    case 'merge':
      return { ...change, first: real(change.first), second: real(change.second) };
    default:
      return change;
  }
}

/** Put these in the place of those with their numbers; null takes one out. */
export function restored(transcript: Transcript, segments: ReadonlyMap<number, Segment | null>): Transcript {
  if (segments.size === 0) return transcript;
  const left = new Map(segments);
  const kept: Segment[] = [];
  for (const segment of transcript.segments) {
    const next = left.get(segment.id);
    if (next === undefined) kept.push(segment);
    else if (next !== null) kept.push(next);
    left.delete(segment.id);
  }
  for (const segment of left.values()) if (segment) kept.push(segment);
  return withSegments(transcript, kept);
}

function each(
  transcript: Transcript,
  ids: readonly number[],
  change: (segment: Segment) => Segment,
): Transcript {
  const wanted = new Set(ids);
  const segments = transcript.segments.map((segment) => (wanted.has(segment.id) ? change(segment) : segment));
  return { ...transcript, segments };
}

function without(transcript: Transcript, ids: readonly number[]): Transcript {
  const doomed = new Set(ids);
  return { ...transcript, segments: transcript.segments.filter(({ id }) => !doomed.has(id)) };
}

function named(transcript: Transcript, speaker: string, name: string | null): Transcript {
  const { [speaker]: _, ...speakers } = transcript.speakers;
  return { ...transcript, speakers: name === null ? speakers : { ...speakers, [speaker]: clean(name) } };
}

/** In the order in which they are said; those that the server has not named yet are the youngest. */
function withSegments(transcript: Transcript, segments: readonly Segment[]): Transcript {
  const age = (id: number) => (id < 0 ? Number.MAX_SAFE_INTEGER : id);
  const ordered = [...segments].sort((a, b) => a.start_time - b.start_time || age(a.id) - age(b.id));
  return { ...transcript, segments: ordered };
}

function reworded(segment: Segment, text: string): Segment {
  const cleaned = clean(text);
  return { ...segment, text: cleaned, words: retimed(segment.words, cleaned) };
}

function split(transcript: Transcript, id: number, at: number, fresh: Fresh): Transcript {
  const segment = transcript.segments.find((each) => each.id === id);
  const halves = segment && halved(segment, at);
  if (!halves) return transcript;
  const second = { ...halves[1], id: fresh() };
  const segments = transcript.segments.flatMap((each) => (each.id === id ? [halves[0]] : [each]));
  return withSegments(transcript, [...segments, second]);
}

/** Two out of one, the second from the first word at or after a character; null where one would be empty. */
export function halved(segment: Segment, at: number): [Segment, Segment] | null {
  const texts = tokens(segment.text);
  let [place, cut] = [0, 0];
  while (cut < texts.length && place < at) {
    place += (texts[cut] as string).length + 1;
    cut += 1;
  }
  if (cut === 0 || cut >= texts.length) return null;
  const { words } = segment;
  const fits = words.length === texts.length;
  const share = cut / texts.length;
  const middle = fits
    ? (words[cut] as Word).start_time
    : segment.start_time + (segment.end_time - segment.start_time) * share;
  const end = fits ? (words[cut - 1] as Word).end_time : middle;
  return [
    {
      ...segment,
      end_time: end,
      text: texts.slice(0, cut).join(' '),
      words: fits ? words.slice(0, cut) : [],
    },
    { ...segment, start_time: middle, text: texts.slice(cut).join(' '), words: fits ? words.slice(cut) : [] },
  ];
}

function merged(transcript: Transcript, first: number, second: number): Transcript {
  const one = transcript.segments.find(({ id }) => id === first);
  const two = transcript.segments.find(({ id }) => id === second);
  if (!one || !two) return transcript;
  const whole = {
    ...one,
    start_time: Math.min(one.start_time, two.start_time),
    end_time: Math.max(one.end_time, two.end_time),
    text: clean(`${one.text} ${two.text}`),
    words: [...one.words, ...two.words],
  };
  const segments = transcript.segments.flatMap((segment) =>
    segment.id === first ? [whole] : segment.id === second ? [] : [segment],
  );
  return { ...transcript, segments };
}
