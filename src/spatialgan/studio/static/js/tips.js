// What a word means: a question mark beside it opens a few sentences.

const GAP = 8;

for (const button of document.querySelectorAll('.tip')) {
  const tip = document.querySelector(`#${button.getAttribute('popovertarget')}`);
  tip.addEventListener('toggle', (/** @type {ToggleEvent} */ { newState }) => {
    if (newState !== 'open') return;
    const at = button.getBoundingClientRect(), { width, height } = tip.getBoundingClientRect();
    const below = at.bottom + GAP + height < innerHeight;
    tip.style.left = `${Math.max(GAP, Math.min(innerWidth - width - GAP, at.right - width))}px`;
    tip.style.top = `${below ? at.bottom + GAP : Math.max(GAP, at.top - GAP - height)}px`;
  });
}
