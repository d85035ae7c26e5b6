// From the picture to another one of the history: styles and layout change little by little.

import { commit, preview } from './changes.js';
import { inWords } from './names.js';
import { isPending } from './pending.js';
import { slider } from './sliders.js';
import { on, store } from './store.js';

const LABEL = 'Blend'; // as the server calls what comes of it
const other = document.querySelector('#other'), share = document.querySelector('#between'), way = document.querySelector('#way');
/** @type {number | null} */
let from = null; // where it began, by its entry's id; sliding on goes on from there

/** @type {() => Change} */
const change = () => ({ between: [/** @type {number} */ (from), Number(other.value)], at: Number(share.value) });
const sliding = slider(share, value => `${Math.round(100 * value)} %`, { moved: () => preview(change()), done: () => commit(change()) });

other.onchange = () => {
  if (Number(share.value) > 0) commit(change());
};

on('state', () => {
  const { history, position } = store.state, entry = history[position];
  if (sliding.isHeld() || isPending(share)) return;
  if (entry.label !== LABEL || !history.some(e => e.id === from)) {
    from = entry.id;
    share.value = '0';
    sliding.say(0);
  }
  const chosen = other.value;
  const others = history.map((e, i) => ({ ...e, text: `${i + 1}. ${inWords(e.label)}` }))
    .filter(e => e.group === entry.group && e.id !== from && e.id !== entry.id && e.label !== LABEL);
  other.replaceChildren(...others.map(e => new Option(e.text, String(e.id))));
  if (others.some(e => String(e.id) === chosen)) other.value = chosen;
  way.hidden = !others.length;
});
