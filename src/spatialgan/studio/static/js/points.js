// Points of the picture and where they should go, as pairs.

import { drop, remember } from './draft.js';
import { at, busy, follow } from './pointer.js';
import { emit, store } from './store.js';

const SVG = 'http://www.w3.org/2000/svg';
const layer = document.querySelector('#points'), arrows = document.querySelector('#arrows'), list = document.querySelector('#pairs');

/** @type {Pair[]} */
export let pairs = [];

/** @param {Pair[]} others */
export function setPairs(others) {
  pairs = others;
  drawPoints();
}

// `now`, while a drag is under way: where the points are.
/** @param {[number, number][] | null} now */
export function drawPoints(now = null) {
  /** @type {SVGElement[]} */
  const lines = [];
  const dots = pairs.flatMap(({ from, to }, i) => {
    if (to) {
      for (const kind of ['halo', 'arrow']) {
        const line = document.createElementNS(SVG, 'line');
        const [x, y] = now?.[i] ?? [from.x, from.y];
        for (const [name, value] of Object.entries({ class: kind, x1: 100 * x, y1: 100 * y, x2: 100 * to.x, y2: 100 * to.y })) line.setAttribute(name, String(value));
        lines.push(line);
      }
    }
    const [x, y] = now?.[i] ?? [from.x, from.y];
    return [dot(i, 'from', { x, y }), ...to ? [dot(i, 'to', to)] : []];
  });
  layer.replaceChildren(...dots);
  arrows.replaceChildren(...lines);
  list.replaceChildren(...pairs.map((pair, i) => {
    const item = document.createElement('li'), text = document.createElement('span'), button = document.createElement('button');
    /** @param {Point | null} p */
    const percent = p => p ? `${Math.round(100 * p.x)}, ${Math.round(100 * p.y)}` : 'click its target';
    item.title = 'From the left and from the top, in per cent of the width';
    const [here, there] = [percent(pair.from), percent(pair.to)];
    text.textContent = here === there ? `${here}: it is there` : `${here} → ${there}`;
    button.className = 'icon';
    button.setAttribute('aria-label', `Remove pair ${i + 1}`);
    button.textContent = '×';
    button.disabled = store.dragging;
    button.onclick = () => {
      remember();
      setPairs(pairs.toSpliced(i, 1));
      (list.querySelectorAll('button')[Math.min(i, pairs.length - 1)] ?? document.querySelector('#drag-add')).focus();
    };
    item.append(text, button);
    return item;
  }));
  emit('points');
}

/** @type {(i: number, kind: 'from' | 'to', at: Point) => HTMLElement} */
function dot(i, kind, { x, y }) {
  const button = document.createElement('button');
  button.className = `point ${kind}`;
  button.dataset.end = `${i} ${kind}`;
  button.style.left = `${100 * x}%`;
  button.style.top = `${100 * y}%`;
  button.setAttribute('aria-label', `${kind === 'from' ? 'Point' : 'Target'} ${i + 1}, ${Math.round(100 * x)} % from the left, ${Math.round(100 * y)} % from the top`);
  button.onpointerdown = event => {
    if (store.dragging || document.body.dataset.tool !== 'points') return;
    event.stopPropagation();
    event.preventDefault();
    let moved = false;
    follow(event, e => {
      if (!moved) remember();
      moved = true;
      pairs[i] = { ...pairs[i], [kind]: at(e) };
      drawPoints();
    }, { cancelled: () => moved && drop(), firm: true });
  };
  button.onkeydown = event => {
    if (store.dragging) return;
    const step = event.shiftKey ? 0.05 : 0.01;
    /** @type {Record<string, number[]>} */
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const move = moves[event.key], gone = event.key === 'Delete' || event.key === 'Backspace';
    if (!gone && !move) return;
    remember();
    if (gone) pairs.splice(i, 1);
    else pairs[i] = { ...pairs[i], [kind]: { x: Math.min(1, Math.max(0, x + move[0])), y: Math.min(1, Math.max(0, y + move[1])) } };
    event.preventDefault();
    drawPoints();
    const next = layer.querySelector(`[data-end='${i} ${kind}']`) ?? layer.querySelector('.point:last-child'); // drawn anew
    (next ?? document.querySelector('#drag-add')).focus();
  };
  return button;
}

// For keyboards: a pair in the middle, whose ends arrow keys move.
export function addPair() {
  remember();
  setPairs([...pairs, { from: { x: 0.45, y: 0.5 }, to: { x: 0.55, y: 0.5 } }]);
  layer.querySelector(`[data-end='${pairs.length - 1} from']`).focus();
}

// Press, pull, let go; or one click for the point and another for its target.
/** @param {PointerEvent} event */
export function placePoint(event) {
  const here = at(event), open = pairs.at(-1);
  if (busy()) return;
  remember();
  if (open && !open.to) {
    setPairs(pairs.with(-1, { ...open, to: here }));
    return;
  }
  setPairs([...pairs, { from: here, to: null }]);
  follow(event, e => {
    const to = at(e);
    if (pairs.at(-1)?.to || Math.hypot(to.x - here.x, to.y - here.y) > 0.015) setPairs(pairs.with(-1, { from: here, to }));
  }, { cancelled: drop });
}
