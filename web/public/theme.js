// Before the first paint: the theme, the language and its direction, as this browser chose them.
(() => {
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
})();
