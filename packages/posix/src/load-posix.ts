import { createRequire } from 'node:module';
import { createPosix } from './create-posix.ts';
import { bindLibc, type Koffi } from './libc.ts';
import type { PosixResult } from './posix.ts';

/** Where the numbers of requests and flags are those of asm-generic, and bytes are little-endian. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64', 'arm', 'ia32', 'riscv64', 'loong64'];

let loaded: PosixResult | undefined;

/** Loads libc through koffi, once, and checks that the structures passed to it lie in memory as expected.
 * @returns the calls; or one sentence why they are not to be had on this machine. Never throws.
 */
export function loadPosix(): PosixResult {
  loaded ??= load(process.platform, process.arch, requireKoffi);
  return loaded;
}

/** {@link loadPosix} without its memory, with the machine and the way to koffi handed in. */
export function load(platform: string, arch: string, koffi: () => Koffi): PosixResult {
  const fault = machineFault(platform, arch);
  if (fault) return { ok: false, reason: fault };
  try {
    const bound = bindLibc(koffi());
    return bound.ok ? { ok: true, posix: createPosix(bound.libc) } : bound;
  } catch (error) {
    return { ok: false, reason: whyNotLoaded(error) };
  }
}

/** Why there are no system calls to be had on a kind of machine; `undefined` where there are. */
export function machineFault(platform: string, arch: string): string | undefined {
  if (platform !== 'linux') {
    return `system calls are made on Linux only, and this is ${platform}: use tunFromFd, or the in-memory adapters`;
  }
  if (!ARCHITECTURES.includes(arch)) {
    return `system calls are not known for the processor ${arch}; known are ${ARCHITECTURES.join(', ')}`;
  }
  return undefined;
}

/** One sentence about an error on the way to koffi. */
export function whyNotLoaded(error: unknown): string {
  const why = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  return `the package koffi, through which system calls are made, cannot be loaded: install it with its optional dependencies (${why})`;
}

/** Loads koffi. @throws when it is not installed. */
// Here and not as an import: a machine without koffi must be able to import this package.
export function requireKoffi(): Koffi {
  return createRequire(import.meta.url)('koffi');
}
