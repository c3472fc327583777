/** Days as somebody types them; nothing is for ever. */
export interface Wish {
  media_days: number | null;
  recording_days: number | null;
}

export const LONGEST = 36_500;

function days(text: string, least: number): number | null | undefined {
  const plain = text.trim();
  if (plain === '') return null;
  if (!/^\d{1,5}$/.test(plain)) return undefined;
  const value = Number(plain);
  return value >= least && value <= LONGEST ? value : undefined;
}

/** Null where one of them is no number of days. */
export function daysOf(media: string, recording: string): Wish | null {
  const [file, whole] = [days(media, 0), days(recording, 1)];
  return file === undefined || whole === undefined ? null : { media_days: file, recording_days: whole };
}
