/** Which files somebody means, and which of them can be no recording. */

const OTHER_KINDS = /^(image|text|font|model)\//;
const OTHER_TYPES = new Set([
  'application/pdf',
  'application/zip',
  'application/json',
  'application/xml',
  'application/x-msdownload',
  'application/msword',
  'application/x-7z-compressed',
  'application/vnd.rar',
  'application/gzip',
]);
const OFFICE = /^application\/vnd\.(ms-|openxmlformats|oasis)/;
/** What lies in folders without anybody having put it there. */
const LITTER = /^(\.|Thumbs\.db$|desktop\.ini$)/i;

/** Whether the browser knows this file as something else than sound. The server looks inside, and decides. */
export function isOtherKind(file: { type: string }): boolean {
  return OTHER_KINDS.test(file.type) || OTHER_TYPES.has(file.type) || OFFICE.test(file.type);
}

/** All files of a drop, those in folders too. Must be called before the drop's event is over. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const dropped = [...transfer.items]
    .filter((item) => item.kind === 'file')
    .map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  const found = await Promise.all(
    dropped.map(({ entry, file }) => {
      const plain = file ? [file] : [];
      // What was dragged out of a program lies nowhere, and has an entry in Safari all the same.
      return entry ? filesIn(entry, false).catch(() => plain) : plain;
    }),
  );
  return found.flat();
}

async function filesIn(entry: FileSystemEntry, nested: boolean): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return nested && (LITTER.test(file.name) || isOtherKind(file)) ? [] : [file];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const all: File[] = [];
  for (;;) {
    // A reader gives some at a time, and none when it is through.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    for (const child of some) all.push(...(await filesIn(child, true)));
  }
}
