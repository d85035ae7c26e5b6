// Every step, small; a click goes there.

import { here } from './api.js';
import { imageAt } from './backend.js';
import { go } from './changes.js';
import { inWords } from './names.js';
import { on, store } from './store.js';

const list = document.querySelector('#history');
const shown = new Map(); // session and entry id => list item

on('state', () => {
  const { history, position } = store.state;
  const keyOf = (/** @type {Entry} */ entry) => `${store.session} ${entry.id}`, keys = new Set(history.map(keyOf));
  for (const [key, item] of shown) {
    if (!keys.has(key)) {
      item.remove();
      shown.delete(key);
    }
  }
  history.forEach((entry, i) => {
    const key = keyOf(entry);
    if (!shown.has(key)) shown.set(key, make(entry));
    const item = shown.get(key), button = item.firstElementChild;
    button.onclick = () => go(i);
    item.classList.toggle('later', i > position);
    if (i === position) button.setAttribute('aria-current', 'step');
    else button.removeAttribute('aria-current');
  });
  bringIntoSight('smooth');
});

/** @param {ScrollBehavior} behavior */
function bringIntoSight(behavior) {
  const now = list.querySelector('[aria-current]')?.parentElement;
  if (!now) return;
  const left = now.offsetLeft - list.offsetLeft - list.clientWidth / 2 + now.clientWidth / 2;
  const far = Math.abs(left - list.scrollLeft) > list.clientWidth;
  list.scrollTo({ left, behavior: far ? 'instant' : behavior });
}
new ResizeObserver(() => bringIntoSight('instant')).observe(list);

/** @param {Entry} entry */
function make(entry) {
  const item = document.createElement('li'), button = document.createElement('button');
  const image = new Image(), text = document.createElement('span');
  image.src = imageAt(here(`thumbnails/${entry.id}.png`));
  image.alt = '';
  text.textContent = button.title = inWords(entry.label);
  button.append(image, text);
  item.classList.toggle('start', entry.is_start);
  item.append(button);
  list.append(item);
  return item;
}
