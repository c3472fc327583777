import { expect, it } from 'vitest';
import { pageOf, tokenOf } from './links';

it('a link of the API becomes one of the app, with the token where no log has it', () => {
  const token = 'aB3_-aB3_-aB3_-aB3_-aB3';
  const page = pageOf(`https://tiro.example/api/v1/shared/${token}`);
  expect(page).toBe(`https://tiro.example/shared#${token}`);
  expect(tokenOf(new URL(page).hash)).toBe(token);
});

it.each(['', '#', '#short', '#../../me', `#${'a'.repeat(30)}/media`])('%j has no token', (hash) =>
  expect(tokenOf(hash)).toBeNull(),
);
