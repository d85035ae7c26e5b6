// For who comes for the first time: the one thing to do. It goes once something has been done, and does not come back.

import { on, store } from './store.js';

const KEY = 'spatialgan-guided';
const box = document.querySelector('#guide'), words = box.querySelector('p');
let over = localStorage.getItem(KEY) !== null;

function show() {
  const handle = store.handles.find(h => !h.gone && h.x > 0 && h.x < 1 && h.y > 0 && h.y < 1);
  box.hidden = over || !handle || store.mode !== 'arrange';
  document.body.toggleAttribute('data-guide', !box.hidden);
  if (!handle || box.hidden) return;
  words.textContent = 'object' in handle.place ? 'Drag this circle: the object goes with it.' : 'Drag this circle: the picture follows it.';
  const above = handle.y > 0.55;
  box.style.left = `${100 * Math.min(0.68, Math.max(0.32, handle.x))}%`;
  box.style.top = `${100 * handle.y}%`;
  box.classList.toggle('above', above);
}

function finish() {
  over = true;
  localStorage.setItem(KEY, 'yes');
  show();
}

on('state', () => {
  if (!over && store.state.position !== store.state.start_position) finish();
});
on('frame', header => {
  if (header.kind !== 'preview') show();
  else { // it is being done
    box.hidden = true;
    document.body.toggleAttribute('data-guide', false);
  }
});
on('mode', show);
box.querySelector('button').onclick = finish;
