// What does not wait for the app's own code.
(() => {
  // The theme, the language and its direction, as this browser chose them, before the first paint.
  const root = document.documentElement;
  let stored = {};
  try {
    stored = JSON.parse(localStorage.getItem('tiro.preferences') ?? '{}') ?? {};
  } catch {
    // A browser that keeps nothing has no preferences.
  }
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const chosen = stored.theme === 'light' || stored.theme === 'dark' ? stored.theme : null;
  root.dataset.theme = chosen ?? (dark ? 'dark' : 'light');
  const language = stored.language ?? (navigator.language.startsWith('ar') ? 'ar' : 'en');
  root.lang = language;
  root.dir = language === 'ar' ? 'rtl' : 'ltr';

  // Who this is, and the recording that is opened: the server is at it while the code is read. See api/asked.ts.
  const recording = /^\/recordings\/([\w-]+)$/.exec(location.pathname)?.[1];
  if (!/(^|;\s*)(__Host-)?tiro-csrf=/.test(document.cookie)) return;
  if (recording === undefined && location.pathname !== '/') return;
  const paths = ['/api/v1/me', ...(recording ? [`/api/v1/transcribe/${recording}`] : [])];
  window.asked = new Map(paths.map((path) => [path, fetch(path)]));
  for (const answer of window.asked.values()) answer.catch(() => undefined);
})();
