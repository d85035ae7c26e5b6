// What would be lost with the server: every step's scene, kept in this tab, to be sent again where the server was restarted.

import { get, here } from './api.js';
import { on, store } from './store.js';

export const KEY = 'spatialgan-session';
const LIST = 'spatialgan-history', SCENE = 'spatialgan-scene ';
/** @type {Map<number, any>} */
const scenes = new Map(); // entry id => scene
let busy = false;

const save = (key, value) => {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // The tab's storage is full: the step outlives the server, though not a reload.
  }
};

on('state', () => {
  if (sessionStorage.getItem(KEY) !== store.session) return; // a session that is being filled again: what is kept is all there is
  const { history, position } = store.state;
  save(LIST, { history, position });
  const ids = new Set(history.map(entry => entry.id));
  for (const id of [...scenes.keys()].filter(id => !ids.has(id))) {
    scenes.delete(id);
    sessionStorage.removeItem(SCENE + id);
  }
  fetchMissing();
});

async function fetchMissing() {
  if (busy) return;
  busy = true;
  const { session } = store;
  try {
    for (let entry; session === store.session && (entry = store.state.history.find(e => !scenes.has(e.id)));) {
      const scene = await get(here(`scenes/${entry.id}.json`));
      if (session === store.session) put(entry.id, scene);
    }
  } catch {
    // It is asked for again with the next step.
  } finally {
    busy = false;
  }
}

function put(id, scene) {
  scenes.set(id, scene);
  save(SCENE + id, scene);
}

// Begin to keep another session's steps; those that the tab has kept of it, before a reload, stay.
export function keepFrom(kept) {
  for (const key of Object.keys(sessionStorage)) if (key === LIST || key.startsWith(SCENE)) sessionStorage.removeItem(key);
  scenes.clear();
  kept.forEach(({ id, scene }) => put(id, scene));
}

// The steps that are kept, each with its scene, and which of them is the current one.
export function kept() {
  let list = null;
  try {
    list = JSON.parse(sessionStorage.getItem(LIST) ?? 'null');
  } catch {
    // damaged, as if there were none
  }
  const { history, position } = store.state ?? list ?? { history: [], position: 0 };
  const now = history[position]?.id;
  const steps = history.map(entry => ({ ...entry, scene: scenes.get(entry.id) ?? stored(entry.id) })).filter(step => step.scene);
  return { steps, position: Math.max(0, steps.findLastIndex(step => step.id <= now)) };
}

function stored(id) {
  try {
    return JSON.parse(sessionStorage.getItem(SCENE + id) ?? 'null');
  } catch {
    return null;
  }
}
