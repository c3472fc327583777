/** The page of the app that shows what a link of the API opens. Its token is behind the `#`: so it is in no log
 * of a server or a proxy. */
export function pageOf(link: string): string {
  const { origin, pathname } = new URL(link);
  return `${origin}/shared#${pathname.split('/').at(-1) ?? ''}`;
}

const TOKEN = /^[\w-]{20,100}$/;

/** What stands behind the `#`; null where that is no token. */
export function tokenOf(hash: string): string | null {
  const token = hash.replace(/^#/, '');
  return TOKEN.test(token) ? token : null;
}
