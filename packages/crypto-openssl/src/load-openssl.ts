import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import type { CryptoProvider } from '@ipsec-kit/crypto';
import { bindEvp, type Evp, type Koffi } from './evp.ts';
import { createProviderOn } from './openssl-provider.ts';
import { selfTestFault } from './self-test.ts';

/** The provider is to be had, or one sentence says why not. */
export type OpenSslResult =
  | { readonly ok: true; readonly provider: CryptoProvider }
  | { readonly ok: false; readonly reason: string };

let bound: { readonly evp: Evp } | { readonly reason: string } | undefined;

/** A provider whose packet ciphers are those of the OpenSSL inside Node, through FFI; everything else is the base's.
 * Its ciphers have `close()`, see `OpenSslPacketCipher`. Each call tests the ciphers against those of the base.
 * @param base - for example `createNodeProvider()`, which serves alone where this one is not to be had.
 * @returns the provider, or one sentence why it is not to be had in this process. Never throws.
 */
export function loadOpenSslProvider(base: CryptoProvider): OpenSslResult {
  bound ??= bind(() => createRequire(import.meta.url)('koffi'), hasKnownPointers());
  return 'evp' in bound ? testedProvider(bound.evp, base) : { ok: false, reason: bound.reason };
}

/** Whether pointers in structures have 64 bits, low half first. */
function hasKnownPointers(): boolean {
  return endianness() === 'LE' && process.arch.includes('64');
}

/** Finds OpenSSL through a foreign function interface that is handed in.
 * @param knowsLayout - whether the structures of this machine are laid out as they are written here.
 */
export function bind(
  koffi: () => Koffi,
  knowsLayout: boolean,
): { readonly evp: Evp } | { readonly reason: string } {
  if (!knowsLayout) {
    return { reason: `OpenSSL's parameters are laid out unlike here on ${process.arch}` };
  }
  let library: Koffi;
  try {
    library = koffi();
  } catch (error) {
    return {
      reason: `the package koffi, through which OpenSSL is called, cannot be loaded: install it with its optional dependencies (${firstLine(error)})`,
    };
  }
  try {
    return { evp: bindEvp(library) };
  } catch (error) {
    return {
      reason: `this build of Node does not export the functions of its OpenSSL (${firstLine(error)})`,
    };
  }
}

/** Puts the provider together and compares it with its base. */
export function testedProvider(evp: Evp, base: CryptoProvider): OpenSslResult {
  const provider = createProviderOn(evp, base);
  try {
    const fault = selfTestFault(provider, base);
    return fault === undefined ? { ok: true, provider } : { ok: false, reason: fault };
  } catch (error) {
    return { ok: false, reason: `the OpenSSL inside Node failed its test (${firstLine(error)})` };
  }
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}
