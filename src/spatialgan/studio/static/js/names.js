// What people call the levels: the numbers are the command line's, and those on the handles.

const ONE = ['Whole', 'Part', 'Detail'], ALL = ['Whole', 'Parts', 'Details'];

/** @type {(level: number) => string} */
export const levelName = level => ALL[level] ?? `Level ${level}`;

/** @type {(place: { object?: number, level?: number, point?: number | null }) => string} */
export function nameOf({ object, level, point }) {
  if (object !== undefined) return `Object ${object}`;
  if (level === undefined) return '';
  return point == null ? levelName(level) : `${ONE[level] ?? 'Level'} ${level}.${point}`;
}

// The server's labels, in these words: "Move level 1.0" => "Move part 1.0", "Move level 0" => "Move the whole".
/** @type {(label: string) => string} */
export const inWords = label => label
  .replace(/level (\d+)(?:\.(\d+))?/, (_, level, point) => nameOf({ level: Number(level), point }).toLowerCase().replace(/^whole$/, 'the whole'))
  .replace(/^Truncation$/, 'Variety');
