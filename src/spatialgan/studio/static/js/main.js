// Begins a session, or takes up the one that this tab had, and shows its picture.

import './theme.js';
import './picture.js';
import './handles.js';
import './heatmaps.js';
import './selection.js';
import './history.js';
import './files.js';
import './drag.js';
import './keys.js';
import { get, here, post, request, root } from './api.js';
import { offerModels } from './controls.js';
import { connect } from './live.js';
import { complain } from './notices.js';
import { store } from './store.js';

const KEY = 'spatialgan-session';
const FIRST_SEED = 8;

const LOCK_MS = 1500; // a page that is reloaded gives its lock back a little later

// A duplicated tab gets a copy of this tab's storage: whoever cannot lock the session begins one of its own.
const mine = id => !navigator.locks ? Promise.resolve(true) : new Promise(answer => {
  navigator.locks.request(`spatialgan ${id}`, { signal: AbortSignal.timeout(LOCK_MS) }, () => {
    answer(true);
    return new Promise(() => {}); // for as long as the page lives
  }).catch(() => answer(false));
});

async function resume() {
  store.session = sessionStorage.getItem(KEY);
  if (!store.session || !await mine(store.session)) return false;
  try {
    return (await get(here(''))).history.length > 0;
  } catch {
    return false;
  }
}

try {
  store.info = await get(new URL('studio', root));
  offerModels();
  if (!await resume()) {
    store.session = (await (await request('POST', new URL('sessions', root))).json()).session;
    await mine(store.session);
    sessionStorage.setItem(KEY, store.session);
    await post('picture', { model: store.info.models[0].name, seed: FIRST_SEED });
  }
  connect();
} catch (error) {
  document.body.dataset.failed = '';
  complain(error);
}
