// Changes of the picture: shown while they are being made, and made when they are done.

import { post } from './api.js';
import { isGone, online, refresh, sendPreview } from './live.js';
import { complain } from './notices.js';
import { settle } from './pending.js';
import { store } from './store.js';

/** @type {Change | null} */
let waiting = null; // the latest change that has not been sent
/** @type {Promise<any>} */
let queue = Promise.resolve(); // what is being made, one after the other

/** @type {(number: number) => number} */
export const rounded = number => Math.round(number * 1e4) / 1e4; // a tenth of a pixel at 1000 pixels
export const randomSeed = () => Math.floor(Math.random() * 1e6);

// At most once for every picture that the screen shows; the server drops what it has no time for.
/** @type {(change: Change) => void} */
export function preview(change) {
  if (waiting === null) {
    requestAnimationFrame(() => {
      if (waiting !== null) sendPreview(waiting);
      waiting = null;
    });
  }
  waiting = change;
}

/** @type {(change: Change) => Promise<PictureState | null>} */
export function commit(change) {
  waiting = null;
  return act(() => post('edits', change));
}

export function cancel() {
  waiting = null;
  refresh();
}

// Run a request after those before it; complain where it fails, and show what there is.
/** @type {(f: () => Promise<any>) => Promise<any>} */
export function act(f) {
  settle();
  queue = queue.then(async () => {
    document.body.dataset.busy = '';
    try {
      if (document.body.hasAttribute('data-restoring')) await online();
      return await f().catch(async error => {
        if (!isGone(error)) throw error;
        await online(); // in another session, with the same picture
        return f();
      });
    } catch (error) {
      complain(error);
      refresh();
      return null;
    } finally {
      delete document.body.dataset.busy;
    }
  });
  return queue;
}

export const undo = () => act(() => post('undo'));
export const redo = () => act(() => post('redo'));
/** @type {(position: number) => Promise<any>} */
export const go = position => act(() => post(`history/${position}`));
/** @type {(model: string, seed: number) => Promise<any>} */
export const start = (model, seed) => act(() => post('picture', { model, seed, truncation: store.state?.truncation ?? 1 }));
/** @type {(...edits: Edit[]) => Promise<PictureState | null>} */
export const edit = (...edits) => commit({ edits });
