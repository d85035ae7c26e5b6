// Fingers need larger handles than a mouse.

const mark = () => document.documentElement.toggleAttribute('data-touch', true);

if (navigator.maxTouchPoints > 0 || matchMedia('(any-pointer: coarse)').matches) mark();
addEventListener('pointerdown', event => event.pointerType === 'touch' && mark(), true);
