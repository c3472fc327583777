import { describe, expect, it } from 'vitest';
import { ar } from './ar';
import { en, type MessageKey } from './en';
import { fill } from './index';

const forms = (message: string | Record<string, string>) =>
  typeof message === 'string' ? [message] : Object.values(message);
const places = (text: string) => new Set(text.match(/\{\w+\}/g) ?? []);

describe('catalogues', () => {
  it.each(Object.keys(en) as MessageKey[])('%s says the same in Arabic, with nothing left out', (key) => {
    const wanted = new Set(forms(en[key]).flatMap((text) => [...places(text)]));
    for (const text of forms(ar[key])) {
      expect(text.trim()).not.toBe('');
      for (const place of places(text)) expect(wanted).toContain(place);
    }
    const given = new Set(forms(ar[key]).flatMap((text) => [...places(text)]));
    expect([...wanted].filter((place) => !given.has(place))).toEqual([]);
  });
});

it('a plural takes the form that its language has for the number', () => {
  expect(fill(en['library.count'], { n: 1 }, 'en')).toBe('1 recording');
  expect(fill(en['library.count'], { n: 1200 }, 'en')).toBe('1,200 recordings');
  expect(fill(ar['library.count'], { n: 2 }, 'ar')).toBe('تسجيلان');
  expect(fill(ar['library.count'], { n: 3 }, 'ar')).toContain('تسجيلات');
});

it('what is not given stays visible rather than silent', () => {
  expect(fill('{a} and {b}', { a: 'x' }, 'en')).toBe('x and {b}');
});
