/** Times, sizes and shares as people read them. */
import { dates, names, numbers } from '@/i18n/intl';

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** A time in a recording: `0:07`, `12:30`, `1:02:03`. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '0:00';
  const whole = Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

/** A stretch of time in words, no finer than it deserves: `8 sec`, `3 min`, `1 hr 20 min`. */
export function stretch(seconds: number, language: string): string {
  const unit = (value: number, name: 'second' | 'minute' | 'hour') =>
    numbers(language, { style: 'unit', unit: name, unitDisplay: 'short' }).format(value);
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return unit(whole, 'second');
  if (whole < 3600) return unit(Math.round(whole / 60), 'minute');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.round((whole % 3600) / 60);
  if (minutes === 60) return unit(hours + 1, 'hour');
  return minutes ? `${unit(hours, 'hour')} ${unit(minutes, 'minute')}` : unit(hours, 'hour');
}

const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

export function size(bytes: number, language: string): string {
  let value = Math.max(0, bytes);
  let step = 0;
  while (value >= 1000 && step < SIZES.length - 1) {
    value /= 1000;
    step += 1;
  }
  return numbers(language, {
    style: 'unit',
    unit: SIZES[step] ?? 'byte',
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 && step > 0 ? 1 : 0,
  }).format(value);
}

export function percent(share: number, language: string): string {
  const bounded = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0));
  return numbers(language, { style: 'percent' }).format(Math.floor(bounded * 100) / 100);
}

/** A moment: the time where it is of today, the day where it is not. */
export function moment(iso: string, language: string, now: Date = new Date()): string {
  const date = new Date(iso);
  if (date.toDateString() === now.toDateString()) {
    return dates(language, { timeStyle: 'short' }).format(date);
  }
  const sameYear = date.getFullYear() === now.getFullYear();
  return dates(language, {
    day: 'numeric',
    month: 'short',
    ...(sameYear ? {} : { year: 'numeric' }),
  }).format(date);
}

export function wholeMoment(iso: string, language: string): string {
  return dates(language, { dateStyle: 'long', timeStyle: 'short' }).format(new Date(iso));
}

/** To the second, and short: for lists of what happened. */
export function exactMoment(iso: string, language: string): string {
  return dates(language, { dateStyle: 'short', timeStyle: 'medium' }).format(new Date(iso));
}

/** The name of a language: `English` for `en`. */
export function languageName(code: string, language: string): string {
  try {
    return names(language, { type: 'language' }).of(code) ?? code;
  } catch {
    return code;
  }
}
