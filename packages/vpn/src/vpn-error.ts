import type { SessionFailure } from '@ipsec-kit/ikev2';

/** Why a client or server failed or ended: the codes of IKE sessions, and those of the host that it runs on. */
export type VpnErrorCode =
  | SessionFailure['code']
  | 'config'
  | 'permission'
  | 'port-in-use'
  | 'no-route'
  | 'name-not-found'
  | 'no-child-left'
  | 'tun-failed'
  | 'socket-failed'
  | 'control-in-use'
  | 'control-unreachable'
  | 'control-refused'
  | 'no-such-target'
  | 'command-failed'
  | 'file-failed';

/** A failure that is told to a person: `message` is one sentence that says what to do about it. */
export class VpnError extends Error {
  readonly code: VpnErrorCode;

  /** @param sentence - complete, without secrets, and useful without a stack trace. */
  constructor(code: VpnErrorCode, sentence: string, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause });
    this.name = 'VpnError';
    this.code = code;
  }
}

/** The `code` that Node puts on errors of the operating system (`EADDRINUSE`), or `undefined`. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of whatever was thrown, on one line. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}

/** Turns what a platform call threw into a {@link VpnError}. What the adapters throw is a sentence already and stays
 * as it is; a bare error of the operating system gets one.
 * @param doing - what was tried, as it stands in the sentence: `write the key log in /tmp/keys`.
 * @param otherwise - the code when the operating system's says nothing more exact.
 * @param ifForbidden - what to do when it takes more rights; default: what helps whoever writes a file.
 */
export function vpnErrorFrom(
  error: unknown,
  doing: string,
  otherwise: VpnErrorCode,
  ifForbidden: string = 'run as root, or choose a place that you may write to',
): VpnError {
  if (error instanceof VpnError) return error;
  const known = codes[systemErrorCode(error) ?? ''];
  const text = messageOf(error).replace(/\.$/, '');
  if (isBare(error)) {
    return new VpnError(
      known?.code ?? otherwise,
      `Cannot ${doing} (${text})${known ? `: ${known.advice ?? ifForbidden}` : ''}.`,
      error,
    );
  }
  return new VpnError(
    known?.code ?? otherwise,
    `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`,
    error,
  );
}

const codes: Readonly<Record<string, { readonly code: VpnErrorCode; readonly advice?: string }>> = {
  EADDRINUSE: { code: 'port-in-use', advice: 'stop the program that uses it' },
  EACCES: { code: 'permission' },
  EPERM: { code: 'permission' },
  EADDRNOTAVAIL: { code: 'config', advice: 'correct local_addrs' },
  ENETUNREACH: { code: 'no-route', advice: 'check the network connection' },
  EHOSTUNREACH: { code: 'no-route', advice: 'check the network connection' },
};

/** Whether an error is the operating system's own, which Node marks with the name of the call. */
function isBare(error: unknown): boolean {
  return !(error instanceof Error) || 'syscall' in error;
}
