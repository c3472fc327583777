/** What takes room, as shares of a disk. */
import type { StorageUse } from './queries';

export interface Slice {
  kind: 'recordings' | 'models' | 'database' | 'other' | 'reserve' | 'free';
  bytes: number;
  share: number;
}

/** The disk in slices that add up to all of it. What is in a bucket takes no room here; what nobody accounts
 * for is other programs'. */
export function slices({ disk, kinds, bucket }: StorageUse): Slice[] {
  const used = Math.max(0, disk.total - disk.free);
  let left = used;
  const take = (bytes: number) => {
    const taken = Math.min(left, Math.max(0, bytes));
    left -= taken;
    return taken;
  };
  const recordings = take(bucket ? 0 : kinds.recordings);
  const models = take(kinds.models);
  const database = take(kinds.database);
  const reserve = Math.min(disk.free, disk.reserve);
  const all: [Slice['kind'], number][] = [
    ['recordings', recordings],
    ['models', models],
    ['database', database],
    ['other', left],
    ['free', disk.free - reserve],
    ['reserve', reserve],
  ];
  return all.map(([kind, bytes]) => ({ kind, bytes, share: disk.total > 0 ? bytes / disk.total : 0 }));
}
