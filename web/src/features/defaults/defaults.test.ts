import { expect, it } from 'vitest';
import { languagesIn, termsOf } from './languages';

it('terms are one a line or with commas, each once', () => {
  expect(termsOf(' Tiro,  Cicero\n\nTiro;Marcus   Tullius\n')).toEqual(['Tiro', 'Cicero', 'Marcus Tullius']);
  expect(termsOf(' \n,;')).toEqual([]);
});

it('languages are in the order of their names', () => {
  const names: Record<string, string> = { de: 'Aleman', af: 'Zulu' };
  const found = languagesIn('en', (code) => names[code] ?? `m ${code}`);
  expect([found[0]?.code, found.at(-1)?.code]).toEqual(['de', 'af']);
});
