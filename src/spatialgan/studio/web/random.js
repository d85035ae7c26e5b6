// Random numbers as Python draws them: the streams of spatialgan/streams.py, and what PyTorch makes of one on a processor.
// So a seed stands for the same picture here and there; tests/studio/test_web_seeds.py compares them.

/** @type {number[]} */
const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every(p => n % p)) PRIMES.push(n);
const fraction = (/** @type {number} */ x) => (x % 1) * 2 ** 32 >>> 0; // its first 32 bits
const ROUND = PRIMES.map(p => fraction(Math.cbrt(p))), START = PRIMES.slice(0, 8).map(p => fraction(Math.sqrt(p)));
/** @type {(x: number, n: number) => number} */
const turn = (x, n) => x >>> n | x << 32 - n;

// SHA-256 (FIPS 180-4) of a text below 56 bytes, the first four bytes of it, the least first. crypto.subtle has it too, but
// on secure connections only.
/** @type {(text: string) => number} */
export function digest(text) {
  const bytes = new TextEncoder().encode(text), block = new DataView(new ArrayBuffer(64)), w = new Int32Array(64);
  bytes.forEach((byte, i) => block.setUint8(i, byte));
  block.setUint8(bytes.length, 0x80);
  block.setUint32(60, 8 * bytes.length);
  let [a, b, c, d, e, f, g, h] = START;
  for (let i = 0; i < 64; i++) {
    const x = w[i - 15], y = w[i - 2];
    w[i] = i < 16 ? block.getInt32(4 * i)
      : w[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ x >>> 3) + w[i - 7] + (turn(y, 17) ^ turn(y, 19) ^ y >>> 10);
    const t = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e & f ^ ~e & g) + ROUND[i] + w[i];
    const s = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c);
    [h, g, f, e, d, c, b, a] = [g, f, e, d + t | 0, c, b, a, t + s | 0];
  }
  block.setInt32(0, START[0] + a | 0);
  return block.getUint32(0, true);
}

// MT19937 (Matsumoto and Nishimura, 1998), which PyTorch seeds with the lower half of its 64 bits.
/** @type {(seed: number) => Stream} */
export function twister(seed) {
  const state = Uint32Array.of(seed, ...new Uint32Array(623));
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ state[i - 1] >>> 30) + i;
  let at = 624;
  return () => {
    for (; at === 624; at = 0) {
      for (let i = 0; i < 624; i++) {
        const y = state[i] & 0x80000000 | state[(i + 1) % 624] & 0x7fffffff;
        state[i] = state[(i + 397) % 624] ^ y >>> 1 ^ (y & 1 ? 0x9908b0df : 0);
      }
    }
    let y = state[at++];
    y ^= y >>> 11;
    y ^= y << 7 & 0x9d2c5680;
    y ^= y << 15 & 0xefc60000;
    return (y ^ y >>> 18) >>> 0;
  };
}

// One for each purpose of a seed.
/** @type {(seed: number, purpose: string) => Stream} */
export const streamOf = (seed, purpose) => twister(digest(`${purpose} ${seed}`));

const share = (/** @type {Stream} */ next) => (next() & 0xffffff) / 2 ** 24;
const fineShare = (/** @type {Stream} */ next) => ((next() & 0x1fffff) * 2 ** 32 + next()) / 2 ** 53;

// As torch.rand: evenly in 0..1.
/** @type {(next: Stream, count: number) => Float32Array} */
export const uniforms = (next, count) => Float32Array.from({ length: count }, () => share(next));

// As torch.randn, by Box and Muller: in double precision below 16 numbers; from there on in blocks of 16, whose halves belong
// together, the last block drawn anew where it is no whole one.
/** @type {(next: Stream, count: number) => Float32Array} */
export function normals(next, count) {
  if (count < 16) {
    const out = new Float32Array(count + 1);
    for (let i = 0; i < count; i += 2) {
      const angle = 2 * Math.PI * fineShare(next), radius = Math.sqrt(-2 * Math.log1p(-fineShare(next)));
      out[i] = radius * Math.cos(angle);
      out[i + 1] = radius * Math.sin(angle);
    }
    return out.slice(0, count);
  }
  const out = uniforms(next, count);
  const pair = (/** @type {number} */ first) => {
    for (let i = first; i < first + 8; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - out[i])), angle = 2 * Math.PI * out[i + 8];
      out[i] = radius * Math.cos(angle);
      out[i + 8] = radius * Math.sin(angle);
    }
  };
  for (let i = 0; i + 16 <= count; i += 16) pair(i);
  if (count % 16) {
    out.set(uniforms(next, 16), count - 16);
    pair(count - 16);
  }
  return out;
}

// The error function by its series without cancellation.
/** @type {(x: number) => number} */
export function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= 2 * x * x / (2 * n + 1);
    sum += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}

// Its inverse: Winitzki's approximation, made exact by Newton's method.
/** @type {(y: number) => number} */
export function erfinv(y) {
  if (Math.abs(y) >= 1) return y / 0;
  const l = Math.log(1 - y * y), a = 0.147, b = 2 / (Math.PI * a) + l / 2;
  let x = Math.sign(y) * Math.sqrt(Math.sqrt(b * b - l / a) - b);
  for (let i = 0; i < 4; i++) x -= (erf(x) - y) * Math.sqrt(Math.PI) / 2 * Math.exp(x * x);
  return x;
}
