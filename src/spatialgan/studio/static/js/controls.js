// The bar and the panel of the whole picture: model, seed, styles, layout, truncation, undo.

import { commit, edit, go, preview, randomSeed, redo, start, undo } from './changes.js';
import { back, canGoBack, canGoForward, forward } from './draft.js';
import { openGallery } from './gallery.js';
import { isPending } from './pending.js';
import { slider } from './sliders.js';
import { emit, on, select, store } from './store.js';

const $ = (/** @type {string} */ selector) => document.querySelector(selector);
const model = $('#model'), seed = $('#seed'), truncation = $('#truncation'), stage = $('#stage');

// A path is long: as much of its end as tells the models apart.
/** @param {string[]} names */
function shortNames(names) {
  const parts = names.map(name => name.replace(/\.safetensors$/, '').split(/[/\\]/));
  /** @type {(name: string[], n: number) => string} */
  const end = (name, n) => name.slice(-n).join('/');
  return parts.map(name => {
    let n = 1;
    while (n < name.length && parts.some(other => other !== name && end(other, n) === end(name, n))) n += 1;
    return end(name, n);
  });
}

export function offerModels() {
  const names = store.info.models.map(m => m.name);
  model.replaceChildren(...shortNames(names).map((short, i) => new Option(short, names[i])));
  $('#save-mp4').hidden = !store.info.mp4;
}

on('state', () => {
  const { state } = store;
  model.value = state.model.name;
  if (document.activeElement !== seed) seed.value = state.seed ?? '';
  if (!variety.isHeld() && !isPending(truncation)) {
    truncation.value = state.truncation;
    variety.say(state.truncation);
  }
  showSteps();
  $('#reset').disabled = state.position === state.start_position;
  Object.assign(document.body.dataset, { kind: state.model.kind, position: state.position });
  document.body.toggleAttribute('data-layout', state.model.editable);
  document.body.toggleAttribute('data-objects', state.model.object_styles);
  setDragging(state.dragging);
});

// Undo takes back what has been prepared for a drag before it takes back anything of the picture.
export const stepBack = () => back() || undo();
export const stepForward = () => forward() || redo();
function showSteps() {
  const { position, history } = store.state;
  $('#undo').disabled = position === 0 && !canGoBack();
  $('#redo').disabled = position === history.length - 1 && !canGoForward();
}
on('draft', showSteps);
on('mode', showSteps);

/** @param {boolean} inert */
const setInert = inert => {
  for (const part of document.querySelectorAll('.model, .joined, .modes, #open, #history, #whole, #selection')) part.inert = inert;
};
setInert(true); // until there is a picture: while a history is sent again, nothing may come in between

// While a drag is under way nothing else may change the picture.
/** @param {boolean} dragging */
function setDragging(dragging) {
  document.body.toggleAttribute('data-dragging', dragging);
  setInert(dragging);
}

on('dragging', () => setDragging(store.dragging));

/** @param {() => Promise<unknown>} f */
const loading = async f => {
  const timer = setTimeout(() => { document.body.dataset.loading = ''; }, 250);
  await f();
  clearTimeout(timer);
  delete document.body.dataset.loading;
};

model.onchange = () => {
  select(null);
  loading(() => start(model.value, Number(seed.value) || 0));
};
// What is left unfinished or out of range does not stay: the field says which picture this is.
seed.onblur = () => {
  if (seed.value === '' || !seed.validity.valid) seed.value = store.state?.seed ?? '';
};
seed.onchange = () => {
  if (seed.value === '' || !seed.reportValidity()) return;
  start(model.value, Number(seed.value));
};
export const anotherPicture = () => start(model.value, randomSeed());
$('#dice').onclick = anotherPicture;
$('#undo').onclick = stepBack;
$('#redo').onclick = stepForward;
$('#reset').onclick = () => go(store.state.start_position);

/** @type {(name: string, title: string, makeEdit: (seed: number) => Edit) => void} */
const offer = (name, title, makeEdit) => {
  $(`#${name}-dice`).onclick = () => edit(makeEdit(randomSeed()));
  $(`#${name}-gallery`).onclick = () => openGallery(title, s => ({ edits: [makeEdit(s)] }));
};
// All styles anew, or some layers' from another seed: the thirds of Karras et al. (2019).
const layers = $('#style-layers');
/** @type {[string, number][]} */
const THIRDS = [['All', 0], ['Coarse: pose and shape', 0], ['Middle: parts', 4], ['Fine: colours', 8]];
on('state', () => {
  const count = store.state.model.num_layers;
  if (layers.dataset.count === String(count)) return;
  layers.dataset.count = count;
  layers.replaceChildren(...THIRDS.flatMap(([name, first], i) => first >= count ? []
    : [new Option(name, i === 0 ? '' : `${first},${i === 3 ? count - 1 : Math.min(count, first + 4) - 1}`)]));
});
offer('styles', 'New styles, same layout', s => {
  const [first, last] = layers.value.split(',').map(Number);
  return layers.value ? { edit: 'mix_styles', seed: s, first, last } : { edit: 'with_new_styles', seed: s };
});
offer('layout', 'New layout, same styles', s => ({ edit: 'with_new_layout', seed: s }));
offer('background', 'Background', s => ({ edit: 'restyle', object: 'background', seed: s }));

const variety = slider(truncation, value => value.toFixed(2), {
  moved: () => preview({ truncation: Number(truncation.value) }),
  done: () => commit({ truncation: Number(truncation.value) }),
});

// Adding an object: the next click says where.
const add = $('#add');
/** @param {boolean} adding */
const place = adding => {
  add.setAttribute('aria-pressed', adding);
  add.lastElementChild.textContent = adding ? 'Click where' : 'Add one';
  stage.toggleAttribute('data-adding', adding);
};
/** @type {(x: number, y: number) => Promise<unknown>} */
const addAt = (x, y) => edit({ edit: 'add', x: Math.round(x * 1e4) / 1e4, y: Math.round(y * 1e4) / 1e4, std: 0.15, seed: randomSeed() })
  .then(state => state && select(`object ${state.handles.length - 1}`));
add.onclick = (/** @type {MouseEvent} */ event) => {
  if (event.detail === 0 && add.getAttribute('aria-pressed') !== 'true') addAt(0.5, 0.5); // by keyboard: in the middle
  else place(add.getAttribute('aria-pressed') !== 'true');
};
stage.addEventListener('click', (/** @type {From<MouseEvent>} */ event) => {
  if (!stage.hasAttribute('data-adding') || event.target.closest('.handle')) return;
  const { left, top, width } = stage.getBoundingClientRect();
  place(false);
  addAt((event.clientX - left) / width, (event.clientY - top) / width);
});

for (const input of document.querySelectorAll('[data-alone] .needs-server input')) input.disabled = true; // for keys, too
for (const input of document.querySelectorAll('[name=mode]')) {
  input.onchange = () => {
    store.mode = document.body.dataset.mode = input.value;
    place(false);
    emit('mode');
  };
}
