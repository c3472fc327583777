/** Why a login at the identity provider came to nothing: the server leads back here with a code in the address,
 * which is told in words. Read at the start, for the router takes out of an address what no page knows. */
import type { MessageKey } from '@/i18n';

const SENTENCES: Record<string, MessageKey> = {
  identity_refused: 'sign.refused.identity_refused',
  identity_unknown: 'sign.refused.identity_unknown',
  identity_provider_away: 'sign.refused.identity_provider_away',
  conflict: 'sign.refused.conflict',
  forbidden: 'sign.refused.forbidden',
};

export interface Refusal {
  code: string;
  sentence: MessageKey;
}

/** Only what looks like a code is shown: anybody may have written the address. */
export function refusalIn(search: string): Refusal | null {
  const code = new URLSearchParams(search).get('refused');
  if (code === null || !/^[a-z_]{1,60}$/.test(code)) return null;
  return { code, sentence: SENTENCES[code] ?? 'sign.refused.other' };
}

let arrived = refusalIn(globalThis.location?.search ?? '');

export function refusal(): Refusal | null {
  return arrived;
}

/** Whoever has come in since is not told of it again. */
export function forgetRefusal(): void {
  arrived = null;
}
