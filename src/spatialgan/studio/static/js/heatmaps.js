// The heatmaps beside the picture, level by level as in the paper. Their centres can be dragged too.

import { handlesIn } from './handles.js';
import { levelName } from './names.js';
import { paint } from './palette.js';
import { on, store } from './store.js';

const box = document.querySelector('#heatmaps'), panel = document.querySelector('#heatmap-panel');
const SIZES = ['4×4', '8×8', '16×16 and finer'];
const PLACES = ['level 0', 'level 1', 'level 2'];
/** @type {{ canvas: HTMLCanvasElement, key: string }[]} */
let maps = [];

on('frame', () => {
  const keys = Object.keys(store.planes).filter(name => name.startsWith('heatmap/'));
  panel.hidden = keys.length === 0;
  if (keys.length !== maps.length) make(keys);
  maps.forEach(({ canvas, key }) => paint(canvas, store.planes[key]));
});

/** @param {string[]} keys */
function make(keys) {
  box.replaceChildren();
  box.dataset.count = keys.length;
  maps = keys.map((key, i) => {
    const figure = document.createElement('figure'), square = document.createElement('div');
    const canvas = document.createElement('canvas'), caption = document.createElement('figcaption');
    square.className = 'map';
    canvas.setAttribute('role', 'img');
    const title = keys.length > 1 ? levelName(i) : 'All objects';
    canvas.setAttribute('aria-label', `Heatmap, ${title}`);
    caption.innerHTML = `<b>${title}</b> <small>${keys.length > 1 ? PLACES[i] : 'in one map'}</small>`;
    if (keys.length > 1) figure.title = `Works at ${SIZES[i]} pixels`;
    const handles = document.createElement('div');
    handles.className = 'handles small';
    square.append(canvas, handles);
    figure.append(square, caption);
    box.append(figure);
    handlesIn(handles, { filter: h => 'object' in h.place || h.place.level === i });
    return { canvas, key };
  });
}
