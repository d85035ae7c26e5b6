// Handles: take one and the picture follows; its ring changes the size. On the picture and on the heatmaps alike.

import { cancel, commit, preview, rounded } from './changes.js';
import { nameOf } from './names.js';
import { colorOf } from './palette.js';
import { isPending, later, settle } from './pending.js';
import { busy, follow } from './pointer.js';
import { keyOf, on, select, selectedHandle, store } from './store.js';

const SVG = 'http://www.w3.org/2000/svg';
const NUDGE = 0.01; // of the picture's width
const CLICK_PX = 3; // a hand that only clicks moves no further

/** @type {(() => void)[]} */
const draws = [];
/** @typedef {{ key: string, handle: Partial<Handle>, reach?: Point & { radius: number } }} Held */
/** @type {Held | null} */
let held = null; // what is being moved, until it has become an edit; `handle` is where it is meanwhile
/** @type {any} */
let nudge = null; // what arrow keys did last

/** @type {(value: number) => number} */
const inside = value => Math.min(1, Math.max(0, value)); // handles of what has left the picture wait at its edge
/** @param {Handle} handle */
const place = ({ place }) => 'object' in place ? { object: place.object } : { level: place.level, point: place.point };

/** @param {Handle} handle */
function label({ place, x, y }) {
  return `${nameOf(place)}, ${Math.round(100 * x)} % from the left, ${Math.round(100 * y)} % from the top`;
}

// Show the handles of `filter` in `box`, a square that stands for the picture.
/** @type {(box: HTMLElement, options?: { rings?: SVGElement | null, filter?: (handle: Handle) => boolean }) => void} */
export function handlesIn(box, { rings = null, filter = () => true } = {}) {
  const buttons = new Map();

  function draw() {
    if (!box.isConnected) return; // heatmaps of another model
    const shown = store.handles.filter(h => !h.gone && filter(h)).map(h => held?.key === keyOf(h.place) ? { ...h, ...held.handle } : h);
    let lost = -1; // the handle that had the focus and is no more
    [...buttons].forEach(([key, button], i) => {
      if (shown.some(h => keyOf(h.place) === key)) return;
      if (button === document.activeElement) lost = i;
      button.onblur = null;
      button.remove();
      buttons.delete(key);
    });
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
    if (lost >= 0) ([...buttons.values()][Math.min(lost, buttons.size - 1)] ?? document.querySelector('#undo')).focus({ preventScroll: true });
  }

  // Of handles that lie on one another, the one that was meant, whichever is on top.
  /** @type {(event: PointerEvent) => string} */
  function nearest({ clientX, clientY }) {
    const far = (/** @type {HTMLElement} */ button) => {
      const { left, top, width, height } = button.getBoundingClientRect();
      return Math.hypot(clientX - left - width / 2, clientY - top - height / 2);
    };
    return [...buttons].reduce((best, one) => far(one[1]) < far(best[1]) ? one : best)[0];
  }

  /** @param {Handle} handle */
  function makeButton(handle) {
    const button = document.createElement('button'), key = keyOf(handle.place);
    button.className = 'handle';
    button.dataset.key = key;
    button.dataset.level = String(handle.place.level ?? 0);
    button.style.setProperty('--color', colorOf(handle.place));
    button.textContent = String(handle.place.object ?? handle.place.level);
    button.onfocus = () => select(key);
    button.onpointerdown = event => takeHandle(event, nearest(event), box);
    button.onkeydown = event => keyOn(event, key);
    button.onblur = settle;
    box.append(button);
    return button;
  }

  draws.push(draw);
  draw();
}

const drawAll = () => draws.forEach(draw => draw());
on('frame', drawAll);
on('select', drawAll);

/** @type {(svg: SVGElement, handles: Handle[], box: HTMLElement) => void} */
function drawRings(svg, handles, box) {
  const isChosen = (/** @type {Handle} */ handle) => keyOf(handle.place) === store.selected;
  const rings = [...handles].sort((a, b) => Number(isChosen(a)) - Number(isChosen(b))).map(handle => { // what is selected on top
    const chosen = isChosen(handle);
    if (!chosen && (handle.place.level ?? 0) > 0) return []; // seven rings would hide the picture
    return ['halo', 'ring', 'grip'].map(kind => {
      const ellipse = document.createElementNS(SVG, 'ellipse');
      const values = { class: `${kind}${chosen ? ' chosen' : ''}`, cx: 100 * handle.x, cy: 100 * handle.y, rx: 100 * handle.std_x,
        ry: 100 * handle.std_y, transform: `rotate(${handle.degrees} ${100 * handle.x} ${100 * handle.y})` };
      for (const [name, value] of Object.entries(values)) ellipse.setAttribute(name, String(value));
      ellipse.style.setProperty('--color', colorOf(handle.place));
      if (kind === 'grip') ellipse.onpointerdown = event => takeRing(event, keyOf(handle.place), box);
      return ellipse;
    });
  });
  if (held?.reach) rings.push([reachRing(held.reach)]);
  svg.replaceChildren(...rings.flat());
}

// How far what is held may go before pictures fall apart.
/** @param {Point & { radius: number }} reach */
function reachRing({ x, y, radius }) {
  const ring = document.createElementNS(SVG, 'ellipse');
  for (const [name, value] of Object.entries({ class: 'reach', cx: 100 * x, cy: 100 * y, rx: 100 * radius, ry: 100 * radius })) ring.setAttribute(name, String(value));
  return ring;
}

// `change(dx, dy, place)` gives the change that the pointer stands for, in widths of the box, and where the handle is then.
/** @type {(event: PointerEvent & { currentTarget: any }, box: HTMLElement, key: string,
 *   change: (dx: number, dy: number, place: Point) => [Change, Partial<Handle>]) => Held | undefined} */
function gesture(event, box, key, change) {
  if (store.dragging || store.mode !== 'arrange' || busy()) return;
  settle();
  /** @type {Held} */
  const mine = { key, handle: {} };
  const { left, top, width } = box.getBoundingClientRect();
  /** @type {Change | null} */
  let made = null;
  const release = () => {
    if (held === mine) held = null;
    drawAll();
  };
  /** @param {PointerEvent} e */
  const move = e => {
    const [dx, dy] = [e.clientX - event.clientX, e.clientY - event.clientY];
    if (!made && Math.hypot(dx, dy) <= CLICK_PX) return;
    const [now, handle] = change(dx / width, dy / width, { x: (e.clientX - left) / width, y: (e.clientY - top) / width });
    [made, mine.handle] = [now, handle];
    drawAll();
    preview(now);
  };
  const done = () => made ? commit(made).then(release) : release();
  const cancelled = () => {
    if (made) cancel();
    release();
  };
  const target = event.currentTarget;
  const firm = target.matches('.handle') || key === store.selected; // on another's ring a finger may be the first of two
  if (!follow(event, move, { done, cancelled, firm })) return;
  event.preventDefault();
  (target.matches('.handle') ? box.querySelector(`.handle[data-key="${key}"]`) : target).focus?.({ preventScroll: true });
  select(key);
  held = mine;
  return mine;
}

// Where it is now, or will be once what is being made is made.
/** @type {(key: string) => Handle} */
const current = key => Object.assign({}, store.handles.find(h => keyOf(h.place) === key), held?.key === key ? held.handle : {});

/** @type {(event: PointerEvent, key: string, box: HTMLElement) => void} */
function takeHandle(event, key, box) {
  const handle = current(key), from = { x: inside(handle.x), y: inside(handle.y) }; // one outside is taken at the edge
  const mine = gesture(event, box, key, (dx, dy) => {
    const to = { x: from.x + dx, y: from.y + dy };
    return [{ edits: [{ edit: 'move', ...place(handle), dx: rounded(to.x - handle.x), dy: rounded(to.y - handle.y) }] }, to];
  });
  if (mine && handle.reach) mine.reach = { ...from, radius: handle.reach };
  drawAll();
}

/** @type {(event: PointerEvent, key: string, box: HTMLElement) => void} */
function takeRing(event, key, box) {
  const handle = current(key), { left, top, width } = box.getBoundingClientRect();
  const from = Math.hypot((event.clientX - left) / width - handle.x, (event.clientY - top) / width - handle.y);
  gesture(event, box, key, (dx, dy, { x, y }) => {
    const factor = Math.max(0.02, rounded(Math.hypot(x - handle.x, y - handle.y) / Math.max(from, 0.005)));
    return [{ edits: [{ edit: 'resize', ...place(handle), factor }] }, { std_x: handle.std_x * factor, std_y: handle.std_y * factor }];
  });
}

/** @type {(event: KeyboardEvent, key: string) => void} */
function keyOn(event, key) {
  const step = event.shiftKey ? 5 * NUDGE : NUDGE;
  /** @type {Record<string, number[]>} */
  const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  /** @type {Record<string, number>} */
  const factors = { '+': 1.1, '=': 1.1, '-': 1 / 1.1 };
  const [dx, dy] = ways[event.key] ?? [0, 0], factor = factors[event.key] ?? 1;
  if (store.dragging || event.ctrlKey || event.metaKey || (!dx && !dy && factor === 1)) return;
  event.preventDefault();
  if (busy()) return;
  if (!isPending(nudge)) nudge = { handle: current(key), dx: 0, dy: 0, factor: 1, change: null };
  const { handle } = nudge, mine = nudge;
  /** @type {(name: 'x' | 'y', by: number) => number} */
  const along = (name, by) => by && !mine[`d${name}`] ? inside(handle[name]) - handle[name] + by : by; // from the edge, as above
  mine.dx = rounded(mine.dx + along('x', dx));
  mine.dy = rounded(mine.dy + along('y', dy));
  mine.factor = rounded(mine.factor * factor);
  held = mine.held = { key, handle: { x: handle.x + mine.dx, y: handle.y + mine.dy, std_x: handle.std_x * mine.factor, std_y: handle.std_y * mine.factor } };
  mine.change = { edits: [
    ...mine.dx || mine.dy ? [{ edit: 'move', ...place(handle), dx: mine.dx, dy: mine.dy }] : [],
    ...mine.factor !== 1 ? [{ edit: 'resize', ...place(handle), factor: mine.factor }] : []] };
  drawAll();
  preview(mine.change);
  later(mine, () => finishNudge(mine));
}

// Many presses of arrow keys become one edit.
/** @param {{ change: { edits: Edit[] }, held: Held }} mine */
async function finishNudge(mine) {
  if (mine.change.edits.length) await commit(mine.change);
  if (held === mine.held) held = null;
  drawAll();
}

on('state', () => {
  if (!selectedHandle()) select(null);
});

document.querySelector('#stage').addEventListener('pointerdown', (/** @type {From<PointerEvent>} */ event) => {
  if (!busy() && (event.target.id === 'handles' || event.target.id === 'picture')) select(null);
});

// In the picture, handles that change hardly anything are in the way; among the heatmaps all can be taken.
const all = document.querySelector('#all-handles');
const shown = (/** @type {Handle} */ h) => h.acts || store.allHandles || keyOf(h.place) === store.selected;
on('state', () => { all.hidden = store.handles.every(h => h.acts); });
all.onclick = () => {
  store.allHandles = !store.allHandles;
  all.setAttribute('aria-pressed', store.allHandles);
  drawAll();
};

handlesIn(document.querySelector('#handles'), { rings: document.querySelector('#rings'), filter: shown });
