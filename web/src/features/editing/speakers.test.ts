import { describe, expect, it } from 'vitest';
import { segment } from './samples';
import { assigned, renamed } from './speakers';

const said = [
  segment(0, 'a', 'left'),
  segment(1, 'b', 'right'),
  segment(2, 'c', 'left'),
  segment(3, 'd', null),
];

describe('a name everywhere', () => {
  it('goes to the label, which stays', () => {
    expect(renamed(said, {}, 'left', 'Anna')).toEqual([{ op: 'rename', speaker: 'left', name: 'Anna' }]);
    expect(renamed(said, { left: 'Anna' }, 'left', 'left')).toEqual([
      { op: 'rename', speaker: 'left', name: null },
    ]);
    expect(renamed(said, { left: 'Anna' }, 'left', 'Anna')).toEqual([]);
  });
  it('that another has makes one out of two', () => {
    const one = [{ op: 'speaker', segments: [0, 2], speaker: 'right' }];
    expect(renamed(said, { right: 'Bea' }, 'left', 'Bea')).toEqual(one);
    expect(renamed(said, {}, 'left', 'right')).toEqual(one);
  });
  it('for nobody in particular is a new speaker', () => {
    expect(renamed(said, {}, null, 'Anna')).toEqual([{ op: 'speaker', segments: [3], speaker: 'Anna' }]);
  });
});

describe('a name here', () => {
  it('of somebody known, of somebody new, and of nobody', () => {
    const names = { right: 'Bea' };
    const to = (who: string | null) => assigned(said, names, [0, 1], who)[0];
    expect(to('Bea')).toEqual({ op: 'speaker', segments: [0], speaker: 'right' });
    expect(to('right')).toEqual({ op: 'speaker', segments: [0], speaker: 'right' });
    expect(to('Carl')).toEqual({ op: 'speaker', segments: [0, 1], speaker: 'Carl' });
    expect(to(null)).toEqual({ op: 'speaker', segments: [0, 1], speaker: null });
    expect(assigned(said, names, [1], 'Bea')).toEqual([]);
  });
});
