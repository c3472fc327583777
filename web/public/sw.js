/**
 * Keeps the app itself, so that it opens without a network. What is kept is what the build made, each file under
 * a name with its hash, and the page; never an answer of the API, nor a recording.
 */
const FILES = JSON.parse('__FILES__');
const CACHE = 'tiro-__VERSION__';
const PAGE = '/';

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(CACHE).then((cache) =>
      Promise.all([
        cache.addAll(FILES),
        // As a browser asks for a page; anything else would get no page.
        fetch(PAGE, { headers: { Accept: 'text/html' }, cache: 'no-store' }).then((page) => {
          if (!page.ok) throw new Error(`The page could not be had: ${page.status}`);
          return cache.put(PAGE, page);
        }),
      ]),
    ),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

// Only when a person says so: two versions of the app at once would not understand each other.
self.addEventListener('message', (event) => {
  if (event.data === 'update') self.skipWaiting();
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== self.location.origin) return;
  if (request.mode === 'navigate') {
    if (isPage(pathname)) event.respondWith(page(request));
  } else if (FILES.includes(pathname)) {
    event.respondWith(caches.match(pathname).then((kept) => kept ?? fetch(request)));
  }
});

function isPage(pathname) {
  return !/^\/(api|v1|docs|openapi\.json|metrics|live|ready)(\/|$)/.test(pathname);
}

async function page(request) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await caches.match(PAGE);
    if (kept) return kept;
    throw error;
  }
}
