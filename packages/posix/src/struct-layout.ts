/** A C structure as the kernel lays it out: what memory given to a system call looks like. */
export interface StructLayout {
  readonly name: string;
  readonly sizeBytes: number;
  readonly fields: Readonly<
    Record<string, { readonly type: string; readonly offset: number; readonly count?: number }>
  >;
}

/** An entry of poll(2). */
export const POLLFD: {
  readonly name: 'pollfd';
  readonly sizeBytes: 8;
  readonly fields: {
    readonly fd: { readonly type: 'int'; readonly offset: 0 };
    readonly events: { readonly type: 'short'; readonly offset: 4 };
    readonly revents: { readonly type: 'short'; readonly offset: 6 };
  };
} = {
  name: 'pollfd',
  sizeBytes: 8,
  fields: {
    fd: { type: 'int', offset: 0 },
    events: { type: 'short', offset: 4 },
    revents: { type: 'short', offset: 6 },
  },
};

/** The request of an interface ioctl: a name, and 24 bytes whose meaning depends on the request; flags lie first.
 * @see netdevice(7)
 */
export const IFREQ: {
  readonly name: 'ifreq';
  readonly sizeBytes: 40;
  readonly fields: {
    readonly name: { readonly type: 'char'; readonly offset: 0; readonly count: 16 };
    readonly flags: { readonly type: 'short'; readonly offset: 16 };
    readonly rest: { readonly type: 'char'; readonly offset: 18; readonly count: 22 };
  };
} = {
  name: 'ifreq',
  sizeBytes: 40,
  fields: {
    name: { type: 'char', offset: 0, count: 16 },
    flags: { type: 'short', offset: 16 },
    rest: { type: 'char', offset: 18, count: 22 },
  },
};

/** Every structure that is passed to the system; all are checked when the library is loaded. */
export const STRUCT_LAYOUTS: readonly StructLayout[] = [POLLFD, IFREQ];

/** What a compiler of this machine would say about a type. */
export interface StructMeasure {
  sizeOf(layout: StructLayout): number;
  offsetOf(layout: StructLayout, field: string): number;
}

/** Compares the layouts of the table with those of this machine.
 * @returns one sentence about the first difference; `undefined` when there is none.
 */
export function layoutMismatch(
  layouts: readonly StructLayout[],
  measure: StructMeasure,
): string | undefined {
  for (const layout of layouts) {
    const sizeBytes = measure.sizeOf(layout);
    if (sizeBytes !== layout.sizeBytes) {
      return `struct ${layout.name} has ${sizeBytes} bytes on this machine, expected ${layout.sizeBytes}`;
    }
    for (const [field, { offset }] of Object.entries(layout.fields)) {
      const actual = measure.offsetOf(layout, field);
      if (actual !== offset) {
        return `struct ${layout.name} has ${field} at byte ${actual} on this machine, expected ${offset}`;
      }
    }
  }
  return undefined;
}
