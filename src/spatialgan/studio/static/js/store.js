// What the page knows, and who wants to hear of it. All other modules meet here.

// Types are those of studio/page.d.ts; what is null here is there before anybody asks for it.
/** @type {Store} */
export const store = {
  info: /** @type {any} */ (null),      // of the studio: models, whether MP4 can be written
  session: null,   // id
  state: /** @type {any} */ (null),     // of the current picture, as the server tells it
  handles: [],     // of the picture that is shown, which may be a preview
  planes: {},      // its pictures, by name
  original: null,  // the picture that the current one began as
  selected: null,  // key of a handle
  mode: 'arrange',
  dragging: false, // a drag is under way
  allHandles: false, // show those, too, that change hardly anything
};

/** @type {Map<string, ((detail: any) => void)[]>} */
const listeners = new Map();

// Events: 'state' (another current picture), 'frame' (new pixels), 'select', 'mode', 'dragging', 'drag', 'drag-end',
// 'animation', 'photo', 'photo-end', 'points', 'draft' (of a drag), 'online' (connected, again or for the first time).
/** @type {(name: string, f: (detail: any) => void) => void} */
export function on(name, f) {
  listeners.set(name, [...listeners.get(name) ?? [], f]);
}

/** @type {(name: string, detail?: any) => void} */
export function emit(name, detail) {
  for (const f of listeners.get(name) ?? []) f(detail);
}

// Handles are told apart by their place in edits.
/** @type {(place: Place) => string} */
export const keyOf = place => 'object' in place ? `object ${place.object}` : `level ${place.level} ${place.point ?? ''}`;

export const selectedHandle = () => store.handles.find(h => keyOf(h.place) === store.selected && !h.gone) ?? null;

/** @type {(key: string | null) => void} */
export function select(key) {
  if (key === store.selected) return;
  store.selected = key;
  emit('select');
}
