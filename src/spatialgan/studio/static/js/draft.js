// What has been painted and placed for a drag, step by step. It is no part of the picture's history yet, and undo takes it
// back before it takes back anything of the picture.

import { emit, store } from './store.js';

const MOST = 50;
/** @type {unknown[]} */
let done = [];
/** @type {unknown[]} */
let undone = [];
/** @type {() => unknown} */
let take = () => null;
/** @type {(draft: any) => void} */
let put = () => {};

// How to read and how to set all of it.
/** @type {(read: () => unknown, write: (draft: any) => void) => void} */
export function draftIs(read, write) {
  [take, put] = [read, write];
}

// Before a change.
export function remember() {
  done = [...done, take()].slice(-MOST);
  undone = [];
  emit('draft');
}

// Take back a change that was not finished.
export function drop() {
  if (done.length) put(done.pop());
  emit('draft');
}

/** @type {(from: unknown[], to: unknown[]) => boolean} */
function step(from, to) {
  if (store.mode !== 'drag' || store.dragging || !from.length) return false;
  to.push(take());
  put(from.pop());
  emit('draft');
  return true;
}

export const back = () => step(done, undone);
export const forward = () => step(undone, done);
export const canGoBack = () => store.mode === 'drag' && done.length > 0;
export const canGoForward = () => store.mode === 'drag' && undone.length > 0;

export function forget() {
  done = [];
  undone = [];
  emit('draft');
}
