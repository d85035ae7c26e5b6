// Where the pointer is in the picture, and following it until it is let go.

const stage = document.querySelector('#stage');
const edge = value => Math.min(1, Math.max(0, value));

// In widths of the picture, 0..1.
export function at(event) {
  const { left, top, width } = stage.getBoundingClientRect();
  return { x: edge((event.clientX - left) / width), y: edge((event.clientY - top) / width) };
}

export function follow(event, move) {
  const mine = e => e.pointerId === event.pointerId && move(e);
  const end = e => {
    if (e.pointerId !== event.pointerId) return;
    window.removeEventListener('pointermove', mine);
    window.removeEventListener('pointerup', end);
    window.removeEventListener('pointercancel', end);
  };
  window.addEventListener('pointermove', mine);
  window.addEventListener('pointerup', end);
  window.addEventListener('pointercancel', end);
}
