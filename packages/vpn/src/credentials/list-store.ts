import { bytesEqual } from '@ipsec-kit/crypto';
import type { RevocationList } from '@ipsec-kit/x509';
import { readListsAgain } from '../compile/compile-certificates.ts';
import type { CertificateOptions } from '../options.ts';
import { messageOf } from '../vpn-error.ts';
import type { CompiledCredentials } from './compiled-credentials.ts';

/** The CRLs of the configuration, as they were read last. */
export interface ListStore {
  readonly lists: readonly RevocationList[];
  /** Reads them anew, where they come from somewhere; what cannot be read stays as it was, with a warning. Never rejects. */
  reload(): Promise<void>;
}

/** Makes the store of one tunnel. @param warn - told in one sentence of what cannot be read. */
export function createListStore(
  { lists, listSource }: Pick<CompiledCredentials, 'lists' | 'listSource'>,
  warn: (sentence: string) => void,
): ListStore {
  let current = lists;
  let known: readonly CertificateOptions[] | undefined;

  async function reload(): Promise<void> {
    if (!listSource) return;
    try {
      const found = await listSource();
      // Large CRLs take a while to read, and mostly nothing has changed.
      if (known && isSameList(known, found)) return;
      const read = readListsAgain(found);
      for (const fault of read.faults) warn(`A CRL was not read anew: ${fault}.`);
      // One that is being written at this moment must not make what it said forgotten.
      current =
        read.faults.length === 0 ? read.lists : [...read.lists, ...current.slice(-MAX_LEFT)];
      known = read.faults.length === 0 ? found : undefined;
    } catch (error) {
      warn(`CRLs were not read anew: ${messageOf(error)}`);
    }
  }

  return {
    get lists() {
      return current;
    },
    reload,
  };
}

/** Most CRLs of before that stay beside some that could not be read. */
const MAX_LEFT = 64;

function isSameList(a: readonly CertificateOptions[], b: readonly CertificateOptions[]): boolean {
  return a.length === b.length && a.every((one, index) => isSame(dataOf(one), dataOf(b[index])));
}

function dataOf(option: CertificateOptions | undefined): string | Uint8Array | undefined {
  return typeof option === 'object' && 'data' in option ? option.data : option;
}

function isSame(a: string | Uint8Array | undefined, b: string | Uint8Array | undefined): boolean {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return a === b;
  return bytesEqual(a, b);
}
