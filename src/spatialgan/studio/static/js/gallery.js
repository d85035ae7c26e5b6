// Eight alternatives to choose from.

import { post } from './api.js';
import { commit, randomSeed } from './changes.js';
import { complain } from './notices.js';

const dialog = document.querySelector('#gallery'), choices = document.querySelector('#choices');
const COUNT = 8;
let round = 0;
/** @type {(seed: number) => Change} */
let makeChange = () => ({});

// `make(seed)` gives the change that a seed stands for.
/** @type {(title: string, make: (seed: number) => Change) => void} */
export function openGallery(title, make) {
  makeChange = make;
  document.querySelector('#gallery-title').textContent = title;
  dialog.showModal();
  fill();
}

async function fill() {
  const mine = ++round, changes = Array.from({ length: COUNT }, () => makeChange(randomSeed()));
  const buttons = changes.map((change, i) => {
    const button = document.createElement('button');
    button.className = 'choice waiting';
    button.setAttribute('aria-label', `Alternative ${i + 1}`);
    button.onclick = () => {
      dialog.close();
      commit(change);
    };
    return button;
  });
  choices.replaceChildren(...buttons);
  buttons[0].focus();
  // Two at a time, so that the first ones are seen soon.
  for (let i = 0; i < COUNT && mine === round && dialog.open; i += 2) {
    try {
      /** @type {string[]} */
      const urls = await post('alternatives', { changes: changes.slice(i, i + 2) });
      urls.forEach((url, k) => {
        const image = new Image();
        image.src = url;
        image.alt = '';
        buttons[i + k].replaceChildren(image);
        buttons[i + k].classList.remove('waiting');
      });
    } catch (error) {
      dialog.close();
      complain(error);
      return;
    }
  }
}

document.querySelector('#more').onclick = fill;
