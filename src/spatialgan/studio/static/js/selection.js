// The panel of what is selected: its numbers and what can be done with it.

import { commit, edit, preview } from './changes.js';
import { openGallery } from './gallery.js';
import { keyOf, on, select, selectedHandle, store } from './store.js';

const $ = selector => document.querySelector(selector);
const chosen = $('#chosen'), size = $('#size'), ratio = $('#ratio'), turn = $('#turn');
const capital = text => text.charAt(0).toUpperCase() + text.slice(1);
let from = null; // the handle as it was when a slider was taken

export const placeOf = handle => 'object' in handle.place ? { object: handle.place.object } : handle.place;

function show() {
  const handle = from ?? selectedHandle(), layout = store.state?.model.editable;
  $('#selection').hidden = !layout;
  $('#numbers').hidden = !handle;
  $('#nothing').hidden = Boolean(handle);
  chosen.value = store.selected ?? '';
  if (!handle || from) return;
  size.value = Math.log2(Math.sqrt(handle.std_x * handle.std_y));
  ratio.value = Math.log2(handle.std_x / handle.std_y);
  turn.value = ((handle.degrees + 90) % 180 + 180) % 180 - 90;
  write();
  const objects = store.state.model.object_styles;
  $('#duplicate').hidden = !objects;
  $('#restyle').hidden = !objects;
}

function write() {
  size.nextElementSibling.value = `${(100 * 2 ** size.value).toFixed(0)} %`;
  const r = 2 ** ratio.value;
  ratio.nextElementSibling.value = r >= 1 ? `${r.toFixed(1)} : 1` : `1 : ${(1 / r).toFixed(1)}`;
  turn.nextElementSibling.value = `${Math.round(turn.value)}°`;
}

on('frame', show);
on('select', show);
on('state', () => {
  const options = store.handles.filter(h => !h.gone).map(h => new Option(capital(h.name).replace('.', ', centre '), keyOf(h.place)));
  chosen.replaceChildren(new Option('Nothing', ''), ...options);
  show();
});
chosen.onchange = () => select(chosen.value || null);

// A slider that shows its effect while it is moved, and becomes one edit.
function slide(input, makeEdit) {
  const change = () => ({ edits: [{ ...placeOf(from), ...makeEdit(from) }] });
  input.oninput = () => {
    from ??= selectedHandle();
    if (!from) return;
    write();
    preview(change());
  };
  input.onchange = async () => {
    if (!from) return;
    await commit(change());
    from = null;
    show();
  };
}

const four = number => Math.round(number * 1e4) / 1e4;
slide(size, h => ({ edit: 'resize', factor: Math.max(1e-3, four(2 ** size.value / Math.sqrt(h.std_x * h.std_y))) }));
slide(ratio, h => {
  const change = Math.sqrt(2 ** ratio.value / (h.std_x / h.std_y));
  return { edit: 'stretch', sx: four(change), sy: four(1 / change) };
});
slide(turn, h => ({ edit: 'rotate', degrees: four(turn.value - (((h.degrees + 90) % 180 + 180) % 180 - 90)) }));

export function removeSelected() {
  const handle = selectedHandle();
  if (handle && !store.dragging) edit({ edit: 'remove', ...placeOf(handle), amount: 1 });
}

export function restyleSelected() {
  const handle = selectedHandle();
  if (store.dragging) return;
  if (store.state.model.object_styles && handle) {
    openGallery(`Style of ${handle.name}`, seed => ({ edits: [{ edit: 'restyle', ...placeOf(handle), seed }] }));
  } else {
    openGallery('New styles', seed => ({ edits: [{ edit: 'with_new_styles', seed }] }));
  }
}

$('#remove').onclick = removeSelected;
$('#restyle').onclick = restyleSelected;
$('#duplicate').onclick = () => {
  const handle = selectedHandle();
  const dx = handle.x > 0.5 ? -0.2 : 0.2; // towards where there is room
  edit({ edit: 'duplicate', object: handle.place.object, dx, dy: 0 }).then(state => {
    if (state) select(`object ${state.handles.length - 1}`);
  });
};
