// The panel of what is selected: its numbers and what can be done with it.

import { commit, edit, preview } from './changes.js';
import { openGallery } from './gallery.js';
import { nameOf } from './names.js';
import { tell } from './notices.js';
import { settle } from './pending.js';
import { slider } from './sliders.js';
import { keyOf, on, select, selectedHandle, store } from './store.js';

const APART = 1.25; // of things beside one another, in sums of their standard deviations; as in editing/edits/align.py
const ROUND = 0.05; // log2 of the aspect, below which turning changes nothing that can be seen
const $ = (/** @type {string} */ selector) => document.querySelector(selector);
const chosen = $('#chosen'), size = $('#size'), ratio = $('#ratio'), turn = $('#turn');
/** @type {Handle | null} */
let from = null; // the handle as it was when a slider was taken
/** @type {Handle | null} */
let made = null; // as it will be once the last change of a slider is made

/** @type {(handle: Handle) => Place} */
export const placeOf = ({ place }) => place.object === undefined ? place : { object: place.object };

function show() {
  const handle = from ?? made ?? selectedHandle(), layout = store.state?.model.editable;
  if (!handle && $('#numbers').contains(document.activeElement)) queueMicrotask(() => chosen.focus()); // it is hidden now
  $('#selection').hidden = !layout;
  $('#numbers').hidden = !handle;
  $('#nothing').hidden = Boolean(handle);
  chosen.value = store.selected ?? '';
  if (!handle || from || made) return;
  /** @type {Record<string, number>} */
  const values = { size: Math.log2(Math.sqrt(handle.std_x * handle.std_y)), ratio: Math.log2(handle.std_x / handle.std_y), turn: degreesOf(handle) };
  for (const [name, { input, say }] of Object.entries(sliders)) {
    input.value = values[name];
    say(values[name]); // what it is, though the slider ends before
  }
  const objects = store.state.model.object_styles;
  turn.disabled = !store.state.model.object_coordinates && Math.abs(values.ratio) < ROUND;
  turn.parentElement.title = turn.disabled ? 'It is round, so turning it changes nothing. Change its aspect first' : '';
  $('#duplicate').hidden = !objects;
  $('#restyle').hidden = !objects;
}

const degreesOf = (/** @type {Handle} */ h) => ((h.degrees + 90) % 180 + 180) % 180 - 90;
const percent = (/** @type {number} */ size) => `${(100 * 2 ** size).toFixed(0)} %`;
const aspect = (/** @type {number} */ value) => value >= 0 ? `${(2 ** value).toFixed(1)} : 1` : `1 : ${(2 ** -value).toFixed(1)}`;

// A slider that shows its effect while it is moved, and becomes one edit. `change(handle)` gives the edit, and what it makes
// of the handle.
/** @type {(input: any, text: (value: number) => string, change: (handle: Handle) => [Edit, Partial<Handle>]) => any} */
function slide(input, text, change) {
  /** @type {(handle: Handle) => Change} */
  const edits = handle => ({ edits: [{ ...placeOf(handle), ...change(handle)[0] }] });
  return { input, ...slider(input, text, {
    moved: () => {
      from ??= made ?? selectedHandle();
      if (from) preview(edits(from));
    },
    done: () => {
      if (!from) return;
      const done = commit(edits(from)), mine = made = { ...from, ...change(from)[1] };
      from = null;
      done.then(() => {
        if (made === mine) made = null;
        show();
      });
    },
  }) };
}

const six = (/** @type {number} */ number) => Number(number.toPrecision(6));
const sliders = {
  size: slide(size, percent, h => {
    const factor = Math.max(1e-3, six(2 ** size.value / Math.sqrt(h.std_x * h.std_y)));
    return [{ edit: 'resize', factor }, { std_x: h.std_x * factor, std_y: h.std_y * factor }];
  }),
  ratio: slide(ratio, aspect, h => {
    const by = Math.sqrt(2 ** ratio.value / (h.std_x / h.std_y)), [sx, sy] = [six(by), six(1 / by)];
    return [{ edit: 'stretch', sx, sy }, { std_x: h.std_x * sx, std_y: h.std_y * sy }];
  }),
  turn: slide(turn, value => `${Math.round(value)}°`.replace('-', '−'), h => {
    const degrees = six(turn.value - degreesOf(h));
    return [{ edit: 'rotate', degrees }, { degrees: h.degrees + degrees }];
  }),
};

on('frame', show);
on('select', () => {
  settle(); // a slider's change of what was selected before
  made = null;
  show();
});
on('state', () => {
  const options = store.handles.filter(h => !h.gone).map(h => new Option(nameOf(h.place), keyOf(h.place)));
  chosen.replaceChildren(new Option('Nothing', ''), ...options);
  show();
});
chosen.onchange = () => select(chosen.value || null);

export function removeSelected() {
  const handle = selectedHandle();
  if (store.dragging) tell('A drag is under way; stop it first');
  else if (handle) edit({ edit: 'remove', ...placeOf(handle), amount: 1 });
  else if (store.handles.length) tell('Nothing is selected. Click on a circle first, or press Tab until one is marked');
}

export function restyleSelected() {
  const handle = selectedHandle();
  if (store.dragging) tell('A drag is under way; stop it first');
  else if (!store.state.model.object_styles) {
    tell(`In ${store.state.model.name.split(/[/\\]/).at(-1)} all parts share one style, so none can be restyled by itself. “New styles” beside the picture changes them all`);
  } else if (handle) {
    openGallery(`Style of ${nameOf(handle.place).toLowerCase()}`, seed => ({ edits: [{ edit: 'restyle', ...placeOf(handle), seed }] }));
  } else {
    openGallery('New styles', seed => ({ edits: [{ edit: 'with_new_styles', seed }] }));
  }
}

$('#remove').onclick = removeSelected;
$('#restyle').onclick = restyleSelected;
$('#duplicate').onclick = () => {
  const handle = selectedHandle();
  if (!handle) return;
  // Beside it, towards where there is more room, and not out of the picture.
  const way = handle.x > 0.5 ? -1 : 1, room = Math.max(0.2, (way > 0 ? 1 - handle.x : handle.x) - 0.1);
  const dx = six(way * Math.min(room, Math.max(0.2, APART * 2 * handle.std_x)));
  edit({ edit: 'duplicate', object: handle.place.object, dx, dy: 0 }).then(state => {
    if (state) select(`object ${state.handles.length - 1}`);
  });
};
