/** Adds up counters of several workers, those of groups inside as well. */
export function sumCounters<Counters extends object>(all: readonly Counters[]): Counters {
  const [first, ...others] = all;
  if (!first) throw new RangeError('"all" expected at least one set of counters, got none');
  return others.reduce(add, first);
}

function add<Counters extends object>(a: Counters, b: Counters): Counters {
  const theirs = new Map<string, unknown>(Object.entries(b));
  const entries = Object.entries(a).map(([name, own]: [string, unknown]) => {
    const other = theirs.get(name);
    if (typeof own === 'number' && typeof other === 'number') return [name, own + other];
    return isGroup(own) && isGroup(other) ? [name, add(own, other)] : [name, own];
  });
  return Object.fromEntries(entries) as Counters;
}

function isGroup(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
