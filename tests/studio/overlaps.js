// Sentences about visible parts of the page that lie on another one or touch it, are cut off, or leave the window. What lies on the
// picture and on the heatmaps does so on purpose, and what a scrolling part hides can be scrolled to.
() => {
  const PARTS = `.brand, .bar select, .bar input, .bar button, .segmented label, .stage, .view button, .slim, .history li, .panel h2,
    .panel select, .panel input[type=range], .panel output, .panel button, .panel .hint, .limits, .map, figcaption, .row > span, .pair > span,
    .meter div, .legend span, .pairs li, .notice, .guide`;
  const name = e => `${e.tagName.toLowerCase()}${e.id && `#${e.id}`}${e.className && `.${[e.className].flat().join('.')}`}`.slice(0, 60);
  const rowOf = part => part.closest('.row, .pair, .pairs, .segmented, .head, .maps') ?? part;
  const faults = [], seen = [];
  const scrolls = value => value === 'auto' || value === 'scroll';
  for (const part of document.querySelectorAll(PARTS)) {
    if (!part.checkVisibility({ visibilityProperty: true }) || part.parentElement.closest('.stage, .map')) continue;
    let { left, top, right, bottom } = part.getBoundingClientRect(), hidden = false;
    for (let box = part.parentElement; box && box !== document.documentElement; box = box.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(box), edge = box.getBoundingClientRect();
      if (overflowX !== 'visible' && (left < edge.left - 1 || right > edge.right + 1)) {
        if (!scrolls(overflowX)) faults.push(`${name(part)} is cut off by ${name(box)}`);
        left = Math.max(left, edge.left);
        right = Math.min(right, edge.right);
      }
      if (overflowY !== 'visible' && box !== document.body && (top < edge.top - 1 || bottom > edge.bottom + 1)) {
        if (!scrolls(overflowY)) faults.push(`${name(part)} is cut off by ${name(box)}`);
        top = Math.max(top, edge.top);
        bottom = Math.min(bottom, edge.bottom);
      }
      hidden ||= right - left < 2 || bottom - top < 2;
    }
    if (hidden) continue;
    const still = getComputedStyle(document.body).overflowY === 'hidden'; // then the page itself does not scroll
    if (left < -1 || right > innerWidth + 1 || still && (top < -1 || bottom > innerHeight + 1)) faults.push(`${name(part)} leaves the window`);
    seen.push({ part, left, top, right, bottom });
  }
  seen.forEach((a, i) => seen.slice(i + 1).forEach(b => {
    const x = Math.min(a.right, b.right) - Math.max(a.left, b.left), y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (x > 1 && y > 1 && !a.part.contains(b.part) && !b.part.contains(a.part)) faults.push(`${name(a.part)} lies on ${name(b.part)}`);
    const frames = [a, b].filter(({ part }) => part.matches('.panel :is(button:not(.tip), select, .segmented label)')).length;
    if (frames && x > 1 && y > -3 && rowOf(a.part) !== rowOf(b.part)) faults.push(`${name(a.part)} touches ${name(b.part)}`);
  }));
  return faults;
}
