// Many small changes by keys become one edit: when they pause, or when something else is done.

const PAUSE_MS = 500;
/** @type {{ owner: unknown, finish: () => void, timer: ReturnType<typeof setTimeout> } | null} */
let waiting = null;

/** @type {(owner: unknown, finish: () => void) => void} */
export function later(owner, finish) {
  if (waiting?.owner !== owner) settle();
  clearTimeout(waiting?.timer);
  waiting = { owner, finish, timer: setTimeout(settle, PAUSE_MS) };
}

export function settle() {
  if (!waiting) return;
  const { finish, timer } = waiting;
  clearTimeout(timer);
  waiting = null;
  finish();
}

export const isPending = (/** @type {unknown} */ owner) => waiting?.owner === owner;

addEventListener('pagehide', settle);
