// As much of a browser as the page's pure modules ask for. To be imported before them.

const listeners = new Map();
globalThis.addEventListener = (name, f) => listeners.set(name, f);
export const fire = name => listeners.get(name)();

function element() {
  const attributes = new Set();
  return {
    dataset: {}, children: [], textContent: '',
    hasAttribute: name => attributes.has(name),
    toggleAttribute: (name, there) => attributes[there ? 'add' : 'delete'](name),
    setAttribute: name => attributes.add(name),
    append(...more) { this.children.push(...more); },
    get firstChild() { return this.children[0]; },
    remove() {},
  };
}

export const notices = element();
globalThis.document = {
  baseURI: 'http://studio.test/', body: element(),
  createElement: element,
  querySelector: selector => selector === '#notices' ? notices : element(),
};

globalThis.ImageData = class {
  constructor(width, height) {
    Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
  }
};

export function canvas() {
  const made = { width: 0, height: 0, painted: null };
  made.getContext = () => ({ putImageData: image => { made.painted = [...image.data]; } });
  return made;
}

const frames = [];
globalThis.requestAnimationFrame = f => frames.push(f);
export const nextFrame = () => frames.splice(0).forEach(f => f());
