// Handles: take one and the picture follows; its ring changes the size. On the picture and on the heatmaps alike.

import { cancel, commit, preview, rounded } from './changes.js';
import { colorOf } from './palette.js';
import { keyOf, on, select, selectedHandle, store } from './store.js';

const SVG = 'http://www.w3.org/2000/svg';
const NUDGE = 0.01; // of the picture's width
const CLICK_PX = 3; // a hand that only clicks moves no further

const draws = [];
let held = null; // the gesture under way: { key, change(), handle: where it is meanwhile }
let nudge = null; // arrow keys that have not become an edit yet

const inside = value => Math.min(1, Math.max(0, value)); // handles of what has left the picture wait at its edge
const place = ({ place }) => 'object' in place ? { object: place.object } : { level: place.level, point: place.point };

function label({ place, x, y }) {
  const name = 'object' in place ? `Object ${place.object}` : place.point == null ? `Level ${place.level}` : `Level ${place.level}, centre ${place.point}`;
  return `${name}, ${Math.round(100 * x)} % from the left, ${Math.round(100 * y)} % from the top`;
}

// Show the handles of `filter` in `box`, a square that stands for the picture.
export function handlesIn(box, { rings = null, filter = () => true } = {}) {
  const buttons = new Map();

  function draw() {
    if (!box.isConnected) return; // heatmaps of another model
    const shown = store.handles.filter(h => !h.gone && filter(h)).map(h => held?.key === keyOf(h.place) ? { ...h, ...held.handle } : h);
    for (const [key, button] of buttons) {
      if (!shown.some(h => keyOf(h.place) === key)) {
        button.remove();
        buttons.delete(key);
      }
    }
    for (const handle of shown) {
      const key = keyOf(handle.place);
      if (!buttons.has(key)) buttons.set(key, makeButton(handle));
      const button = buttons.get(key);
      button.style.left = `${100 * inside(handle.x)}%`;
      button.style.top = `${100 * inside(handle.y)}%`;
      button.classList.toggle('outside', inside(handle.x) !== handle.x || inside(handle.y) !== handle.y);
      button.setAttribute('aria-label', label(handle));
      button.setAttribute('aria-pressed', key === store.selected);
    }
    if (rings) drawRings(rings, shown, box);
  }

  function makeButton(handle) {
    const button = document.createElement('button'), key = keyOf(handle.place);
    button.className = 'handle';
    button.dataset.key = key;
    button.dataset.level = handle.place.level ?? 0;
    button.style.setProperty('--color', colorOf(handle.place));
    button.textContent = handle.place.object ?? handle.place.level;
    button.onfocus = () => select(key);
    button.onpointerdown = event => takeHandle(event, key, box);
    button.onkeydown = event => keyOn(event, key);
    button.onblur = finishNudge;
    box.append(button);
    return button;
  }

  draws.push(draw);
  draw();
}

const drawAll = () => draws.forEach(draw => draw());
on('frame', drawAll);
on('select', drawAll);

function drawRings(svg, handles, box) {
  const rings = handles.map(handle => {
    const chosen = keyOf(handle.place) === store.selected;
    if (!chosen && handle.place.level > 0) return []; // seven rings would hide the picture
    return ['halo', 'ring', ...chosen ? ['grip'] : []].map(kind => {
      const ellipse = document.createElementNS(SVG, 'ellipse');
      const values = { class: `${kind}${chosen ? ' chosen' : ''}`, cx: 100 * handle.x, cy: 100 * handle.y, rx: 100 * handle.std_x,
        ry: 100 * handle.std_y, transform: `rotate(${handle.degrees} ${100 * handle.x} ${100 * handle.y})` };
      for (const [name, value] of Object.entries(values)) ellipse.setAttribute(name, value);
      ellipse.style.setProperty('--color', colorOf(handle.place));
      if (kind === 'grip') ellipse.onpointerdown = event => takeRing(event, keyOf(handle.place), box);
      return ellipse;
    });
  });
  svg.replaceChildren(...rings.flat());
}

// Follow the pointer until it is let go. `follow(dx, dy, event)` gives the change, in widths of the box.
function gesture(event, box, key, follow) {
  if (event.button || held || store.dragging || store.mode !== 'arrange') return;
  finishNudge();
  event.preventDefault();
  const target = event.currentTarget, { left, top, width } = box.getBoundingClientRect();
  target.focus?.({ preventScroll: true });
  select(key);
  held = { key, handle: {}, change: null };
  let moved = false;

  const move = e => {
    moved ||= Math.hypot(e.clientX - event.clientX, e.clientY - event.clientY) > CLICK_PX;
    if (!moved) return;
    held.change = follow((e.clientX - event.clientX) / width, (e.clientY - event.clientY) / width, { x: (e.clientX - left) / width, y: (e.clientY - top) / width });
    drawAll();
    preview(held.change);
  };
  const end = letGo => {
    window.removeEventListener('pointermove', move);
    window.removeEventListener('pointerup', up);
    window.removeEventListener('pointercancel', stop);
    window.removeEventListener('keydown', escape, true);
    const { change } = held;
    if (letGo && change) commit(change).then(release);
    else {
      if (change) cancel();
      release();
    }
  };
  const release = () => {
    held = null;
    drawAll();
  };
  const up = e => e.pointerId === event.pointerId && end(true);
  const stop = e => e.pointerId === event.pointerId && end(false);
  const escape = e => {
    if (e.key === 'Escape') {
      e.stopPropagation();
      end(false);
    }
  };
  window.addEventListener('pointermove', move);
  window.addEventListener('pointerup', up);
  window.addEventListener('pointercancel', stop);
  window.addEventListener('keydown', escape, true);
}

function takeHandle(event, key, box) {
  const handle = store.handles.find(h => keyOf(h.place) === key);
  gesture(event, box, key, (dx, dy) => {
    held.handle = { x: handle.x + dx, y: handle.y + dy };
    return { edits: [{ edit: 'move', ...place(handle), dx: rounded(dx), dy: rounded(dy) }] };
  });
}

function takeRing(event, key, box) {
  const handle = store.handles.find(h => keyOf(h.place) === key), { left, top, width } = box.getBoundingClientRect();
  const from = Math.hypot((event.clientX - left) / width - handle.x, (event.clientY - top) / width - handle.y);
  gesture(event, box, key, (dx, dy, { x, y }) => {
    const factor = Math.max(0.02, rounded(Math.hypot(x - handle.x, y - handle.y) / Math.max(from, 0.005)));
    held.handle = { std_x: handle.std_x * factor, std_y: handle.std_y * factor };
    return { edits: [{ edit: 'resize', ...place(handle), factor }] };
  });
}

function keyOn(event, key) {
  const step = event.shiftKey ? 5 * NUDGE : NUDGE;
  const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [0, 0];
  const factor = { '+': 1.1, '=': 1.1, '-': 1 / 1.1 }[event.key] ?? 1;
  if (store.dragging || event.ctrlKey || event.metaKey || (!dx && !dy && factor === 1)) return;
  event.preventDefault();
  if (held && held !== nudge?.held) return; // the last one is still being made
  const handle = nudge?.handle ?? store.handles.find(h => keyOf(h.place) === key);
  nudge ??= { handle, dx: 0, dy: 0, factor: 1, held: { key, handle: {} } };
  held = nudge.held;
  nudge.dx = rounded(nudge.dx + dx);
  nudge.dy = rounded(nudge.dy + dy);
  nudge.factor = rounded(nudge.factor * factor);
  held.handle = { x: handle.x + nudge.dx, y: handle.y + nudge.dy, std_x: handle.std_x * nudge.factor, std_y: handle.std_y * nudge.factor };
  held.change = { edits: [
    ...nudge.dx || nudge.dy ? [{ edit: 'move', ...place(handle), dx: nudge.dx, dy: nudge.dy }] : [],
    ...nudge.factor !== 1 ? [{ edit: 'resize', ...place(handle), factor: nudge.factor }] : []] };
  drawAll();
  preview(held.change);
  clearTimeout(nudge.timer);
  nudge.timer = setTimeout(finishNudge, 500);
}

// Many presses of arrow keys become one edit.
export function finishNudge() {
  if (!nudge) return;
  clearTimeout(nudge.timer);
  const mine = nudge.held;
  nudge = null;
  const release = () => {
    if (held === mine) held = null;
    drawAll();
  };
  if (mine.change.edits.length) commit(mine.change).then(release);
  else release();
}

on('state', () => {
  if (!selectedHandle()) select(null);
});

document.querySelector('#stage').addEventListener('pointerdown', event => {
  if (event.target.id === 'handles' || event.target.id === 'picture') select(null);
});

handlesIn(document.querySelector('#handles'), { rings: document.querySelector('#rings') });
