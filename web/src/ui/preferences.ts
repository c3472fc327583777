/** What this browser remembers of its person's taste. */
export interface Preferences {
  theme?: 'system' | 'light' | 'dark';
  language?: string;
  speed?: number;
  skipSilence?: boolean;
  tintUnsure?: boolean;
  /** The format in which a transcript was saved last. */
  exported?: string;
  /** What was last recorded from. */
  source?: string;
  microphone?: string;
  /** What recordings added from this browser are heard with; the server's own choice where it is empty. */
  engine?: string;
}

const PLACE = 'tiro.preferences';
const listeners = new Set<() => void>();
let held: Preferences | null = null;

function read(): Preferences {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(PLACE) ?? '{}');
    return typeof found === 'object' && found !== null ? (found as Preferences) : {};
  } catch {
    return {};
  }
}

export const preferences = {
  get(): Preferences {
    held ??= read();
    return held;
  },
  change(next: Partial<Preferences>): void {
    held = { ...preferences.get(), ...next };
    try {
      localStorage.setItem(PLACE, JSON.stringify(held));
    } catch {
      // A browser that keeps nothing keeps it for this page.
    }
    for (const listener of listeners) listener();
  },
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

const dark = () => window.matchMedia('(prefers-color-scheme: dark)');

function paint(): void {
  const { theme } = preferences.get();
  const chosen = theme === 'light' || theme === 'dark' ? theme : dark().matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = chosen;
  const colour = chosen === 'dark' ? '#12171e' : '#f7f6f2';
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', colour);
}

/** Keep the page in the chosen theme, or in the system's as that changes. */
export function followTheme(): void {
  paint();
  preferences.subscribe(paint);
  dark().addEventListener('change', paint);
}
