// Every step, small; a click goes there.

import { here } from './api.js';
import { go } from './changes.js';
import { on, store } from './store.js';

const list = document.querySelector('#history');
const shown = new Map(); // entry id => list item

on('state', () => {
  const { history, position } = store.state;
  const ids = new Set(history.map(entry => entry.id));
  for (const [id, item] of shown) {
    if (!ids.has(id)) {
      item.remove();
      shown.delete(id);
    }
  }
  history.forEach((entry, i) => {
    if (!shown.has(entry.id)) shown.set(entry.id, make(entry));
    const item = shown.get(entry.id), button = item.firstElementChild;
    button.onclick = () => go(i);
    item.classList.toggle('later', i > position);
    if (i === position) button.setAttribute('aria-current', 'step');
    else button.removeAttribute('aria-current');
  });
  bringIntoSight('smooth');
});

function bringIntoSight(behavior) {
  const now = list.querySelector('[aria-current]')?.parentElement;
  if (!now) return;
  const left = now.offsetLeft - list.offsetLeft - list.clientWidth / 2 + now.clientWidth / 2;
  const far = Math.abs(left - list.scrollLeft) > list.clientWidth;
  list.scrollTo({ left, behavior: far ? 'instant' : behavior });
}
new ResizeObserver(() => bringIntoSight('instant')).observe(list);

function make(entry) {
  const item = document.createElement('li'), button = document.createElement('button');
  const image = new Image(), text = document.createElement('span');
  image.src = here(`thumbnails/${entry.id}.png`);
  image.alt = '';
  text.textContent = button.title = entry.label;
  button.append(image, text);
  item.classList.toggle('start', entry.is_start);
  item.append(button);
  list.append(item);
  return item;
}
