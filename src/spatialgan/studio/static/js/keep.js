// What would be lost with the server: every step's scene, kept in this tab, to be sent again where the server was restarted.

import { get, here } from './api.js';
import { on, store } from './store.js';

export const KEY = 'spatialgan-session';
const LIST = 'spatialgan-history', SCENE = 'spatialgan-scene ', TUNING = 'spatialgan-tuning ';
/** @type {Map<number, any>} */
const scenes = new Map(); // entry id => scene
/** @type {{ history: Entry[], position: number } | null} */
let list = null; // of the steps that are kept; null before anything is known
let busy = false;

/** @param {string} prefix */
const keys = prefix => Object.keys(sessionStorage).filter(key => key.startsWith(prefix)).sort((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)));

// Where the tab's storage is full, the oldest steps make room: they outlive the server, though not a reload.
/** @type {(key: string, text: string) => void} */
function save(key, text) {
  for (;;) {
    try {
      sessionStorage.setItem(key, text);
      return;
    } catch {
      const oldest = keys(SCENE).find(other => other !== key);
      if (!oldest) return;
      sessionStorage.removeItem(oldest);
      const left = [text, ...keys(SCENE).map(other => sessionStorage.getItem(other))];
      for (const tuning of keys(TUNING)) if (tuning !== key && !left.some(scene => scene?.includes(`"${tuning}"`))) sessionStorage.removeItem(tuning);
    }
  }
}

// What a photograph's generator was tuned by is large, and the same in all its steps: it is kept once.
/** @param {any} scene */
function packed(scene) {
  if (!scene?.tuning) return scene;
  const text = JSON.stringify(scene.tuning), all = keys(TUNING);
  const same = all.find(key => sessionStorage.getItem(key) === text);
  const key = same ?? TUNING + (all.length ? Number(all.at(-1)?.slice(TUNING.length)) + 1 : 0);
  if (!same) save(key, text);
  return { ...scene, tuning: key };
}

on('state', () => {
  if (sessionStorage.getItem(KEY) !== store.session) return; // a session that is being filled again: what is kept is all there is
  const { history, position } = store.state;
  keepList(history, position);
  const ids = new Set(history.map(entry => entry.id));
  for (const id of [...scenes.keys()].filter(id => !ids.has(id))) {
    scenes.delete(id);
    sessionStorage.removeItem(SCENE + id);
  }
  fetchMissing();
});

/** @type {(history: Entry[], position: number) => void} */
function keepList(history, position) {
  list = { history, position };
  save(LIST, JSON.stringify(list));
}

// The steps of a session that the server still knows, which this tab is about to leave.
/** @param {PictureState} state */
export async function keepUp({ history, position }) {
  keepList(history, position);
  for (const { id } of history) if (!scenes.has(id)) put(id, stored(id) ?? await get(here(`scenes/${id}.json`)));
}

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

/** @type {(id: number, scene: unknown) => void} */
function put(id, scene) {
  scenes.set(id, scene);
  save(SCENE + id, JSON.stringify(packed(scene)));
}

// Begin to keep another session's steps.
/** @type {(kept: { entry: Entry, scene: any }[], position: number) => void} */
export function keepFrom(kept, position) {
  for (const key of [LIST, ...keys(SCENE), ...keys(TUNING)]) sessionStorage.removeItem(key);
  scenes.clear();
  kept.forEach(({ entry, scene }) => put(entry.id, scene));
  keepList(kept.map(({ entry }) => entry), position);
}

// The steps that are kept, each with its scene, which of them is the current one, and how many there were.
export function kept() {
  try {
    list ??= JSON.parse(sessionStorage.getItem(LIST) ?? 'null');
  } catch {
    // damaged, as if there were none
  }
  const { history, position } = list ?? { history: [], position: 0 };
  const now = history[position]?.id;
  const steps = history.map(entry => ({ ...entry, scene: scenes.get(entry.id) ?? stored(entry.id) })).filter(step => step.scene);
  return { steps, position: Math.max(0, steps.findLastIndex(step => step.id <= now)), count: history.length };
}

/** @param {number} id */
function stored(id) {
  try {
    const scene = JSON.parse(sessionStorage.getItem(SCENE + id) ?? 'null');
    if (typeof scene?.tuning !== 'string') return scene;
    const tuning = JSON.parse(sessionStorage.getItem(scene.tuning) ?? 'null');
    return tuning && { ...scene, tuning };
  } catch {
    return null;
  }
}
