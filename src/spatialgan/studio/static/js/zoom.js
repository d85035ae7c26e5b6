// Zoom and pan. The stage grows beyond its room and is moved in it, so that handles keep their size.

import { busy, follow, interrupt, mayBecomePinch } from './pointer.js';
import { on, store } from './store.js';

const MOST = 8, STEP = 1.5;
const $ = (/** @type {string} */ selector) => document.querySelector(selector);
const stage = $('#stage'), room = stage.parentElement;
let zoom = 1, x = 0, y = 0; // of the stage's middle from the room's, in pixels

/** @type {(newZoom: number, newX: number, newY: number) => void} */
function set(newZoom, newX, newY) {
  const { clientWidth: width, clientHeight: height } = room;
  zoom = Math.min(MOST, Math.max(1, newZoom));
  const side = zoom * Math.min(width, height), most = (/** @type {number} */ length) => Math.max(0, (side - length) / 2);
  x = Math.min(most(width), Math.max(-most(width), newX));
  y = Math.min(most(height), Math.max(-most(height), newY));
  stage.style.setProperty('--zoom', zoom);
  stage.style.translate = `${x}px ${y}px`;
  document.body.toggleAttribute('data-zoomed', zoom > 1);
  $('#zoom-fit').textContent = `${Math.round(100 * zoom)} %`;
  $('#zoom-out').disabled = $('#zoom-fit').disabled = zoom === 1;
  $('#zoom-in').disabled = zoom === MOST;
}

const middle = () => {
  const { left, top, width, height } = room.getBoundingClientRect();
  return { clientX: left + width / 2, clientY: top + height / 2 };
};

// So that what is under a point stays there, or comes to `to`.
/** @param {number} factor */
function zoomAt(factor, at = middle(), to = at) {
  const { clientX, clientY } = middle(), now = Math.min(MOST, Math.max(1, zoom * factor)), by = now / zoom;
  set(now, to.clientX - clientX - (at.clientX - clientX - x) * by, to.clientY - clientY - (at.clientY - clientY - y) * by);
}

$('#zoom-in').onclick = () => zoomAt(STEP);
$('#zoom-out').onclick = () => zoomAt(1 / STEP);
$('#zoom-fit').onclick = () => set(1, 0, 0);
new ResizeObserver(() => set(zoom, x, y)).observe(room);
on('state', () => store.state.model.name !== stage.dataset.model && set(1, 0, 0));
on('state', () => { stage.dataset.model = store.state.model.name; });

room.addEventListener('wheel', (/** @type {WheelEvent} */ event) => {
  if (event.ctrlKey || event.metaKey) zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.003)), event);
  else if (zoom > 1) set(zoom, x - event.deltaX, y - event.deltaY);
  else return;
  event.preventDefault();
}, { passive: false });

// Pressed on the picture itself, or with the middle button, or with Space held: pull it along.
let space = false;
/** @param {Event} event */
const typing = ({ target }) => /** @type {Element} */ (target).matches('input:not([type=range], [type=radio]), textarea, select, button');
addEventListener('keydown', event => {
  if (event.key !== ' ' || typing(event) || zoom === 1) return;
  event.preventDefault();
  space = true;
  room.toggleAttribute('data-pan', true);
});
addEventListener('keyup', event => {
  if (event.key !== ' ') return;
  space = false;
  room.toggleAttribute('data-pan', false);
});

const fingers = new Map(); // on the picture: pointer id => its last event
room.addEventListener('pointerdown', (/** @type {From<PointerEvent>} */ event) => {
  if (event.pointerType === 'touch') {
    fingers.set(event.pointerId, event);
    if (fingers.size === 2) {
      event.stopPropagation(); // it paints nothing, and takes no handle
      if (mayBecomePinch(event)) pinch(event);
      return;
    }
  }
  const bare = event.target.matches('#picture, #handles, .room') && store.mode === 'arrange' && !stage.hasAttribute('data-adding');
  if (zoom === 1 || busy() || !(bare || space || event.button === 1)) return;
  if (space || event.button === 1) event.stopPropagation();
  event.preventDefault();
  pan(event);
}, true);
for (const name of /** @type {const} */ (['pointerup', 'pointercancel'])) addEventListener(name, ({ pointerId }) => fingers.delete(pointerId), true);

/** @param {PointerEvent} event */
function pan(event) {
  const [x0, y0] = [x, y];
  follow({ pointerId: event.pointerId, timeStamp: event.timeStamp, button: 0 },
    e => set(zoom, x0 + e.clientX - event.clientX, y0 + e.clientY - event.clientY));
}

/** @param {PointerEvent} second */
function pinch(second) {
  interrupt(); // what the first finger had only just begun
  const [first] = [...fingers.values()].filter(({ pointerId }) => pointerId !== second.pointerId);
  let a = first, b = second;
  const between = () => ({ clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 });
  const apart = () => Math.max(20, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY));
  /** @param {PointerEvent} e */
  const move = e => {
    if (!fingers.has(a.pointerId)) return;
    const from = between(), far = apart();
    if (e.pointerId === a.pointerId) a = e;
    else b = e;
    zoomAt(apart() / far, from, between());
  };
  const other = (/** @type {PointerEvent} */ e) => e.pointerId === a.pointerId && move(e);
  const done = () => window.removeEventListener('pointermove', other, true);
  if (follow(second, move, { done, firm: true })) window.addEventListener('pointermove', other, true);
}

// Whoever goes through the handles by keyboard sees each.
stage.addEventListener('focusin', (/** @type {From<FocusEvent>} */ { target }) => {
  if (zoom === 1 || busy() || !target.matches('.handle, .point')) return;
  const there = target.getBoundingClientRect(), inside = room.getBoundingClientRect();
  if (there.left >= inside.left && there.right <= inside.right && there.top >= inside.top && there.bottom <= inside.bottom) return;
  const { clientX, clientY } = middle();
  set(zoom, x + clientX - (there.left + there.right) / 2, y + clientY - (there.top + there.bottom) / 2);
});
