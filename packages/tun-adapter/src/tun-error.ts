import { PosixError } from '@ipsec-kit/posix';

/** Why a TUN device cannot be made or set up; the message is one sentence that says what to do. */
export class TunError extends Error {
  override readonly name: string = 'TunError';
  /** The system's name (`EPERM`, `ENOENT`, `EBUSY`, ...), `unsupported` where there are no system calls,
   * or `ip-command` when the `ip` command refused.
   */
  readonly code: string;

  constructor(code: string, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.code = code;
  }
}

/** Turns the failure to open or set up a TUN device into one clear sentence. */
export function tunOpenError(error: unknown, name: string, devicePath: string): TunError {
  const code = error instanceof PosixError ? error.code : 'EUNKNOWN';
  return new TunError(code, sentenceFor(code, name, devicePath, error), { cause: error });
}

function sentenceFor(code: string, name: string, devicePath: string, error: unknown): string {
  switch (code) {
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return `${devicePath} is missing: load the driver (\`modprobe tun\`), or give the device to the container this runs in`;
    case 'EACCES':
    case 'EPERM':
      return `no permission to make the TUN device ${name}: run as root or with the capability CAP_NET_ADMIN`;
    case 'EBUSY':
      return `the TUN device ${name} is in use by another process: stop that one, or choose another name`;
    case 'EINVAL':
      return `there is already an interface ${name} that is no TUN device: choose another name`;
    default:
      return `the TUN device ${name} cannot be made (${error instanceof Error ? error.message : String(error)})`;
  }
}
