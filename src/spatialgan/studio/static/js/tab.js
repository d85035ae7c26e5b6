// The session of this tab: a new one, the one that it had, or all of the old one's steps in a new one.

import { alone, get, here, post, request, root, statusOf } from './api.js';
import { KEY, keepFrom, keepUp, kept } from './keep.js';
import { complain, tell } from './notices.js';
import { store } from './store.js';

const FIRST_SEED = 2;
const LOCK_MS = 1500; // a page that is reloaded gives its lock back a little later

// A duplicated tab gets a copy of this tab's storage: whoever cannot lock the session begins one of its own.
/** @type {(id: string) => Promise<boolean>} */
const mine = id => !navigator.locks ? Promise.resolve(true) : new Promise(answer => {
  navigator.locks.request(`spatialgan ${id}`, { signal: AbortSignal.timeout(LOCK_MS) }, () => {
    answer(true);
    return new Promise(() => {}); // for as long as the page lives
  }).catch(() => answer(false));
});

async function enter() {
  const { session } = await (await request('POST', new URL('sessions', root))).json();
  store.session = session;
  await mine(session);
}

// From now on this tab keeps the steps of the session that it has entered.
/** @type {typeof keepFrom} */
function settleIn(steps, position) {
  keepFrom(steps, position);
  sessionStorage.setItem(KEY, String(store.session));
}

async function begin() {
  await enter();
  settleIn([], 0);
  await post('picture', { model: store.info.models[0].name, seed: FIRST_SEED });
}

// When the page is opened. A tab that was duplicated goes on with a copy of the steps; and so does one that is reloaded while
// its old page is slow to go: who is who cannot be told, and nothing may be lost.
export async function arrive() {
  store.session = sessionStorage.getItem(KEY);
  if (!store.session) return begin();
  if (!await mine(store.session)) return copy();
  try {
    if ((await get(here(''))).history.length > 0) return undefined;
  } catch (error) {
    if (statusOf(error) === 0) throw error;
  }
  return again();
}

async function copy() {
  try {
    await keepUp(await get(here('')));
  } catch (error) {
    if (statusOf(error) === 0) throw error; // otherwise the server no longer knows it: what the tab has kept is all there is
  }
  return again({ copied: true });
}

// Whether a step was refused for what it is; anything else is the server's trouble, and will pass.
/** @type {(error: unknown) => boolean} */
const isRefused = error => [400, 413, 422].includes(statusOf(error) ?? 0);

// The server does not know the session: it was restarted, or nobody had used it for long. Send all steps again.
// The tab's old session stays its own until all are there: the page may be reloaded meanwhile.
export async function again({ copied = false } = {}) {
  const { steps, position, count } = kept(), old = store.session;
  if (!steps.length) return begin();
  await enter();
  const taken = [];
  let at = 0;
  /** @type {any} */
  let failure = null;
  for (const [i, { label, is_start, scene }] of steps.entries()) {
    try {
      const state = await post('history', { label, is_start, scene });
      taken.push({ entry: state.history.at(-1), scene });
      if (i <= position) at = taken.length - 1;
    } catch (error) {
      if (!isRefused(error)) { // nothing is lost: it is all sent anew
        store.session = old;
        throw error;
      }
      failure = error;
    }
  }
  if (!taken.length) {
    complain(failure);
    return begin();
  }
  settleIn(taken, at);
  await post(`history/${at}`);
  const back = `${taken.length} of ${count} steps of the history are back`;
  if (failure) complain(new Error(`${back}: ${failure.message}`));
  else if (steps.length < count) complain(new Error(`${back}; the oldest were more than the browser keeps of a page that is reloaded`));
  else if (!alone && !copied) tell('The studio was restarted. Your picture and its history are back', { seconds: 20 });
  return undefined;
}
