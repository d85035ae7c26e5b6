// Where the pointer is in the picture, and following it until it is let go. One pointer at a time: a second finger, or
// the palm of the hand, takes nothing away from the first.

const stage = document.querySelector('#stage');
const edge = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
/** @type {{ end: (whole: boolean) => void, firm: boolean, since: number } | null} */
let gesture = null; // the one under way

// In widths of the picture, 0..1.
/** @type {(event: PointerEvent) => Point} */
export function at(event) {
  const { left, top, width } = stage.getBoundingClientRect();
  return { x: edge((event.clientX - left) / width), y: edge((event.clientY - top) / width) };
}

export const busy = () => gesture !== null;

// Whether a second finger may make a pinch of what the first one has begun: only at its very beginning, if at all.
/** @type {(event: PointerEvent) => boolean} */
export const mayBecomePinch = event => gesture === null || (!gesture.firm && event.timeStamp - gesture.since < 300);

// Give up what is under way, as Escape does.
export const interrupt = () => gesture?.end(false);

// Calls `move(event)` while the pointer is down, then `done()` or, where it was interrupted, `cancelled()`. Returns false,
// and does nothing, where another gesture is under way. `firm`: it is no one's but its finger's.
/** @type {(event: { pointerId: number, timeStamp: number, button: number }, move: (event: PointerEvent) => void,
 *   options?: { done?: () => void, cancelled?: () => void, firm?: boolean }) => boolean} */
export function follow(event, move, { done = () => {}, cancelled = done, firm = false } = {}) {
  if (gesture || event.button) return false;
  /** @type {(f: (event: PointerEvent) => void) => (event: PointerEvent) => void} */
  const mine = f => e => e.pointerId === event.pointerId && f(e);
  /** @type {Record<string, EventListenerObject['handleEvent']>} */
  const listeners = {
    pointermove: mine(move), pointerup: mine(() => end(true)), pointercancel: mine(() => end(false)),
    keydown: (/** @type {KeyboardEvent} */ e) => {
      if (e.key !== 'Escape') return;
      e.stopPropagation();
      end(false);
    },
  };
  const end = (/** @type {boolean} */ whole) => {
    for (const [name, f] of Object.entries(listeners)) window.removeEventListener(name, f, true);
    gesture = null;
    if (whole) done();
    else cancelled();
  };
  for (const [name, f] of Object.entries(listeners)) window.addEventListener(name, f, true);
  gesture = { end, firm, since: event.timeStamp };
  return true;
}
