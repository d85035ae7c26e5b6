// The picture, what is laid over it, and before and after.

import { sendOverlay } from './live.js';
import { levelName } from './names.js';
import { asColour, paint } from './palette.js';
import { follow } from './pointer.js';
import { emit, on, store } from './store.js';

const $ = (/** @type {string} */ selector) => document.querySelector(selector);
const stage = $('#stage'), picture = $('#picture'), before = $('#before'), overlay = $('#overlay');
const levels = $('#overlay-levels'), divider = $('#divider');
let kind = 'none', split = 50;
/** @type {string | null} */
let level = null;

on('frame', header => {
  paint(picture, asColour(store.planes.picture));
  if (store.original) paint(before, asColour(store.original));
  paintOverlay();
  delete document.body.dataset.loading;
  stage.dataset.serial = header.serial ?? '';
  stage.dispatchEvent(new CustomEvent('painted', { detail: header }));
});

on('state', () => {
  const { model, seed } = store.state;
  picture.setAttribute('aria-label', `Picture of ${model.name}, seed ${seed}`);
  $('#overlays [value=attention]').disabled = !model.attention;
  $('#overlays [value=heatmap]').disabled = !model.editable;
  const chosen = $('#overlays :checked');
  if (chosen.disabled) $('#overlays [value=none]').click();
});

/** @param {string} name */
function mapsOf(name) {
  return Object.keys(store.planes).filter(key => key.startsWith(`${name}/`)).map(key => key.slice(name.length + 1));
}

function paintOverlay() {
  if (kind === 'difference') {
    if (!store.original || store.original.values.length !== store.planes.picture.values.length) return;
    overlay.hidden = false;
    paint(overlay, difference(store.planes.picture, store.original));
    return;
  }
  const keys = mapsOf(kind);
  overlay.hidden = keys.length === 0;
  if (overlay.hidden) return;
  if (level === null || !keys.includes(level)) level = kind === 'features' ? keys[Math.min(2, keys.length - 1)] : keys[0];
  if (levels.dataset.keys !== `${kind} ${keys}`) makeLevels(keys);
  paint(overlay, store.planes[`${kind}/${level}`]);
}

// The largest difference of the channels, doubled, since small ones matter.
/** @type {(a: Plane, b: Plane) => Plane} */
function difference(a, b) {
  const { width, height, channels } = a, values = new Uint8Array(width * height);
  for (let i = 0; i < values.length; i++) {
    let most = 0;
    for (let c = 0; c < channels; c++) most = Math.max(most, Math.abs(a.values[i * channels + c] - b.values[i * channels + c]));
    values[i] = Math.min(255, 2 * most);
  }
  return { width, height, channels: 1, values };
}

/** @param {string[]} keys */
function makeLevels(keys) {
  levels.dataset.keys = `${kind} ${keys}`;
  levels.hidden = keys.length < 2;
  levels.replaceChildren(...keys.map(key => {
    const label = document.createElement('label'), input = document.createElement('input'), text = document.createElement('span');
    Object.assign(input, { type: 'radio', name: 'overlay-level', value: key, checked: key === level });
    input.onchange = () => {
      level = key;
      paintOverlay();
    };
    text.textContent = kind === 'features' ? key : store.state.model.kind === 'multi' ? `Level ${key}` : levelName(Number(key));
    if (kind === 'features') label.title = `${key}×${key} pixels`;
    label.append(input, text);
    return label;
  }));
}

for (const input of document.querySelectorAll('[name=overlay]')) {
  input.onchange = () => {
    kind = input.value;
    level = null;
    levels.hidden = true;
    delete levels.dataset.keys;
    $('#opacity-field').hidden = kind === 'none';
    overlay.hidden = true;
    stage.dataset.overlay = kind;
    askForOverlay();
    paintOverlay();
  };
}

const askForOverlay = () => sendOverlay(['attention', 'features'].includes(kind) ? kind : 'none');
on('online', () => kind !== 'none' && askForOverlay()); // another server has to be told

/** @param {From<Event, HTMLInputElement>} event */
$('#opacity').oninput = ({ target }) => overlay.style.setProperty('--strength', target.value);

/** @type {(button: HTMLElement, f: (pressed: boolean) => void) => void} */
export const toggle = (button, f) => {
  button.onclick = () => {
    const pressed = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(pressed));
    f(pressed);
  };
};

toggle($('#smooth'), smooth => { stage.dataset.pixels = smooth ? 'smooth' : 'sharp'; });
toggle($('#show-handles'), shown => {
  stage.dataset.handles = shown ? 'shown' : 'hidden';
  emit('select');
});
toggle($('#compare'), shown => {
  before.hidden = divider.hidden = !shown;
  stage.toggleAttribute('data-compare', shown);
  setSplit(50);
});

/** @param {number} percent */
function setSplit(percent) {
  split = Math.min(100, Math.max(0, percent));
  stage.style.setProperty('--split', `${split}%`);
  divider.setAttribute('aria-valuenow', Math.round(split));
}

divider.onpointerdown = (/** @type {PointerEvent} */ event) => {
  const { left, width } = stage.getBoundingClientRect();
  follow(event, ({ clientX }) => setSplit(100 * (clientX - left) / width), { firm: true });
};
divider.onkeydown = (/** @type {KeyboardEvent} */ event) => {
  /** @type {Record<string, number>} */
  const steps = { ArrowLeft: -5, ArrowRight: 5, Home: -100, End: 100 }, step = steps[event.key];
  if (step) {
    event.preventDefault();
    event.stopPropagation();
    setSplit(split + step);
  }
};
