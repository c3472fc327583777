/**
 * The button whose menu is open or was just now: a dialog that is chosen there gives the focus back to it, for the
 * item itself is gone by then.
 */
let button: HTMLElement | null = null;

export function menuOpened(by: HTMLElement | null): void {
  button = by;
}

export function menuClosed(): void {
  button = null;
}

/** Where the focus belongs once what is opened now has closed; null where the browser knows it by itself. */
export function opener(): HTMLElement | null {
  const from = document.activeElement;
  return !from || from === document.body || from.closest('[role="menu"]') ? button : null;
}
