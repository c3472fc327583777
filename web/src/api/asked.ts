/** What `first.js` has asked of the server before this code was there. */
declare global {
  interface Window {
    asked?: Map<string, Promise<Response>>;
  }
}

/** The answer that is on its way to this request, for the one who asks first; undefined where none is. */
export function asked({ method, url }: Request): Promise<Response> | undefined {
  const { origin, pathname, search } = new URL(url);
  if (method !== 'GET' || origin !== window.location.origin) return undefined;
  const path = pathname + search;
  const answer = window.asked?.get(path);
  window.asked?.delete(path);
  return answer;
}
