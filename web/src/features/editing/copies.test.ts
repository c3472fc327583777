import { expect, it } from 'vitest';
import { linkTo, quote } from './copies';
import { segment } from './samples';

const PAGE = 'http://tiro.example/recordings/1?t=3#x';

it('a quote has who said it, when, and where to hear it', () => {
  const said = [
    segment(1, 'good morning', 'left'),
    segment(2, 'and welcome', 'left'),
    segment(3, 'hi', null),
  ];
  expect(
    quote(
      said,
      (speaker) => speaker && 'Anna',
      (seconds) => `${seconds} s`,
      PAGE,
    ),
  ).toBe(
    '“good morning and welcome”\n— Anna, 10 s, http://tiro.example/recordings/1?t=10\n\n' +
      '“hi”\n— 30 s, http://tiro.example/recordings/1?t=30',
  );
  expect(quote([], () => null, String, PAGE)).toBe('');
});

it('a link never begins after the first word', () => {
  expect(linkTo(PAGE, 12.349)).toBe('http://tiro.example/recordings/1?t=12.3');
});
